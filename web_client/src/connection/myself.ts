import { ApiError, type Api } from "./api";

/** The same for what is only read: it is asked for beside the question who is signed in, and dropped where it was another. */
export async function readAsMyself<T>(api: Pick<Api, "me">, you: string, read: () => Promise<T>): Promise<T> {
  const [now, answer] = await Promise.allSettled([api.me(), read()]);
  if (now.status === "rejected") throw now.reason;
  if (now.value.you !== you) throw new ApiError("other_person");
  if (answer.status === "rejected") throw answer.reason;
  return answer.value;
}

/**
 * Carries out a request only while this browser is still signed in as `you`; throws `other_person` otherwise.
 * Someone else may have opened their link beside this page: nothing of theirs is shown, nothing is stored as theirs.
 */
export async function asMyself(api: Pick<Api, "me">, you: string, request: () => Promise<void>): Promise<void> {
  const now = await api.me();
  if (now.you !== you) throw new ApiError("other_person");
  await request();
}
