# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: MIT
#
# ./run bench (sourced by it): all measurements of the device, as JSON, a roofline plot and a page.
#   --quick   a tenth of the time for each
#   --keep    the page and the plot are those of the tree: apps/bench/FIGURES.md

# measure FILE COMMAND...: a file of $out; one that fails leaves none, with its reason.
measure() {
    file=$1
    shift
    say "lattn-bench $*"
    status=0
    $runner "$apps/lattn-bench" "$@" >"$out/part" || status=$?
    # Floors that were missed are figures as well.
    [ "$status $file" != "1 floors.json" ] || status=0
    if [ $status != 0 ]; then
        rm -f "$out/part"
        say "    left out (exit code $status)"
    else
        mv "$out/part" "$out/$file"
    fi
}

bench_all() {
    quick='' keep=
    for argument in "$@"; do
        case $argument in
        --quick) quick=--quick ;;
        --keep) keep=yes ;;
        *) die "there is no option '$argument' of bench; there are --quick and --keep" 2 ;;
        esac
    done
    setup_packages run
    (setup_packages bench) || say "Without OpenBLAS, products are measured and not judged."
    build_commands
    choose_runner
    out=$build/bench
    mkdir -p "$out"
    rm -f "$out"/*.json "$out"/roofline.svg "$out"/FIGURES.md
    measure floors.json floors --json $quick
    measure time.json time --json --chosen $quick --roofline "$out/roofline.svg"
    if grep -q '"device_type": "CPU"' "$out/floors.json" 2>/dev/null; then
        # What a processor does in minutes; the list of sizes would take it hours.
        measure model.json model --json $quick --batch_size 8 --seq_len 128 wordnet bert-base
    else
        measure model.json model --json $quick
    fi
    measure stats.json stats --json
    commit=$(git -C "$top" describe --always --dirty 2>/dev/null || echo unknown)
    "$apps/lattn-bench" page --commit "$commit" --command "./run bench${quick:+ $quick}" "$out" >"$out/FIGURES.md"
    say "$out/FIGURES.md"
    [ -z "$keep" ] || cp "$out/FIGURES.md" "$out/roofline.svg" "$top/apps/bench/"
}
