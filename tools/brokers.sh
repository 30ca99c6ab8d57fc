#!/bin/sh
# Makes sure that the tests find the brokers that Debian has (Redis, NATS and RabbitMQ), and, in the virtual environment that
# is the argument, ActiveMQ's client, which has to be compiled. Nothing is started; each run of the tests starts brokers of
# its own on free ports, in temporary folders.
set -eu
. "$(dirname "$0")/debian.sh"
venv=$1

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/usr/lib/rabbitmq/bin/$1" ]; }

has_client() { "$venv/bin/python" -c 'import proton' 2>/dev/null; }

can_compile() {
    command -v c++ >/dev/null && "$venv/bin/python" -c '
import pathlib, sys, sysconfig
sys.exit(not (pathlib.Path(sysconfig.get_paths()["include"]) / "Python.h").exists())'
}

set --
for broker in redis-server nats-server rabbitmq-server; do
    has "$broker" || set -- "$@" "$broker"
done
has_client || can_compile || set -- "$@" g++ python3-dev
if [ $# -gt 0 ]; then
    if can_install; then
        install_packages "$@"
    else
        echo "Not all brokers are here, their tests are skipped: sudo apt-get install $*" >&2
    fi
fi

if ! has_client && can_compile; then
    echo "Compiling ActiveMQ's client …"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'python-qpid-proton>=0.39'
fi
