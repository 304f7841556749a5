/** Keeps the screen on until the returned function is called; quietly does nothing where a browser cannot. */
export function keepAwake(
  page: Pick<Document, "visibilityState" | "addEventListener" | "removeEventListener">,
  lock: Pick<WakeLock, "request"> | undefined,
): () => void {
  let held: WakeLockSentinel | null = null;
  let over = false;
  const take = (): void => {
    // A browser takes it away with the page out of sight.
    if (over || page.visibilityState !== "visible" || (held && !held.released)) return;
    lock?.request("screen").then(
      (taken) => {
        if (over) void taken.release();
        else held = taken;
      },
      () => undefined, // a low battery, for one: then it sleeps as it would without us
    );
  };
  page.addEventListener("visibilitychange", take);
  take();
  return () => {
    over = true;
    page.removeEventListener("visibilitychange", take);
    void held?.release();
  };
}
