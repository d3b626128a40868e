#!/bin/sh
# SPDX-License-Identifier: MIT
#
# third_party/modern_stack.sh BUILD
#
# Puts a current Vulkan world beside the distribution's, without root: Debian 13's GLSL compiler,
# loader, libc and LLVM, and Mesa from its backports, unpacked into BUILD/modern. What runs there is
# started through that libc's own dynamic linker, so the machine's libc may be older.
#
#     BUILD/modern/bin/glslc          the compiler; beside it spirv-val
#     BUILD/modern/run PROGRAM ...    runs a program on the unpacked lavapipe, or on MODERN_ICD
#     BUILD/modern/packages           names and versions
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
echo "modern: unpacking Debian 13 packages into $dir (65 MB to download)"
private_apt_open "$dir" <<END
$mirror trixie main
$mirror trixie-backports main
END
private_apt_unpack "$dir/root" glslc spirv-tools libvulkan1 \
    mesa-vulkan-drivers/trixie-backports

linker=$(find "$dir/root/usr/lib" -name 'ld-linux*.so*' -type f | head -n 1)
icd=$(find "$dir/root/usr/share/vulkan/icd.d" -name 'lvp_icd*.json' | head -n 1)
[ -n "$linker" ] && [ -n "$icd" ] || skip "the packages have no dynamic linker or no lavapipe"
libraries=$(dirname "$linker")

# The manifest names the driver by its bare name; found through the library path, but a full path
# leaves no doubt which driver runs.
sed "s|\"library_path\": *\"[^\"]*\"|\"library_path\": \"$libraries/libvulkan_lvp.so\"|" \
    "$icd" >"$dir/lvp_icd.json"

for tool in glslc spirv-val; do
    cat >"$dir/bin/$tool" <<END
#!/bin/sh
exec "$linker" --library-path "$libraries" "$dir/root/usr/bin/$tool" "\$@"
END
done

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
chmod +x "$dir"/bin/* "$dir/run"

"$dir/bin/glslc" --version >/dev/null || skip "the unpacked glslc does not start"
rm -rf "$dir/apt"
stamp_write "$dir"
echo "modern: glslc $(version_of "$dir/root" glslc), Mesa $(version_of "$dir/root" mesa-vulkan-drivers)"
