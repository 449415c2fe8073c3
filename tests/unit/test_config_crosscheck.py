"""`gateway.config.crosscheck*`: what only shows when sections are seen together."""

import pytest
from configs import SOUND, changed, mistakes_of, report_of, sound, warnings_of


def test_the_sound_configuration_is_sound() -> None:
    assert mistakes_of(sound()) == []
    assert warnings_of(sound()) == []


TIER = {"name": "a", "ring": ["on_duty"]}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        # addresses and ports
        ("sip.bind", "0.0.0.0:5060", "sip.advertised_address: is needed because bind is 0.0.0.0"),
        ("media.bind", "::", "media.advertised_address: is needed because bind is ::"),
        ("sip.advertised_address", "0.0.0.0", "a wildcard cannot be called"),
        ("web.bind", "127.0.0.1:5060", "web.bind: port 5060 is taken by [sip] bind"),
        ("web.bind", "0.0.0.0:5060", "web.bind: port 5060 is taken by [sip] bind"),
        ("media.port_range", [16385, 32768], "the first port must be even"),
        ("media.port_range", [20000, 10000], "last larger than first"),
        ("media.port_range", [4000, 9999], "includes the SIP port 5060"),
        ("media.port_range", [20000, 20799], None),
        ("media.port_range", [20000, 20798], "room for 399 legs, 2 ports each; [limits] max_calls = 200"),
        # trunks
        ("trunk.1.name", "pbx", "trunk[2].name: found \"pbx\"; another trunk has that name"),
        ("trunk.1.identify_by", ["127.0.0.1/8"], "[1] (sbc): found 127.0.0.0/8; trunk pbx has the same"),
        ("trunk.0.uri", "sip:127.0.0.1", "that is the gateway itself"),
        ("sip.transports", ["udp"], 'trunk[2].transport (sbc): found "tcp"; [sip] transports has only udp'),
        # routes
        ("route.0.to", {"trunk": "pbxx"}, 'no trunk has that name; allowed: pbx, sbc; did you mean "pbx"?'),
        ("route.1.to.uri", "sip:{rst}@{trunk}", 'unknown {rst}; allowed: "sip:...@..." with {number}, '),
        ("route.0.match", "(", 'match: found "("; not a regular expression: missing ), unterminated'),
        ("route.0.match", "a{9999999999}", "not a regular expression"),
        ("route.0.match", "+44", "not a regular expression: nothing to repeat at character 1; a + in front"),
        # codes and keys
        ("supervision.codes", {"listen": "*7"}, 'found "*72"; it begins with supervision.codes.listen'),
        ("supervision.codes", {"barge": "*7"}, 'found "*7"; it is the beginning of supervision.codes.listen'),
        ("supervision.codes", {"barge": "*71"}, "supervision.codes.listen is the same"),
        ("alerts.panic_code", "*72", "supervision.codes.whisper is the same"),
        ("alerts.panic_code", "*721", "begins with supervision.codes.whisper"),
        ("supervision.keys", {"listen": "5"}, 'keys.whisper: found "5"; that key is listen already'),
        ("supervision.keys", {"past": "4"}, 'keys.past: found "4"; that key is listen already'),
        ("supervision.codes", {"listen": "20"}, "the extension 2001 begins with it"),
        # people
        ("advisor.1.id", "ann", 'advisor[2].id: found "ann"; another advisor or user has it already'),
        ("advisor.1.extension", "2001", "another advisor or user has it already"),
        ("user.1.id", "Fiona", 'user[2].id: found "Fiona"; another'),
        ("user.1.sip", "9001", 'user[2].sip (arthur): found "9001"; another'),
        ("user.0.sip", "2001", "another advisor or user has it already"),
        ("user.0.roles", ["floorwaker"], 'did you mean "floorwalker"?'),
        # alerts
        ("alerts.ring", ["fionna"], 'no [[user]] has that id; did you mean "fiona"?'),
        ("alerts.ring", ["arthur"], "that user has no sip identity to ring"),
        ("user.0.roles", ["manager"], "fiona may not whisper"),
        ("alerts.tier", [{"name": "a", "after_s": 5.0, "ring": ["on_duty"]}], "the first tier is rung at once: 0"),
        ("alerts.tier", [TIER, {"name": "b", "ring": ["fiona"]}], "alerts.tier[2].after_s: found 0; the tier before"),
        ("alerts.tier", [TIER, {"name": "b", "after_s": 2.0, "ring": ["on_dut"]}], 'did you mean "on_duty"?'),
        ("alerts.tier", [TIER, {"name": "b", "after_s": 2.0, "ring": ["arthur"]}], "arthur may not acknowledge"),
        ("alerts.tier", [TIER, {"name": "b", "after_s": 2.0, "ring": ["sip:7001"]}], 'no route fits "7001"'),
        ("alerts.tier", [TIER, {"name": "b", "after_s": 2.0, "ring": ["sip:9000", "fiona"]}], None),
        ("alerts.tier", [{"name": "a", "ring": ["fiona"]}], "nobody on it would be rung"),
        ("alerts.tier", [{"name": "a", "ring": []}], "at least 1 entries are expected"),
        ("advisor.0.token_env", "NOWHERE", "advisor[1].token_env (Ann): the environment variable NOWHERE is"),
        ("advisor.0.token_env", "TOKEN_FIONA", "is that of user fiona, too"),
        ("user.0.sip", "7001", 'no route fits "7001"'),
        ("user.0.sip", "7001@192.0.2.9", None),
        # secrets
        ("user.0.token_env", "NOWHERE", "user[1].token_env (fiona): the environment variable NOWHERE is"),
        ("user.1.token_env", "TOKEN_FIONA", "is that of user fiona, too"),
        ("mqtt.password_env", "NOWHERE", "mqtt.password_env: the environment variable NOWHERE is not set"),
        ("mqtt.username", "", "mqtt.username: is missing, and password_env is given"),
    ],
)  # fmt: skip
def test_mistakes_between_sections(path: str, value: object, said: str | None) -> None:
    found = mistakes_of(changed(path, value))
    assert found == [] if said is None else any(said in mistake for mistake in found), found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("media.port_range", [20000, 20999], "with 200 calls only 100 supervisors can be on calls"),
        ("trunk.1.identify_by", [], "trunk[2].identify_by (sbc): has no identify_by while other trunks have"),
        ("trunk.1.srtp", "optional", 'trunk[2].srtp (sbc): found "optional"; the keys of secure media stand in SIP'),
        ("route.1.match", r"[29]\d{3}", "an earlier route has the same pattern"),
        ("advisor.0.extension", "3001", "advisor[1].extension (Ann): found \"3001\"; no route fits"),
        ("user.1.teams", ["nort"], 'no advisor is in that team; did you mean "north"?'),
    ],
)  # fmt: skip
def test_warnings_leave_a_configuration(path: str, value: object, said: str) -> None:
    table = changed(path, value)
    if path == "route.1.match":
        table["route"][1]["to"] = {"trunk": "sbc"}
    found = warnings_of(table)
    assert any(said in warning for warning in found), found
    assert report_of(table).config


def test_what_is_not_there_at_all_is_told_of() -> None:
    assert [warning.partition(":")[0] for warning in warnings_of({})] == [
        "trunk",
        "route",
        "advisor",
        "alerts.ring",
    ]


def test_a_trunk_without_addresses_lets_anyone_call() -> None:
    table = sound()
    for trunk in table["trunk"]:
        del trunk["identify_by"]
    assert "anyone may call" in warnings_of(table)[0]


def test_a_short_token_can_be_guessed() -> None:
    from pathlib import Path

    from gateway.config.loading import examine_table

    report = examine_table(sound(), Path(), {"TOKEN_FIONA": "short", "TOKEN_ARTHUR": "a" * 32, "MQTT": "x"})
    assert [str(warning) for warning in report.warnings] == [
        "user[1].token_env (fiona): the token in TOKEN_FIONA can be guessed: fewer than 16 characters; "
        "openssl rand -hex 32 makes a good one"
    ]


@pytest.mark.parametrize("section", ["sip", "trunk", "route", "advisor", "user", "alerts", "media", "limits"])
def test_one_broken_section_gives_one_mistake(section: str) -> None:
    """What depends on a broken section is not accused as well."""
    assert len(mistakes_of(changed(section, 5))) == 1


@pytest.mark.parametrize(
    "path", ["trunk.0.uri", "trunk.0.identify_by", "route.0.to", "user.0.sip", "user.0.token_env", "sip.bind"]
)
def test_one_broken_key_gives_one_mistake(path: str) -> None:
    assert len(mistakes_of(changed(path, 5))) == 1


def test_positions_are_those_of_the_file_even_after_a_broken_entry() -> None:
    table = sound()
    table["user"].insert(0, {"name": "no id"})
    table["user"][2]["roles"] = ["chief"]
    found = mistakes_of(table)
    assert found[0].startswith("user[1].id (no id): is missing")
    assert found[2].startswith("user[3].roles[1] (arthur)") or found[-1].startswith(
        "user[3].roles[1] (arthur)"
    )


def test_the_shared_table_was_not_changed() -> None:
    assert mistakes_of(SOUND) == []


def test_a_key_that_was_given_before_there_was_a_default_for_it_keeps_its_meaning() -> None:
    assert mistakes_of(changed("supervision.keys", {"listen": "1"})) == []
