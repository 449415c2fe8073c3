# Numbered steps with elapsed time, for setup.sh: a live line on a terminal, plain lines in a log. Sourced, not run.

LOGS=build/logs
STEP=0
TOTAL=0

# say TEXT: a line of progress.
say() { printf '%s\n' "$*"; }

# begin TITLE: announce the next step.
begin() {
    STEP=$((STEP + 1))
    HEAD="[$STEP/$TOTAL] $1"
    BEGUN=$SECONDS
}

# already: the step that was begun has nothing to do.
already() { say "$HEAD: ready"; }

# logged NAME COMMAND...: run a command for the step that was begun, its output to build/logs/NAME.log. Returns its status;
# on failure the end of the log is shown.
logged() {
    local log="$LOGS/$1.log" status
    shift
    mkdir -p "$LOGS"
    set +e
    "$@" 2>&1 </dev/null | tee "$log" | watch_lines
    status=${PIPESTATUS[0]}
    set -e
    [ -t 1 ] && printf '\r\033[K'
    if [ "$status" -ne 0 ]; then
        say "$HEAD: failed after $((SECONDS - BEGUN)) s. The end of $log:"
        tail -n 40 "$log" | sed 's/^/    /'
        return "$status"
    fi
    say "$HEAD: $((SECONDS - BEGUN)) s"
}

# Reads a command's output and shows that it lives: its last line each second on a terminal, every 15 s elsewhere.
watch_lines() {
    local line last='' shown=$SECONDS every=15
    [ -t 1 ] && every=1
    [ -t 1 ] || say "$HEAD ..."
    while :; do
        if IFS= read -r -t 1 line; then
            [ -n "$line" ] && last=$line
        elif [ $? -le 128 ]; then
            break
        fi
        if [ $((SECONDS - shown)) -ge "$every" ]; then
            shown=$SECONDS
            if [ -t 1 ]; then
                printf '\r\033[K%s  %d s  %.60s' "$HEAD" $((SECONDS - BEGUN)) "$last"
            else
                say "      $((SECONDS - BEGUN)) s  $(printf '%.90s' "$last")"
            fi
        fi
    done
}

# stamped NAME KEY: whether step NAME was finished for exactly this KEY.
stamped() { [ -f "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$2" ]; }

# stamp NAME KEY: record that step NAME is finished. Last thing of a step, in one rename.
stamp() {
    mkdir -p "$STAMPS"
    printf '%s' "$2" >"$STAMPS/.$1.new"
    mv -f "$STAMPS/.$1.new" "$STAMPS/$1"
}
