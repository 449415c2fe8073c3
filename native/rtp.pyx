"""RTP packets on the wire (RFC 3550 §5.1). The code is in the .pxd, inlined where it is used; here is its Python face for tests."""
from libc.stdint cimport uint8_t

REFUSALS = {
    MALFORMED: "malformed",
    RTCP_PACKET: "rtcp",
    FOREIGN_SOURCE: "foreign_source",
    PAYLOAD_TYPE: "payload_type",
    NOT_CONNECTED: "not_connected",
    NOT_EXPECTED: "not_expected",
    TOO_LONG: "too_long",
    SEND_FAILED: "send_failed",
    UNAUTHENTIC: "srtp_auth",
    REPLAYED: "srtp_replay",
    UNREADABLE: "srtp_other",
    NOT_SEALED: "srtp_not_sealed",
    BAD_REPORT: "bad_rtcp",
    UNREACHABLE: "unreachable",
}
"""Counter names by refusal; the same in metrics, logs and console."""


def parse_packet(bytes packet):
    """A dict of the header's facts and `payload`, or the refusal's name where it is no RTP packet."""
    cdef Header header
    cdef const uint8_t *data = packet
    cdef Refusal refusal = parse(data, <int>len(packet), &header)
    if refusal != ACCEPTED:
        return REFUSALS[refusal]
    return {
        "payload_type": header.payload_type,
        "marker": bool(header.marker),
        "sequence": header.sequence,
        "timestamp": header.timestamp,
        "ssrc": header.ssrc,
        "payload": packet[header.payload_offset : header.payload_offset + header.payload_bytes],
    }
