"""`gateway.config.people`: who is who."""

import pytest
from configs import ENVIRON, SOUND
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Config
from gateway.config.people import Directory, identity_of

DIRECTORY = Directory(Config.model_validate(SOUND), ENVIRON)


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        ("sip:9001@pbx", ("9001", "pbx")),
        ('"Fiona <F>" <sip:9001@PBX:5080;transport=tcp>;tag=x', ("9001", "pbx:5080")),
        ("sip:fi%6Fna:secret@[2001:DB8::1]:5060?x=y", ("fiona", "[2001:db8::1]:5060")),
        ("sips:9001@pbx", ("9001", "pbx")),
        ("<tel:+441614960000;phone-context=x>", ("+441614960000", "")),
        ("sip:pbx", ("", "pbx")),
        ("anonymous", ("", "")),
        ("", ("", "")),
    ],
)
def test_identities(uri: str, identity: tuple[str, str]) -> None:
    assert identity_of(uri) == identity


@given(st.text(max_size=40))
def test_no_uri_raises_anything(uri: str) -> None:
    assert len(identity_of(uri)) == 2
    DIRECTORY.by_sip(uri)


def person(uri: str, *identities: str) -> str | None:
    users = [
        {"id": f"u{number}", "sip": sip, "roles": ["floorwalker"]} for number, sip in enumerate(identities)
    ]
    found = Directory(Config.model_validate({"user": users}), {}).by_sip(uri)
    return found.id if found else None


def test_the_closest_identity_counts() -> None:
    identities = ("9001", "9001@pbx", "9001@pbx:5070")
    assert person("sip:9001@elsewhere", *identities) == "u0"
    assert person("sip:9001@PBX:5060", *identities) == "u1"
    assert person("sip:9001@pbx:5070", *identities) == "u2"
    assert person("sip:9002@pbx", *identities) is None
    assert person("sip:9001@elsewhere", "9001@pbx") is None
    assert person("sip:a@[::1]:5060", "a@[::1]") == "u0"


def test_advisors_are_known_by_extension() -> None:
    found = DIRECTORY.by_sip("sip:2001@pbx")
    assert found
    assert (found.id, found.roles) == ("ann", {"advisor"})
    advisor = DIRECTORY.advisor("2001")
    assert advisor
    assert advisor.team == "north"
    assert DIRECTORY.advisor("9001") is None


def test_tokens() -> None:
    found = DIRECTORY.by_token("a" * 32)
    assert found
    assert found.id == "arthur"
    for wrong in ("", "a", "a" * 33, "é" * 16, "\ud800"):
        assert DIRECTORY.by_token(wrong) is None


def test_an_empty_or_missing_variable_opens_nothing() -> None:
    directory = Directory(Config.model_validate(SOUND), {"TOKEN_FIONA": ""})
    assert directory.by_token("") is None
    assert directory.by_token("a" * 32) is None


def test_by_id() -> None:
    assert [getattr(DIRECTORY.by_id(name), "id", None) for name in ("fiona", "ann", "zoe")] == [
        "fiona",
        "ann",
        None,
    ]
