#!/bin/bash
# All checks of `make lint`, every one run even if one before it fails.
set -u
cd "$(dirname "$0")/.."
bin=.venv/bin
export PATH="$PWD/$bin:$PATH"   # cython-lint starts pycodestyle
failed=''

check() {
    local name="$1"
    shift
    printf '== %s\n' "$name"
    "$@" || failed="$failed $name"
}

# import-linter does not read Cython.
native_is_alone() {
    ! grep -nE '^\s*(from|c?import)\s+(gateway|simulators)' native/*.pyx native/*.pxd native/*.py 2>/dev/null
}

check ruff $bin/python -m ruff check .
check format $bin/python -m ruff format --check .
check mypy $bin/python -m mypy
check cython-lint $bin/cython-lint native
check imports $bin/lint-imports
check native-imports native_is_alone

[ -z "$failed" ] || { printf 'failed:%s\n' "$failed"; exit 1; }
