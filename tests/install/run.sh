#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh SOURCE BUILD GLSLC: installs BUILD into a folder, moves that folder, and uses it in every way
# that an application may: CMake shared and static, pkg-config shared and static, C++, beside
# libvulkan, opened at run time, without any Vulkan; and SOURCE as a subdirectory of a project.
set -eu
source=$1 build=$2 glslc=$3
work=$build/install_test
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "install: $*" >&2
    exit 1
}

# The README's program.
awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$source/README.md" >"$work/example.c"
grep -q 'int main' "$work/example.c" || fail "README.md has no program in a block of C"

# The smallest one, of lattn.h: a comment that starts with an #include and ends with a brace alone.
sed -n '/^\/\/     #include/,/^\/\/     }$/s|^//\( \{5\}\)\{0,1\}||p' "$source/include/lattn/lattn.h" >"$work/smallest.c"
grep -q 'int main' "$work/smallest.c" || fail "lattn.h has no program"

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"  # nothing may remember the prefix
prefix=$work/moved
library=$(find "$prefix" -name liblattn.so)
[ -n "$library" ] || fail "no liblattn.so"
LD_LIBRARY_PATH=$(dirname "$library")
export LD_LIBRARY_PATH
readelf -d "$library" | grep -q 'SONAME.*\[liblattn\.so\.[0-9]*\]' || fail "no SONAME"
if readelf -d "$library" | grep -q 'NEEDED.*libvulkan\|NEEDED.*libstdc++'; then
    fail "liblattn.so must need neither libvulkan nor libstdc++"
fi

cmake -S "$source/tests/install" -B "$work/cmake" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix" \
    "-DEXAMPLE=$work/example.c" >"$work/cmake.log" || { cat "$work/cmake.log"; fail "find_package"; }
ninja -C "$work/cmake" --quiet
for program in shared static cxx beside_vulkan; do
    "$work/cmake/$program" || fail "$program failed"
done
"$work/cmake/opened" "$library" || fail "opened failed"

PKG_CONFIG_PATH=$(dirname "$library")/pkgconfig
export PKG_CONFIG_PATH
cc=${CC:-cc}
# shellcheck disable=SC2046
{
    "$cc" -o "$work/pc_shared" "$work/example.c" $(pkg-config --cflags --libs lattn)
    "$cc" -std=c99 -pedantic -Wall -Wextra -Werror -o "$work/smallest" "$work/smallest.c" \
        $(pkg-config --cflags --libs lattn)
    "$cc" -o "$work/pc_static" "$work/example.c" $(pkg-config --cflags lattn) \
        "$(dirname "$library")/liblattn.a" \
        $(pkg-config --static --libs lattn | tr ' ' '\n' | grep -v '^-llattn$')
    # The headers are plain C99 as well.
    "$cc" -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags lattn) \
        -include lattn/lattn.h -x c /dev/null
}
"$work/pc_shared" || fail "the program built by pkg-config failed"
[ "$("$work/smallest")" = 5 ] || fail "the program of lattn.h failed"
LD_LIBRARY_PATH='' "$work/pc_static" || fail "the static program built by pkg-config failed"

# No driver at all: the program starts, and says why it stops.
if VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent "$work/pc_shared" 2>"$work/none.log"; then
    fail "the program must fail without a driver"
fi
grep -q ERR_NO_DEVICE "$work/none.log" || { cat "$work/none.log"; fail "no clear sentence"; }

cmake -S "$source/tests/install" -B "$work/sub" -G Ninja "-DLATTN_SOURCE=$source" \
    "-DEXAMPLE=$work/example.c" "-DLATTN_GLSLC=$glslc" ${LAUNCHER:+"-DCMAKE_C_COMPILER_LAUNCHER=$LAUNCHER"} \
    >"$work/sub.log" || { cat "$work/sub.log"; fail "add_subdirectory"; }
ninja -C "$work/sub" --quiet shared
"$work/sub/shared" || fail "the program built in one tree failed"
echo "install: all ways work"
