/** My own microphone and camera. Their state is mine: no frame ever turns one on. */
export interface MyDevices {
  readonly microphone: boolean;
  readonly camera: boolean;
  /** How often I know my microphone to have been closed by a mentor. */
  readonly closings: number;
  /** Closed by a mentor: a tap explains instead of opening. */
  readonly closed: boolean;
}

/** What the room says about my microphone. */
export interface Word {
  readonly closed: boolean;
  readonly closings: number;
}

export function chosen(microphone: boolean, camera: boolean): MyDevices {
  return { microphone, camera, closings: 0, closed: false };
}

/**
 * A closing, also one that was missed and is over, turns the microphone off; only a tap turns it on. Any other number
 * than mine tells of one: where it is lower, a closing was never saved, and the room forgot it in a restart.
 */
export function heard(mine: MyDevices, word: Word): MyDevices {
  const missed = word.closings !== mine.closings;
  return {
    ...mine,
    microphone: mine.microphone && !word.closed && !missed,
    closings: word.closings,
    closed: word.closed,
  };
}
