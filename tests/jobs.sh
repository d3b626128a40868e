# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: MIT
#
# The jobs of ./run test (sourced by it). A job is a function job_NAME; its output goes to
# build/logs/NAME.log, and of a failed one the end is shown. A job whose driver, layer or vector width
# is not to be had on this machine is skipped with the reason; in CI (CI=true) that is a failure.

job_names="gcc validation modern swiftshader widths floor asan amd mutation spirv install"
describe() {
    case $1 in
    gcc)         echo "gcc; the whole suite on the distribution's lavapipe" ;;
    validation)  echo "the suite under the newest validation layer, after programs it must report" ;;
    modern)      echo "the suite on lavapipe of the unpacked stack, with its validation" ;;
    swiftshader) echo "the suite on SwiftShader, the smallest device" ;;
    widths)      echo "ops on lavapipe with 128-bit and 512-bit vectors: subgroups of 4 and 16" ;;
    floor)       echo "GPU tests with every limit clamped to the floor" ;;
    asan)        echo "clang with address, undefined and leak sanitizers" ;;
    amd)         echo "every kernel through AMD's compiler: no register spills, no more registers" ;;
    mutation)    echo "a deliberate mistake in each kind of kernel: its check must turn red" ;;
    spirv)       echo "every SPIR-V module: valid, and its push block is the C struct" ;;
    install)     echo "installed tree used by CMake, pkg-config, C++ and beside libvulkan" ;;
    device)      echo "the suite on the GPU of this machine" ;;
    esac
}

skip_job() {
    say "$*" >"$logs/$job.skip"
    exit 77
}

# ---- drivers ----------------------------------------------------------------------------------------

# A driver's manifest by the start of its name: lvp, radeon.
system_icd() {
    find /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d \
        -name "$1_icd*.json" 2>/dev/null | head -n 1
}

# The environment of a test: one driver, none of the machine's implicit layers, own caches.
use_driver() {
    export VK_DRIVER_FILES="$1" VK_ICD_FILENAMES="$1" VK_LOADER_LAYERS_DISABLE="~implicit~"
    export LATTN_CACHE_DIR="$build/cache/$job" MESA_SHADER_CACHE_DIR="$build/cache/mesa"
    export LATTN_TEST_NEED_DEVICE=1 LATTN_TEST_COUNTS="$logs/$job.counts"
    # ctest runs a process per core already.
    export LP_NUM_THREADS=1
    mkdir -p "$build/cache/$job" "$build/cache/mesa"
}

use_lavapipe() {
    icd=$(system_icd lvp)
    [ -n "$icd" ] || skip_job "no lavapipe: install mesa-vulkan-drivers"
    use_driver "$icd"
}

# The newest layer; where chromium-common is not to be had, the distribution's.
use_validation() {
    if [ -f "$build/chromium/layers/validation.json" ]; then
        export VK_LAYER_PATH="$build/chromium/layers"
    else
        skip_job "no current validation layer (third_party/chromium_stack.sh)"
    fi
    export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
    export VK_LAYER_VALIDATE_SYNC=1 VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1
    # Synchronisation validation does not see device addresses.
    export LATTN_DISABLE=bda LATTN_TEST_VALIDATION=1
}

# Runs a command in the unpacked stack when that is what the job uses.
in_stack() {
    if [ -n "${stack_run:-}" ]; then
        "$stack_run" "$@"
    else
        "$@"
    fi
}

check_canaries() {
    for canary in clean raw war waw submit range leak; do
        in_stack "$release/tests/lattn-canary" $canary || return 1
        count_one
    done
}

count_one() {
    echo "check 1 0 0" >>"$logs/$job.counts"
}

# run_suite FOLDER LABELS: ctest on the build in FOLDER, only tests with one of these labels.
run_suite() {
    ctest --test-dir "$1" -L "$2" -j "$cores" --output-on-failure --no-tests=error
}

# The commands under a layer or a sanitizer: runs that are captured, eager, accumulating and resumed, of a
# few updates each. (What lib/train does is in the unit tests "run" as well.)
command_tests='finetune.accumulating*:options.of_run_glue*:output.going_back*:output.results*'
command_tests="$command_tests:cnn.a_set_smaller*:cnn.predict_prints*:seq.a_resumed*:seq.a_gpt2*"
command_tests="$command_tests:seq_tasks.pairs_resume*:seq_tasks.series_resume*"

run_commands() {
    GTEST_FILTER=${GTEST_FILTER:-$command_tests} run_suite "$1" e2e
}

# ---- jobs -------------------------------------------------------------------------------------------

build_release() {
    choose_glslc
    configure "$release" -DCMAKE_BUILD_TYPE=Release -DLATTN_TESTS=ON "-DLATTN_GLSLC=$glslc"
    compile "$release"
}

job_gcc() {
    use_lavapipe
    run_suite "$release" 'unit|gpu|e2e'
}

job_validation() {
    use_lavapipe
    use_validation
    check_canaries && run_suite "$release" 'unit|gpu' && run_commands "$release"
}

job_modern() {
    stack_run=$build/modern/run
    [ -x "$stack_run" ] || skip_job "no unpacked stack (third_party/modern_stack.sh)"
    use_driver "$build/modern/lvp_icd.json"
    export LATTN_TEST_WRAPPER="$stack_run"
    # Here, where kernels compile in a tenth of the time.
    LATTN_TEST_ALL_TYPES=1 run_suite "$release" 'gpu|golden|e2e' || return 1
    use_validation
    check_canaries && run_suite "$release" gpu && run_commands "$release"
}

job_swiftshader() {
    [ -f "$build/chromium/swiftshader_icd.json" ] ||
        skip_job "no SwiftShader (third_party/chromium_stack.sh)"
    use_driver "$build/chromium/swiftshader_icd.json"
    run_suite "$release" gpu
}

job_widths() {
    use_lavapipe
    LP_NATIVE_VECTOR_WIDTH=128 MESA_SHADER_CACHE_DIR=$build/cache/width128 run_suite "$release" ops ||
        return 1
    if grep -qw avx512f /proc/cpuinfo; then
        LP_NATIVE_VECTOR_WIDTH=512 MESA_SHADER_CACHE_DIR=$build/cache/width512 \
            run_suite "$release" ops || return 1
    else
        say "no AVX-512 on this processor: subgroups of 16 are not tested" | tee "$logs/$job.note"
        [ "${CI:-}" != true ]
    fi
}

# On the newer driver where there is one: it compiles the kernels of the floor in a tenth of the time.
job_floor() {
    if [ -x "$build/modern/run" ]; then
        stack_run=$build/modern/run
        use_driver "$build/modern/lvp_icd.json"
        export LATTN_TEST_WRAPPER="$stack_run"
    else
        use_lavapipe
    fi
    LATTN_LIMITS=floor run_suite "$release" gpu
}

job_asan() {
    use_lavapipe
    command -v clang >/dev/null || skip_job "no clang"
    configure "$build/asan" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo -DLATTN_TESTS=ON -DLATTN_FUZZ=ON \
        -DLATTN_SANITIZE=address,undefined,fuzzer-no-link "-DLATTN_GLSLC=$glslc"
    compile "$build/asan"
    export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
    # A build that forgot the sanitizer would be green: this program must be caught.
    if "$build/asan/tests/lattn-leak" 2>"$logs/leak.log"; then
        say "lattn-leak was not reported: the leak sanitizer is off"
        return 1
    fi
    count_one
    run_suite "$build/asan" 'unit|gpu|fuzz' && run_commands "$build/asan"
}

job_amd() {
    [ -s "$build/radv/list" ] || skip_job "no RADV null device (third_party/radv_null.sh)"
    use_driver ""
    unset VK_DRIVER_FILES VK_ICD_FILENAMES
    export build release logs top
    rm -f "$logs"/amd-*
    spilled=0
    while read -r label families; do
        for family in $families; do
            say "$label $family"
        done
    done <"$build/radv/list" | xargs -P "$cores" -L 1 sh -c '
        [ "$2" != navi31 ] || export LATTN_TEST_ALL_TYPES=1
        table=
        [ ! -f "$top/tests/amd/$1-$2.tsv" ] || table=$top/tests/amd/$1-$2.tsv
        RADV_FORCE_FAMILY=$2 "$build/radv/run-$1" "$release/tests/lattn-amd" "$logs/$1-$2.tsv" \
            ${table:+"$table"} >"$logs/amd-$1-$2" 2>&1 &&
            echo "check 1 0 0" >>"$logs/amd.counts"' sh || spilled=1
    cat "$logs"/amd-*
    return $spilled
}

# The portable kernels must build with the distribution's own GLSL compiler, too.
job_spirv() {
    if command -v glslc >/dev/null; then
        configure "$build/portable" -DLATTN_TESTS=OFF "-DLATTN_GLSLC=$(command -v glslc)"
        compile "$build/portable" lat_shader_objects
        count_one
    fi
    "$top/tests/spirv/check.sh" "$top" "$release" "$build/spirv" "$build/modern"
}

job_mutation() {
    stack_run=$build/modern/run
    [ -x "$stack_run" ] || skip_job "no unpacked stack (third_party/modern_stack.sh)"
    use_driver "$build/modern/lvp_icd.json"
    unset LP_NUM_THREADS
    tree=$build/mutation/tree
    rm -rf "$tree"  # a file that has gone must not stay
    mkdir -p "$tree"
    tar -C "$top" -cf - CMakeLists.txt apps include lib shaders tests third_party | tar -C "$tree" -xf -
    ( top=$tree; configure "$build/mutation" -DCMAKE_BUILD_TYPE=Release -DLATTN_TESTS=OFF "-DLATTN_GLSLC=$glslc" )
    "$top/tests/mutation/check.sh" "$tree" "$build/mutation" "$top/tests/mutation/mutations.txt" \
        "$stack_run" >"$logs/mutations" || { cat "$logs/mutations"; return 1; }
    cat "$logs/mutations"
    while read -r _; do count_one; done <"$logs/mutations"
}

job_install() {
    use_lavapipe
    run_suite "$release" install
}

job_device() {
    export LATTN_TEST_ALL_TYPES=1
    run_suite "$release" 'gpu|golden'
}

# ---- running them -----------------------------------------------------------------------------------

versions() {
    say "system       $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release), $cores cores"
    say "compilers    $(gcc --version | head -n 1); $(clang --version 2>/dev/null | head -n 1)"
    say "glslc        $("$glslc" --version | head -n 1), $(glslc --version 2>/dev/null | head -n 1)"
    say "lavapipe     $(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null || echo none)"
    for package in modern:mesa-vulkan-drivers chromium:chromium-common radv:mesa-vulkan-drivers; do
        list=$build/${package%%:*}/root/packages
        printf '%-12s ' "${package%%:*}"
        sed -n "s/^${package#*:} /${package#*:} /p" "$list" 2>/dev/null | grep . || echo "none"
    done
}

add_counts() {
    [ -f "$1" ] || return 0
    # shellcheck disable=SC2046
    set -- $(awk '{ p += $2; f += $3; s += $4 } END { print p + 0, f + 0, s + 0 }' "$1")
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# What a reader wants of a failed job's log: not the tests that passed, nor kernels that do not spill.
show_failures() {
    grep -v 'Passed  \|    Start \|^\[ *PASSED\|^\[=====\|  [0-9]*$' "$logs/$job.log" |
        tail -n 80
}

run_job() {
    job=$1
    rm -f "$logs/$job.counts" "$logs/$job.skip" "$logs/$job.note"
    printf '%-12s %s\n' "$job" "$(describe "$job")"
    began=$(date +%s)
    status=0
    ( set -e; "job_$job" ) >"$logs/$job.log" 2>&1 || status=$?
    seconds=$(($(date +%s) - began))
    p=$passed f=$failed s=$skipped
    add_counts "$logs/$job.counts"
    counts="$((passed - p)) passed, $((failed - f)) failed, $((skipped - s)) skipped"
    [ ! -f "$logs/$job.note" ] || sed 's/^/             /' "$logs/$job.note"
    if [ $status = 0 ]; then
        say "             ok: $counts, $seconds s"
    elif [ $status = 77 ] && [ -f "$logs/$job.skip" ] && [ "${CI:-}" != true ]; then
        say "             skipped: $(cat "$logs/$job.skip")"
    else
        [ ! -f "$logs/$job.skip" ] || cat "$logs/$job.skip"
        show_failures
        say "             FAILED: $counts, $seconds s; all of it in $logs/$job.log"
        [ "$failed" -gt "$f" ] || failed=$((failed + 1))
        bad_jobs="$bad_jobs $job"
    fi
}

run_jobs() {
    for job in "$@"; do
        case $job in
        --list) ;;
        *) [ -n "$(describe "$job")" ] || die "there is no job '$job'; ./run test --list names them" 2 ;;
        esac
    done
    [ "${1:-}" != --list ] || { for job in $job_names; do printf '%-12s %s\n' "$job" "$(describe "$job")"; done; return; }
    release=$build/release
    logs=$build/logs
    mkdir -p "$logs"
    rm -f "$logs/sums"
    setup_packages build run test
    for stack in modern_stack chromium_stack radv_null; do
        optional_stack $stack
    done
    passed=0 failed=0 skipped=0 bad_jobs=
    began_all=$(date +%s)
    build_release
    ! has_gpu || job_names="$job_names device"
    versions
    for job in ${*:-$job_names}; do
        run_job "$job"
    done
    say "$passed $failed $skipped" >"$logs/sums"
    [ -z "$bad_jobs" ] || say "failed jobs:$bad_jobs"
    say "$passed passed, $failed failed, $skipped skipped, $(($(date +%s) - began_all)) s"
    [ "$failed" = 0 ]
}
