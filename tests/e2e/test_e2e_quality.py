"""A poor home line is seen: RTCP both ways on real calls, the E-model's score in the call's snapshot."""

from __future__ import annotations

from typing import Any

import pytest
from e2e_figures import figure
from e2e_gateway import Gateway, Settings, until
from e2e_house import House, Line

LOST = 0.12
POOR = 3.7


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(srtp={"home": "optional"})


async def test_a_lossy_line_of_the_advisors_shows_by_direction(gateway: Gateway, house: House) -> None:
    """The patient's leg is secured; each side's reports are the gateway's own with that side."""
    line = await house.conversation(srtp="required")
    line.patient.say("patient-chest-pain", loop=True)
    line.advisor.say("advisor-greeting", loop=True)
    line.advisor.impair(drop=LOST)

    async def quality() -> dict[str, Any]:
        (call,) = await gateway.calls()
        found = call["quality"]
        assert isinstance(found, dict)
        return found

    def measured(found: dict[str, Any]) -> bool:
        return {"caller", "advisor"} <= set(found) and all(
            each["to_phone"] and each["rtt_ms"] is not None for each in found.values()
        )

    found = await until(quality, measured, 40.0, "lines were not measured both ways")
    caller, advisor = found["caller"], found["advisor"]
    assert abs(advisor["from_phone"]["loss"] - LOST) < 0.06
    assert advisor["from_phone"]["mos"] < POOR
    assert caller["from_phone"]["loss"] == advisor["to_phone"]["loss"] == 0
    assert min(caller["from_phone"]["mos"], advisor["to_phone"]["mos"]) > advisor["mos"] + 0.2
    assert advisor["mos"] == advisor["from_phone"]["mos"]
    # the gateway sends on what it got: the patient misses what the advisor's line has lost
    assert caller["to_phone"]["loss"] > 0
    assert all(0 <= each["rtt_ms"] < 5_000 for each in found.values())
    for call in reported_on(line):
        assert call.reports, "the gateway sent no report"
    figure(
        f"a home line that loses {LOST:.0%}",
        f"scored {advisor['from_phone']['mos']} from the advisor beside {caller['from_phone']['mos']} from the patient; "
        f"round trip {advisor['rtt_ms']} ms",
    )


def reported_on(line: Line) -> tuple[Any, Any]:
    return line.patient, line.advisor
