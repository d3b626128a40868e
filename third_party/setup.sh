#!/bin/sh
# SPDX-License-Identifier: MIT
#
# third_party/setup.sh GROUP...
#
# Installs what is missing of the packages that packages.txt lists for these groups. As root or with
# sudo it installs; otherwise it prints the exact command and fails. When nothing is missing it does
# nothing and says nothing. Exit code 3: a package that this system's repositories do not have.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: $0 build|run|demo|bench|test|format ..." >&2; exit 2; }

# Packages of a group, alternatives still joined by a slash.
packages_of() {
    sed -n "s/^$1 *| *\([^ ]*\) .*/\1/p" "$here/packages.txt"
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The first alternative that is installed, else the first that apt knows, else the first.
choose() {
    for name in $(echo "$1" | tr / ' '); do
        installed "$name" && { echo "$name"; return; }
    done
    for name in $(echo "$1" | tr / ' '); do
        apt-cache show "$name" >/dev/null 2>&1 && { echo "$name"; return; }
    done
    echo "${1%%/*}"
}

wanted=
for group in "$@"; do
    list=$(packages_of "$group")
    [ -n "$list" ] || { echo "setup: no group $group in packages.txt" >&2; exit 2; }
    wanted="$wanted $list"
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: this is not Debian or Ubuntu; install these by your system's names:" >&2
    echo "   " $wanted >&2
    exit 0
fi

missing=
for entry in $wanted; do
    name=$(choose "$entry")
    installed "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=env
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root="sudo env"
else
    echo "setup: please install what is missing, then call again:" >&2
    echo "    sudo apt-get update && sudo $command" >&2
    exit 1
fi

echo "setup: installing$missing"
# Lists may be absent (fresh containers) or name versions that are gone: then update and try again.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    $as_root DEBIAN_FRONTEND=noninteractive $command >>"$log" 2>&1
}
if ! install; then
    $as_root apt-get update >>"$log" 2>&1 || true
    if ! install; then
        for name in $missing; do
            apt-cache show "$name" >/dev/null 2>&1 && continue
            echo "setup: this system's repositories have no $name" >&2
            exit 3
        done
        tail -n 20 "$log" >&2
        echo "setup: failed: $command" >&2
        exit 1
    fi
fi
