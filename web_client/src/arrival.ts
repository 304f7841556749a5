import { batch, signal } from "@preact/signals";
import type { Api, ArrivalAnswer, Consent } from "./connection/api";
import type { Clock } from "./connection/clock";
import { insist, type Waiting } from "./connection/insist";
import { asMyself, readAsMyself } from "./connection/myself";
import type { ErrorCode } from "./protocol/generated";
import {
  changedSince,
  missing,
  nextStep,
  NOWHERE,
  planOf,
  previousStep,
  trimmed,
  wrongInWelcome,
  wrongInWhere,
  type Draft,
  type Field,
  type Line,
  type Step,
  type Wrongs,
} from "./state/arrival";

export interface ArrivalDeps {
  api: Pick<Api, "me" | "arrival" | "setName" | "agree" | "setWhereabouts">;
  clock: Clock;
  random: () => number;
  language: string;
  plans: Plans;
  /** The arrival cannot go on; it says so once. */
  refused: (code: ErrorCode) => void;
}

/** The steps of a visit by session, kept over a reload for this tab alone: their number does not change on the way. */
export interface Plans {
  read(sessionId: string): readonly Step[];
  write(sessionId: string, plan: readonly Step[]): void;
}

/** Everything between the link and the room's door. What was given is on the server: a reload goes on from there. */
export class Arrival {
  /** Null until the server has said what it asks. */
  readonly step = signal<Step | null>(null);
  readonly answer = signal<ArrivalAnswer | null>(null);
  readonly plan = signal<readonly Step[]>([]);
  readonly draft = signal<Draft>({ name: "", adult: false, whereabouts: NOWHERE });
  readonly wrong = signal<Wrongs>({});
  readonly saving = signal(false);
  /** Why the server has not answered yet. */
  readonly waiting = signal<Waiting | null>(null);
  /** Why a step is asked again. */
  readonly lines = signal<ReadonlyMap<Step, Line>>(new Map());
  /** "Not now" was said to the text of this step. */
  readonly declined = signal(false);
  readonly #deps: ArrivalDeps;
  #you = "";
  #sessionId = "";
  /** Grows with all that makes an answer on the way meaningless. */
  #turn = 0;
  /** A step is open from the device check, and leads back there. */
  #visiting = false;

  constructor(deps: ArrivalDeps) {
    this.#deps = deps;
  }

  /** `needed`: the room has just sent this person back for something. */
  begin(you: string, sessionId: string, needed = false): void {
    const before = sessionId === this.#sessionId ? this.answer.peek() : null;
    this.stop();
    this.#you = you;
    this.#sessionId = sessionId;
    void this.#load((answer) => {
      const [first] = missing(answer);
      const lines = new Map(changedSince(before, answer));
      if (needed && first && !lines.has(first)) lines.set(first, "needed");
      this.#ask(answer, planOf(answer, this.#deps.plans.read(sessionId)), lines);
      this.draft.value = {
        name: answer.name,
        adult: answer.adult,
        whereabouts: answer.whereabouts?.last ?? NOWHERE,
      };
    });
  }

  /** The visit is over; the next one counts its own steps. */
  end(): void {
    this.stop();
    this.#deps.plans.write(this.#sessionId, []);
  }

  /** Nobody is arriving any more. */
  stop(): void {
    this.#turn += 1;
    batch(() => {
      this.step.value = null;
      this.declined.value = false;
      this.#still();
    });
  }

  /** What was typed is not to be found on this page. */
  forget(): void {
    this.end();
    this.answer.value = null;
    this.draft.value = { name: "", adult: false, whereabouts: NOWHERE };
  }

  /** Typing takes back what is being saved: what is sent is what stands there. */
  type(field: Field, value: string | boolean): void {
    const draft = this.draft.peek();
    const { [field]: _, ...wrong } = this.wrong.peek();
    this.#turn += 1;
    batch(() => {
      this.#still();
      this.wrong.value = wrong;
      this.draft.value =
        field in NOWHERE
          ? { ...draft, whereabouts: { ...draft.whereabouts, [field]: value } }
          : { ...draft, [field]: value };
    });
  }

  /** Does what the step's main button says. */
  async submit(): Promise<void> {
    const step = this.step.peek();
    const answer = this.answer.peek();
    if (step === null || step === "check" || answer === null || this.saving.peek()) return;
    const wrong = this.#wrongIn(step);
    this.wrong.value = wrong;
    if (Object.keys(wrong).length > 0) return;
    const turn = (this.#turn += 1);
    this.saving.value = true;
    const code = await this.#insist(turn, () =>
      asMyself(this.#deps.api, this.#you, async () => void (turn === this.#turn && (await this.#save(step, answer)))),
    );
    if (turn !== this.#turn) return;
    this.#still();
    if (code === null) this.#done(step);
    else if (code === "conflict") this.#again();
    else if (code === "name_taken") this.wrong.value = { name: "taken" };
    else if (code === "invalid_field" && step === "welcome") this.wrong.value = { name: "refused" };
    else if (code === "invalid_field" && step === "where") this.wrong.value = { place: "refused" };
    else this.#deps.refused(code);
  }

  decline(): void {
    this.#turn += 1;
    this.#still();
    this.declined.value = true;
  }

  reconsider(): void {
    this.declined.value = false;
  }

  back(): void {
    const step = this.step.peek();
    const to = step && previousStep(this.plan.peek(), step);
    if (to) this.#go(to);
  }

  /** Opens a step that was not asked, to change what was given there. */
  visit(step: "welcome" | "where"): void {
    this.#go(step);
    this.#visiting = true;
  }

  async #load(arrived: (answer: ArrivalAnswer) => void): Promise<void> {
    const turn = this.#turn;
    let answer: ArrivalAnswer | null = null;
    const { api, language } = this.#deps;
    const code = await this.#insist(turn, async () => {
      answer = await readAsMyself(api, this.#you, () => api.arrival(this.#sessionId, language));
    });
    if (turn !== this.#turn) return;
    this.waiting.value = null;
    if (code || answer === null) this.#deps.refused(code ?? "internal");
    else batch(() => arrived(answer as ArrivalAnswer));
  }

  #ask(answer: ArrivalAnswer, plan: readonly Step[], lines: ReadonlyMap<Step, Line>): void {
    const [first] = missing(answer);
    if (!first && !answer.ready) {
      // It asks for something that this page does not know.
      this.#deps.refused("arrival_incomplete");
      return;
    }
    this.answer.value = answer;
    this.plan.value = plan;
    this.#deps.plans.write(this.#sessionId, plan);
    this.lines.value = lines;
    this.step.value = first ?? "check";
  }

  /** The text was exchanged while it was read; what was typed elsewhere stays. */
  #again(): void {
    const before = this.answer.peek();
    void this.#load((answer) => {
      this.#ask(answer, planOf(answer, this.plan.peek()), new Map([...this.lines.peek(), ...changedSince(before, answer)]));
    });
  }

  #wrongIn(step: Step): Wrongs {
    if (step === "welcome") return wrongInWelcome(this.draft.peek());
    return step === "where" ? wrongInWhere(this.draft.peek().whereabouts) : {};
  }

  async #save(step: Exclude<Step, "check">, answer: ArrivalAnswer): Promise<void> {
    const { api, language } = this.#deps;
    const consent = (kind: Consent["kind"], version: string, inLanguage: string): Promise<void> =>
      api.agree({ kind, session_id: this.#sessionId, version, language: inLanguage });
    const draft = this.draft.peek();
    switch (step) {
      case "welcome":
        await api.setName(draft.name.trim());
        if (!answer.adult) await consent("adult", "18", language);
        return;
      case "where":
        return api.setWhereabouts(this.#sessionId, trimmed(draft.whereabouts));
      case "notice":
      case "agreement": {
        const text = answer[step];
        if (text && !text.agreed) await consent(step, text.version, text.language);
      }
    }
  }

  #done(step: Step): void {
    const answer = this.answer.peek();
    if (answer === null) return;
    const draft = this.draft.peek();
    const known: Partial<ArrivalAnswer> =
      step === "welcome"
        ? { name: draft.name.trim(), adult: true }
        : step === "notice"
          ? { notice: { ...answer.notice, agreed: true } }
          : step === "agreement"
            ? { agreement: answer.agreement && { ...answer.agreement, agreed: true } }
            : { whereabouts: { confirmed: true, last: trimmed(draft.whereabouts) } };
    batch(() => {
      this.answer.value = { ...answer, ...known };
      this.lines.value = new Map([...this.lines.peek()].filter(([one]) => one !== step));
      this.#go(this.#visiting ? "check" : nextStep(this.plan.peek(), step));
    });
  }

  #go(step: Step): void {
    this.#turn += 1;
    this.#visiting = false;
    batch(() => {
      this.#still();
      this.wrong.value = {};
      this.step.value = step;
    });
  }

  #still(): void {
    this.saving.value = false;
    this.waiting.value = null;
  }

  #insist(turn: number, request: () => Promise<void>): Promise<ErrorCode | null> {
    const { clock, random } = this.#deps;
    const wanted = () => turn === this.#turn;
    return insist(request, {
      clock,
      random,
      wanted,
      waiting: (why) => {
        if (wanted()) this.waiting.value = why;
      },
    });
  }
}
