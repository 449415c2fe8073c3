#!/bin/bash
# The audio core compiled with sanitizers, each in a build folder of its own, and the tests of tests/native run on it.
#
#   setup/sanitize.sh [asan|tsan] [pytest arguments, tests among them in place of those below]
#
#   asan   AddressSanitizer and UndefinedBehaviorSanitizer: memory, integers, shifts, alignment
#   tsan   ThreadSanitizer: what the media threads and Python's share
#
# Neither named: both. Any finding fails it, wherever it was made: reports are files in build/NAME/reports, shown at the end.
# Left out, and why: docs/testing.md. Python and the libraries are not instrumented: their own memory is not looked at; leaks are not
# looked for, because Python keeps what it has until it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
PATH="$ROOT/.venv/bin:$PATH"
LOGS=build/logs
. setup/steps.sh

MEMORY=(test_{attacks,before_opening,calls_by_codec,changes,clicks,clock,codec,codec_comfort,codec_garbage,codec_loss,comfort_heard,hearing,history,keys,latching,lifecycle,opening,refusals,rehear,replay,relay_numbers,reports_relayed,rtcp,secure_legs,source,srtp,srtp_adversity,srtp_rekey,taps,tones,whisper_matrix}.py)
SHARED=(test_{changes,history,keys,lifecycle,opening,refusals,rehear,reports_relayed,srtp_rekey,taps,tones}.py)

# A sanitizer's own memory grows, too.
RESIDENT=(--deselect=tests/native/test_{lifecycle.py::test_five_hundred_calls_leave_nothing_behind,attacks.py::test_nothing_is_kept_of_a_flood})

# compiled NAME SANITIZERS: build/NAME, from this folder's sources.
compiled() {
    [ -f "build/$1/build.ninja" ] || meson setup "build/$1" -Dbuildtype=debugoptimized -Db_sanitize="$2" -Db_lundef=false \
        -Dc_args=-fno-omit-frame-pointer
    ninja -C "build/$1"
}

# tested NAME LIBRARY ARGUMENTS...: pytest on the modules of build/NAME, with the sanitizer's library loaded first.
tested() {
    local tree="$ROOT/build/$1/tree" library
    library=$(cc -print-file-name="$2")
    shift 2
    rm -rf "$tree" && mkdir -p "$tree/native"
    ln -s "$ROOT"/native/*.py "$tree/../native"/*.so "$tree/native/"
    cd "$tree" # what Python imports as `native` from here is the instrumented package, whatever else is installed
    # With a random layout, memory may lie where ThreadSanitizer keeps its own.
    setarch -R env LD_PRELOAD="$library" PYTHONMALLOC=malloc INSTRUMENTED="$tree" PYTHONPATH="$ROOT/setup" \
        python -u -m pytest -c "$ROOT/pyproject.toml" --rootdir "$ROOT" -p instrumented -p no:cacheprovider -v -s --tb=short \
        -m "not bench and not soak and not thorough" -o timeout=600 "${RESIDENT[@]}" "$@"
}

# sanitized NAME SANITIZERS LIBRARY TESTS...
sanitized() {
    local name=$1 sanitizers=$2 library=$3 status=0
    local reports="$ROOT/build/$name/reports"
    shift 3
    begin "$name: compile with $sanitizers"
    logged "$name-compile" compiled "$name" "$sanitizers" || return
    rm -rf "$reports" && mkdir -p "$reports"
    export ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=1:abort_on_error=1:log_path=$reports/report"
    export UBSAN_OPTIONS="halt_on_error=0:print_stacktrace=1" # it knows no log_path beside AddressSanitizer: what it says is in the log
    export TSAN_OPTIONS="halt_on_error=0:exitcode=66:second_deadlock_stack=1:log_path=$reports/report"
    begin "$name: tests"
    logged "$name-tests" tested "$name" "$library" "$@" || status=$?
    grep -E '^=+ .* in [0-9.]+s' "$LOGS/$name-tests.log" | tail -n 1 || true
    for report in "$reports"/*; do
        [ -s "$report" ] || continue
        status=1
        say "Found by $name, in ${report#"$ROOT/"}:"
        head -n 60 "$report" | sed 's/^/    /'
    done
    if grep -A 3 'runtime error: ' "$LOGS/$name-tests.log"; then
        status=1
        say "Found by $name: the above, in $LOGS/$name-tests.log"
    fi
    return "$status"
}

# tests NAMES...: paths of tests/native.
tests() { printf '%s\n' "${@/#/$ROOT/tests/native/}"; }

which=(asan tsan)
case "${1:-}" in
    asan | tsan)
        which=("$1")
        shift
        ;;
esac
given=()
for argument; do
    [ -e "${argument%%::*}" ] && argument="$ROOT/$argument"
    given+=("$argument")
done
TOTAL=$((2 * ${#which[@]}))
failed=()
for name in "${which[@]}"; do
    chosen=("${given[@]}")
    case $name in
        asan)
            [ ${#given[@]} -gt 0 ] || mapfile -t chosen < <(tests "${MEMORY[@]}")
            [ ${#given[@]} -gt 0 ] || chosen+=("$ROOT/tests/property/test_fuzz_parsers.py")
            sanitized asan address,undefined libasan.so "${chosen[@]}" || failed+=("$name")
            ;;
        tsan)
            [ ${#given[@]} -gt 0 ] || mapfile -t chosen < <(tests "${SHARED[@]}")
            sanitized tsan thread libtsan.so "${chosen[@]}" || failed+=("$name")
            ;;
    esac
done
[ ${#failed[@]} -eq 0 ] || { say "failed: ${failed[*]}"; exit 1; }
say "nothing found"
