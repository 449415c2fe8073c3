"""TLS where clients must have a certificate, at least of version 1.3; what is refused at the start."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from authority import Authority, Papers
from sip_b2bua import Recorder, running

from gateway.sip import SipEndpoint, SipStartError, SipTls
from simulators.tls import Tls

PATIENCE_S = 20.0
OPTIONS = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@x>;tag=1\r\nTo: <sip:x>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls(papers: Papers, **more: object) -> SipTls:
    return SipTls(str(papers.certificate), str(papers.key), port=0, **more)  # type: ignore[arg-type]


async def asked(sip: SipEndpoint, papers: Papers | None, **more: object) -> bool:
    """Does a client with this certificate get an answer to OPTIONS?"""
    port = next(port for transport, _, port in sip.bound if transport == "tls")
    client = Tls(papers.certificate, papers.key, **more) if papers else Tls(**more)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client.client())
            writer.write(OPTIONS)
            answer = await reader.read(4096)
            writer.close()
    except (ssl.SSLError, ConnectionError):
        return False
    return answer.startswith(b"SIP/2.0 200")


async def test_who_must_have_a_certificate_is_refused_without_a_good_one(
    ca: Authority, tmp_path: Path, events: Recorder
) -> None:
    other = Authority(tmp_path, "Another CA")
    settings = tls(ca.issue("127.0.0.1"), ca=str(ca.file), verify_client=True, minimum_version="1.3")
    async with running(events, transports=("udp", "tls"), tls=settings) as sip:
        assert await asked(sip, ca.issue("client.example"), ca=ca.file)
        assert not await asked(sip, None)
        assert not await asked(sip, other.issue("client.example"))
        assert not await asked(sip, ca.issue("client.example", begins=-9, ends=-1))
        assert not await asked(sip, ca.issue("client.example"), maximum_version=ssl.TLSVersion.TLSv1_2)
        assert await asked(sip, ca.issue("client.example"), ca=ca.file)


async def test_files_of_no_use_stop_the_start_and_name_the_key(ca: Authority, events: Recorder) -> None:
    wrong = Papers(ca.issue("a.example").certificate, ca.issue("b.example").key)
    with pytest.raises(SipStartError, match=r"\[sip.tls\] key: .* is not the key of the certificate"):
        async with running(events, transports=("tls",), tls=tls(wrong)):
            pass
    with pytest.raises(SipStartError, match="needs a certificate"):
        async with running(events, transports=("udp", "tls")):
            pass
    async with running(events, transports=("udp", "tls"), tls=tls(ca.issue("127.0.0.1"))) as sip:
        assert await asked(sip, None, ca=ca.file), "a start that failed is in the way of the next"
