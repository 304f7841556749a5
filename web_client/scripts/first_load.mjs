// Prints what a first load weighs and fails the build when it is more than people on a slow line should pay.
// What the page does not name is loaded one of each: of the catalogs, the largest is counted in. What rooms need is
// loaded while people arrive; it is said, and not counted.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 60_000;
/** `presence` is what the room and the page of therapists share. */
const ROOM = /\/(room_screen|message_pack|presence)-[^/]+$/;
/** Flags and calls for help: loaded once somebody is signed in to a session, before anyone needs them. */
const BESIDE = /\/flags-[^/]+$/;
/** Only therapists load these, and only once they are signed in. */
const STAFF = /\/therapist-[^/]+$/;
/** Only who leads a session loads these. */
const LEADING = /\/leading-[^/]+$/;

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

const page = readFileSync("dist/index.html", "utf8");
let first = 0;
let later = 0;
let room = 0;
for (const path of files("dist")) {
  const bytes = readFileSync(path);
  const packed = gzipSync(bytes, { level: 9 }).length;
  const named = path.endsWith("index.html") || page.includes(path.slice("dist".length));
  const staff = STAFF.test(path) || LEADING.test(path) || BESIDE.test(path);
  if (named) first += packed;
  else if (ROOM.test(path) || BESIDE.test(path)) room += packed;
  else if (!staff) later = Math.max(later, packed);
  process.stdout.write(
    `${path.padEnd(44)} ${String(bytes.length).padStart(7)} B  ${String(packed).padStart(6)} B gzipped${named ? "" : ROOM.test(path) || BESIDE.test(path) ? ", while people arrive" : LEADING.test(path) ? ", who leads only" : staff ? ", therapists only" : ", one of these"}\n`,
  );
}
const kB = (bytes) => (bytes / 1000).toFixed(1);
process.stdout.write(`First load: ${kB(first + later)} kB gzipped of at most ${kB(LIMIT)} kB; with the room ${kB(first + later + room)} kB\n`);
if (first + later > LIMIT) {
  process.stderr.write("The first load is too large.\n");
  process.exit(1);
}
