# Compiles native/ and puts the modules beside their sources. Sourced by setup.sh.
#
# Not `pip install -e .`, which works too: that one runs ninja at the first import of every process, so that a gateway would start
# a compiler, several processes would start it at once, and a half-written .pyx would stop everybody.

build_extension() {
    local build=build/dev python
    begin "Audio core (Cython)"
    python=$("$VENV/bin/python" -c 'import sys; print(sys.executable, sys.version)')
    if [ ! -f $build/build.ninja ] || [ "$(cat $build/.python 2>/dev/null)" != "$python" ]; then
        rm -rf $build
    fi
    logged extension compile_extension $build
    printf '%s' "$python" >$build/.python
    place_modules $build/native
}

compile_extension() {
    PATH="$PWD/$VENV/bin:$PATH"
    export PATH
    [ -f "$1/build.ninja" ] || meson setup "$1" || return
    ninja -C "$1"
}

# place_modules FOLDER: copy what changed to native/, each in one rename so that a running gateway keeps its old one, and
# remove what is no longer built.
place_modules() {
    local module name
    for module in "$1"/*.so; do
        name=native/${module##*/}
        if [ -f "$module" ] && ! cmp -s "$module" "$name"; then
            cp "$module" "$name.new"
            mv -f "$name.new" "$name"
        fi
    done
    for module in native/*.so; do
        [ -f "$1/${module##*/}" ] || rm -f "$module"
    done
}
