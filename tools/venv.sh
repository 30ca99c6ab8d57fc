#!/bin/sh
# Makes the virtual environment $1 with the system's Python; as root it installs Debian's packages where they are missing.
set -eu
venv=$1

usable() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if ! usable; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo 'Installing python3 and python3-venv …'
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends python3 python3-venv >/dev/null
    fi
    if ! usable; then
        echo 'Penstock needs Python 3.11 or newer with its venv module.' >&2
        echo 'On Debian 12 or newer: sudo apt-get install python3 python3-venv' >&2
        exit 1
    fi
fi
exec python3 -m venv "$venv"
