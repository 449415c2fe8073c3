"""Cross-checks of what the file asks of this machine: memory, open files, cores, ports that rest.

Warnings only, since the file may be checked elsewhere than where it is used.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake

HISTORY_BYTES_PER_S = 16_000
"""Of a call: two voices as A-law at 8 kHz."""
CALL_BYTES = 500_000
"""Of a supervised call besides its history, in all (README, "Speed and memory")."""
LEGS_PER_CALL = 3
"""With one supervisor."""
FILES_PER_LEG = 2
"""RTP and RTCP."""
OTHER_FILES = 500
"""Connections by TCP, WebSockets, the store."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_memory(draft: Draft) -> Iterator[Mistake]:
    """Do max_calls calls fit into this machine's memory with what is kept of each?"""
    media, limits = draft.config.media, draft.config.limits
    if draft.is_broken("media", "history_s") or draft.is_broken("limits", "max_calls"):
        return
    needed = limits.max_calls * (CALL_BYTES + media.history_s * HISTORY_BYTES_PER_S)
    here = memory_bytes()
    if needed > here:
        message = (
            f"found {media.history_s:g}; with [limits] max_calls = {limits.max_calls} calls may take "
            f"{needed / 1e9:.1f} GB, and this machine has {here / 1e9:.1f} GB"
        )
        loc = ("media", "history_s")
        yield draft.mistake(loc, message, "lower history_s or max_calls", fatal=False)


def memory_bytes() -> int:
    """What this machine has, or what this process's group may have of it."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(whole, int(CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no such group, or "max"
        return whole


def check_open_files(draft: Draft) -> Iterator[Mistake]:
    """A leg without a socket is a call refused."""
    if draft.is_broken("limits", "max_calls"):
        return
    most = draft.config.limits.max_calls
    needed = most * LEGS_PER_CALL * FILES_PER_LEG + OTHER_FILES
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and needed > allowed:
        message = f"found {most}; that takes up to {needed} open files, and this user may have {allowed}"
        hint = "raise it (LimitNOFILE= in systemd's unit, ulimit -Hn), or lower max_calls"
        yield draft.mistake(("limits", "max_calls"), message, hint, fatal=False)


def check_workers(draft: Draft) -> Iterator[Mistake]:
    """More media threads than cores only get into one another's way."""
    if draft.is_broken("media", "workers"):
        return
    cores, workers = len(os.sched_getaffinity(0)), draft.config.media.workers
    if workers > cores:
        message = f"found {workers}; this machine gives us {cores} core{'s' if cores > 1 else ''}"
        yield draft.mistake(("media", "workers"), message, "one a core at the most", fatal=False)


def check_resting_ports(draft: Draft) -> Iterator[Mistake]:
    """A port rests after its leg: at full pace, are enough awake?"""
    media, limits = draft.config.media, draft.config.limits
    if draft.is_broken("media", "port_range") or "limits" in draft.broken:
        return
    in_use = 2 * limits.max_calls
    resting = round(2 * limits.calls_per_second * media.port_quarantine_ms / 1000)
    if in_use <= media.legs < in_use + min(resting, in_use):
        message = (
            f"room for {media.legs} legs; with {limits.max_calls} calls and {limits.calls_per_second:g} new "
            f"ones a second {resting} more rest for port_quarantine_ms = {media.port_quarantine_ms}"
        )
        yield draft.mistake(
            ("media", "port_range"), message, "allow more ports, or a shorter rest", fatal=False
        )
