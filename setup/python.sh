# The virtual environment and what pip puts into it. Sourced by setup.sh.

# find_python: path of a Python that is new enough. The distribution's own comes first: its headers come by apt.
find_python() {
    local candidate
    for candidate in ${PYTHON:-/usr/bin/python3 python3.11 python3.12 python3.13 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    say "no Python 3.11 or newer found${PYTHON:+ at $PYTHON}; name one with make PYTHON=/path/to/python3" >&2
    return 1
}

# An environment that works is taken as it is, whoever made it; one that does not is made anew.
make_venv() {
    local python
    begin "Python environment in $VENV"
    if "$VENV/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        already
        return 0
    fi
    python=$(find_python)
    logged venv "$python" -m venv --clear "$VENV"
}

# install_requirements GROUP...: dependencies of pyproject.toml (and its extras GROUP), keyed on their very list.
install_requirements() {
    local list key
    begin "Python packages"
    list=$("$VENV/bin/python" setup/requirements.py "$@")
    key=$(printf '%s' "$list" | sha256sum)
    if stamped "requirements-$*" "$key"; then
        already
        return 0
    fi
    # shellcheck disable=SC2086  # one requirement a line, none holds a blank
    logged requirements "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off $list
    stamp "requirements-$*" "$key"
}

# link_tree: makes this folder's packages importable and the command `gateway` callable in the environment.
link_tree() { "$VENV/bin/python" setup/link_tree.py; }
