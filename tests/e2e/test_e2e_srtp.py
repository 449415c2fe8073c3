"""SRTP on real SIP, with keys in SDP: each side for itself, through holds and other keys, with phones by other hands."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from e2e_checks import audio_packets, heard_voice, strength, tone, unique_payloads, unlike
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Ports, Settings
from e2e_house import House, heard_more, sent_for

from simulators import CallFailed, speech
from simulators.baresip import Baresip
from simulators.errors import MalformedSdp

LEVEL = 8_000
HEARD = 0.7 * LEVEL
MOST_LOST = 100
"""Packets around changes of keys: what is on its way while one side knows of it already, on a slow machine."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(srtp={"home": "optional", "home-tcp": "required", "floor": "optional"})


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What baresip says."""
    file = tmp_path_factory.mktemp("baresip") / "note.wav"
    speech.write_wav(file, tone(1_100, 60.0, LEVEL))
    return str(file)


@pytest.fixture
async def house(gateway: Gateway) -> AsyncIterator[House]:
    """Phones that are called do SRTP where it is offered."""
    mark = gateway.mark()
    async with House(gateway, srtp="optional") as house:
        yield house
    assert "inline:" not in gateway.text(mark)
    refused = [event["reason"] for event in gateway.events("packets.refused", since=mark)]
    assert not [reason for reason in refused if reason.startswith("srtp")]


def secured(call: object) -> str | None:
    """The suite that a simulated phone goes by; None: plain."""
    keys = call._media.agreed.keys  # type: ignore[attr-defined]
    return keys.suite if keys else None


@pytest.mark.parametrize("extension", ["2001", "3001"], ids=["offered in RTP-AVP", "offered in RTP-SAVP"])
@pytest.mark.parametrize("srtp", ["off", "optional", "required"])
async def test_every_payload_arrives_untouched(house: House, srtp: str, extension: str) -> None:
    line = await house.conversation(extension, srtp=srtp)
    assert (secured(line.patient) is None) == (srtp == "off")
    assert secured(line.advisor) is not None
    line.patient.say_payloads(unique_payloads(30, seed=1))
    line.advisor.say_payloads(unique_payloads(30, seed=2))
    await sent_for(line.patient, 1)
    to_patient, to_advisor = await line.exact()
    assert min(to_patient.heard, to_advisor.heard) > 40


@pytest.mark.parametrize("how", ["INVITE", "UPDATE", "ACK"])
async def test_other_keys_however_they_are_said(gateway: Gateway, how: str) -> None:
    """By both parties, twice. The other one hears all, and by UPDATE and in an ACK is not even asked.

    What a phone sends under its new key before the gateway has read of it is lost, which nobody can help.
    """
    async with House(gateway, srtp="optional") as house:
        line = await house.conversation(srtp="required")
        line.patient.say_payloads(unique_payloads(600, seed=1))
        line.advisor.say_payloads(unique_payloads(600, seed=2))
        for call, other in [(line.patient, line.advisor), (line.advisor, line.patient)] * 2:
            before, mark = call._media.agreed.keys, len(other.requests)
            await call.rekey(how)
            keys = call._media.agreed.keys
            assert before is not None
            assert keys is not None
            assert keys.own != before.own
            assert (keys.remote == before.remote) == (how == "ACK"), "our key stays where it is we who offer"
            await heard_more(other, 10)
            await heard_more(call, 10)
            asked = [request.method for request in other.requests[mark:]].count("INVITE")
            assert asked == (1 if how == "INVITE" else 0)
        await line.settle()
        for speaker, listener in [(line.patient, line.advisor), (line.advisor, line.patient)]:
            assert not unlike(audio_packets(speaker.sent), audio_packets(listener.received))
            assert listener.received.lost <= MOST_LOST
            assert len(listener.received.ssrcs) == 1


async def test_a_plain_advisor_of_an_optional_trunk_is_called_in_plain(gateway: Gateway) -> None:
    async with House(gateway) as house:
        line = await house.conversation(srtp="required")
        assert secured(line.patient) is not None
        assert secured(line.advisor) is None
        line.patient.say_payloads(unique_payloads(30, seed=1))
        line.advisor.say_payloads(unique_payloads(30, seed=2))
        await sent_for(line.patient, 0.5)
        await line.exact()


async def test_who_cannot_do_what_a_trunk_requires_is_not_called_in_plain(gateway: Gateway) -> None:
    async with House(gateway) as house:
        phone = await house.phone("+447700900123")
        call = await phone.call(gateway.uri("3001"))
        advisor = await house.ring("3001")
        with pytest.raises(MalformedSdp, match="RTP/SAVP"):
            await advisor.answer()
        with pytest.raises(CallFailed) as failure:
            await call.answered(PATIENCE_S)
        assert failure.value.code == 488


async def test_a_loud_whisper_inside_srtp_through_other_keys_and_a_hold(
    house: House, gateway: Gateway
) -> None:
    """Patient, advisor and floorwalker secured: what the patient hears is the advisor's, bit for bit, throughout."""
    line = await house.conversation(srtp="required")
    line.advisor.say_payloads(unique_payloads(60, seed=3))
    fiona = await house.supervise("*72", srtp="required")
    words = speech.phrase("floorwalker-whisper")
    fiona.say(words)
    await sent_for(fiona, 2.5)
    mark = line.advisor.received.mark()
    fiona.say(words)
    await fiona.said(PATIENCE_S)
    found = heard_voice(words, line.advisor.received.since(mark).audio())
    before = [secured(call) for call in (line.patient, line.advisor, fiona)]
    for call in (line.patient, line.advisor, fiona):
        keys = call._media.agreed.keys
        await call.rekey()
        assert call._media.agreed.keys != keys
        assert call._media.agreed.keys.remote != keys.remote
        fiona.say(words)
        await sent_for(fiona, 1)
        await heard_more(line.patient, 10)
    held = gateway.mark()
    await line.advisor.hold()
    await gateway.logged("call.held", since=held)
    await sent_for(fiona, 0.5)
    await line.advisor.resume()
    await gateway.logged("call.resumed", since=held)
    line.advisor.say_payloads(unique_payloads(60, seed=4))
    fiona.say(words)
    await sent_for(fiona, 1)
    await line.settle(mixed=True)
    sent, heard = audio_packets(line.advisor.sent), audio_packets(line.patient.received)
    silence = {packet.payload for packet in sent}
    assert not unlike(sent, heard), "the patient heard what the advisor did not say"
    assert len(silence) > 100
    assert line.patient.received.lost <= MOST_LOST
    assert found.correlation > 0.95
    assert abs(found.level_db) < 1
    figure(
        f"whisper inside SRTP ({', '.join(map(str, before))})",
        f"all {len(heard)} payloads at the patient's ear are the advisor's; other keys on each leg, a hold; heard at {found.correlation:.3f}",
    )


@pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is not installed; on Debian: apt-get install baresip"
)
class TestBaresip:
    @pytest.fixture(scope="class")
    @staticmethod
    def at_home(ports: Ports, note: str) -> Baresip:
        phone = Baresip("2001", say=note, srtp="optional")
        phone.port = ports.home
        return phone

    async def test_as_advisor_with_srtp(self, gateway: Gateway, at_home: Baresip) -> None:
        """Answered, heard both ways and whispered to; the patient plain."""
        async with House(gateway, home=False) as house, at_home:
            patient = await house.phone("+447700900123")
            call = await patient.call(gateway.uri("2001"))
            await call.answered(PATIENCE_S)
            call.say(tone(400, 1.0, LEVEL), loop=True)
            fiona = await house.supervise("*72", srtp="required")
            fiona.say(tone(700, 1.0, LEVEL), loop=True)
            await heard_more(call, 25)
            await sent_for(fiona, 1)
            mark = call.received.mark()
            await heard_more(call, 25)
            at_patient = call.received.since(mark).audio()
            await at_home.command("hold")
            await call.held(PATIENCE_S)
            await at_home.command("resume")
            await call.resumed(PATIENCE_S)
            await heard_more(call, 10)
            await call.hang_up()
            await at_home.event("CALL_CLOSED", PATIENCE_S)
            at_advisor = at_home.heard()
            printed = at_home.output
        assert "SRTP is Enabled" in printed, printed
        assert strength(at_patient, 1_100) > HEARD
        assert strength(at_patient, 700) < 0.05 * LEVEL, "the patient heard the whisper"
        levels = {hz: strength(at_advisor, hz) for hz in (400, 700)}
        assert all(level > HEARD for level in levels.values()), levels
        figure(
            "baresip with SRTP as advisor",
            f"hears patient and whisper at {levels[400]:.0f} and {levels[700]:.0f} of {LEVEL}",
        )

    async def test_as_caller_who_insists_on_srtp(self, house: House, gateway: Gateway, note: str) -> None:
        async with Baresip("+447700900123", say=note, srtp="required") as caller:
            await caller.dial(gateway.uri("2001"))
            advisor = await house.ring("2001")
            await advisor.answer()
            await caller.event("CALL_ESTABLISHED", PATIENCE_S)
            advisor.say(tone(700, 1.0, LEVEL), loop=True)
            await heard_more(advisor, 50)
            heard = strength(advisor.received.audio(), 1_100)
            await sent_for(advisor, 1)
            await advisor.hang_up()
            await caller.event("CALL_CLOSED", PATIENCE_S)
            at_caller = strength(caller.heard(), 700)
        assert heard > HEARD
        assert at_caller > HEARD
