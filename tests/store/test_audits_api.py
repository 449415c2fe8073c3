"""`/api/audits` from the request to the table and back, on a real port; on both databases."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.config.audit_forms import read_forms
from gateway.core.permissions import User
from gateway.feeds.hub import Hub
from gateway.store import Database
from gateway.store.audits import AuditBook
from gateway.web.auditcsv import safe
from gateway.web.audits import audits_router
from gateway.web.server import serve_web

FORMS, _ = read_forms(Path(__file__).parents[2] / "config" / "audit")


def user(id_: str, role: str, *teams: str) -> User:
    return User(id_, id_.title(), None, frozenset({role}), frozenset(teams))


PEOPLE = {
    "arthur": user("arthur", "auditor", "north"),
    "audrey": user("audrey", "auditor", "*"),
    "mona": user("mona", "manager", "north"),
    "max": user("max", "manager", "south"),
    "fiona": user("fiona", "floorwalker", "*"),
    "ann": user("ann", "advisor", "north"),
}
ALL = {
    one.id: {"value": one.choices[0].value, "comment": "", "markers": []}
    for one in FORMS["call-handling"].criteria
}


class Calls:
    """Two live calls, and no more of a call logic."""

    def calls(self) -> list[dict[str, Any]]:
        return [self._call("c-1", "north"), self._call("c-2", "south")]

    def _call(self, id_: str, team: str) -> dict[str, Any]:
        advisor = {"id": f"adv-{team}", "name": "An Advisor", "extension": "2001", "team": team}
        return {"id": id_, "team": team, "advisor": advisor, "caller": "*****123", "started_at": "t0"}

    def alerts(self) -> list[dict[str, Any]]:
        return []

    def subscribe(self, _: object) -> Any:
        return lambda: None

    subscribe_talk = subscribe


class Desk:
    def __init__(self, url: str) -> None:
        self.url = url
        self.told: list[tuple[str, Any, Any]] = []

    async def __call__(self, who: str | None, verb: str, path: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer tok-{who}"} if who else {}
        async with httpx.AsyncClient(base_url=self.url, headers=headers) as client:
            return await client.request(verb, path, json=body)

    async def begin(self, who: str = "arthur", call: str = "c-1") -> dict[str, Any]:
        answer = await self(who, "POST", "/api/audits", {"call": call, "form": "call-handling"})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    calls: Any = Calls()
    made = Desk("")
    router = audits_router(calls, AuditBook(database), FORMS, lambda *news: made.told.append(news))
    tokens = {f"tok-{name}": person for name, person in PEOPLE.items()}.get
    hub = Hub(calls, stall_limit_s=30)
    web = await serve_web(("127.0.0.1", 0), calls, tokens, hub, routers=[router])
    made.url = web.url
    yield made
    hub.stop()
    await web.stop()


async def test_an_audit_from_beginning_to_end(desk: Desk) -> None:
    audit = await desk.begin()
    assert (audit["state"], audit["team"], audit["advisor"]["id"]) == ("open", "north", "adv-north")
    assert "caller" not in audit
    path = f"/api/audits/{audit['id']}"
    marker = (
        await desk("arthur", "POST", f"{path}/markers", {"media_time_ms": 61_000, "note": "here"})
    ).json()
    assert (marker["number"], marker["media_time_ms"]) == (1, 61_000)
    assert (await desk("arthur", "POST", f"{path}/finish")).status_code == 409
    answers = {**ALL, "questions": {"value": "partly", "comment": "leading", "markers": [1]}}
    changed = (await desk("arthur", "PATCH", path, {"answers": answers, "comment": "good"})).json()
    assert changed["result"] == {"percent": 92.31, "passed": True, "failed_all": [], "missing": []}
    taken_back = (await desk("arthur", "PATCH", path, {"answers": {"greeting": None}})).json()
    assert taken_back["result"]["missing"] == ["greeting"]
    assert taken_back["comment"] == "good"
    await desk("arthur", "PATCH", path, {"answers": {"greeting": ALL["greeting"]}})
    done = (await desk("arthur", "POST", f"{path}/finish")).json()
    assert (done["state"], done["result"]["percent"]) == ("finished", 92.31)
    assert [kind for kind, _, _ in desk.told] == ["audit.started", "audit.marked", "audit.finished"]
    assert desk.told[1][2] == {
        "auditor": "arthur", "team": "north", "state": "open", "audit": audit["id"], "form": "call-handling",
        "media_time_ms": 61_000,
    }  # fmt: skip
    for verb, rest, body in (
        ("PATCH", "", {"comment": "no"}),
        ("POST", "/markers", {"media_time_ms": 1}),
        ("POST", "/finish", None),
    ):
        refused = await desk("arthur", verb, path + rest, body)
        assert refused.status_code == 409
        assert "was finished at" in refused.json()["error"]
    assert (await desk("arthur", "GET", path)).json() == done


async def test_one_unsafe_answer_fails_the_whole(desk: Desk) -> None:
    audit = await desk.begin()
    answers = {**ALL, "life-threat": {"value": "unsafe", "comment": "chest pain passed over", "markers": []}}
    path = f"/api/audits/{audit['id']}"
    await desk("arthur", "PATCH", path, {"answers": answers})
    result = (await desk("arthur", "POST", f"{path}/finish")).json()["result"]
    assert (result["passed"], result["failed_all"]) == (False, ["life-threat"])


async def test_who_sees_which(desk: Desk) -> None:
    north, south = await desk.begin("arthur", "c-1"), await desk.begin("audrey", "c-2")
    seen = {
        who: {audit["id"] for audit in (await desk(who, "GET", "/api/audits")).json()}
        for who in ("arthur", "audrey", "mona", "max")
    }
    assert seen == {
        "arthur": {north["id"]},
        "audrey": {south["id"]},
        "mona": {north["id"]},
        "max": {south["id"]},
    }
    assert (await desk("mona", "GET", f"/api/audits/{north['id']}")).status_code == 200
    for who, audit in (("max", north), ("arthur", south), ("audrey", north)):
        assert (await desk(who, "GET", f"/api/audits/{audit['id']}")).status_code == 404, who
    changed = await desk("mona", "PATCH", f"/api/audits/{north['id']}", {"comment": "mine"})
    assert changed.status_code == 403


REFUSALS: list[tuple[str | None, str, str, object, int, str]] = [
    (None, "GET", "/api/audits", None, 401, "no token given"),
    (None, "GET", "/api/audit/forms", None, 401, "no token given"),
    ("fiona", "GET", "/api/audits", None, 403, "fiona may not audit"),
    ("ann", "GET", "/api/audit/forms", None, 403, "ann may not audit"),
    (
        "fiona",
        "POST",
        "/api/audits",
        {"call": "c-1", "form": "call-handling"},
        403,
        "fiona may not audit",
    ),
    ("mona", "POST", "/api/audits", {"call": "c-1", "form": "call-handling"}, 403, "mona may not audit"),
    ("arthur", "POST", "/api/audits", {"call": "c-2", "form": "call-handling"}, 404, "no live call c-2"),
    ("arthur", "POST", "/api/audits", {"call": "c-1", "form": "other"}, 404, "no form other"),
    ("arthur", "GET", "/api/audits/u-none", None, 404, "no audit u-none"),
    ("fiona", "GET", "/api/audits/u-none", None, 403, "fiona may not audit"),
    ("arthur", "GET", "/api/audits?since=yesterday", None, 422, "since:"),
    ("arthur", "GET", "/api/audits?since=0001-01-01T00:00:00%2B14:00", None, 422, "since:"),
    ("arthur", "GET", "/api/audits?form=%00", None, 422, "form:"),
    ("arthur", "GET", "/api/audits/%00", None, 422, "audit:"),
    ("arthur", "POST", "/api/audits", {"call": "c-1\0", "form": "call-handling"}, 422, "call:"),
    ("arthur", "GET", "/api/audits?limit=0", None, 422, "limit:"),
]


async def test_refusals(desk: Desk) -> None:
    for who, verb, path, body, status, error in REFUSALS:
        answer = await desk(who, verb, path, body)
        assert answer.status_code == status, (path, answer.text)
        assert answer.json()["error"].startswith(error), (path, answer.text)


async def test_answers_that_the_form_does_not_know(desk: Desk) -> None:
    path = f"/api/audits/{(await desk.begin())['id']}"
    for answers, said in (
        ({"shouting": {"value": "yes"}}, "no such criterion"),
        ({"shouting": None}, "no such criterion"),
        ({"greeting": {"value": "perhaps"}}, "allowed: yes, partly, no, na"),
        ({"greeting": {"value": "yes", "markers": [7]}}, "no marker 7"),
    ):
        refused = await desk("arthur", "PATCH", path, {"answers": answers})
        assert (refused.status_code, said in refused.json()["error"]) == (422, True), refused.text
    for body in ({"comment": "\0"}, {"answers": {"greeting": {"value": "yes", "comment": "\0"}}}):
        assert (await desk("arthur", "PATCH", path, body)).status_code == 422
    marker = {"media_time_ms": 2**31 - 1, "note": "\0"}
    assert (await desk("arthur", "POST", f"{path}/markers", marker)).status_code == 422
    assert (await desk("arthur", "POST", f"{path}/markers", {"media_time_ms": 2**31})).status_code == 422
    assert (await desk("arthur", "GET", path)).json()["answers"] == {}


async def test_the_export_is_safe_for_a_spreadsheet_and_can_be_filtered(desk: Desk) -> None:
    audit = await desk.begin()
    path = f"/api/audits/{audit['id']}"
    await desk("arthur", "POST", f"{path}/markers", {"media_time_ms": 61_000})
    formula = '=HYPERLINK("http://example.org")'
    answers = {**ALL, "greeting": {"value": "yes", "comment": formula, "markers": [1]}}
    await desk("arthur", "PATCH", path, {"answers": answers, "comment": 'a "quote",\na line'})
    await desk("arthur", "POST", f"{path}/finish")
    await desk.begin()
    got = await desk("mona", "GET", "/api/audits?format=csv&state=finished&form=call-handling")
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(got.text)))
    assert [row["criterion"] for row in rows] == list(ALL)
    assert rows[0]["comment"] == f"'{formula}"
    assert (rows[0]["markers_ms"], rows[0]["score_percent"], rows[0]["passed"]) == ("61000", "100.0", "true")
    assert rows[0]["overall_comment"] == 'a "quote",\na line'
    assert (await desk("mona", "GET", "/api/audits?form=other")).json() == []
    assert (await desk("mona", "GET", "/api/audits?since=2900-01-01T00:00:00Z")).json() == []
    assert len((await desk("mona", "GET", "/api/audits?limit=1")).json()) == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_formulas_are_no_formulas(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert safe(-1) == -1 and safe(None) == "" and safe("plain") == "plain"
