const NOTES_HZ = [440, 554];
const NOTE_S = 0.55;
const LOUD = 0.12;

/** Plays two soft notes, one after the other; resolves when they are over. Called from a tap. */
export async function playTone(): Promise<void> {
  const context = new AudioContext();
  await context.resume();
  await Promise.all(
    NOTES_HZ.map(
      (pitch, index) =>
        new Promise<void>((over) => {
          const begins = context.currentTime + index * NOTE_S * 0.7;
          const note = new OscillatorNode(context, { frequency: pitch, type: "sine" });
          const volume = new GainNode(context, { gain: 0 });
          volume.gain.setValueAtTime(0, begins);
          volume.gain.linearRampToValueAtTime(LOUD, begins + 0.06);
          volume.gain.exponentialRampToValueAtTime(0.001, begins + NOTE_S);
          note.connect(volume).connect(context.destination);
          note.addEventListener("ended", () => over());
          note.start(begins);
          note.stop(begins + NOTE_S);
        }),
    ),
  );
  await context.close();
}
