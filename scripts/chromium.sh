#!/bin/sh
# Prints the path of a Chromium; installs one by apt-get when run as root, else says what to do. CHROMIUM=… names one.
set -eu

find_chromium() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome /usr/bin/chromium; do
        [ -n "$name" ] || continue
        path=$(command -v "$name" 2>/dev/null) || continue
        # Ubuntu's package of that name is only a script that asks for a snap.
        "$path" --version </dev/null >/dev/null 2>&1 || continue
        printf '%s\n' "$path"
        return 0
    done
    return 1
}

find_chromium && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests …" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
        >&2 </dev/null || true
    find_chromium && exit 0
fi

cat >&2 <<'MESSAGE'

holdspace: the browser tests need Chromium, and none was found.
  Debian:        sudo apt-get install chromium
  elsewhere:     install Chromium or Chrome, then name it: make test CHROMIUM=/path/to/chrome
  without it:    .venv/bin/python -m pytest --ignore=tests/end_to_end --ignore=tests/media/test_browser.py

MESSAGE
exit 1
