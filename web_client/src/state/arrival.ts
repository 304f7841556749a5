import type { ArrivalAnswer, Whereabouts } from "../connection/api";

/** What a person is asked on the way in, one thing at a time. The camera is opened by the last one only. */
export type Step = "welcome" | "notice" | "agreement" | "where" | "check";

const ORDER: readonly Step[] = ["welcome", "notice", "agreement", "where", "check"];

/** What a join still asks of this person, in the order in which it is asked. */
export function missing({ role, adult, notice, agreement, whereabouts }: ArrivalAnswer): readonly Step[] {
  const open: Record<Step, boolean> = {
    welcome: role === "participant" && !adult,
    notice: !notice.agreed,
    agreement: agreement !== null && !agreement.agreed,
    where: whereabouts !== null && !whereabouts.confirmed,
    check: false,
  };
  return ORDER.filter((step) => open[step]);
}

/** The steps of this visit: all that is missing, all that was asked before on this page, and the device check. */
export function planOf(answer: ArrivalAnswer, before: readonly Step[] = []): readonly Step[] {
  const open = missing(answer);
  return ORDER.filter((step) => step === "check" || open.includes(step) || before.includes(step));
}

/** Where a step stands; null for the only one, and for one that was opened on the person's own wish. */
export function placeOf(plan: readonly Step[], step: Step): { number: number; of: number } | null {
  const index = plan.indexOf(step);
  return index < 0 || plan.length < 2 ? null : { number: index + 1, of: plan.length };
}

/** A step that is not part of the plan was opened from the check, and leads back to it. */
export function nextStep(plan: readonly Step[], step: Step): Step {
  const index = plan.indexOf(step);
  return (index < 0 ? undefined : plan[index + 1]) ?? "check";
}

export function previousStep(plan: readonly Step[], step: Step): Step | null {
  const index = plan.indexOf(step);
  return index < 0 ? "check" : (plan[index - 1] ?? null);
}

/** Why a step is asked again. */
export type Line =
  /** Its text is another one than the person agreed to. */
  | "changed"
  /** Its text was exchanged while it was read. */
  | "renewed"
  /** The room asked for it when the person was about to go in. */
  | "needed";

/** Finds out which texts have changed since `before`, which this same page was shown. */
export function changedSince(before: ArrivalAnswer | null, now: ArrivalAnswer): ReadonlyMap<Step, Line> {
  const lines = new Map<Step, Line>();
  for (const step of ["notice", "agreement"] as const) {
    const [old, text] = [before?.[step], now[step]];
    if (!text || text.agreed) continue;
    if (text.changed || (old?.agreed && old.version !== text.version)) lines.set(step, "changed");
    else if (old && !old.agreed && old.version !== text.version) lines.set(step, "renewed");
  }
  return lines;
}

export type Wrong = "missing" | "too_long" | "unreadable" | "phone" | "adults_only" | "refused" | "taken";
export type Field = "name" | "adult" | keyof Whereabouts;
export type Wrongs = Readonly<Partial<Record<Field, Wrong>>>;

export interface Draft {
  readonly name: string;
  readonly adult: boolean;
  readonly whereabouts: Whereabouts;
}

export const NOWHERE: Whereabouts = {
  place: "",
  city: "",
  region: "",
  call_back: "",
  contact_name: "",
  contact_relation: "",
  contact_phone: "",
  no_contact: false,
};

/** What stands in lines to write. */
export type Written = Exclude<keyof Whereabouts, "no_contact">;

const WRITTEN = (Object.keys(NOWHERE) as (keyof Whereabouts)[]).filter((field): field is Written => field !== "no_contact");
const NAME_MAX = 40;
const FIELD_MAX = 200;

export function wrongInWelcome({ name, adult }: Draft): Wrongs {
  const wrong = wrongText(name, NAME_MAX);
  return { ...(wrong && { name: wrong }), ...(adult ? {} : { adult: "adults_only" }) };
}

export function wrongInWhere(whereabouts: Whereabouts): Wrongs {
  const wrongs: Partial<Record<Field, Wrong>> = {};
  for (const field of WRITTEN) {
    if (whereabouts.no_contact && field.startsWith("contact_")) continue;
    const text = whereabouts[field];
    if (field === "contact_relation" && text.trim() === "") continue;
    const phone = field === "call_back" || field === "contact_phone";
    const wrong = wrongText(text, FIELD_MAX) ?? (phone && !isPhone(text) ? "phone" : null);
    if (wrong) wrongs[field] = wrong;
  }
  return wrongs;
}

export function trimmed(whereabouts: Whereabouts): Whereabouts {
  const { no_contact } = whereabouts;
  const named = (field: Written) => !no_contact || !field.startsWith("contact_");
  const written = WRITTEN.map((field) => [field, named(field) ? whereabouts[field].trim() : ""]);
  return { ...(Object.fromEntries(written) as Record<Written, string>), no_contact };
}

/** Somebody can be called who is in it; numbers of any country, in any spelling. */
function isPhone(text: string): boolean {
  return /^[\d\s+().-]+$/.test(text) && text.replace(/\D/g, "").length >= 3;
}

/** Counted as the server does: in code points, without the spaces around. */
function wrongText(text: string, max: number): Wrong | null {
  const letters = [...text.trim()];
  if (letters.length === 0) return "missing";
  if (letters.length > max) return "too_long";
  return /\p{Cc}/u.test(text) ? "unreadable" : null;
}
