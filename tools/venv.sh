#!/bin/sh
# Makes the virtual environment $1 with the system's Python; as root it installs Debian's packages where they are missing.
set -eu
venv=$1

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The distribution's Python first: it is compiled with profile-guided optimisation. One that was compiled on the spot
# without it, and comes first in PATH, was measured at half its speed.
pick() {
    for found in /usr/bin/python3 python3; do
        if command -v "$found" >/dev/null && usable "$found"; then
            echo "$found"
            return
        fi
    done
}

python=$(pick)
if [ -z "$python" ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo 'Installing python3 and python3-venv …'
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends python3 python3-venv >/dev/null
    fi
    python=$(pick)
    if [ -z "$python" ]; then
        echo 'Penstock needs Python 3.11 or newer with its venv module.' >&2
        echo 'On Debian 12 or newer: sudo apt-get install python3 python3-venv' >&2
        exit 1
    fi
fi
# Cleared: one that another Python has made cannot be made over.
exec "$python" -m venv --clear "$venv"
