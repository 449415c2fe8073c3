"""SDP as text: what phones really send, and what nobody should."""

from __future__ import annotations

import pytest

from gateway.core import sdp
from gateway.core.errors import SdpError

PHONE = """v=0\r
o=alice 2890844526 2890844527 IN IP4 192.0.2.5\r
s=A call\r
i=ignored\r
c=IN IP4 192.0.2.5\r
b=AS:64\r
t=0 0\r
a=sendonly\r
m=audio 49170/2 RTP/AVP 0 8 97\r
b=AS:64\r
c=IN IP4 192.0.2.6/127\r
a=rtpmap:97 iLBC/8000\r
a=rtcp:49171\r
m=video 0 RTP/AVP 31\r
"""


def test_a_phones_offer() -> None:
    session = sdp.parse(PHONE)
    assert session.origin == sdp.Origin("alice", 2890844526, 2890844527, "192.0.2.5")
    assert (session.name, session.address, session.attributes) == (
        "A call",
        "192.0.2.5",
        (("sendonly", None),),
    )
    audio, video = session.media
    assert (audio.kind, audio.port, audio.ports, audio.formats) == ("audio", 49170, 2, ("0", "8", "97"))
    assert (audio.address, audio.values("rtcp")) == ("192.0.2.6", ["49171"])
    assert (video.port, video.attributes) == (0, ())


def test_line_feeds_alone_are_enough() -> None:
    assert sdp.parse(PHONE.replace("\r\n", "\n")) == sdp.parse(PHONE)


def test_printed_with_crlf_and_only_the_lines_kept() -> None:
    text = str(sdp.parse(PHONE))
    assert text.count("\r\n") == text.count("\n") == 11
    assert "i=" not in text
    assert "b=" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=1\r\n",
        "v=0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
        "v=0\r\no=- x 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 65536 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio -1 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4\r\nm=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nnot a line\r\n",
        PHONE + "m=audio 1 RTP/AVP 0\r\n" * 20,
        PHONE + "a=x\r\n" * 600,
        PHONE + "a=" + "x" * 20_000,
        PHONE.replace("A call", "A\0call"),
        PHONE.replace("A call", "A\rcall"),
        PHONE.replace("2890844526", "9" * 5000),
    ],
)
def test_absurd_text_is_an_sdp_error(text: str) -> None:
    with pytest.raises(SdpError):
        sdp.parse(text)
