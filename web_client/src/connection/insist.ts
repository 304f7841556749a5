import type { ErrorCode } from "../protocol/generated";
import { ApiError, troubleOf, type Trouble } from "./api";
import { delayBefore, delayWhenBusy } from "./backoff";
import type { Clock } from "./clock";

/** Why a request is still waited for. */
export type Waiting = "unreachable" | Trouble;

export interface Patience {
  clock: Clock;
  random: () => number;
  /** Told with each try that failed. */
  waiting: (why: Waiting) => void;
  /** False once nobody waits for it any more. */
  wanted?: () => boolean;
}

/**
 * Repeats what only the network or a busy server keeps from working; resolves to the code of a final "no".
 * Resolves to null when it is done, and when it is no longer wanted.
 */
export async function insist(
  request: () => Promise<void>,
  { clock, random, waiting, wanted = () => true }: Patience,
): Promise<ErrorCode | null> {
  const begun = clock.now();
  for (let tries = 1; ; tries += 1) {
    let trouble: Trouble | null;
    try {
      await request();
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code && FINAL.has(error.code)) return error.code;
      if (!wanted()) return null;
      trouble = troubleOf(error.code);
      waiting(trouble ?? "unreachable");
    }
    const wait = trouble ? delayWhenBusy(tries, random()) : delayBefore(tries, clock.now() - begun, random());
    await new Promise<void>((go) => clock.after(wait, go));
    if (!wanted()) return null;
  }
}

/** Answers that trying again would not change. */
export const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "signed_out",
  "link_invalid",
  "other_person",
  "token_invalid",
  "origin_refused",
  "not_allowed",
  "not_found",
  "malformed",
  "invalid_field",
  "conflict",
  "name_taken",
  "session_ended",
  "arrival_incomplete",
  "removed",
]);
