"""`/api/system` and `/metrics` of the running gateway, with a call and a supervisor on it."""

from __future__ import annotations

from e2e_gateway import Gateway
from e2e_house import House
from prometheus_client.parser import text_string_to_metric_families

Figures = dict[tuple[str, tuple[str, ...]], float]


async def figures(gateway: Gateway) -> Figures:
    """By name and the labels' values."""
    answer = await gateway.ask("GET", "/metrics", who="mona")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_what_goes_on_is_seen(house: House, gateway: Gateway) -> None:
    await gateway.ask("PUT", "/api/duty", {"on": True})
    before = await figures(gateway)
    line = await house.conversation()
    await house.supervise("*72")
    system = (await gateway.ask("GET", "/api/system", who="mona")).json()
    assert (system["node"], system["calls"]["live"], system["calls"]["supervised"]) == ("node1", 1, 1)
    assert system["health"]["ready"] is True and system["health"]["store"]["ok"] is True
    assert {"user": "fiona", "by": "whisper", "call": line.id} in system["connected"]
    assert [one["user"] for one in system["on_duty"]] == ["fiona"]
    fiona = next(one for one in system["users"] if one["id"] == "fiona")
    assert (fiona["roles"], fiona["here"]) == (["floorwalker"], True)
    assert {one["name"] for one in system["trunks"]} == {"home", "home-tcp", "floor"}
    seen = await figures(gateway)
    assert seen["gateway_calls", ("talking",)] == 1
    assert seen["gateway_supervisors", ("whisper",)] == 1
    assert seen["gateway_on_duty", ()] == 1
    assert seen["gateway_legs", ()] == 3
    assert seen["gateway_alert_oldest_seconds", ()] == 0
    answered = ("gateway_news_total", ("call.answered",))
    assert seen[answered] == before.get(answered, 0) + 1
    assert seen["process_resident_memory_bytes", ()] > 0
    mark = gateway.mark()
    raised = (await gateway.ask("POST", "/api/alerts", {}, who="mona")).json()
    assert (await figures(gateway))["gateway_alerts", ("raised",)] == 1
    await gateway.ask("POST", f"/api/alerts/{raised['id']}/resolve")
    await gateway.logged("alert.resolved", since=mark)
    assert (await figures(gateway))["gateway_alerts", ("raised",)] == 0
    await gateway.ask("PUT", "/api/duty", {"on": False})


async def test_only_who_may_see_the_system(gateway: Gateway) -> None:
    for path in ("/api/system", "/metrics"):
        for who in ("fiona", "arthur"):
            answer = await gateway.ask("GET", path, who=who)
            assert (answer.status_code, "may not system" in answer.json()["error"]) == (403, True)
