import { isErrorCode } from "../protocol/codec";
import type { ErrorCode, IceServer, Role, SessionStatus } from "../protocol/generated";

export interface SessionEntry {
  id: string;
  title: string;
  status: SessionStatus;
  role: Role;
}

export interface Me {
  /** Stands for this person, so that a page notices when someone else signs in on the same device. */
  you: string;
  name: string;
  sessions: SessionEntry[];
}

export interface JoinAnswer {
  ws_url: string;
  token: string;
  ice_servers: IceServer[];
}

/** An HTTP request that did not succeed; `code` is null when the server could not be reached or read. */
export class ApiError extends Error {
  readonly code: ErrorCode | null;

  constructor(code: ErrorCode | null, options?: ErrorOptions) {
    super(code ?? "unreachable", options);
    this.code = code;
  }
}

export interface Api {
  signIn(token: string): Promise<{ name: string }>;
  me(): Promise<Me>;
  /** `you` is who this page is for; refused with `other_person` when that is no longer who is signed in. */
  join(sessionId: string, you: string): Promise<JoinAnswer>;
  /** The way into a room of this person alone, whose sound and picture come back to them. */
  check(): Promise<JoinAnswer>;
  /** Ends the sign-in even while the page goes away; nobody waits for it. */
  signOut(): Promise<void>;
}

const PATIENCE_MS = 10_000;

export function makeApi(send: typeof fetch): Api {
  async function call(method: "GET" | "POST", path: string, body?: object, keepalive = false): Promise<unknown> {
    let response: Response;
    try {
      response = await send(`/api/v1${path}`, {
        method,
        credentials: "same-origin",
        cache: "no-store",
        keepalive,
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new ApiError(null, { cause });
    }
    if (response.ok) return response.status === 204 ? null : read(response);
    throw new ApiError(await codeOf(response));
  }

  return {
    signIn: (token) => call("POST", "/sign-in", { token }) as Promise<{ name: string }>,
    me: () => call("GET", "/me") as Promise<Me>,
    join: (id, you) => call("POST", `/sessions/${encodeURIComponent(id)}/join`, { you }) as Promise<JoinAnswer>,
    check: () => call("POST", "/check", {}) as Promise<JoinAnswer>,
    signOut: async () => {
      await call("POST", "/sign-out", {}, true);
    },
  };
}

async function read(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw new ApiError(null, { cause });
  }
}

const BY_STATUS: Record<number, ErrorCode> = { 401: "signed_out", 429: "rate_limited", 503: "overloaded" };

/** What keeps people waiting, apart from a network that does not reach: too much to do, or nothing can be stored. */
export type Trouble = "busy" | "cannotSave";

/** Whether the server wants to be left alone for a while, and why. */
export function troubleOf(code: ErrorCode | null): Trouble | null {
  if (code === "not_saved") return "cannotSave";
  return code === "rate_limited" || code === "overloaded" ? "busy" : null;
}

async function codeOf(response: Response): Promise<ErrorCode | null> {
  const answer = (await response.json().catch(() => null)) as { error?: { code?: unknown } } | null;
  const code = answer?.error?.code;
  if (isErrorCode(code)) return code;
  // A proxy before the server speaks in its own words.
  return BY_STATUS[response.status] ?? null;
}
