#!/bin/sh
# All tests, with the pytest of the virtual environment that is the argument: first those that want the machine for
# themselves, then those of the buses, which mostly wait for brokers and leases, some files at a time.
set -eu
pytest=$1/bin/pytest
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

status=0
"$pytest" --ignore tests/bus || status=$?

echo 'The buses …'
export pytest logs
# shellcheck disable=SC2016
printf '%s\n' tests/bus/test_*.py | sort -r | xargs -P 3 -I '{}' sh -c '
    log=$logs/$(basename "{}")
    "$pytest" -q "{}" >"$log" 2>&1 || { touch "$log.failed"; cat "$log"; exit; }
    grep "^SKIPPED" "$log"
    tail -n 1 "$log"'
for failed in "$logs"/*.failed; do
    [ ! -e "$failed" ] || status=1
done
exit "$status"
