"""baresip, a phone by other hands, as advisor and as floorwalker in real calls: answered, heard both ways, its keys obeyed."""

from __future__ import annotations

import shutil

import pytest
from e2e_checks import Audio, strength, tone, unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Ports, free_port, until
from e2e_house import FIONA, House, heard_more, sent_for

from simulators import Call, speech
from simulators.baresip import Baresip

pytestmark = pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is not installed; on Debian: apt-get install baresip"
)
BARESIP_HZ, PATIENT_HZ, ADVISOR_HZ = 1_100, 400, 700
LEVEL = 8_000
HEARD, UNHEARD = 0.7 * LEVEL, 0.05 * LEVEL


@pytest.fixture(scope="session")
def note(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What baresip says: one note, for a minute."""
    file = tmp_path_factory.mktemp("baresip") / "note.wav"
    speech.write_wav(file, tone(BARESIP_HZ, 60.0, LEVEL))
    return str(file)


@pytest.fixture(scope="module")
def advisor(note: str) -> Baresip:
    """Not started yet; its port is known already."""
    return Baresip("2001", say=note)


@pytest.fixture(scope="module")
def ports(advisor: Baresip) -> Ports:
    """The advisors' calls go to baresip."""
    return Ports(advisor.port, free_port(), free_port())


async def ear(call: Call) -> Audio:
    """Half a second from now on."""
    await heard_more(call, 8)
    mark = call.received.mark()
    await heard_more(call, 25)
    return call.received.since(mark).audio()


async def test_baresip_answers_as_advisor(gateway: Gateway, advisor: Baresip) -> None:
    async with House(gateway, home=False) as house, advisor:
        patient = await house.phone("+447700900123")
        call = await patient.call(gateway.uri("2001"))
        await call.answered(PATIENCE_S)
        await advisor.event("CALL_ESTABLISHED", PATIENCE_S)
        call.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
        heard = strength(await ear(call), BARESIP_HZ)
        await sent_for(call, 1)
        mark = gateway.mark()
        await advisor.press("*99")
        await gateway.logged("alert.raised", since=mark)
        assert call.received.digits() == "", "the patient heard the panic code"
        fiona = await house.floor.incoming(PATIENCE_S)
        await fiona.answer()
        await gateway.logged("supervisor.joined", since=mark, user="fiona", mode="whisper")
        fiona.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
        await sent_for(fiona, 1)
        await fiona.hang_up()
        await advisor.command("hold")
        await call.held(PATIENCE_S)
        await advisor.command("resume")
        await call.resumed(PATIENCE_S)
        await advisor.hang_up()
        assert (await call.ended(PATIENCE_S)).by == "remote"
        await advisor.event("CALL_CLOSED", PATIENCE_S)
        at_advisor = advisor.heard()
    levels = {hz: strength(at_advisor, hz) for hz in (PATIENT_HZ, ADVISOR_HZ)}
    assert heard > HEARD
    assert all(level > HEARD for level in levels.values()), levels
    figure(
        "baresip as advisor",
        f"heard at {heard:.0f}, hears the patient at {levels[PATIENT_HZ]:.0f} and the whisper at {levels[ADVISOR_HZ]:.0f} of {LEVEL}; *99, hold and resume work",
    )


async def test_baresip_supervises_by_feature_code_and_keys(house: House, gateway: Gateway, note: str) -> None:
    line = await house.conversation()
    line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
    line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
    levels = []
    async with Baresip(FIONA, say=note) as fiona:
        mark = gateway.mark()
        await fiona.dial(gateway.uri("*722001"))
        await fiona.event("CALL_ESTABLISHED", PATIENCE_S)
        joined = await gateway.logged("supervisor.joined", since=mark)
        assert (joined["user"], joined["mode"]) == ("fiona", "whisper")
        for key, mode in ((None, "whisper"), ("6", "barge"), ("4", "listen"), ("5", "whisper")):
            if key is not None:
                mark = gateway.mark()
                await fiona.press(key)
                await gateway.logged("supervisor.mode", since=mark, mode=mode)
            patient, advisor = (
                strength(await ear(line.patient), BARESIP_HZ),
                strength(await ear(line.advisor), BARESIP_HZ),
            )
            levels.append(f"{mode}: patient {patient:.0f}, advisor {advisor:.0f}")
            assert (patient > HEARD) if mode == "barge" else (patient < UNHEARD), levels
            assert (advisor > HEARD) if mode in ("barge", "whisper") else (advisor < UNHEARD), levels
        mark = gateway.mark()
        await fiona.press("#")
        await gateway.logged("supervisor.left", since=mark, user="fiona")
        await fiona.event("CALL_CLOSED", PATIENCE_S)
        heard = fiona.heard()
    assert strength(heard, PATIENT_HZ) > HEARD
    assert strength(heard, ADVISOR_HZ) > HEARD
    assert line.patient.received.digits() == line.advisor.received.digits() == ""
    figure(
        "baresip as floorwalker",
        "; ".join(levels)
        + f"; hears patient and advisor at {strength(heard, PATIENT_HZ):.0f} and {strength(heard, ADVISOR_HZ):.0f} of {LEVEL}",
    )


@pytest.mark.thorough
async def test_baresips_whisper_leaves_the_patients_packets_alone(
    house: House, gateway: Gateway, note: str
) -> None:
    line = await house.conversation()
    line.advisor.say_payloads(unique_payloads(60, seed=81))
    async with Baresip(FIONA, say=note) as fiona:
        await fiona.dial(gateway.uri("*722001"))
        await fiona.event("CALL_ESTABLISHED", PATIENCE_S)
        await until(
            lambda: strength(line.advisor.received.audio()[-4_000:], BARESIP_HZ),
            lambda level: level > HEARD,
            complaint="no whisper",
        )
        for key in "0123789*":
            await fiona.press(key)
        await sent_for(line.advisor, 1)
        await line.settle(mixed=True)
        assert line.to_patient.unheard == 0
        assert line.patient.received.lost == 0
        assert line.patient.received.digits() == line.advisor.received.digits() == ""
        await fiona.hang_up()
        await fiona.event("CALL_CLOSED", PATIENCE_S)
