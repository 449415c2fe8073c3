# What `make bench` measures the gateway against, into a cache of its own. Sourced by setup.sh.

# fetch_rivals: the step. One that cannot be had is said, and does not stop the others.
fetch_rivals() {
    begin "Programs to compare with (rtpengine, Asterisk)"
    logged rivals env PYTHONPATH=tests/bench "$VENV/bin/python" -m archive
    grep -E ': (ready|installed|cannot)' "$LOGS/rivals.log" | sed 's/^/    /'
}
