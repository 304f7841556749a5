// Development only: flags, calls for help and the card of a crisis, with a server that answers by itself.
import type { ComponentChildren } from "preact";
import { ApiError } from "../src/connection/api";
import { systemClock } from "../src/connection/clock";
import { Flagging } from "../src/flagging";
import * as parts from "../src/flags";
import type { ParticipantView } from "../src/protocol/generated";
import type { OwnFlag, OwnFlags } from "../src/state/flags";
import { FlagsHere } from "../src/views/flags_here";
import { remembered } from "./arrival";

const flag = (change: Partial<OwnFlag>): OwnFlag => ({
  id: "f",
  kind: "flag",
  severity: "urgent",
  at_ms: Date.now() - 64_000,
  about: "Tomás",
  status: "acknowledged",
  unstored: false,
  told: [],
  ...change,
});

const crisis = {
  since_ms: Date.now() - 64_000,
  told: ["Ruth", "Ben"],
  phones: [
    { name: "Ruth", phone: "555-0117" },
    { name: "Ben", phone: "555-0118" },
  ],
};

export const OWN: Record<"status" | "crisis" | "own" | "read", OwnFlags> = {
  status: { flags: [flag({ id: "a", status: "received", about: "", severity: "note" }), flag({})] },
  crisis: { flags: [flag({ severity: "crisis", status: "received" })], crisis },
  own: { flags: [flag({ severity: "crisis", status: "received", kind: "help", about: "" })], crisis },
  read: { flags: [flag({ kind: "report", status: "read", about: "Dana" }), flag({ id: "b", kind: "help", about: "", status: "received", severity: "concern" })] },
};

/** `offline`: nothing gets through. */
export function withFlags(children: ComponentChildren, you: string, people: ParticipantView[], own: OwnFlags = { flags: [] }, offline = false) {
  const flagging = new Flagging({
    api: {
      raise: async () => {
        if (offline) throw new ApiError(null);
        return { stored: true };
      },
      own: async () => own,
      whereabouts: async () => remembered,
    },
    clock: systemClock,
    wallNow: Date.now,
    newId: () => crypto.randomUUID(),
    kept: { read: () => "", write: () => {} },
  });
  flagging.see(people, you, true);
  return <FlagsHere.Provider value={{ flagging, staff: you === "dana", parts }}>{children}</FlagsHere.Provider>;
}
