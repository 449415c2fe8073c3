"""A team's advisors hear a short tone when a supervisor joins or changes mode; the patient does not, and another team's advisors do not."""

from __future__ import annotations

import pytest
from e2e_checks import strength, tone, unique_payloads
from e2e_gateway import SOUTH, Gateway, Settings, until
from e2e_house import House, Line, heard_more

PATIENT_HZ = 1_000
HEARD = 0.7 * 2_067
"""Of the tone's two notes."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(
        extra=f'[[team]]\nname = "north"\njoin_tone = true\n\n[[team]]\nname = "{SOUTH}"\nshown = true'
    )


async def speaking(house: House, extension: str) -> Line:
    line = await house.conversation(extension)
    line.patient.say(tone(PATIENT_HZ, 1.0), loop=True)
    line.advisor.say_payloads(unique_payloads(20, seed=91))
    return line


def notes(line: Line, since: int) -> float:
    """The weaker of the tone's two notes in what the advisor heard from that sample on."""
    audio = line.advisor.received.audio()[since:]
    return min(strength(audio, hz) for hz in (440, 620))


async def tone_heard(line: Line, since: int) -> None:
    await until(lambda: notes(line, since), lambda level: level > HEARD, complaint="no tone")


async def test_the_advisor_hears_who_joins_and_the_patient_does_not(house: House, gateway: Gateway) -> None:
    line = await speaking(house, "2001")
    await heard_more(line.advisor, 20)
    assert notes(line, 0) < 100
    mark = gateway.mark()
    fiona = await house.supervise("*71")
    assert (await gateway.logged("supervisor.joined", since=mark))["tone"] is True
    await tone_heard(line, 0)
    await heard_more(line.advisor, 30)
    since = len(line.advisor.received.audio())
    await heard_more(line.advisor, 20)
    assert notes(line, since) < 100, "it is over"
    assert (await house.press(fiona, "5", "whisper"))["tone"] is True
    await tone_heard(line, since)
    await line.settle(mixed=True)
    assert line.to_patient.unheard == 0, "every byte is the advisor's"
    assert line.patient.received.lost == line.advisor.received.lost == 0


async def test_another_teams_advisor_hears_nothing_of_it(house: House, gateway: Gateway) -> None:
    line = await speaking(house, "2901")
    mark = gateway.mark()
    await house.supervise("*71", "2901")
    assert (await gateway.logged("supervisor.joined", since=mark))["tone"] is False
    await heard_more(line.advisor, 30)
    assert notes(line, 0) < 100
    await line.exact()
