"""What SDP negotiated for a leg, in the media thread's terms."""
from native.codec cimport G722, Kind, L16_16000, L16_8000, OPUS, PCMA, PCMU, codec_facts
from native.session cimport Negotiated
from native.source cimport NARROW, WIDE

cdef enum:
    MOST_PTIME_MS = 120
    MOST_BYTES = 1944                       # of a payload, so that it fits a PACKET_BYTES with header, extension and trailer

CODECS = {"PCMA": PCMA, "PCMU": PCMU, "G722": G722, "opus": OPUS, "L16/8000": L16_8000, "L16/16000": L16_16000}


cdef int negotiated_codec(Negotiated *media, str codec, int payload_type, int ptime_ms, int bits_per_second) except -1:
    cdef Kind kind = <Kind><int>CODECS[codec]
    cdef int rate_hz = codec_facts(kind).rate_hz
    if not 10 <= ptime_ms <= MOST_PTIME_MS:
        raise ValueError(f"a packet time of {ptime_ms} ms is not between 10 and {MOST_PTIME_MS}")
    media.kind = kind
    media.rate = WIDE if rate_hz > 8000 else NARROW
    media.khz = rate_hz // 1000
    media.clock_khz = codec_facts(kind).clock_hz // 1000
    media.most_bytes = min(MOST_PTIME_MS * codec_facts(kind).bytes_per_ms or MOST_BYTES, MOST_BYTES)
    media.bits_per_second = bits_per_second
    media.payload_type = payload_type
    media.frame = min(ptime_ms, 60 if kind == L16_16000 else MOST_PTIME_MS) * rate_hz // 1000
    return 0
