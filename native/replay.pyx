"""Packet indices and replay protection (RFC 3711 §3.3).

The code is in the .pxd, inlined where it is used; here is its Python face for tests.
"""


cdef class ReplayWindow:
    """One stream's indices: give sequence numbers in the order in which they come."""

    cdef Window window

    def take(self, int sequence):
        """The index that an authentic packet stands for, or None where it is a replay or too old."""
        cdef int64_t index = estimate(&self.window, <uint16_t>sequence)
        if not is_fresh(&self.window, index):
            return None
        note(&self.window, index)
        return index


cdef class RtcpReplayWindow:
    """For tests: which of a stream's SRTCP packets were seen (RFC 3711 §3.3.2)."""
    cdef RtcpWindow window

    def take(self, int64_t index):
        """Whether an authentic packet with this index is to be accepted."""
        if not rtcp_is_fresh(&self.window, index):
            return False
        rtcp_note(&self.window, index)
        return True
