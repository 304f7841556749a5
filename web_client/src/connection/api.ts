import { isErrorCode } from "../protocol/codec";
import type { ErrorCode, IceServer, Role, SessionStatus } from "../protocol/generated";

export interface SessionEntry {
  id: string;
  title: string;
  status: SessionStatus;
  role: Role;
  /** Chosen from outside, as its therapist; known to this page alone. */
  steppingIn?: boolean;
}

export interface Me {
  /** Stands for this person, so that a page notices when someone else signs in on the same device. */
  you: string;
  name: string;
  sessions: SessionEntry[];
  /** Who may see sessions from outside, also while there is none of their own. */
  watches?: boolean;
}

export interface JoinAnswer {
  ws_url: string;
  token: string;
  ice_servers: IceServer[];
}

/** Where a person is today, and whom to call for them. */
export interface Whereabouts {
  place: string;
  city: string;
  region: string;
  call_back: string;
  contact_name: string;
  contact_relation: string;
  contact_phone: string;
  /** There is nobody to name. */
  no_contact: boolean;
}

export interface Paragraphs {
  heading: string;
  paragraphs: readonly string[];
}

/** A text to agree to, as it is now. */
export interface Consentable<Section extends Paragraphs = Paragraphs> {
  version: string;
  agreed: boolean;
  /** An earlier version was agreed to; from servers that tell. */
  changed?: boolean;
  /** The one it is written in, which may not be the one asked for. */
  language: string;
  title: string;
  sections: readonly Section[];
}

/** What a session asks of this person before it lets them in, and what of it is there. */
export interface ArrivalAnswer {
  name: string;
  role: Role;
  title: string;
  host: string;
  adult: boolean;
  notice: Consentable<Paragraphs & { icon: string }> & { full: readonly Paragraphs[] };
  agreement: Consentable | null;
  whereabouts: { confirmed: boolean; last: Whereabouts } | null;
  ready: boolean;
}

export interface Consent {
  kind: "adult" | "notice" | "agreement";
  session_id: string;
  version: string;
  language: string;
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
  arrival(sessionId: string, language: string): Promise<ArrivalAnswer>;
  /** What rooms call this person from the next join on. */
  setName(name: string): Promise<{ name: string }>;
  /** Refused with `conflict` when the text is not the one that the session has now. */
  agree(consent: Consent): Promise<void>;
  /** Takes the agreement to the notice back, and this person out of every room. */
  takeBack(): Promise<void>;
  setWhereabouts(sessionId: string, whereabouts: Whereabouts): Promise<void>;
  /** `you` is who this page is for; refused with `other_person` when that is no longer who is signed in. */
  join(sessionId: string, you: string): Promise<JoinAnswer>;
  /** A therapist is about to come in from outside, and then joins: it is written down, and listening ends. */
  stepIn(sessionId: string): Promise<void>;
  /** The way into a room of this person alone, whose sound and picture come back to them. */
  check(): Promise<JoinAnswer>;
  /** Ends the sign-in even while the page goes away; nobody waits for it. */
  signOut(): Promise<void>;
}

/** One request below `/api/v1`; throws ApiError. */
export type Call = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object, keepalive?: boolean) => Promise<unknown>;

const PATIENCE_MS = 10_000;

export function makeCall(send: typeof fetch): Call {
  return async (method, path, body, keepalive = false) => {
    let response: Response;
    try {
      response = await send(`/api/v1${path}`, {
        method,
        credentials: "same-origin",
        cache: "no-store",
        keepalive,
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body, whole) }),
      });
    } catch (cause) {
      throw new ApiError(null, { cause });
    }
    if (response.ok) return response.status === 204 ? null : read(response);
    throw new ApiError(await codeOf(response));
  };
}

/** Half of a sign, as a keyboard or a cut may leave one, is no text: the server could read nothing of it. */
function whole(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "") : value;
}

export function makeApi(send: typeof fetch): Api {
  const call = makeCall(send);
  return {
    signIn: (token) => call("POST", "/sign-in", { token }) as Promise<{ name: string }>,
    me: () => call("GET", "/me") as Promise<Me>,
    arrival: (id, language) =>
      call("GET", `${session(id)}/arrival?language=${encodeURIComponent(language)}`) as Promise<ArrivalAnswer>,
    setName: (name) => call("PUT", "/me/name", { name }) as Promise<{ name: string }>,
    agree: async (consent) => {
      await call("POST", "/consents", consent);
    },
    takeBack: async () => {
      await call("DELETE", "/consents", { kind: "notice" });
    },
    setWhereabouts: async (id, whereabouts) => {
      await call("PUT", `${session(id)}/whereabouts`, whereabouts);
    },
    join: (id, you) => call("POST", `${session(id)}/join`, { you }) as Promise<JoinAnswer>,
    stepIn: async (id) => {
      await call("POST", `${session(id)}/step-in`, {});
    },
    check: () => call("POST", "/check", {}) as Promise<JoinAnswer>,
    signOut: async () => {
      await call("POST", "/sign-out", {}, true);
    },
  };
}

export function session(id: string): string {
  return `/sessions/${encodeURIComponent(id)}`;
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
