import { expect, test } from "vitest";
import { aboutWhom } from "../../src/state/flags";

test("staff who were never in the room can be chosen, and nobody twice", () => {
  const people = [
    { id: "dana", name: "Dana", role: "mentor" },
    { id: "me", name: "Ellie", role: "participant" },
  ] as const;
  const staff = [
    { key: "staff/d", name: "Dana", role: "mentor" },
    { key: "staff/r", name: "Ruth", role: "therapist" },
  ] as const;
  expect(aboutWhom(people, "me", { flags: [], staff }).map(({ id }) => id)).toEqual(["dana", "staff/r"]);
});
