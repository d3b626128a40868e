# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Debian packages into a folder, without root and without touching the machine: a private apt state,
# the mirror that the machine's own apt is configured with, download, unpack. Sourced by the
# *_stack.sh scripts beside it.
#
# Why apt and not a list of addresses: it knows the mirror and the proxy, checks signatures, resolves
# dependencies, and gets security updates of the moving packages.

# The way out of every script here: one line, and a status that callers tell from a failure.
skip() {
    echo "skip: $stack: $*"
    exit 77
}

# "address suite" of every repository of the machine's apt, one a line. Needs no package lists.
apt_repositories() {
    apt-get -o Debug::NoLocking=1 update --print-uris 2>/dev/null |
        sed -n "s|^'\(.*\)/dists/\(.*\)/InRelease' .*|\1 \2|p"
}

# Address of the Debian archive that this machine uses; fails when it uses none (Ubuntu, say).
debian_mirror() {
    apt_repositories | awk '
        $2 ~ /^(bookworm|trixie|forky|duke|stable|testing|sid|unstable)$/ { print $1; found = 1; exit }
        END { exit !found }'
}

# private_apt_open FOLDER: reads one-line sources from stdin ("trixie main"), each with the address in
# front, and fetches their package lists. Later calls use this state.
private_apt_open() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        skip "needs apt-get and dpkg-deb (Debian or Ubuntu)"
    apt_dir=$1/apt
    mkdir -p "$apt_dir/state/lists/partial" "$apt_dir/cache/archives/partial" || skip "cannot write $1"
    : >"$apt_dir/status"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    option=
    [ -r $keyring ] && option="[signed-by=$keyring] "
    sed "s|^|deb $option|" >"$apt_dir/sources.list"

    # An empty status file makes apt resolve the whole closure, libc included. The machine's proxies
    # and certificates stay in force; its hooks (which expect to run as root) do not.
    cat >"$apt_dir/apt.conf" <<END
Dir::State "$apt_dir/state";
Dir::State::status "$apt_dir/status";
Dir::Cache "$apt_dir/cache";
Dir::Etc::sourcelist "$apt_dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Debug::NoLocking "true";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
END
    private_apt_get update || skip "apt cannot read $(sed -n 's|.*] ||; s|^deb ||; s| .*||; 1p' \
        "$apt_dir/sources.list"); see $apt_dir/log"
}

private_apt_get() {
    if ! apt-get -q -c "$apt_dir/apt.conf" "$@" >"$apt_dir/log" 2>&1; then
        return 1
    fi
    # apt-get update calls a repository that cannot be reached a warning.
    ! grep -q '^\(W: Failed to fetch\|E:\)' "$apt_dir/log"
}

# private_apt_unpack ROOT PACKAGE...: with everything they depend on.
private_apt_unpack() {
    unpack_root=$1
    shift
    private_apt_get clean && private_apt_get install -y --download-only "$@" ||
        skip "apt cannot download $*; see $apt_dir/log"
    private_unpack_archives "$unpack_root"
}

# The same without dependencies.
private_apt_unpack_only() {
    unpack_root=$1
    shift
    private_apt_get clean
    (cd "$apt_dir/cache/archives" && private_apt_get download "$@") ||
        skip "apt cannot download $*; see $apt_dir/log"
    private_unpack_archives "$unpack_root"
}

private_unpack_archives() {
    mkdir -p "$1"
    for archive in "$apt_dir"/cache/archives/*.deb; do
        dpkg-deb -x "$archive" "$1" || skip "cannot unpack $archive"
        dpkg-deb -f "$archive" Package Version |
            sed 's/^[A-Za-z]*: //' | paste -s -d ' ' >>"$1/packages"
    done
    rm -f "$apt_dir"/cache/archives/*.deb
}

# Stamps: the checksum of the script and of this file. stamp_current FOLDER: nothing to do.
stamp_of() {
    cat "$0" "$here/private_apt.sh" | cksum
}

stamp_current() {
    [ -f "$1/stamp" ] && [ "$(cat "$1/stamp")" = "$(stamp_of)" ]
}

stamp_write() {
    stamp_of >"$1/stamp"
}

# version_of ROOT PACKAGE
version_of() {
    sed -n "s/^$2 //p" "$1/packages"
}
