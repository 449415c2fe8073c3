"""What an INVITE wants."""

from __future__ import annotations

from dataclasses import replace

import pytest
from callscript import phone_sdp
from exchange_fakes import CONFIG

from gateway.calls.intake import LOOP_HEADER, Intake, LoopDetected, Plan, Supervise
from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.events import LegOffered
from gateway.core.mediasecurity import Security
from gateway.core.model import LegId, Mode, Role
from gateway.core.terms import Mux, Rtcp, Terms


@pytest.fixture
def intake() -> Intake:
    config = Config.model_validate(CONFIG)
    return Intake(config, Directory(config, {}))


def invite(to: str, by: str = "sip:07700900123@192.0.2.1", **headers: str) -> LegOffered:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return LegOffered(LegId("l"), by, "", f"sip:{to}@gw", to, phone_sdp(), ("192.0.2.1", 5060), "udp", named)


def test_a_patient_calls_an_advisor(intake: Intake) -> None:
    plan = intake.read(invite("2001"))
    assert isinstance(plan, Plan)
    assert plan.advisor is not None
    assert (plan.calling_role, plan.advisor.id, plan.number, plan.extension) == (
        Role.CALLER,
        "ann",
        "07700900123",
        "2001",
    )
    assert plan.target.uri == "sip:2001@192.0.2.9:5060"


def test_an_advisor_calls_out(intake: Intake) -> None:
    plan = intake.read(invite("07700900999", by="sip:2001@192.0.2.1:5062"))
    assert isinstance(plan, Plan)
    assert (plan.calling_role, plan.number, plan.extension) == (Role.ADVISOR, "07700900999", "2001")


def test_a_caller_without_a_number(intake: Intake) -> None:
    plan = intake.read(invite("2001", by="sip:192.0.2.1"))
    assert isinstance(plan, Plan)
    assert plan.number == "anonymous"


def test_a_feature_code(intake: Intake) -> None:
    wanted = intake.read(invite("*742001", by="sip:9001@192.0.2.1"))
    assert isinstance(wanted, Supervise)
    assert (wanted.wanted.mode, wanted.wanted.extension) == (Mode.TAKEOVER, "2001")
    assert wanted.user is not None
    assert (wanted.user.id, wanted.identity) == ("fiona", "9001@192.0.2.1")


def test_a_feature_code_of_a_stranger(intake: Intake) -> None:
    wanted = intake.read(invite("*742001"))
    assert isinstance(wanted, Supervise)
    assert wanted.user is None


def test_what_the_advisor_is_told_of_the_caller(intake: Intake) -> None:
    plan = intake.read(invite("2001", P_Asserted_Identity="<sip:1@x>", Privacy="id", Subject="no"))
    assert isinstance(plan, Plan)
    assert {name for name in plan.headers if name != LOOP_HEADER} == {"P-Asserted-Identity", "Privacy"}


def test_a_call_that_comes_back_for_the_same_number_goes_in_circles(intake: Intake) -> None:
    plan = intake.read(invite("2001"))
    assert isinstance(plan, Plan)
    path = {LOOP_HEADER: plan.headers[LOOP_HEADER]}
    with pytest.raises(LoopDetected):
        intake.read(replace(invite("2001"), headers=path))
    diverted = intake.read(replace(invite("2002"), headers=path))
    assert isinstance(diverted, Plan)
    assert len(diverted.headers[LOOP_HEADER].split()) == 2


def test_strangers_and_numbers_that_nobody_has(intake: Intake) -> None:
    with pytest.raises(NotPermitted):
        intake.read(replace(invite("2001"), source=("198.51.100.9", 5060)))
    with pytest.raises(NoRoute):
        intake.read(invite("999999"))
    with pytest.raises(NoRoute):
        intake.read(invite(""))


def test_a_leg_is_on_its_trunks_terms_and_a_strangers_on_what_all_agree_on() -> None:
    trunks = [
        {"name": "pbx", "uri": "sip:192.0.2.9", "srtp": "required", "rtcp": "relay", "rtcp_mux": "offer"},
        {"name": "sbc", "uri": "sip:192.0.2.8", "rtcp": "relay", "rtcp_mux": "off"},
    ]
    config = Config.model_validate({**CONFIG, "trunk": trunks})
    intake = Intake(config, Directory(config, {}))
    assert intake.terms("pbx") == Terms(Security.REQUIRED, Mux.OFFER, Rtcp.RELAY)
    assert intake.terms("sbc") == Terms(Security.OFF, Mux.OFF, Rtcp.RELAY)
    assert intake.terms(None) == Terms(Security.OPTIONAL, Mux.FOLLOW, Rtcp.RELAY)
    plan = intake.read(invite("2001"))
    assert isinstance(plan, Plan)
    assert (plan.calling_terms, plan.called_terms) == (intake.terms(None), intake.terms("pbx"))
