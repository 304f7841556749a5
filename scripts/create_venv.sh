#!/bin/sh
# create_venv.sh PYTHON FOLDER: a virtual environment of a Python that is new enough, or a message that says what to do.
set -eu
python=$1
folder=$2

fail() {
    printf '\nholdspace: %s\n\n' "$1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "no '$python' found. Install Python 3.11 or newer, or name one: make run PYTHON=/path/to/python3.12"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old; Holdspace needs 3.11 or newer. Name another: make run PYTHON=python3.12"

# Debian ships venv's ensurepip in a package of its own.
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing $package …" >&2
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"; } \
            >&2 </dev/null || fail "could not install $package; install it, then try again."
    else
        fail "this Python cannot make virtual environments. Install them, on Debian or Ubuntu: sudo apt-get install $package"
    fi
fi

echo "Creating $folder …"
"$python" -m venv "$folder" || { rm -rf "$folder"; fail "could not create the virtual environment $folder."; }
