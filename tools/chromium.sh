#!/bin/sh
# Makes sure that the tests of the cockpit find Debian's Chromium; as root it is installed. Where that is not possible it
# says what is not tested, and fails in continuous integration only. No test downloads a browser.
set -eu
. "$(dirname "$0")/debian.sh"

[ -x /usr/bin/chromium ] && exit
if can_install; then install_packages chromium; fi
if [ ! -x /usr/bin/chromium ]; then
    echo 'NOTHING OF THE COCKPIT IS TESTED IN A BROWSER: no /usr/bin/chromium. sudo apt-get install chromium' >&2
    [ "${CI:-}" != true ]
fi
