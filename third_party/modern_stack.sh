#!/bin/sh
# SPDX-License-Identifier: MIT
#
# third_party/modern_stack.sh BUILD
#
# Puts a current Vulkan world beside the distribution's, without root: Debian 13's loader, libc and LLVM,
# and Mesa from its backports, unpacked into BUILD/modern/root; and the GLSL compiler of the release after
# it, with a libc of its own, into BUILD/modern/compiler. What runs there is started through the dynamic
# linker that it was built for, so the machine's libc may be older.
#
#     BUILD/modern/bin/glslc          the compiler; beside it spirv-val
#     BUILD/modern/run PROGRAM ...    runs a program on the unpacked lavapipe, or on MODERN_ICD
#     BUILD/modern/*/packages         names and versions
#
# Two releases, because bfloat16 in matrix units needs a newer compiler than Debian 13 has (GL_EXT_bfloat16),
# and because programs of the machine run on the unpacked drivers: with a release that still moves under
# them they would break one day. Where that compiler cannot be had, Debian 13's does all but bfloat16.
#
# Exit status 77 and one line "skip: ..." where it cannot be had.
set -eu
stack=modern
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private_apt.sh"
[ $# = 1 ] || { echo "usage: $0 BUILD" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)/modern
stamp_current "$dir" && exit 0

mirror=$(debian_mirror) || skip "apt's sources name no Debian mirror"
rm -rf "$dir"
mkdir -p "$dir/bin"
echo "modern: unpacking Debian 13 and 14 packages into $dir (75 MB to download)"

# unpack_compiler SUITE ROOT, in a process of its own: its way out is that of the whole script.
unpack_compiler() (
    private_apt_open "$dir" <<END
$mirror $1 main
END
    private_apt_unpack "$2" glslc spirv-tools
)

# linker_of ROOT: the dynamic linker among the unpacked files; its folder has the libraries.
linker_of() {
    find "$1/usr/lib" -name 'ld-linux*.so*' -type f | head -n 1
}

# write_tools ROOT: starters of the compiler that was unpacked there. Fails where it does not start.
write_tools() {
    tool_linker=$(linker_of "$1")
    for tool in glslc spirv-val; do
        cat >"$dir/bin/$tool" <<END
#!/bin/sh
exec "$tool_linker" --library-path "$(dirname "$tool_linker")" "$1/usr/bin/$tool" "\$@"
END
        chmod +x "$dir/bin/$tool"
    done
    "$dir/bin/glslc" --version >/dev/null && "$dir/bin/spirv-val" --version >/dev/null
}

compiler=$dir/compiler
if ! unpack_compiler forky "$compiler" || ! write_tools "$compiler"; then
    echo "modern: no compiler of Debian 14: kernels for bfloat16 in matrix units are left out"
    rm -rf "$compiler"
    unpack_compiler trixie "$compiler" || exit
    write_tools "$compiler" || skip "the unpacked glslc does not start"
fi

private_apt_open "$dir" <<END
$mirror trixie main
$mirror trixie-backports main
END
private_apt_unpack "$dir/root" libvulkan1 mesa-vulkan-drivers/trixie-backports

linker=$(linker_of "$dir/root")
icd=$(find "$dir/root/usr/share/vulkan/icd.d" -name 'lvp_icd*.json' | head -n 1)
[ -n "$linker" ] && [ -n "$icd" ] || skip "the packages have no dynamic linker or no lavapipe"
libraries=$(dirname "$linker")

# The manifest names the driver by its bare name; found through the library path, but a full path
# leaves no doubt which driver runs.
sed "s|\"library_path\": *\"[^\"]*\"|\"library_path\": \"$libraries/libvulkan_lvp.so\"|" \
    "$icd" >"$dir/lvp_icd.json"

# Libraries of the distribution (jansson, utf8proc, ...) come after the unpacked ones: an older
# library runs on a newer libc. The machine's implicit layers were built for another loader.
cat >"$dir/run" <<END
#!/bin/sh
# $dir/run PROGRAM ARGUMENTS
program=\$(command -v "\$1") || { echo "\$0: no program \$1" >&2; exit 127; }
shift
host=\$(ldd "\$program" | sed -n 's|.*=> \(/.*\)/[^/]* (.*|\1|p' | sort -u | paste -s -d :)
# A test that starts a command may have chosen another driver on purpose.
if [ "\${LATTN_TEST_WRAPPER:-}" != "$dir/run" ]; then
    VK_DRIVER_FILES=\${MODERN_ICD:-$dir/lvp_icd.json}
    VK_ICD_FILENAMES=\$VK_DRIVER_FILES
    export VK_DRIVER_FILES VK_ICD_FILENAMES
fi
export VK_LOADER_LAYERS_DISABLE=~implicit~
export LATTN_TEST_WRAPPER="$dir/run"
exec "$linker" --library-path "$libraries\${host:+:\$host}" "\$program" "\$@"
END
chmod +x "$dir/run"

rm -rf "$dir/apt"
stamp_write "$dir"
echo "modern: glslc $(version_of "$compiler" glslc), Mesa $(version_of "$dir/root" mesa-vulkan-drivers)"
