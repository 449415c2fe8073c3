"""What SIPp is told to do: scenarios as text, and its statistics read back. No I/O.

SIPp 3.6 plays a file of bare G.711 bytes with `rtp_stream`, from a port of its own for each call.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from string import Template

_CALLER = Template("""<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
INVITE $target SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:load@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <$target>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:load@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=load 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio $audio_port RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rtd="true" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:load@[local_ip]:[local_port]>;tag=[pid]-[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
$play
  <pause milliseconds="$duration_ms"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:load@[local_ip]:[local_port]>;tag=[pid]-[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="200" crlf="true"/>
</scenario>
""")

_PLAY = Template("""  <nop><action><exec rtp_stream="$audio_file,-1,8"/></action></nop>""")

ANSWERER = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="answerer">
  <recv request="INVITE" crlf="true" rrs="true"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]-[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]-[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=answerer 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=ptime:20
a=sendrecv
  ]]></send>
  <recv request="ACK" rtd="true" crlf="true"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

  ]]></send>
</scenario>
"""
"Rings, answers, and waits for the caller's BYE; SIPp's own echo sends the RTP back."


def caller_scenario(target: str, duration_ms: int, audio_file: str | None) -> str:
    """Call, send a file's bytes as A-law RTP over and over (None: nothing), hang up."""
    return _CALLER.substitute(
        target=target,
        duration_ms=duration_ms,
        play=_PLAY.substitute(audio_file=audio_file) if audio_file else "",
        audio_port="[rtpstream_audio_port]" if audio_file else "[media_port]",
    )


@dataclass(frozen=True)
class Statistics:
    """The last line of SIPp's statistics, cumulative."""

    created: int = 0
    successful: int = 0
    failed: int = 0
    retransmissions: int = 0
    current: int = 0
    reasons: tuple[str, ...] = ()
    "Kinds of failure that happened, with how often."


def read_statistics(text: str) -> Statistics:
    """Read a statistics file as far as it is written; none of it yet gives zeros."""
    rows = [row for row in csv.DictReader(io.StringIO(text), delimiter=";") if row.get("FailedCall(C)")]
    if not rows:
        return Statistics()
    last = rows[-1]
    reasons = tuple(
        f"{name.removesuffix('(C)')}: {value}"
        for name, value in last.items()
        if name
        and name.startswith("Failed")
        and name not in ("FailedCall(C)",)
        and name.endswith("(C)")
        and _int(value)
    )
    return Statistics(
        created=_int(last.get("OutgoingCall(C)")) + _int(last.get("IncomingCall(C)")),
        successful=_int(last.get("SuccessfulCall(C)")),
        failed=_int(last.get("FailedCall(C)")),
        retransmissions=_int(last.get("Retransmissions(C)")),
        current=_int(last.get("CurrentCall")),
        reasons=reasons,
    )


def _int(value: str | None) -> int:
    try:
        return int(value or 0)
    except ValueError:
        return 0
