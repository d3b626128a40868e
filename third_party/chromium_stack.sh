#!/bin/sh
# SPDX-License-Identifier: MIT
#
# third_party/chromium_stack.sh BUILD
#
# Debian's chromium-common carries two things that the tests want and that Debian has nowhere else as
# new: SwiftShader, an independent and small Vulkan driver, and the current validation layer. Security
# updates keep the package current, so it comes from the repositories this machine uses.
#
#     BUILD/chromium/swiftshader_icd.json    the driver's manifest, for VK_DRIVER_FILES
#     BUILD/chromium/layers                  the layer's manifest, for VK_LAYER_PATH
#     BUILD/chromium/root/packages           the package's version
#
# Exit status 77 and one line "skip: ..." where it cannot be had.
set -eu
stack=chromium
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private_apt.sh"
[ $# = 1 ] || { echo "usage: $0 BUILD" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)/chromium
stamp_current "$dir" && exit 0

debian_mirror >/dev/null || skip "apt's sources name no Debian mirror"
rm -rf "$dir"
mkdir -p "$dir/layers"
echo "chromium: unpacking chromium-common into $dir (31 MB to download)"
# The machine's own Debian releases, security included; main only.
private_apt_open "$dir" <<END
$(apt_repositories | grep -i debian | sort -u | sed 's/$/ main/')
END
private_apt_unpack_only "$dir/root" chromium-common

driver=$(find "$dir/root" -name libvk_swiftshader.so | head -n 1)
layer=$(find "$dir/root" -name libVkLayer_khronos_validation.so | head -n 1)
[ -n "$driver" ] || skip "chromium-common has no libvk_swiftshader.so any more"
[ -n "$layer" ] || skip "chromium-common has no libVkLayer_khronos_validation.so any more"

cat >"$dir/swiftshader_icd.json" <<END
{
    "file_format_version": "1.0.0",
    "ICD": { "library_path": "$driver", "api_version": "1.3.0" }
}
END
cat >"$dir/layers/validation.json" <<END
{
    "file_format_version": "1.2.0",
    "layer": {
        "name": "VK_LAYER_KHRONOS_validation",
        "type": "GLOBAL",
        "library_path": "$layer",
        "api_version": "1.4.0",
        "implementation_version": "1",
        "description": "Khronos validation layer of chromium-common",
        "instance_extensions": [
            { "name": "VK_EXT_debug_report", "spec_version": "9" },
            { "name": "VK_EXT_debug_utils", "spec_version": "2" },
            { "name": "VK_EXT_layer_settings", "spec_version": "2" },
            { "name": "VK_EXT_validation_features", "spec_version": "5" }
        ]
    }
}
END
rm -rf "$dir/apt"
stamp_write "$dir"
echo "chromium: chromium-common $(version_of "$dir/root" chromium-common)"
