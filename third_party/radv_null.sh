#!/bin/sh
# SPDX-License-Identifier: MIT
#
# third_party/radv_null.sh BUILD
#
# AMD's compiler without an AMD card: RADV up to Mesa 25 makes, when RADV_FORCE_FAMILY names a chip, a
# device that compiles pipelines and reports registers and spills, but runs nothing. Writes
#
#     BUILD/radv/run-LABEL PROGRAM ...    runs a program on one such driver
#     BUILD/radv/list                     a line "LABEL FAMILY FAMILY ..." per driver
#
# The drivers are the distribution's own RADV (22.3 on Debian 12) where it still can, and Mesa 25.0 of
# Debian 13 unpacked on top of BUILD/modern (modern_stack.sh comes first).
#
# Exit status 77 and one line "skip: ..." where neither can be had.
set -eu
stack=radv
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private_apt.sh"
[ $# = 1 ] || { echo "usage: $0 BUILD" >&2; exit 2; }
mkdir -p "$1"
build=$(cd "$1" && pwd)
dir=$build/radv
stamp_current "$dir" && exit 0
rm -rf "$dir"
mkdir -p "$dir"
: >"$dir/list"

# $1 label, $2 the lines that start the program
write_runner() {
    cat >"$dir/run-$1" <<END
#!/bin/sh
# $dir/run-$1 PROGRAM ARGUMENTS, with RADV_FORCE_FAMILY set to a chip
export VK_LOADER_LAYERS_DISABLE=~implicit~
$2
END
    chmod +x "$dir/run-$1"
}

# The distribution's driver. LLVM or the kernel are not needed for the null device.
icd=$(find /usr/share/vulkan/icd.d -name 'radeon_icd*.json' 2>/dev/null | head -n 1)
version=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null || true)
case $version in
22.* | 23.*)
    families="gfx1100 navi21 vega10" ;;
24.* | 25.*)
    families="navi31 navi21 vega10" ;;
*)
    families= ;;
esac
if [ -n "$icd" ] && [ -n "$families" ]; then
    write_runner system "export VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd
exec \"\$@\""
    echo "system $families" >>"$dir/list"
    echo "radv: the system's RADV, Mesa $version: $families"
else
    echo "radv: no system RADV with a null device (Mesa ${version:-not installed})"
fi

case $version in
25.*) ;;
*)
    mirror=$(debian_mirror) || mirror=
    if [ -x "$build/modern/run" ] && [ -n "$mirror" ]; then
        echo "radv: unpacking Mesa 25.0 of Debian 13 into $dir (10 MB to download)"
        private_apt_open "$dir" <<END
$mirror trixie main
END
        private_apt_unpack_only "$dir/root" mesa-vulkan-drivers
        driver=$(find "$dir/root" -name libvulkan_radeon.so | head -n 1)
        [ -n "$driver" ] || skip "the package has no libvulkan_radeon.so"
        cat >"$dir/radeon_icd.json" <<END
{
    "file_format_version": "1.0.0",
    "ICD": { "library_path": "$driver", "api_version": "1.4.305" }
}
END
        write_runner unpacked "export MODERN_ICD=$dir/radeon_icd.json
exec \"$build/modern/run\" \"\$@\""
        echo "unpacked navi31 navi21 vega10" >>"$dir/list"
        echo "radv: unpacked RADV, Mesa $(version_of "$dir/root" mesa-vulkan-drivers): navi31 navi21 vega10"
        rm -rf "$dir/apt"
    else
        echo "radv: no Mesa 25.0 without the modern stack"
    fi ;;
esac
[ -s "$dir/list" ] || skip "neither the system's Mesa nor an unpacked one has a null device"
stamp_write "$dir"
