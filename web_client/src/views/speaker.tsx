import { useState } from "preact/hooks";
import type { Words } from "../words";
import { Icon } from "./icon";

type Heard = "unasked" | "playing" | "asked" | "heard" | "nothing";

/** A soft tone, and what helps when it was not heard. */
export function SpeakerCheck({ words, onTone }: { words: Words; onTone: () => Promise<void> }) {
  const [heard, setHeard] = useState<Heard>("unasked");
  const door = words.door;
  const play = () => {
    if (heard === "playing") return;
    setHeard("playing");
    onTone().then(
      () => setHeard("asked"),
      // Where the device cannot play, the person hears nothing either.
      () => setHeard("nothing"),
    );
  };
  const text =
    heard === "heard"
      ? door.speakerGood
      : heard === "asked"
        ? door.didYouHear
        : heard === "nothing"
          ? door.speakerHelp
          : door.speakerAsk;
  return (
    <li>
      <Icon name="sound" />
      <div role="status">
        <h2>{door.speaker}</h2>
        <p>{text}</p>
      </div>
      {heard === "heard" ? (
        <Icon name="check" />
      ) : (
        <button
          class="btn"
          type="button"
          aria-label={heard === "playing" ? door.playing : door.playTone}
          aria-disabled={heard === "playing" || undefined}
          onClick={play}
        >
          {heard === "playing" ? door.playing : door.play}
        </button>
      )}
      {heard === "asked" && (
        <div class="below pair">
          <button class="btn" type="button" onClick={() => setHeard("heard")}>
            {door.heard}
          </button>
          <button class="btn" type="button" onClick={() => setHeard("nothing")}>
            {door.heardNothing}
          </button>
        </div>
      )}
      {heard === "nothing" && (
        <div class="below stack s">
          <ol class="steps">
            {door.speakerSteps.map((step, index) => (
              <li key={step}>
                <span class="num">{index + 1}.</span> <span>{step}</span>
              </li>
            ))}
          </ol>
          <p class="quiet">{door.speakerWithout}</p>
        </div>
      )}
    </li>
  );
}
