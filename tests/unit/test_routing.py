"""`gateway.core.routing`: where a number goes, and where a request comes from."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Route, RouteTo, Trunk
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.routing import MAX_NUMBER, Router, Target, Template, TemplateError, escape

PBX = Trunk(name="pbx", uri="sip:192.0.2.1:5080")
SBC = Trunk(name="sbc", uri="sip:[2001:db8::1]", transport="tcp")


def router(*rules: tuple[str, str, str], trunks: Sequence[Trunk] = (PBX, SBC)) -> Router:
    return Router(
        [Route(match=match, to=RouteTo(trunk=trunk, uri=uri)) for match, trunk, uri in rules], trunks
    )


def test_number_and_trunk_are_filled_in() -> None:
    target = router((r"2\d{3}", "pbx", "sip:{number}@{trunk}")).route("2001")
    assert target == Target("sip:2001@192.0.2.1:5080", "pbx", 0)


def test_named_groups_are_filled_in_and_absent_ones_are_empty() -> None:
    rules = router((r"\+44(?P<area>161)(?P<line>\d+)?", "pbx", "sip:{area}-{line}@h"))
    assert rules.route("+441614960000").uri == "sip:161-4960000@h"
    assert rules.route("+44161").uri == "sip:161-@h"


def test_the_first_route_that_fits_is_taken() -> None:
    rules = router(("2001", "pbx", "sip:one@h"), (r"2\d+", "pbx", "sip:two@h"))
    assert [rules.route(number).route for number in ("2001", "2002")] == [0, 1]


@pytest.mark.parametrize("number", ["", "200", "20011", "2001 ", "x2001", "2001\n", "1" * (MAX_NUMBER + 1)])
def test_the_whole_number_must_fit(number: str) -> None:
    with pytest.raises(NoRoute) as refused:
        router((r"2\d{3}|1+", "pbx", "sip:{number}@{trunk}")).route(number)
    assert refused.value.sip_status == 404


def test_a_tcp_trunk_is_said_in_the_uri() -> None:
    rules = router(
        ("1", "sbc", "sip:{number}@{trunk}"),
        ("2", "sbc", "sip:a@h;transport=TCP"),
        ("3", "sbc", "sip:a@h?Subject=x"),
    )
    assert [rules.route(number).uri for number in "123"] == [
        "sip:1@[2001:db8::1]:5060;transport=tcp",
        "sip:a@h;transport=TCP",
        "sip:a@h;transport=tcp?Subject=x",
    ]


def test_what_is_dialled_cannot_rewrite_the_uri() -> None:
    uri = router((".*", "pbx", "sip:{number}@{trunk}")).route("a@evil;x?y=<z>\u00e9%").uri
    assert uri == "sip:a%40evil%3Bx%3Fy%3D%3Cz%3E%C3%A9%25@192.0.2.1:5080"


def test_keys_of_the_telephone_survive_escaping() -> None:
    assert escape("*72+#") == "*72+%23"


@given(st.text(st.characters(), max_size=40) | st.text("\ud800\udcff\r@;é", max_size=9))
def test_no_number_makes_a_uri_with_a_second_host_or_header(number: str) -> None:
    uri = router(("(?s:.*)", "pbx", "sip:{number}@{trunk}")).route(number).uri
    assert uri.count("@") == 1
    assert uri.isascii()
    assert not set(uri) & set(' \r\n<>";?,')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sip:{nummer}@{trunk}", "unknown {nummer}"),
        ("sip:{number@{trunk}", "expected"),
        ("sip:{}@h", "unknown {}"),
        ("sip:{number.__class__}@h", "unknown"),
        ("sip:{number!r}@h", "unknown"),
        ("sip:{number:>99999999}@h", "unknown"),
        ("{number}@{trunk}", "not a SIP URI"),
        ("sip:", "not a SIP URI"),
        ("tel:{number}", "not a SIP URI"),
        ("sip:{number}@h\r\nX: y", "not a SIP URI"),
    ],
)
def test_templates_that_cannot_be_filled_in(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        Template(text, {"number", "trunk"})


def test_a_user_is_reached_by_route_before_directly() -> None:
    rules = router((r"9\d{3}", "pbx", "sip:{number}@{trunk}"))
    assert rules.reach("9001") == Target("sip:9001@192.0.2.1:5080", "pbx", 0)
    assert rules.reach("9001@elsewhere:5070") == Target("sip:9001@192.0.2.1:5080", "pbx", 0)
    assert rules.reach("fiona@192.0.2.9:5070") == Target("sip:fiona@192.0.2.9:5070", None)


@pytest.mark.parametrize("identity", ["fiona", "fiona@", "@host", "fiona@h;x", "fi ona@h", ""])
def test_a_user_who_cannot_be_reached(identity: str) -> None:
    with pytest.raises(NoRoute):
        router((r"9\d{3}", "pbx", "sip:{number}@{trunk}")).reach(identity)


def trunk(name: str, *networks: str) -> Trunk:
    return Trunk.model_validate({"name": name, "uri": "sip:h", "identify_by": networks})


def test_the_smallest_network_names_the_trunk() -> None:
    rules = router(
        trunks=[trunk("wide", "10.0.0.0/8"), trunk("near", "10.1.0.0/16", "2001:db8::/32"), trunk("open")]
    )
    assert [rules.identify(ip) for ip in ("10.2.0.1", "10.1.0.1", "2001:db8::7")] == ["wide", "near", "near"]
    assert rules.identify("::ffff:10.1.0.1") == "near"


@pytest.mark.parametrize("source", ["192.0.2.1", "::1", "", "pbx", "10.1.0.1.5"])
def test_other_sources_are_refused_with_403(source: str) -> None:
    with pytest.raises(NotPermitted) as refused:
        router(trunks=[trunk("pbx", "10.0.0.0/8")]).identify(source)
    assert refused.value.sip_status == 403


def test_anyone_may_call_where_no_trunk_is_identified() -> None:
    assert router().identify("203.0.113.9") is None
