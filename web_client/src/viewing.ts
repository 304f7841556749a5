import { signal } from "@preact/signals";
import type { Outcome } from "./connection/outbox";
import type { Tile } from "./protocol/generated";

export interface ViewingDeps {
  after: (ms: number, act: () => void) => () => void;
  send: (tiles: Tile[]) => Promise<Outcome>;
  /** In the room, with a connection that stands. */
  reachable: () => boolean;
}

/** A page that turns, scrolls or is resized is told of once it rests. */
const REST_MS = 200;
const AGAIN_MS = 2_000;

/** What this page shows, as the server is told: only that is sent here. Sound always is. */
export class Viewing {
  /** No picture comes here, to spare the connection. */
  readonly audioOnly = signal(false);
  readonly #deps: ViewingDeps;
  /** Null until the page has looked: then everyone comes, small. */
  #seen: readonly Tile[] | null = null;
  #hidden = false;
  #told: string | null = null;
  #cancel: () => void = () => {};

  constructor(deps: ViewingDeps) {
    this.#deps = deps;
  }

  see(tiles: readonly Tile[]): void {
    this.#seen = tiles;
    this.#soon(REST_MS);
  }

  /** Nobody looks at a page in the background. */
  hide(hidden: boolean): void {
    this.#hidden = hidden;
    this.#soon(REST_MS);
  }

  setAudioOnly(on: boolean): void {
    this.audioOnly.value = on;
    this.#tell();
  }

  /** The server may have forgotten. */
  renew(): void {
    this.#told = null;
    this.#tell();
  }

  forget(): void {
    this.#cancel();
    this.#told = null;
    this.#seen = null;
  }

  #soon(ms: number): void {
    this.#cancel();
    this.#cancel = this.#deps.after(ms, () => this.#tell());
  }

  #tell(): void {
    this.#cancel();
    const nothing = this.#hidden || this.audioOnly.peek();
    const tiles = nothing ? [] : this.#seen;
    if (tiles === null || !this.#deps.reachable()) return;
    const said = JSON.stringify(tiles);
    if (said === this.#told) return;
    this.#told = said;
    void this.#deps.send([...tiles]).then((outcome) => {
      if (outcome.type !== "rejected" || this.#told !== said) return;
      this.#told = null;
      this.#soon(AGAIN_MS);
    });
  }
}
