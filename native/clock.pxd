"""Monotonic time as the audio core sees it: the machine's, or one that a test holds and lets pass by hand."""
from libc.stdint cimport int64_t

# [ns]; any thread.
cdef int64_t now_ns() noexcept nogil
