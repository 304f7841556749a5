// Prints what a first load weighs and fails the build when it is more than people on a slow line should pay.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 60_000;

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

let total = 0;
for (const path of files("dist")) {
  const bytes = readFileSync(path);
  const packed = gzipSync(bytes, { level: 9 }).length;
  total += packed;
  process.stdout.write(`${path.padEnd(44)} ${String(bytes.length).padStart(7)} B  ${String(packed).padStart(6)} B gzipped\n`);
}
process.stdout.write(`First load: ${(total / 1000).toFixed(1)} kB gzipped of at most ${LIMIT / 1000} kB\n`);
if (total > LIMIT) {
  process.stderr.write("The first load is too large.\n");
  process.exit(1);
}
