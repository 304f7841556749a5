import { signal } from "@preact/signals";
import type { RequestBody } from "./connection/connection";
import type { Keep, Outcome } from "./connection/outbox";
import type { Reaction } from "./protocol/generated";

export interface AskingDeps {
  request: (body: RequestBody, keep: Keep) => Promise<Outcome>;
  /** How it ended, to be put into words where it did not work. */
  ended: (outcome: Outcome) => void;
  after: (ms: number, act: () => void) => () => void;
}

/** What is asked of the speaking turns. */
export type TurnRequest = Extract<
  RequestBody,
  {
    type:
      | "raise_hand"
      | "lower_hand"
      | "pass"
      | "pass_turn_on"
      | "set_turn_form"
      | "next_speaker"
      | "give_turn"
      | "deny_turn"
      | "end_turn"
      | "extend_turn"
      | "hold_time"
      | "move_in_order"
      | "least_heard_first"
      | "set_turn_mode"
      | "set_companion";
  }
>;

/** What is answered sooner needs no words. */
const SLOW_MS = 700;

/** What a person asks of the room; that it was done is shown by the room itself. */
export class Asking {
  /** Whose microphones I closed without the room having said so yet. */
  readonly closing = signal<ReadonlySet<string>>(new Set());
  readonly #deps: AskingDeps;

  constructor(deps: AskingDeps) {
    this.#deps = deps;
  }

  hideChat(messageId: string): Promise<boolean> {
    return this.#ask({ type: "hide_chat", message_id: messageId });
  }

  showChat(messageId: string): Promise<boolean> {
    return this.#ask({ type: "show_chat", message_id: messageId });
  }

  /** Of what a mentor can do, only closing is repeated in a new session: at worst it is quieter than it could be. */
  async closeMicrophone(participantId: string): Promise<void> {
    const stop = this.#deps.after(SLOW_MS, () => {
      this.closing.value = new Set([...this.closing.peek(), participantId]);
    });
    await this.#ask({ type: "close_microphone", participant_id: participantId }, "always");
    stop();
    this.closing.value = new Set([...this.closing.peek()].filter((id) => id !== participantId));
  }

  allowMicrophone(participantId: string): Promise<boolean> {
    return this.#ask({ type: "allow_microphone", participant_id: participantId });
  }

  closeScreen(participantId: string): Promise<boolean> {
    return this.#ask({ type: "close_screen", participant_id: participantId }, "always");
  }

  allowScreen(participantId: string): Promise<boolean> {
    return this.#ask({ type: "allow_screen", participant_id: participantId });
  }

  admit(participantId: string): Promise<boolean> {
    return this.#ask({ type: "admit", participant_id: participantId });
  }

  moveToLobby(participantId: string): Promise<boolean> {
    return this.#ask({ type: "move_to_lobby", participant_id: participantId });
  }

  remove(participantId: string): Promise<boolean> {
    return this.#ask({ type: "remove", participant_id: participantId });
  }

  needCover(needed: boolean): Promise<boolean> {
    return this.#ask({ type: needed ? "ask_for_cover" : "withdraw_cover" });
  }

  listen(on: boolean): Promise<boolean> {
    return this.#ask({ type: "set_listening", on });
  }

  /** It belongs to this moment, and is not sent later. */
  react(reaction: Reaction): Promise<boolean> {
    return this.#ask({ type: "react", reaction }, "never");
  }

  /** The end of a turn names it, so that it is said again in a new session too: at worst it is quieter. */
  turn(body: TurnRequest): Promise<boolean> {
    return this.#ask(body, body.type === "end_turn" ? "always" : "resume");
  }

  endSession(): Promise<boolean> {
    return this.#ask({ type: "end_session" }, "always");
  }

  /** `keep`: what a mentor did is usually not repeated in a new session, where it could undo what another did. */
  async #ask(body: RequestBody, keep: Keep = "resume"): Promise<boolean> {
    const outcome = await this.#deps.request(body, keep);
    this.#deps.ended(outcome);
    return outcome.type === "ack";
  }
}
