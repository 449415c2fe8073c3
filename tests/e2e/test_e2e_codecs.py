"""Every codec on real calls: baresip with Opus and G.722 as floorwalker and as advisor of patients with G.711."""

from __future__ import annotations

import shutil

import pytest
from e2e_checks import strength, tone, unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Ports, Settings, free_port, until
from e2e_house import FIONA, House, heard_more, sent_for

from simulators import speech
from simulators.baresip import Baresip

pytestmark = pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is not installed; on Debian: apt-get install baresip"
)
BARESIP_HZ, PATIENT_HZ, ADVISOR_HZ = 1_100, 400, 700
LEVEL = 8_000
HEARD = 0.5 * LEVEL
"""baresip takes a little off where it resamples its note."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(codecs='["PCMA", "PCMU", "G722", "opus", "L16"]', transcode=True)


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What baresip says: one note, for a minute."""
    file = tmp_path_factory.mktemp("baresip") / "note.wav"
    speech.write_wav(file, tone(BARESIP_HZ, 60.0, LEVEL))
    return str(file)


@pytest.fixture(scope="module", params=["G722", "opus"])
def codec(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def advisor(note: str, codec: str) -> Baresip:
    """Not started yet; its port is known already."""
    return Baresip("2001", say=note, codec=codec)


@pytest.fixture(scope="module")
def ports(advisor: Baresip) -> Ports:
    """Calls to 2xxx go to baresip, those to 3xxx to the simulators."""
    return Ports(advisor.port, free_port(), free_port())


async def test_a_wideband_floorwalker_on_a_narrowband_call(gateway: Gateway, note: str, codec: str) -> None:
    """The advisor hears the whisper, the floorwalker both; the patient's packets are the advisor's, byte for byte."""
    async with House(gateway, home=False) as house:
        line = await house.conversation("3001")
        line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
        line.advisor.say_payloads(unique_payloads(20, seed=83))
        async with Baresip(FIONA, say=note, codec=codec) as fiona:
            mark = gateway.mark()
            await fiona.dial(gateway.uri("*723001"))
            await fiona.event("CALL_ESTABLISHED", PATIENCE_S)
            await gateway.logged("supervisor.joined", since=mark, user="fiona", mode="whisper")
            await until(
                lambda: strength(line.advisor.received.audio()[-4_000:], BARESIP_HZ),
                lambda level: level > HEARD,
                complaint="no whisper",
            )
            await sent_for(line.advisor, 1)
            await line.settle(mixed=True)
            assert line.to_patient.unheard == 0
            assert line.patient.received.lost == 0
            await fiona.hang_up()
            await fiona.event("CALL_CLOSED", PATIENCE_S)
            heard = fiona.heard()
    assert strength(heard, PATIENT_HZ) > HEARD
    figure(
        f"baresip whispers in {codec}", f"hears the patient at {strength(heard, PATIENT_HZ):.0f} of {LEVEL}"
    )


async def test_a_wideband_advisor_for_a_narrowband_patient(
    gateway: Gateway, advisor: Baresip, codec: str
) -> None:
    """No codec in common: each has its own, and hears the other."""
    async with House(gateway, home=False) as house, advisor:
        patient = await house.phone("+447700900123")
        mark = gateway.mark()
        call = await patient.call(gateway.uri("2001"))
        await call.answered(PATIENCE_S)
        await advisor.event("CALL_ESTABLISHED", PATIENCE_S)
        await gateway.logged("call.answered", since=mark)
        call.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
        await until(
            lambda: strength(call.received.audio()[-4_000:], BARESIP_HZ),
            lambda level: level > HEARD,
            complaint="the patient does not hear the advisor",
        )
        await sent_for(call, 1)
        await heard_more(call, 25)
        await advisor.hang_up()
        await call.ended(PATIENCE_S)
        await advisor.event("CALL_CLOSED", PATIENCE_S)
        heard = advisor.heard()
    assert strength(heard, PATIENT_HZ) > HEARD
    figure(
        f"an advisor with {codec}, a patient with G.711",
        f"hears the patient at {strength(heard, PATIENT_HZ):.0f} of {LEVEL}",
    )
