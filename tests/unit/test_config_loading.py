"""`gateway.config.loading`: mistakes field by field, and nothing else is ever raised."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from configs import ENVIRON, SOUND, changed, mistakes_of, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.draft import REPEATED
from gateway.config.loading import examine_table, load
from gateway.config.mistakes import allowed_keys
from gateway.core.errors import ConfigError


def write(path: Path, data: str | bytes) -> Path:
    file = path / "gateway.toml"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path, ENVIRON)
    assert error.value.mistakes
    return error.value.mistakes


def test_a_sound_file_becomes_a_config(tmp_path: Path) -> None:
    text = '[node]\nname = "gw"\n[[trunk]]\nname = "pbx"\nuri = "sip:h"\n'
    config = load(write(tmp_path, text), {})
    assert config.node.name == "gw"
    assert config.trunks[0].address == ("h", 5060)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert load(write(tmp_path, b"\xef\xbb\xbf[node]\nname = 'gw'\n"), {}).node.name == "gw"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("a = 1\n[b\n", "line 2, column 3: "),
        ("a = \n", "line 1, column 5: "),
        ('a = "x', "end of the file, line 1"),
        ("a = 1\na = 2\n", "line 2, column 6: Cannot overwrite a value"),
        (b"a = 1\nb = '\xff'\n", "line 2: not UTF-8"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "9" * 5000, "digits"),
        (b"\0", "line 1, column 1: "),
    ],
)
def test_syntax_errors_say_where(tmp_path: Path, data: str | bytes, found: str) -> None:
    (mistake,) = refused(write(tmp_path, data))
    assert found in mistake


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.toml")[0]
    assert "Is a directory" in refused(tmp_path)[0]
    assert "cannot be read" in refused(Path("a\0b"))[0]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("node.name", "a/b", 'node.name: found "a/b"; allowed: letters, digits'),
        ("sip.bind", "localhost:5060", "sip.bind: found \"localhost:5060\"; not an IP address"),
        ("sip.bind", "127.0.0.1", "the port is missing"),
        ("sip.bind", 5060, 'expected "IP:port" in quotes'),
        ("sip.transports", ["udp", "sctp"], 'sip.transports[2]: found "sctp"; allowed: "udp", "tcp" or "tls"'),
        ("sip.transports", [], "at least 1 entries are expected"),
        ("sip.transports", "udp", "a list in square brackets is expected"),
        ("sip", 5, "sip: found 5; a table is expected; write [sip]"),
        ("media.advertised_address", "gw.example.org", "not an IP address"),
        ("media.port_range", [16384], "media.port_range[2]: is missing"),
        ("media.port_range", [0, 100], "media.port_range[1]: found 0; allowed: at least 1"),
        ("media.port_range", ["1", 2], "a whole number is expected"),
        ("media.workers", 65, "media.workers: found 65; allowed: at most 64"),
        ("media.cpus", [0, 1], "media.cpus: found 2 cores for 1 workers"),
        ("media.cpus", [4096], "media.cpus: found 4096; this machine gives us"),
        ("media.codecs", ["G729"], '"opus" or "L16"'),
        ("trunk.1.uri", "sips:h", 'trunk[2].uri (sbc): found "sips:h"; use "sip:host:port" and transport = "tls"'),
        ("trunk.0.identify_by", ["10.0.0.0/33"], 'trunk[1].identify_by[1] (pbx): found "10.0.0.0/33"'),
        ("trunk.0.transport", "udpp", 'did you mean "udp"?'),
        ("trunk", {"name": "pbx"}, "write [[trunk]] with two brackets"),
        ("advisor.0.extension", "20x", 'advisor[1].extension (Ann): found "20x"; allowed: 1 to 20 digits'),
        ("user.0.sip", "sip:9001@h", 'without "sip:"'),
        ("user.0.roles", [], "at least 1"),
        ("supervision.codes", {"listen": "*7x"}, "supervision.codes.listen: found \"*7x\"; allowed: keys"),
        ("supervision.keys", {"leave": "##"}, "exactly one key"),
        ("supervision.join_tone", "yes", "true or false is expected"),
        ("supervision.ring_timeout_s", 0, "supervision.ring_timeout_s: found 0; allowed: more than 0.0"),
        ("limits.calls_per_second", float("inf"), "a finite number is expected"),
        ("limits.max_calls", 2.5, "a whole number is expected"),
        ("mqtt.url", "mqtts://h", "TLS to the broker is not supported"),
        ("log.level", "warn", 'did you mean "warning"?'),
        ("sipp", {}, 'sipp: unknown key; did you mean "sip"?'),
        ("trunks", [], 'trunks: unknown key; did you mean "trunk"?'),
        ("sip.transprts", [], 'sip.transprts: unknown key; did you mean "transports"?'),
        ("web.zzz", 1, "web.zzz: unknown key; allowed: bind"),
        ("trunk.1.urll", "x", 'trunk[2].urll (sbc): unknown key; did you mean "uri"?'),
        ("mqtt.password", "hush", "whose name into password_env"),
    ],
)  # fmt: skip
def test_each_mistake_in_words(path: str, value: object, said: str) -> None:
    found = mistakes_of(changed(path, value))
    assert any(said in mistake for mistake in found), found


def test_a_missing_key_names_the_entry() -> None:
    table = sound()
    del table["trunk"][1]["uri"]
    assert mistakes_of(table) == ["trunk[2].uri (sbc): is missing"]


def test_every_mistake_is_told_at_once() -> None:
    table = changed("trunk.0.uri", "nonsense")
    table["user"][1]["roles"] = ["auditr"]
    table["user"][1]["tokenenv"] = "X"
    table["route"][0]["match"] = "("
    table["alerts"]["ring"] = ["fiona", "zoe"]
    paths = [mistake.partition(":")[0].partition(" ")[0] for mistake in mistakes_of(table)]
    assert sorted(paths) == [
        "alerts.ring[2]",
        "route[1].match",
        "trunk[1].uri",
        "user[2].roles[1]",
        "user[2].tokenenv",
    ]


@pytest.mark.parametrize(("path", "value"), [
    ("user.0.token_env", "hunter2-hush!"), ("mqtt.password", "hunter2-hush!"),
    ("mqtt.password_env", "hunter2 hush!"),
    ("user.0.password", "hunter2"), ("token", "hunter2"), ("mqtt.password_env", ["hunter2"]),
])  # fmt: skip
def test_secrets_put_into_the_file_are_not_repeated(path: str, value: object) -> None:
    found = mistakes_of(changed(path, value))
    assert found
    assert "hunter2" not in " ".join(found)


def test_control_characters_do_not_reach_the_terminal() -> None:
    for mistake in mistakes_of(changed("node.na\x1b[2Jme\n", "\x1b[31m\n")) + mistakes_of(
        changed("node.name", "\x1b[2J")
    ):
        assert mistake.isprintable()


def test_advisors_from_a_csv_file_join_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "advisors.csv").write_text("id,name,extension,team\ncat,Cat,2003,north\n")
    report = examine_table(changed("advisors_csv", "advisors.csv"), tmp_path, ENVIRON)
    assert report.config
    assert [advisor.id for advisor in report.config.advisors] == ["ann", "ben", "cat"]


def test_mistakes_in_a_csv_file_name_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,extension,team\ncat,2003,north\n\ndog,20x4,north\nann,2005,north\n")
    found = mistakes_of(changed("advisors_csv", "a.csv"), tmp_path)
    assert found == [
        'a.csv line 4, extension (dog): found "20x4"; allowed: 1 to 20 digits in quotes',
        'a.csv line 5, id: found "ann"; another advisor or user has it already',
    ]


def test_a_csv_file_that_is_not_there(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(changed("advisors_csv", "none.csv"), tmp_path)
    assert mistake.startswith("advisors_csv: ")
    assert "No such file" in mistake


def test_every_key_of_every_section_is_known_to_the_hints() -> None:
    assert {*REPEATED, "sip", "media", "supervision", "mqtt"} <= set(allowed_keys(()))
    assert allowed_keys(("route", 0, "to")) == ["trunk", "uri"]
    assert allowed_keys(("supervision", "keys")) == ["listen", "whisper", "barge", "leave", "past"]
    assert allowed_keys(("mqtt",)) == ["url", "username", "password_env", "topic_root"]
    assert allowed_keys(("nonsense", "x")) == []


# ── garbage ──────────────────────────────────────────────────────────────────────────────────────

KEYS = sorted(
    {
        key
        for section in ((), *((name,) for name in SOUND), ("route", 0, "to"))
        for key in allowed_keys(section)
    }
)
scalars = (
    st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.datetimes() | st.dates() | st.times()
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
tables = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), values, max_size=6)
quick = settings(deadline=None, suppress_health_check=list(HealthCheck))


def leaves(table: Any, way: tuple[int | str, ...] = ()) -> list[tuple[int | str, ...]]:
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    return [way] * bool(way) + [leaf for key, value in items for leaf in leaves(value, (*way, key))]


def only_mistakes(table: dict[str, Any]) -> None:
    report = examine_table(table, Path("/nonexistent"), ENVIRON)
    assert (report.config is None) == bool(report.mistakes)
    assert all(str(mistake).isprintable() for mistake in (*report.mistakes, *report.warnings))


@quick
@given(tables)
def test_no_table_raises_anything(table: dict[str, Any]) -> None:
    only_mistakes(table)


@quick
@given(st.data())
def test_no_change_to_a_sound_table_raises_anything(data: st.DataObject) -> None:
    table = sound()
    for way in data.draw(st.lists(st.sampled_from(leaves(SOUND)), min_size=1, max_size=4)):
        holder: Any = table
        try:
            for step in way[:-1]:
                holder = holder[step]
            holder[way[-1]] = data.draw(values)
        except (KeyError, IndexError, TypeError):
            continue
    only_mistakes(table)


@quick
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_file_raises_anything_but_config_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.toml"
    path.write_bytes(data)
    with contextlib.suppress(ConfigError):
        load(path, {})
