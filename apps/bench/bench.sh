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

# The same rows in PyTorch, where the machine has it: on its GPU if it sees one, else on the CPU.
measure_pytorch() {
    python3 -c 'import torch' 2>/dev/null || { say "Without PyTorch there is no column of it."; return 0; }
    say "apps/bench/baselines/pytorch.py"
    # shellcheck disable=SC2046
    if python3 "$top/apps/bench/baselines/pytorch.py" $quick $(ls "$out"/time.json "$out"/model*.json 2>/dev/null) \
        >"$out/part"; then
        mv "$out/part" "$out/pytorch.json"
    else
        rm -f "$out/part"
        say "    left out"
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
    if grep -q '"device_type": "CPU"' "$out/floors.json" 2>/dev/null; then
        # What a processor does in minutes; all dtypes and the list of sizes would take it hours.
        measure time.json time --json --chosen $quick --roofline "$out/roofline.svg"
        measure model.json model --json $quick --batch_size 8 --seq_len 128 wordnet bert-base
    else
        measure time.json time --json --chosen --dtype=all $quick --roofline "$out/roofline.svg"
        measure model.json model --json $quick
        measure model_f16.json model --json --fp16 $quick
    fi
    measure_pytorch
    measure costs.json costs --json $quick
    measure stats.json stats --json
    commit=$(git -C "$top" describe --always --dirty 2>/dev/null || echo unknown)
    "$apps/lattn-bench" page --commit "$commit" --command "./run bench${quick:+ $quick}" "$out" >"$out/FIGURES.md"
    say "$out/FIGURES.md"
    [ -z "$keep" ] || cp "$out/FIGURES.md" "$out/roofline.svg" "$top/apps/bench/"
}
