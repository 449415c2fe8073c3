"""Settings that are each allowed and make no sense together: `gateway.config.crosscheck_*`."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from configs import changed, mistakes_of, report_of, sound, warnings_of

OIDC = {
    "issuer": "https://id.example",
    "client_id": "gateway",
    "public_url": "https://gateway.example",
    "roles": {"fw": "floorwalker"},
}
STREAM = {"name": "notes", "url": "wss://notes.example/in"}
FAR = {"name": "sbc", "uri": "sip:192.0.2.7", "identify_by": ["192.0.2.7"]}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        # whether others can reach it
        ("trunk.1", FAR, "sip.bind: found 127.0.0.1, which only this machine can reach; trunk sbc is at 192.0.2.7"),
        ("trunk.1", FAR, "media.bind: found 127.0.0.1, which only this machine can reach"),
        ("trunk.1.uri", "sip:sbc.example", None),
        ("trunk.1.uri", "sip:[::1]:5070", "trunk[2].uri (sbc): found ::1; [sip] bind is IPv4"),
        ("trunk.1.identify_by", ["127.0.0.8/30"], "trunk[2].identify_by (sbc): lacks the trunk's own address 127.0.0.7"),
        ("route.0.match", ".*", "route[2].match: is never taken: route 1 takes every number before"),
        ("route.1", {"match": ".*", "to": {"trunk": "sbc"}}, None),
        # what others can hear or pretend
        ("trunk.1.identify_by", ["0.0.0.0/0"], "trunk[2].identify_by[1] (sbc): found 0.0.0.0/0; that is everybody"),
        ("web", {"bind": "0.0.0.0:8080"}, "web.bind: found 0.0.0.0; it speaks plain HTTP"),
        ("web", {"bind": "0.0.0.0:8080", "trusted_proxies": ["10.0.0.1"]}, None),
        ("mqtt.url", "mqtt://broker.example:1883", "mqtt.url: found mqtt://broker.example:1883; the password goes there"),
        ("mqtt", {"url": "mqtt://broker.example"}, None),
        ("audit", {"stream": [{**STREAM, "url": "ws://a.example/in"}]}, "found ws://a.example/in; patients' voices go there"),
        ("audit", {"stream": [{**STREAM, "url": "ws://localhost:9/in"}]}, None),
        # teams that are nowhere
        ("audit", {"stream": [{**STREAM, "teams": ["nroth"]}]}, 'found "nroth"; no advisor is in that team; did you mean "north"?'),
        ("web", {"oidc": {**OIDC, "teams": {"ward-7": "noth"}}}, 'web.oidc.teams.ward-7: found "noth"; no advisor is in that team'),
        ("web", {"oidc": {**OIDC, "default_teams": ["lobby"]}}, 'web.oidc.default_teams[1]: found "lobby"'),
        ("web", {"oidc": {**OIDC, "teams": {"ward-7": "north"}, "default_teams": ["*"]}}, None),
        # times that undo one another
        ("supervision", {"supervisor_timeout_s": 3.0}, "supervision.supervisor_timeout_s: found 3; silence is noticed only after"),
        ("media", {"history_s": 0}, None),
        # this machine
        ("media", {"workers": 64}, "media.workers: found 64; this machine gives us"),
        # 200 calls have 400 legs; 50 a second whose ports rest for 2 s have 200 more
        ("media", {"port_range": [20000, 21197]}, "media.port_range: room for 599 legs; with 200 calls and 50 new ones a second 200"),
        ("media", {"port_range": [20000, 21199]}, None),
        ("media", {"port_range": [20000, 21197], "port_quarantine_ms": 1900}, None),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_warned_of(path: str, value: object, said: str | None) -> None:
    table = changed(path, value)
    assert mistakes_of(table) == []
    found = [warning for warning in warnings_of(table) if "supervisors can be on calls" not in warning]
    if said is None:
        assert found == []
    else:
        assert any(said in warning for warning in found), found


def test_an_address_of_another_family_is_a_mistake() -> None:
    (found,) = mistakes_of(changed("sip.advertised_address", "2001:db8::7"))
    assert "sip.advertised_address: found 2001:db8::7; bind is IPv4" in found


def test_two_streams_of_one_name_are_a_mistake() -> None:
    (found,) = mistakes_of(changed("audit", {"stream": [STREAM, STREAM]}))
    assert 'found "notes"; another stream has that name' in found


def test_a_stream_whose_token_is_not_there_is_a_mistake() -> None:
    (found,) = mistakes_of(changed("audit", {"stream": [{**STREAM, "token_env": "NOTES_TOKEN"}]}))
    assert "audit.stream[1].token_env" in found and "NOTES_TOKEN is not set" in found


def test_a_key_for_what_was_said_where_nothing_is_kept() -> None:
    table = changed("media", {"history_s": 0})
    table["supervision"] = {"keys": {"past": "9"}}
    assert any("supervision.keys.past: does nothing" in warning for warning in warnings_of(table))


def test_calls_that_do_not_fit_into_memory() -> None:
    table = changed("limits", {"max_calls": 100_000})
    table["media"] = {"history_s": 300}
    (said,) = (str(one) for one in report_of(table).warnings if one.path == "media.history_s")
    assert "found 300; with [limits] max_calls = 100000 calls may take 530.0 GB, and this machine has" in said


def test_calls_for_which_there_are_not_enough_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    (said,) = (warning for warning in warnings_of(sound()) if warning.startswith("limits.max_calls"))
    assert "found 200; that takes up to 1700 open files, and this user may have 1024" in said


def test_forms_and_what_else_the_audit_section_says_are_both_kept(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    table = {**sound(), "audit": {"forms": "forms", "talk_analysis": True, "stream": [STREAM]}}
    config = report_of(table, tmp_path).config
    assert config is not None
    assert config.audit.forms == str(tmp_path / "forms")
    assert (config.audit.talk_analysis, [one.name for one in config.audit.streams]) == (True, ["notes"])
