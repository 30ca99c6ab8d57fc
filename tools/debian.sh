# To be sourced. Installing what Debian has; no service of a package is started.

can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

# The packages that are the arguments, where `can_install`.
install_packages() {
    echo "Installing Debian's $* …"
    # Some packages would start services of their own; policy-rc.d keeps them from that.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}
