#!/bin/sh
# Makes sure that the tests find the brokers that Debian has: Redis, NATS and RabbitMQ. Nothing is started; each run of the
# tests starts brokers of its own on free ports, in temporary folders.
set -eu

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/usr/lib/rabbitmq/bin/$1" ]; }

missing=
for broker in redis-server nats-server rabbitmq-server; do
    has "$broker" || missing="$missing $broker"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not all brokers are here, their tests are skipped: sudo apt-get install$missing" >&2
    exit 0
fi

echo "Installing Debian's$missing …"
# The packages would start services of their own; policy-rc.d keeps them from that.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -qq -y --no-install-recommends $missing >/dev/null
