"""Monotonic time as the audio core sees it: the machine's, or one that a test holds and lets pass by hand.

While it is held, whatever is due by the clock (frames in a silence, reports, timeouts) comes when the test says so, and a machine that
stands still changes nothing. It is one clock for all engines of the process.
"""
from libc.stdint cimport int64_t

from native.includes cimport net
from native.includes.atomics cimport load_relaxed, store_release

cdef int64_t held = 0               # 0: the machine's


cdef int64_t now_ns() noexcept nogil:
    cdef int64_t at = load_relaxed(&held)
    return at if at else net.now_ns()


def hold():
    """Time stands still from now on, for tests. Safe twice."""
    store_release(&held, now_ns())


def let_pass(double ms):
    """So much of the held time goes by at once; nothing where it is not held. Media threads see it with their next packet or timer."""
    if load_relaxed(&held):
        store_release(&held, load_relaxed(&held) + <int64_t>(ms * 1000000))


def let_go():
    """The machine's time again."""
    store_release(&held, 0)


def now_s():
    """[s]"""
    return now_ns() / 1e9
