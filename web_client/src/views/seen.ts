import { useEffect, useRef } from "preact/hooks";
import type { Source, Tile, TileSize } from "../protocol/generated";

/** Sharper screens are not followed all the way: a thumbnail on a phone stays one. */
const MOST_DENSE = 1.5;

/** Marks what shows someone's picture. */
export const pictureOf = (source: Source, id: string) => ({ "data-picture": `${source}:${id}` });

export function sizeOf(width: number, density: number): TileSize {
  const pixels = width * Math.min(density, MOST_DENSE);
  if (pixels <= 400) return "small";
  return pixels <= 800 ? "medium" : "large";
}

/** Tells which pictures are in sight, and how large, the largest first. */
export function useSeen(tell: (tiles: Tile[]) => void): void {
  const seen = useRef<Seen | null>(null);
  const told = useRef(tell);
  told.current = tell;
  useEffect(() => {
    seen.current ??= new Seen((tiles) => told.current(tiles));
    seen.current.follow(document.querySelectorAll<HTMLElement>("[data-picture]"));
  });
  useEffect(() => () => seen.current?.stop(), []);
}

class Seen {
  readonly #tell: (tiles: Tile[]) => void;
  readonly #inSight = new Map<Element, boolean>();
  readonly #sight: IntersectionObserver;
  readonly #size = new ResizeObserver(() => this.#measure());

  constructor(tell: (tiles: Tile[]) => void) {
    this.#tell = tell;
    this.#sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) if (this.#inSight.has(target)) this.#inSight.set(target, isIntersecting);
      this.#measure();
    });
  }

  follow(elements: Iterable<HTMLElement>): void {
    const now = new Set<Element>(elements);
    const gone = [...this.#inSight.keys()].filter((element) => !now.has(element));
    for (const element of gone) {
      this.#inSight.delete(element);
      this.#sight.unobserve(element);
      this.#size.unobserve(element);
    }
    for (const element of now) {
      if (this.#inSight.has(element)) continue;
      this.#inSight.set(element, false);
      // Both tell at once what they begin with.
      this.#sight.observe(element);
      this.#size.observe(element);
    }
    if (gone.length > 0 || now.size === 0) this.#measure();
  }

  stop(): void {
    this.#sight.disconnect();
    this.#size.disconnect();
    this.#tell([]);
  }

  #measure(): void {
    const shown = [...this.#inSight].filter(([, inSight]) => inSight).map(([element]) => element as HTMLElement);
    const tiles = shown
      .map((element) => ({ element, width: element.getBoundingClientRect().width }))
      .filter(({ width }) => width > 0)
      .toSorted((one, other) => Math.round(other.width - one.width))
      .map(({ element, width }): Tile => {
        const [source, ...id] = (element.dataset["picture"] ?? "").split(":");
        return { participant_id: id.join(":"), source: source as Source, size: sizeOf(width, devicePixelRatio) };
      });
    this.#tell(tiles.slice(0, MOST));
  }
}

/** The server takes no more. */
const MOST = 50;
