#!/bin/bash
# Sets up what a make verb needs: setup.sh build|demo|test|bench. Idempotent; a second run takes seconds and needs no network.
# May be interrupted anywhere and run again: every step is judged by what it left, and marks itself done last.
#
#   PYTHON=python3.12   the Python for the environment (3.11 or newer)
#   WHEEL=1             the ready wheel of pjsua2 instead of a build: 4 call legs
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
STAMPS=$VENV/.stamps
. setup/steps.sh
. setup/system.sh
. setup/python.sh
. setup/extension.sh
. setup/rivals.sh

# With the ready wheel there is nothing to build; the module itself tells the gateway that it carries 4 call legs.
install_pjsip() {
    begin "PJSIP"
    if [ -n "${WHEEL:-}" ]; then
        say "$HEAD: the ready wheel, which carries 4 call legs"
        return 0
    fi
    say "$HEAD"
    "$VENV/bin/python" -m gateway.pjsip build
}

main() {
    local packages="$BUILD_PACKAGES $SPEECH_PACKAGES" extras="${WHEEL:+wheel}"
    case "${1:-}" in
        build | demo) ;;
        test | bench)
            packages="$packages $TEST_PACKAGES"
            extras="$extras test"
            ;;
        *)
            say "usage: setup/setup.sh build|demo|test|bench" >&2
            exit 2
            ;;
    esac
    [ -n "${PYTHON:-}" ] || packages="$packages $PYTHON_PACKAGES"
    mkdir -p build
    exec 9>build/.lock
    flock -n 9 || { say "another set-up is at work in this folder; waiting for it" && flock 9; }
    TOTAL=5
    [ "$1" != bench ] || TOTAL=6
    install_packages $packages
    make_venv
    install_requirements $extras
    link_tree
    install_pjsip
    build_extension
    [ "$1" != bench ] || fetch_rivals
}

main "$@"
