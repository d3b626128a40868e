#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check.sh SOURCE BUILD WORK MODERN: validates every embedded SPIR-V module, and compares the push block
# of each with the C struct (main.c says how). MODERN is the unpacked stack, whose tools know the
# newest extensions; without it the distribution's are used.
set -eu
source=$1 build=$2 work=$3 modern=$4
rm -rf "$work"
mkdir -p "$work/named"
cores=$(nproc)
glslc=$(sed -n 's/^LATTN_GLSLC:[A-Z]*=//p' "$build/CMakeCache.txt")
validate=spirv-val
[ ! -x "$modern/bin/spirv-val" ] || validate=$modern/bin/spirv-val

"$build/tests/lattn-spirv" dump "$work" >"$work/list"

while read -r name path t u; do
    file=$source/shaders/$path
    target=$(sed -n 's|^// @target  *\([a-z0-9.]*\).*|\1|p' "$file")
    defines=
    [ "$t" = - ] || defines="-DT_$t"
    [ "$u" = - ] || defines="$defines -DU_$u"
    target=${target:-vulkan1.2}
    echo "$glslc --target-env=$target -O0 $defines -I$source/shaders -I$(dirname "$file") $file" \
        "-o $work/named/$name.$t.$u.spv"
    echo "$validate --target-env $target --scalar-block-layout $work/$name.$t.$u.spv"
done <"$work/list" >"$work/commands"

if ! xargs -P "$cores" -I{} sh -c '{}' <"$work/commands"; then
    echo "spirv: a module does not compile or is not valid" >&2
    exit 1
fi
"$build/tests/lattn-spirv" check "$work"
