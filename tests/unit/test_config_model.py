"""`gateway.config.model`: defaults, derived values, immutability."""

import pytest
from configs import SOUND
from pydantic import ValidationError

from gateway.config.model import Config, Media, Mqtt, Sip, Trunk, Web
from gateway.core.model import Encoding, Mode


def test_an_empty_file_has_every_default() -> None:
    config = Config.model_validate({})
    assert config.sip.bind == ("127.0.0.1", 5060)
    assert config.sip.transports == ("udp", "tcp")
    assert config.media.codecs == (Encoding.PCMA, Encoding.PCMU)
    assert config.supervision.codes.by_mode() == {
        Mode.LISTEN: "*71", Mode.WHISPER: "*72", Mode.BARGE: "*73", Mode.TAKEOVER: "*74",
    }  # fmt: skip
    keys = {"listen": "4", "whisper": "5", "barge": "6", "leave": "#", "past": "1"}
    assert config.supervision.keys.model_dump() == keys
    assert config.alerts.panic_code == "*99"
    assert config.mqtt is None


def test_repeated_tables_are_plural() -> None:
    config = Config.model_validate(SOUND)
    assert [len(items) for items in (config.trunks, config.routes, config.advisors, config.users)] == [
        2,
        2,
        2,
        2,
    ]


def test_the_advertised_address_is_the_bind_address_unless_given() -> None:
    assert Sip(bind=("192.0.2.1", 5060)).advertised == "192.0.2.1"
    assert Sip(bind=("0.0.0.0", 5060), advertised_address="192.0.2.9").advertised == "192.0.2.9"
    assert Media(bind="192.0.2.1").advertised == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:0", ("192.0.2.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
    ],
)
def test_addresses_to_listen_on(text: str, address: tuple[str, int]) -> None:
    assert Web.model_validate({"bind": text}).bind == address


@pytest.mark.parametrize(
    "text", ["localhost:1", "192.0.2.1", "192.0.2.1:", "::1:80", "192.0.2.1:65536", ":80", "", "1.2.3:80"]
)
def test_what_cannot_be_listened_on(text: str) -> None:
    with pytest.raises(ValidationError):
        Web.model_validate({"bind": text})


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:pbx.example.org", ("pbx.example.org", 5060)),
        ("SIP:192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("sip:[2001:db8::1]:5062", ("2001:db8::1", 5062)),
    ],
)
def test_trunk_addresses(uri: str, address: tuple[str, int]) -> None:
    assert Trunk(name="t", uri=uri).address == address


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pbx",
        "sip:",
        "sips:h",
        "tel:1",
        "sip:u@h",
        "sip:h;transport=tcp",
        "sip:256.1.1.1",
        "sip:-h",
        "sip:h:x",
    ],
)
def test_what_is_no_trunk(uri: str) -> None:
    with pytest.raises(ValidationError):
        Trunk(name="t", uri=uri)


def test_the_brokers_address() -> None:
    assert Mqtt(url="mqtt://broker").address == ("broker", 1883)
    assert Mqtt(url="mqtt://[::1]:1884/").address == ("::1", 1884)


@pytest.mark.parametrize(
    "url", ["", "mqtts://h", "http://h", "mqtt://", "mqtt://u:p@h", "mqtt://h:99999", "mqtt://h/x"]
)
def test_what_is_no_broker(url: str) -> None:
    with pytest.raises(ValidationError):
        Mqtt(url=url)


@pytest.mark.parametrize("root", ["", "/a", "a/", "a//b", "a/#", "+", "$SYS"])
def test_what_is_no_topic_root(root: str) -> None:
    with pytest.raises(ValidationError):
        Mqtt(url="mqtt://h", topic_root=root)


def test_nothing_can_be_changed_afterwards() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.sip.bind = ("127.0.0.1", 1)  # type: ignore[misc]


def test_sections_are_replaced_in_a_copy() -> None:
    config = Config.model_validate(SOUND).with_(sip=Sip(bind=("127.0.0.1", 0)))
    assert config.sip.bind == ("127.0.0.1", 0)
    assert len(config.trunks) == 2
    with pytest.raises(ValidationError):
        config.with_(sipp=Sip())


def test_people_as_permissions_see_them() -> None:
    config = Config.model_validate(SOUND)
    ann, fiona = config.advisors[0].person(), config.users[0].person()
    assert (ann.id, ann.sip, ann.roles, ann.teams) == ("ann", "2001", {"advisor"}, {"north"})
    assert (fiona.name, fiona.sip, fiona.roles, fiona.teams) == ("fiona", "9001", {"floorwalker"}, {"*"})
