"""Hold and resume by re-INVITE from either side, for plain phones and for those that offer more than
audio.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S
from e2e_house import House, Line, heard_more

from simulators import Direction


def offer(streams: int) -> Callable[[Direction], Callable[[str, int], str]]:
    """Makes descriptions with so many streams, the first of them audio, each a new version."""
    versions = iter(range(1, 100))

    def of(direction: Direction) -> Callable[[str, int], str]:
        def text(host: str, port: int) -> str:
            head = f"v=0\r\no=- 1 {next(versions)} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            audio = f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na={direction.value}\r\n"
            video = f"m=video {port + 2} RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"
            return head + audio + video * (streams - 1)

        return text

    return of


@pytest.mark.parametrize("streams", [1, 2, 3, 4])
async def test_a_phone_that_offers_several_streams_holds_and_resumes(house: House, streams: int) -> None:
    """Audio, video, slides, far-end camera: only audio is taken, and re-INVITEs of both sides keep
    working.
    """
    said = offer(streams)
    phone = await house.phone("+447700900123")
    patient = await phone.call(house.gateway.uri("2001"), sdp=said(Direction.SENDRECV))
    advisor = await house.ring("2001")
    await advisor.answer()
    await patient.answered(PATIENCE_S)
    for direction, reached in ((Direction.SENDONLY, advisor.held), (Direction.SENDRECV, advisor.resumed)):
        assert (await patient.reinvite(sdp=said(direction))).code == 200
        await reached(PATIENCE_S)
    await advisor.hold()
    await patient.held(PATIENCE_S)
    await advisor.resume()
    await patient.resumed(PATIENCE_S)
    advisor.say_payloads(unique_payloads(10, seed=91))
    await heard_more(patient, 20)


@pytest.mark.parametrize("who", ["patient", "advisor"])
async def test_no_packet_is_lost_around_a_hold(house: House, who: str) -> None:
    """While one side holds, only that side may send; what each sends and may send arrives unchanged."""
    line: Line = await house.conversation()
    line.patient.say_payloads(unique_payloads(60, seed=92))
    line.advisor.say_payloads(unique_payloads(60, seed=93))
    holder, held = (line.patient, line.advisor) if who == "patient" else (line.advisor, line.patient)
    await heard_more(line.patient, 20)
    await holder.hold()
    await held.held(PATIENCE_S)
    await heard_more(held, 20)
    await holder.resume()
    await held.resumed(PATIENCE_S)
    await heard_more(line.patient, 20)
    await heard_more(line.advisor, 20)
    await line.settle()
    heard = line.to_advisor if who == "patient" else line.to_patient
    assert heard.unheard == 0
    assert held.received.lost == 0
    figure(f"hold and resume by the {who}", f"{heard.heard} packets of the holder's, none missing or changed")
