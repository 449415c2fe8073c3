"""RTCP of real calls where the admin wants it otherwise: the whole way told to each side, one port for it and RTP,
and silence described.
"""

from __future__ import annotations

import shutil
from itertools import pairwise
from typing import Any

import pytest
from e2e_checks import audio_packets, tone
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Ports, Settings, free_port, until
from e2e_house import PATIENT, House, heard_more, sent_for

from simulators import Call, Phone, speech
from simulators.baresip import Baresip

LOST = 0.25
LEVEL = 8_000


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(trunk_media='rtcp = "relay"', srtp={"home-tcp": "optional"})


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Baresip:
    """Not started yet; its port is known already."""
    file = tmp_path_factory.mktemp("baresip") / "note.wav"
    speech.write_wav(file, tone(1_100, 60.0, LEVEL))
    return Baresip("2001", say=str(file), rtcp_mux=True)


@pytest.fixture(scope="module")
def ports(at_home: Baresip) -> Ports:
    return Ports(at_home.port, free_port(), free_port())


@pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is not installed; on Debian: apt-get install baresip"
)
async def test_a_phone_is_told_what_the_far_one_misses(gateway: Gateway, at_home: Baresip) -> None:
    """baresip with RTCP on its RTP port, the patient with a port of its own and a poor line towards it."""
    async with House(gateway, home=False) as house, at_home:
        patient = await (await house.phone(PATIENT)).call(gateway.uri("2001"))
        patient.lose(LOST)
        await patient.answered(PATIENCE_S)
        await at_home.event("CALL_ESTABLISHED", PATIENCE_S)
        told = await until(
            lambda: at_home.statistics,
            lambda found: bool(found and found["tx"]["lost"]),
            40.0,
            "no loss is told",
        )
        heard = await until(lambda: patient.reports, lambda found: any(each.last_sr for each in found), 40.0)
        sent = patient.sent.last
        about = heard[-1]
        assert about.ssrc == sent.ssrc
        assert 0 <= ((sent.seq - about.highest_seq) & 0xFFFF) < 1_000
        assert about.lost == 0, "the gateway did not make it up: what baresip was sent has arrived"
        packets = patient.received.mark() / (1 - LOST)
        assert told["tx"]["lost"] == pytest.approx(LOST * told["tx"]["sent"], rel=0.5)
        assert told["tx"]["lost"] <= LOST * packets + 5
        ours = await until(gateway.calls, measured, 40.0, "the gateway has measured no round trip")
        await patient.hang_up()
    figure(
        f"a patient's line that loses {LOST:.0%} towards them, RTCP relayed",
        f"baresip at the advisor's is told of {told['tx']['lost']} lost of {told['tx']['sent']}, "
        f"round trip {told['rtt'] / 1000:.1f} ms from end to end; the gateway's own figures go on: {ours[0]['quality']['caller']}",
    )


def measured(calls: list[dict[str, Any]]) -> bool:
    found = [call["quality"].get(role) for call in calls for role in ("caller", "advisor")]
    return all(each and each["rtt_ms"] is not None and each["to_phone"] for each in found)


async def reported(*calls: Call) -> None:
    for call in calls:
        await until(lambda call=call: call.reports, bool, 40.0, f"{call} has heard no report")


@pytest.mark.parametrize("answers", [True, False], ids=["taken", "not taken"])
async def test_one_port_is_offered_on_and_two_are_used_where_it_is_not_taken(
    gateway: Gateway, answers: bool
) -> None:
    """Each phone sends its reports to where it was told, and hears them on the port that was agreed."""
    async with (
        Phone(
            "home", port=gateway.ports.home_tcp, transport="tcp", rtcp_mux=answers, srtp="optional"
        ) as home,
        Phone(PATIENT, rtcp_mux=True) as phone,
    ):
        patient = await phone.call(gateway.uri("3001"))
        advisor = await home.incoming(PATIENCE_S)
        assert b"a=rtcp-mux" in advisor.last_message.body
        await advisor.answer()
        await patient.answered(PATIENCE_S)
        assert patient._media.agreed.rtcp_mux
        assert advisor._media.agreed.rtcp_mux == answers
        await reported(patient, advisor)
        await patient.hang_up()


async def test_silence_is_described_where_both_can(gateway: Gateway) -> None:
    """A phone that sends CN and then nothing: the other one gets just that, and is overlaid without a gap meanwhile."""
    codecs = ("PCMA", "CN")
    async with (
        House(gateway, home=False) as house,
        Phone("home", port=gateway.ports.home, codecs=codecs) as home,
        Phone(PATIENT, codecs=codecs) as phone,
    ):
        patient = await phone.call(gateway.uri("2001"))
        advisor = await home.incoming(PATIENCE_S)
        await advisor.answer()
        await patient.answered(PATIENCE_S)
        patient.say(tone(400, 1.0, LEVEL), loop=True)
        await heard_more(advisor, 10)
        await falls_silent(patient, advisor)
        fiona = await house.supervise("*72", "2001")
        fiona.say(tone(700, 1.0, LEVEL), loop=True)
        await sent_for(fiona, 0.5)
        patient.mute_rtp(False)
        await heard_more(advisor, 10)
        mark, sent = advisor.received.mark(), patient.sent.mark()
        patient.fall_silent()
        await heard_more(advisor, 50)
        assert [packet.payload_type for packet in patient.sent.packets[sent:]][-1] == 13
        mixed = advisor.received.packets[mark:]
        assert {packet.payload_type for packet in mixed} == {8}, "what is made here goes on as audio"
        steps = {(b.seq - a.seq) & 0xFFFF for a, b in pairwise(mixed)}
        assert steps == {1}
        await fiona.hang_up()
        patient.mute_rtp(False)
        await falls_silent(advisor, patient)
        await patient.hang_up()


async def falls_silent(speaker: Call, listener: Call) -> None:
    """The description arrives as it was sent, nothing after it, and the next word without a loss."""
    mark = listener.received.mark()
    speaker.fall_silent()

    def heard() -> Any:
        return [packet for packet in listener.received.packets[mark:] if packet.payload_type == 13]

    (noise,) = await until(heard, bool, complaint="no comfort noise")
    said = next(packet for packet in reversed(speaker.sent.packets) if packet.payload_type == 13)
    assert noise.payload == said.payload
    count = listener.received.mark()
    await sent_for(listener, 0.5)
    assert listener.received.mark() == count, "something was sent in a silence"
    speaker.mute_rtp(False)
    await heard_more(listener, 5)
    after = listener.received.packets[count]
    assert after.seq == (noise.seq + 1) & 0xFFFF
    assert (after.rtp_ts - noise.rtp_ts) % 2**32 >= 4_000
    assert audio_packets(listener.received)[-1].payload_type == 8
