#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: check.sh TREE BUILD LIST COMMAND...
#
# For every line of LIST (mutations.txt): makes the mistake in TREE, a copy of the sources, builds
# lattn-bench in BUILD, and runs it through COMMAND (a driver's wrapper, or env); it must end with 1,
# "something differs". A mistake that no longer applies, does not compile or is not found is an error.
set -eu
tree=$1 build=$2 list=$3
shift 3
missed=0

# A copied file is as old as the original: without the touch, ninja would keep what the mistake made.
restore() {
    [ -f "$build/mutated" ] || return 0
    was=$(cat "$build/mutated")
    [ ! -f "$build/original" ] || mv "$build/original" "$tree/$was"
    touch "$tree/$was"
    rm "$build/mutated"
}
trap restore EXIT

restore
while IFS='|' read -r what file mistake arguments; do
    case $what in '#'* | '') continue ;; esac
    file=$(echo $file)
    restore
    printf '%s' "$file" >"$build/mutated"
    cp "$tree/$file" "$build/original"
    sed "$mistake" "$build/original" >"$tree/$file"
    if cmp -s "$build/original" "$tree/$file"; then
        echo "MISSED: $what: the sed expression changes nothing in $file"
        missed=1
        continue
    fi
    ninja -C "$build" lattn-bench >"$build/mutation.log" 2>&1 ||
        { grep -v '^\[' "$build/mutation.log"; echo "MISSED: $what: does not compile"; missed=1; continue; }
    status=0
    # shellcheck disable=SC2086
    "$@" "$build/apps/lattn-bench" $arguments >"$build/bench.log" 2>&1 || status=$?
    if [ $status = 1 ]; then
        echo "found: $what: $(grep -c repeat: "$build/bench.log") failures of lattn-bench $(echo $arguments)"
    else
        tail -n 5 "$build/bench.log"
        echo "MISSED: $what: lattn-bench $arguments ended with $status"
        missed=1
    fi
done <"$list"
exit $missed
