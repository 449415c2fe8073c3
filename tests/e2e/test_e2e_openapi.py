"""/api/openapi.json says what is really answered: every request has words, examples and refusals; the examples fit their
schemas, and so do the answers of a gateway with a call, an alert, duty, help and an audit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from e2e_gateway import ROOT, Gateway, Settings
from e2e_house import House

Description = dict[str, Any]
OPEN = {
    "GET /healthz",
    "GET /readyz",
    "POST /api/session",
    "GET /api/session/oidc",
    "GET /api/session/oidc/callback",
}
"""What nobody needs to be signed in for."""

ELSEWHERE = {"GET /metrics", "GET /api/trail", "POST /api/session", "DELETE /api/session"}
"""What answers with text, or needs a password: other tests ask for it."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(audit_forms=str(Path(ROOT) / "config" / "audit"))


@pytest.fixture
async def described(gateway: Gateway) -> Description:
    found = await gateway.get("/api/openapi.json")
    assert isinstance(found, dict)
    return found


def operations(described: Description) -> dict[str, Description]:
    return {
        f"{verb.upper()} {path}": operation
        for path, verbs in described["paths"].items()
        for verb, operation in verbs.items()
    }


def complaints(described: Description, schema: Description, value: Any) -> list[str]:
    whole = {**schema, "components": described["components"]}
    found = jsonschema_rs.Draft202012Validator(whole).iter_errors(value)
    return [f"{list(error.instance_path)}: {error.message}" for error in found]


async def test_every_request_is_described_with_examples_that_fit(described: Description) -> None:
    found = operations(described)
    assert len(found) >= 28
    for name, operation in found.items():
        assert re.match(r"[A-Z].{5,}", operation["summary"]), name
        contents = [(status, answer.get("content")) for status, answer in operation["responses"].items()]
        if "requestBody" in operation:
            contents.append(("body", operation["requestBody"]["content"]))
            assert {"413", "422"} <= set(operation["responses"]), name
        for status, content in contents:
            if status in ("204", "302", "303"):
                assert content is None, (name, status)
                continue
            (only,) = content.values()
            assert complaints(described, only["schema"], only["example"]) == [], (name, status)
            if status.startswith(("4", "5")) and name != "GET /readyz":
                assert only["schema"] == {"$ref": "#/components/schemas/Refusal"}, (name, status)
        assert name in OPEN or "401" in operation["responses"], name


def test_a_wrong_answer_does_not_fit() -> None:
    schema = {"type": "object", "required": ["id"]}
    assert complaints({"components": {}}, schema, {})


async def test_every_request_stands_in_the_words_for_people(described: Description) -> None:
    text = (Path(ROOT) / "docs" / "api.md").read_text()
    told = re.findall(r"(?m)^\| (.*?) \|", text)
    verbs_by_path: dict[str, set[str]] = {}
    for line in told:
        for path in re.findall(r"(/[a-z][a-z/{}]*)", line):
            plain = re.sub(r"\{[a-z]+\}", "{}", path)
            verbs_by_path.setdefault(plain, set()).update(
                re.findall(r"\b(?:GET|POST|PUT|PATCH|DELETE)\b", line)
            )
    for name in operations(described).keys() - {"GET /api/session/oidc/callback"}:
        verb, path = name.split()
        assert verb in verbs_by_path.get(re.sub(r"\{[a-z]+\}", "{}", path), set()), name


async def test_what_is_answered_is_what_is_described(
    house: House, gateway: Gateway, described: Description
) -> None:
    told = operations(described)
    seen: set[tuple[str, int]] = set()

    async def ask(name: str, path: str, status: int, body: Any = None, who: str = "fiona") -> Any:
        verb = name.split()[0]
        answer: httpx.Response = await gateway.ask(verb, path, body, who)
        assert answer.status_code == status, (name, answer.text)
        response = told[name]["responses"][str(status)]
        seen.add((name, status))
        if status == 204:
            return None
        (content,) = response["content"].values()
        assert complaints(described, content["schema"], answer.json()) == [], (name, answer.text)
        return answer.json()

    calls, one, joins = "GET /api/calls", "GET /api/calls/{call}", "POST /api/calls/{call}/supervisors"
    leg, alerts, helps = "/api/calls/{call}/supervisors/{supervisor}", "/api/alerts", "/api/help"
    line = await house.conversation()
    path = f"/api/calls/{line.id}"
    await ask("PUT /api/duty", "/api/duty", 200, {"on": True})
    await ask("PUT /api/duty", "/api/duty", 422, {"on": "perhaps"})
    await ask("GET /api/duty", "/api/duty", 200)
    joined = await ask(joins, f"{path}/supervisors", 201, {"mode": "listen", "via": "web"})
    await ask(joins, f"{path}/supervisors", 403, {"mode": "whisper", "via": "web"}, "arthur")
    await ask(joins, "/api/calls/c-none/supervisors", 404, {"mode": "listen", "via": "web"})
    await ask(joins, f"{path}/supervisors", 422, {"mode": "shout", "via": "web"})
    raised = await ask(f"POST {alerts}", alerts, 201, {"call": line.id, "reason": "help"}, "adv1")
    assert (await ask(calls, "/api/calls", 200))[0]["alert"]["id"] == raised["id"]
    await ask(one, path, 200)
    await ask(one, "/api/calls/c-none", 404)
    await ask(calls, "/api/calls", 403, who="adv1")
    await ask(f"GET {alerts}", alerts, 200)
    await ask(f"POST {helps}", helps, 201, {"kind": "help", "reason": "which pathway?"}, "adv1")
    (asked,) = await ask(f"GET {helps}", helps, 200)
    await ask("GET /api/me", "/api/me", 200, who="adv1")
    await ask(f"POST {helps}/{{help}}/answer", f"{helps}/{asked['id']}/answer", 200)
    await ask(f"DELETE {helps}/{{help}}", f"{helps}/{asked['id']}", 204)
    await ask(f"DELETE {helps}/{{help}}", f"{helps}/{asked['id']}", 404)
    await ask(f"POST {alerts}/{{alert}}/acknowledge", f"{alerts}/{raised['id']}/acknowledge", 200)
    await ask(f"POST {alerts}/{{alert}}/resolve", f"{alerts}/{raised['id']}/resolve", 200)
    await ask(f"POST {alerts}/{{alert}}/resolve", f"{alerts}/{raised['id']}/resolve", 404)
    form = (await ask("GET /api/audit/forms", "/api/audit/forms", 200, who="arthur"))[0]
    audits, audit = "/api/audits", "/api/audits/{audit}"
    begun = await ask(f"POST {audits}", audits, 201, {"call": line.id, "form": form["id"]}, "arthur")
    mine = f"{audits}/{begun['id']}"
    first = form["criteria"][0]
    await ask(f"POST {audit}/markers", f"{mine}/markers", 201, {"media_time_ms": 20}, "arthur")
    answers = {first["id"]: {"value": first["choices"][0]["value"], "markers": [1]}}
    await ask(f"PATCH {audit}", mine, 200, {"answers": answers, "comment": "calm"}, "arthur")
    await ask(f"PATCH {audit}", mine, 422, {"answers": {"none": {"value": "yes"}}}, "arthur")
    await ask(f"POST {audit}/finish", f"{mine}/finish", 409, who="arthur")
    every = {one["id"]: {"value": one["choices"][0]["value"], "comment": "heard"} for one in form["criteria"]}
    await ask(f"PATCH {audit}", mine, 200, {"answers": every}, "arthur")
    await ask(f"POST {audit}/finish", f"{mine}/finish", 200, who="arthur")
    await ask(f"GET {audit}", mine, 200, who="arthur")
    await ask(f"GET {audits}", audits, 200, who="arthur")
    await ask("GET /api/session", "/api/session", 200)
    await ask("GET /api/system", "/api/system", 200, who="mona")
    await ask("GET /healthz", "/healthz", 200)
    await ask("GET /readyz", "/readyz", 200)
    await ask(f"PATCH {leg}", f"{path}/supervisors/{joined['leg']}", 200, {"mode": "barge"})
    await ask(f"DELETE {leg}", f"{path}/supervisors/{joined['leg']}", 204)
    await ask("PUT /api/duty", "/api/duty", 200, {"on": False})
    assert told.keys() - {name for name, status in seen if status < 300} == ELSEWHERE
