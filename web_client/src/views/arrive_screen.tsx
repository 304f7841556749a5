import type { App } from "../app";
import type { LocalMedia } from "../media/devices";
import { placeOf, previousStep } from "../state/arrival";
import type { Words } from "../words";
import { Arrive } from "./arrive";
import { Check } from "./check";
import { Page } from "./pages";

/** The way in as the app knows it. */
export function ArriveScreen({ app, local, words }: { app: App; local: LocalMedia; words: Words }) {
  const { arrival } = app;
  const step = arrival.step.value;
  const answer = arrival.answer.value;
  const plan = arrival.plan.value;
  const waiting = arrival.waiting.value;
  const frame = {
    onHelp: (open: boolean) => {
      app.help.value = open;
    },
    onLeave: () => app.leave(),
    onQuickExit: () => app.quickExit(),
  };
  if (step === null || answer === null) {
    const title = waiting ? words[waiting] : words.loading;
    return <Page words={words} icon="mark" title={title} help={app.help.value} acts={frame} onLeave={frame.onLeave} />;
  }
  return (
    <Arrive
      model={{
        words,
        answer,
        step,
        place: placeOf(plan, step),
        back: previousStep(plan, step) !== null,
        line: arrival.lines.value.get(step) ?? null,
        declined: arrival.declined.value,
        draft: arrival.draft.value,
        wrong: arrival.wrong.value,
        saving: arrival.saving.value,
        waiting,
        help: app.help.value,
      }}
      acts={{
        ...frame,
        onType: (field, value) => arrival.type(field, value),
        onSubmit: () => void arrival.submit(),
        onNotNow: () => arrival.decline(),
        onReconsider: () => arrival.reconsider(),
        onBack: () => app.back(),
      }}
      check={step === "check" && <CheckScreen app={app} local={local} words={words} name={answer.name} />}
    />
  );
}

/** Apart from the rest: the level changes ten times a second. */
function CheckScreen({ app, local, words, name }: { app: App; local: LocalMedia; words: Words; name: string }) {
  return (
    <Check
      model={{
        words,
        name,
        microphone: local.microphone.value,
        camera: local.camera.value,
        wanted: app.check.wanted.value,
        level: app.check.level.value,
        wasHeard: app.check.wasHeard.value,
        wasClosed: app.wasClosed.value,
        stillAlone: app.stillAlone.value,
        path: app.check.path.value,
        hasPlace: (app.arrival.answer.value?.whereabouts ?? null) !== null,
      }}
      acts={{
        onMicrophone: () => app.check.toggle("microphone"),
        onCamera: () => app.check.toggle("camera"),
        onTryAgain: () => app.check.tryAgain(),
        onTone: () => app.playTone(),
        onChange: (to) => app.visit(to),
        onJoin: () => app.join(),
        onJoinWithout: (source) => app.joinWithout(source),
      }}
    />
  );
}
