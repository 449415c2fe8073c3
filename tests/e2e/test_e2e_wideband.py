"""A wideband call (G.722, by baresip on both sides) at a headset's ear and in a stream: what is above 4 kHz is heard, and said."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest
from e2e_auditor import Auditor
from e2e_browser import Browser
from e2e_checks import Audio, strength, tone
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Ports, Settings, free_port, until
from e2e_house import House

from simulators import speech
from simulators.baresip import Baresip

pytestmark = pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is not installed; on Debian: apt-get install baresip"
)
WIDE_HZ = 16_000
ADVISOR_HZ, PATIENT_HZ, WHISPER_HZ, BARGE_HZ = 6_000, 5_500, 4_600, 6_700
LEVEL = 6_000
HEARD, UNHEARD = 0.5 * LEVEL, 0.05 * LEVEL


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(codecs='["G722", "PCMA", "PCMU"]')


def says(folder: Path, user: str, hz: float) -> Baresip:
    """A phone whose owner says one high note for a minute. Not started yet; its port is known already."""
    file = folder / f"{hz}.wav"
    speech.write_wav(file, tone(hz, 60.0, LEVEL, WIDE_HZ), WIDE_HZ)
    return Baresip(user, say=str(file), codec="G722", rate_hz=WIDE_HZ)


@pytest.fixture(scope="module")
def advisor(tmp_path_factory: pytest.TempPathFactory) -> Baresip:
    return says(tmp_path_factory.mktemp("advisor"), "2001", ADVISOR_HZ)


@pytest.fixture(scope="module")
def ports(advisor: Baresip) -> Ports:
    return Ports(advisor.port, free_port(), free_port())


async def test_a_headset_hears_and_says_what_a_wideband_call_carries(
    gateway: Gateway, advisor: Baresip, tmp_path: Path
) -> None:
    """The old page on the same call goes on at 8 kHz."""
    async with House(gateway, home=False), advisor, says(tmp_path, "447700900123", PATIENT_HZ) as patient:
        mark = gateway.mark()
        await patient.dial(gateway.uri("2001"))
        call = (await gateway.logged("call.answered", since=mark))["call"]
        assert (await gateway.get(f"/api/calls/{call}"))["wideband"] is True
        async with (
            Browser(gateway, call, "whisper", rate_hz=WIDE_HZ) as fiona,
            Browser(gateway, call, "listen") as old,
            Auditor(gateway, call, "?rate=16000", "arthur") as arthur,
        ):
            up = fiona.header["up"]
            assert (fiona.header["rate"], up["rate"], up["frame_bytes"]) == (WIDE_HZ, WIDE_HZ, 648)
            assert (old.header["rate"], old.header["up"]["frame_bytes"]) == (8_000, 328)
            fiona.say(tone(WHISPER_HZ, 1.0, LEVEL, WIDE_HZ), loop=True)
            await asyncio.gather(fiona.heard_more(100), fiona.sent_for(1.5))
            heard = fiona.heard()[-WIDE_HZ:]
            levels = {hz: strength(heard, hz, WIDE_HZ) for hz in (ADVISOR_HZ, PATIENT_HZ, WHISPER_HZ)}
            figure(
                "a headset on a G.722 call",
                ", ".join(f"{hz} Hz at {level:.0f}" for hz, level in levels.items()) + f" of {LEVEL}",
            )
            assert levels[ADVISOR_HZ] > HEARD and levels[PATIENT_HZ] > HEARD
            assert lasting(heard, WHISPER_HZ) < UNHEARD
            assert all(len(frame) == 320 for _, frame in fiona._heard)
            assert max(lasting(old.heard()[-8_000:], 8_000 - hz, 8_000) for hz in levels) < UNHEARD, (
                "an alias"
            )
            await until(lambda: len(arthur.frames), lambda count: count > 50, complaint="no stream")
            caller, said_by_advisor = arthur.audio()[:, -WIDE_HZ:]
            assert strength(caller, PATIENT_HZ, WIDE_HZ) > HEARD > UNHEARD > lasting(caller, ADVISOR_HZ)
            assert strength(said_by_advisor, ADVISOR_HZ, WIDE_HZ) > HEARD
            assert lasting(said_by_advisor, WHISPER_HZ) < UNHEARD
            fiona.say(tone(BARGE_HZ, 1.0, LEVEL, WIDE_HZ), loop=True)
            await fiona.change("barge")
            await fiona.sent_for(0.5)
        await patient.hang_up()
        await asyncio.gather(*(phone.event("CALL_CLOSED", PATIENCE_S) for phone in (patient, advisor)))
        at_patient, at_advisor = patient.heard(), advisor.heard()
    whispered, barged = before_and_after(at_patient)
    whisper, barge = lasting(whispered, WHISPER_HZ), strength(barged, BARGE_HZ, WIDE_HZ)
    figure("a whisper and a barge from it", f"at the patient's ear {whisper:.0f} and {barge:.0f} of {LEVEL}")
    assert (
        strength(at_advisor, WHISPER_HZ, WIDE_HZ) > HEARD and strength(at_advisor, BARGE_HZ, WIDE_HZ) > HEARD
    )
    assert len(whispered) > WIDE_HZ and whisper < UNHEARD
    assert barge > HEARD, "this shows that the patient could have heard her"


def lasting(heard: Audio, hz: float, rate_hz: int = WIDE_HZ) -> float:
    """Amplitude that is passed a quarter of the time: a phone that makes up for a late packet is noisy for a moment."""
    step = rate_hz // 10
    levels = [strength(heard[at : at + step], hz, rate_hz) for at in range(0, len(heard) - step + 1, step)]
    return float(np.percentile(levels, 75))


def before_and_after(heard: Audio) -> tuple[Audio, Audio]:
    """The patient's ear before the first of the barge, and from there on: with two notes G.722 makes more noise."""
    step = WIDE_HZ // 10
    begin = next(
        at for at in range(0, len(heard), step) if strength(heard[at : at + step], BARGE_HZ, WIDE_HZ) > HEARD
    )
    return heard[: begin - 2 * step], heard[begin:]


async def test_on_a_narrowband_call_a_headset_is_at_8_khz_whatever_it_asks_for(gateway: Gateway) -> None:
    async with House(gateway, home=False) as house:
        line = await house.conversation("3001")
        assert (await gateway.get(f"/api/calls/{line.id}"))["wideband"] is False
        async with Browser(gateway, line.id, "listen", rate_hz=WIDE_HZ) as fiona:
            assert (fiona.header["rate"], fiona.header["up"]["rate"]) == (8_000, 8_000)
        refused = await fiona.ask(
            "POST", f"/api/calls/{line.id}/supervisors", mode="listen", via="web", rate=48_000
        )
        assert refused.status_code == 422 and "rate" in refused.json()["error"]
