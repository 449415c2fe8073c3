"""What SDP negotiated for a leg, in the media thread's terms."""
from native.session cimport Negotiated

# Everything that follows from the codec. KeyError: not one of CODECS; ValueError: a packet time outside 10 … 120 ms.
cdef int negotiated_codec(Negotiated *media, str codec, int payload_type, int ptime_ms, int bits_per_second) except -1
