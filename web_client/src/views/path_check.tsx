import type { PathState } from "../state/path";
import type { Words } from "../words";
import { Icon } from "./icon";

/** What the way for sound and picture is good for, in words. */
export function PathCheck({ words, state }: { words: Words; state: PathState }) {
  return (
    <li>
      <Icon name="wifi" />
      <div role="status">
        <h2>{words.connection}</h2>
        <p>{words.door.path[state]}</p>
      </div>
      {state === "good" && <Icon name="check" />}
      {state === "none" && <Icon name="alert" />}
    </li>
  );
}
