#!/bin/sh
# Serves the demo, and builds the client again whenever its source changes. Ends both together.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

watcher=
if [ -f web_client/package.json ]; then
    (cd web_client && PATH="$root/.venv/bin:$PATH" exec ../.venv/bin/node node_modules/vite/bin/vite.js build --watch --clearScreen false) &
    watcher=$!
fi
trap '[ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

.venv/bin/holdspace serve --demo "$@"
