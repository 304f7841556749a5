import type { DeviceSource, Problem } from "../media/devices";
import type { Words } from "../words";

export type Browser = keyof Words["allowSteps"];

/** Only used to choose the right words; every browser is offered the same. */
export function browserOf(userAgent: string): Browser {
  const phone = /iPhone|iPad|iPod/.test(userAgent);
  if (phone) return "safariPhone";
  if (/Firefox\//.test(userAgent)) return "firefox";
  if (/Chrome\//.test(userAgent)) return /Android/.test(userAgent) ? "chromeAndroid" : "chrome";
  if (/Safari\//.test(userAgent)) return "safari";
  return "other";
}

/** How to open the microphone and camera in this browser, step by step. */
export function AllowSteps({ words, browser = browserOf(navigator.userAgent) }: { words: Words; browser?: Browser }) {
  return (
    <>
      <p>
        <strong>{words.allowTitle[browser]}</strong>
      </p>
      <ol class="steps">
        {words.allowSteps[browser].map((step, index) => (
          <li key={step}>
            <span class="num">{index + 1}.</span> <span>{step}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

export function problemText(words: Words, source: DeviceSource, problem: Problem): string {
  const microphone = source === "microphone";
  switch (problem) {
    case "denied":
      return microphone ? words.microphoneDenied : words.cameraDenied;
    case "missing":
      return microphone ? words.microphoneMissing : words.cameraMissing;
    case "busy":
      return microphone ? words.microphoneBusy : words.cameraBusy;
    case "lost":
      return microphone ? words.microphoneLost : words.cameraLost;
    case "interrupted":
      return microphone ? words.microphoneInterrupted : words.cameraInterrupted;
    case "unsupported":
      return words.deviceUnsupported;
  }
}
