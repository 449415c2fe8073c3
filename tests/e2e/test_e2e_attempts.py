"""Nobody listens unseen: every attempt to supervise, allowed or refused, is one structured event with who,
when, which call, how.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
import websockets
from e2e_auditor import Auditor
from e2e_gateway import TOKENS, Gateway, until
from e2e_house import ARTHUR, FELIX, FIONA, MONA, SVEN, House

from simulators import rtp

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KINDS = (
    "supervisor.joined",
    "supervisor.mode",
    "supervision.refused",
    "feed.started",
    "supervisor.left",
    "feed.ended",
    "supervisor.missed",
)


def attempts(gateway: Gateway, since: int) -> list[dict[str, Any]]:
    """Everything told about supervision since then, each with its time."""
    found = [event for event in gateway.events(since=since) if event.get("event") in KINDS]
    for event in found:
        assert RFC_3339.fullmatch(event["timestamp"]), event
    return found


@pytest.mark.parametrize(
    ("code", "mode"), [("*71", "listen"), ("*72", "whisper"), ("*73", "barge"), ("*74", "takeover")]
)
async def test_who_joins_is_told_once(house: House, gateway: Gateway, code: str, mode: str) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    fiona = await house.supervise(code)
    await house.leave(fiona)
    await gateway.logged("supervisor.left", since=mark)
    joined, left = attempts(gateway, mark)
    for event, kind in ((joined, "supervisor.joined"), (left, "supervisor.left")):
        assert event["event"] == kind
        assert (event["user"], event["call"], event["mode"], event["via"], event["team"]) == (
            "fiona",
            line.id,
            mode,
            "feature-code",
            "north",
        )
        assert event["source"].startswith("127.0.0.1:")


REFUSED = [
    pytest.param("4747", "*722001", 403, {"asked": "whisper", "user": None}, True, id="unknown-phone"),
    pytest.param(SVEN, "*712001", 403, {"asked": "listen", "user": "sven"}, True, id="wrong-team"),
    pytest.param(ARTHUR, "*732001", 403, {"asked": "barge", "user": "arthur"}, True, id="auditor-barges"),
    pytest.param(MONA, "*742001", 403, {"asked": "takeover", "user": "mona"}, True, id="manager-takes-over"),
    pytest.param(
        FIONA,
        "*712002",
        480,
        {"asked": "listen", "user": "fiona", "extension": "2002"},
        False,
        id="no-such-call",
    ),
    pytest.param(
        FIONA,
        "*712777",
        480,
        {"asked": "listen", "user": "fiona", "extension": "2777"},
        False,
        id="no-such-extension",
    ),
]


@pytest.mark.parametrize(("who", "dialled", "code", "facts", "knows_call"), REFUSED)
async def test_who_is_refused_is_told_once(
    house: House, gateway: Gateway, who: str, dialled: str, code: int, facts: dict[str, Any], knows_call: bool
) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    seen = await house.refused(dialled, who=who)
    await gateway.logged("supervision.refused", since=mark)
    (refused,) = attempts(gateway, mark)
    assert refused["event"] == "supervision.refused"
    assert refused["level"] == "warning"
    assert seen == refused["code"]
    assert seen == code
    assert {name: refused.get(name) for name in facts} == facts
    assert refused.get("call") == (line.id if knows_call else None)
    assert refused["why"]
    assert refused["identity"].startswith(f"{who}@127.0.0.1")
    assert refused["source"].startswith("127.0.0.1:")


async def test_a_call_from_a_foreign_address_is_refused(house: House, gateway: Gateway) -> None:
    """The identity counts only from an address that a trunk is known by."""
    from simulators import CallFailed, Phone

    await house.conversation()
    mark = gateway.mark()
    async with Phone(FIONA, host="127.0.0.2") as phone:
        call = await phone.call(gateway.uri("*712001"))
        with pytest.raises(CallFailed) as refused:
            await call.answered(20)
    assert refused.value.code == 403
    told = await gateway.logged("call.refused", since=mark)
    assert (told["code"], told["to"], told["source"].partition(":")[0]) == (403, "*712001", "127.0.0.2")
    assert attempts(gateway, mark) == []


async def test_a_mode_by_key_and_by_console_is_told_with_who_and_how(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    fiona = await house.supervise("*71")
    (call,) = await gateway.calls()
    (supervisor,) = call["supervisors"]
    mark = gateway.mark()
    await house.press(fiona, "5", "whisper")
    path = f"/api/calls/{line.id}/supervisors/{supervisor['leg']}"
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        bearer = {name: {"Authorization": f"Bearer {token}"} for name, token in TOKENS.items()}
        assert (await client.patch(path, json={"mode": "barge"}, headers=bearer["fiona"])).status_code == 200
        assert (
            await client.patch(path, json={"mode": "takeover"}, headers=bearer["arthur"])
        ).status_code == 403
        assert (await client.patch(path, json={"mode": "listen"})).status_code == 401
    await gateway.logged("supervision.refused", since=mark)
    by_key, by_console, refused = attempts(gateway, mark)
    assert (by_key["previous"], by_key["mode"], by_key["by"], by_key["via"]) == (
        "listen",
        "whisper",
        "fiona",
        "keys",
    )
    assert (by_console["previous"], by_console["mode"], by_console["by"], by_console["via"]) == (
        "whisper",
        "barge",
        "fiona",
        "web",
    )
    assert refused["event"] == "supervision.refused"
    assert (refused["by"], refused["asked"], refused["via"]) == ("arthur", "takeover", "web")
    assert {event["call"] for event in (by_key, by_console, refused)} == {line.id}


async def test_a_key_that_is_not_allowed_is_told_and_changes_nothing(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    arthur = await house.supervise("*71", who=ARTHUR)
    mark = gateway.mark()
    await arthur.press("6")
    await gateway.logged("supervision.refused", since=mark)
    (refused,) = attempts(gateway, mark)
    assert (refused["user"], refused["asked"], refused["via"], refused["call"]) == (
        "arthur",
        "barge",
        "keys",
        line.id,
    )
    (call,) = await gateway.calls()
    assert [one["mode"] for one in call["supervisors"]] == ["listen"]


async def test_a_second_takeover_is_refused_and_told(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    await house.supervise("*74")
    mark = gateway.mark()
    assert await house.refused("*742001", who=FELIX) == 403
    await gateway.logged("supervision.refused", since=mark)
    (refused,) = attempts(gateway, mark)
    assert (refused["user"], refused["asked"], refused["call"]) == ("felix", "takeover", line.id)
    assert "fiona" in refused["why"]


async def test_a_listener_over_websocket_is_told_at_begin_and_end(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    async with Auditor(gateway, line.id, who="arthur") as arthur:
        await until(lambda: len(arthur.frames), lambda count: count > 20)
    await gateway.logged("feed.ended", since=mark)
    started, ended = attempts(gateway, mark)
    assert (started["event"], started["user"], started["call"]) == ("feed.started", "arthur", line.id)
    assert (ended["event"], ended["user"], ended["call"]) == ("feed.ended", "arthur", line.id)
    assert ended["sent_frames"] >= 20
    assert ended["missed_ms"] == 0


async def test_a_listener_of_another_team_is_refused_and_told(house: House, gateway: Gateway) -> None:
    line = await house.conversation("2901")
    mark = gateway.mark()
    async with websockets.connect(gateway.websocket_url(f"/api/calls/{line.id}/audio", "arthur")) as socket:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
    await gateway.logged("supervision.refused", since=mark)
    (refused,) = attempts(gateway, mark)
    assert (refused["user"], refused["asked"], refused["via"], refused["call"]) == (
        "arthur",
        "stream",
        "web",
        line.id,
    )
    assert await gateway.get("/api/calls", "arthur") == [], "a call of another team is shown"


async def test_an_alert_that_rings_is_told_from_ringing_to_joining(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    await line.advisor.press("*99")
    summoned = await house.floor.incoming(20)
    assert summoned.invite.from_address.name.startswith("ALERT")
    await summoned.answer()
    joined = await gateway.logged("supervisor.joined", since=mark)
    await gateway.logged("alert.acknowledged", since=mark)
    rung = gateway.events("supervisor.rung", since=mark)
    raised = gateway.events("alert.raised", since=mark)
    acknowledged = gateway.events("alert.acknowledged", since=mark)
    assert len(rung) == len(raised) == len(acknowledged) == 1
    assert (joined["user"], joined["mode"], joined["via"], joined["call"]) == (
        "fiona",
        "whisper",
        "alert",
        line.id,
    )
    assert raised[0]["call"] == line.id


async def test_a_panic_code_is_heard_though_the_advisor_hangs_up_on_its_last_key(
    house: House, gateway: Gateway
) -> None:
    """One packet of the last key, no end of it, and the BYE."""
    line = await house.conversation()
    mark = gateway.mark()
    await line.advisor.press("*9")
    line.advisor.mute_rtp()
    last = line.advisor.sent.last
    key = rtp.pack_event("9", False, 160)
    line.advisor.send_raw(rtp.pack(101, True, last.seq + 1, last.rtp_ts + 800, last.ssrc, key))
    await asyncio.sleep(0.03)
    await line.advisor.hang_up()
    raised = await gateway.logged("alert.raised", since=mark)
    assert (raised["call"], raised["via"]) == (line.id, "phone")
    await gateway.logged("call.ended", since=mark)
