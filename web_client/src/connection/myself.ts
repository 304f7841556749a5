import { ApiError, type Api } from "./api";

/**
 * Carries out a request only while this browser is still signed in as `you`; throws `other_person` otherwise.
 * Someone else may have opened their link beside this page: nothing of theirs is shown, nothing is stored as theirs.
 */
export async function asMyself(api: Pick<Api, "me">, you: string, request: () => Promise<void>): Promise<void> {
  const now = await api.me();
  if (now.you !== you) throw new ApiError("other_person");
  await request();
}
