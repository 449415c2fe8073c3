"""The PBX's decisions without sockets: digest, registrar, routes."""

import pytest
from sipmessage import Address, Request

from simulators import digest
from simulators.errors import WrongUsage
from simulators.message import make_request, make_via, uri
from simulators.registrar import Registrar
from simulators.routing import Route, best, drop_own_routes, has_looped, loop_mark
from simulators.transaction import Hop

HERE = ("127.0.0.1", 5070)


def request(method: str = "REGISTER", *, to: str = "<sip:2001@127.0.0.1:5070>", sequence: int = 1) -> Request:
    made = make_request(
        method,
        uri("sip:127.0.0.1:5070"),
        sender=Address.parse(to + ";tag=a"),
        recipient=Address.parse(to),
        call_id="registration",
        sequence=sequence,
    )
    made.via = [make_via("udp", "127.0.0.1", 40_000, "z9hG4bKx")]
    made.contact = [Address.parse("<sip:2001@127.0.0.1:40000>")]
    return made


def test_digest_of_rfc_7616_section_3_9_1():
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    expected = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, response in expected.items():
        made = digest.credentials(
            challenge.format(algorithm),
            username="Mufasa",
            password="Circle of Life",
            method="GET",
            uri="/dir/index.html",
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        assert digest.parameters(made)["response"] == response


def test_digest_verifies_what_it_made_and_nothing_else():
    made = digest.credentials(
        digest.challenge("pbx", "n1"),
        username="2001",
        password="secret",
        method="REGISTER",
        uri="sip:127.0.0.1",
    )
    assert digest.verify(made, method="REGISTER", password="secret", nonces={"n1"})
    assert not digest.verify(made, method="REGISTER", password="wrong", nonces={"n1"})
    assert not digest.verify(made, method="INVITE", password="secret", nonces={"n1"})
    assert not digest.verify(made, method="REGISTER", password="secret", nonces={"n2"})


def test_a_registration_lasts_as_long_as_granted():
    registrar = Registrar("pbx")
    asked = request()
    asked.expires = 60
    response = registrar.register(asked, now=100.0)
    assert response.code == 200
    assert response.contact[0].parameters["expires"] == "60"
    assert [str(contact) for contact in registrar.contacts("2001", 159.0)] == ["sip:2001@127.0.0.1:40000"]
    assert registrar.contacts("2001", 161.0) == []
    assert registrar.knows("2001")
    assert not registrar.knows("2002")


def test_a_registration_is_removed_by_expires_0_or_by_a_star():
    for contact in ("<sip:2001@127.0.0.1:40000>", "*"):
        registrar = Registrar("pbx")
        registrar.register(request(), now=0.0)
        removal = request(sequence=2)
        removal.headers.set("Contact", contact)
        removal.expires = 0
        assert registrar.register(removal, now=1.0).code == 200
        assert registrar.contacts("2001", 2.0) == []


def test_an_overtaken_registration_and_one_too_brief_are_refused():
    registrar = Registrar("pbx")
    registrar.register(request(sequence=5), now=0.0)
    assert registrar.register(request(sequence=4), now=1.0).code == 500
    brief = request(sequence=6)
    brief.expires = 3
    response = registrar.register(brief, now=1.0)
    assert (response.code, response.min_expires) == (423, 10)


def test_with_passwords_a_registration_is_challenged():
    registrar = Registrar("pbx", {"2001": "secret"})
    asked = request()
    response = registrar.register(asked, now=0.0)
    assert response.code == 401
    for password, code in (("wrong", 401), ("secret", 200)):
        given = digest.credentials(
            response.headers["WWW-Authenticate"],
            username="2001",
            password=password,
            method="REGISTER",
            uri="sip:127.0.0.1:5070",
        )
        asked.headers.set("Authorization", given)
        assert registrar.register(asked, now=0.0).code == code


@pytest.mark.parametrize(
    ("route", "number", "target"),
    [
        ("2...=sip:127.0.0.1:5060", "2001", "sip:2001@127.0.0.1:5060"),
        ("2...=sip:127.0.0.1:5060", "20011", None),
        (r"\*7.*=sip:127.0.0.1:5060;transport=tcp", "*722001", "sip:*722001@127.0.0.1:5060;transport=tcp"),
        (r"9(\d+)=sip:\1@127.0.0.2:5080", "9111", "sip:111@127.0.0.2:5080"),
    ],
)
def test_routes(route, number, target):
    applied = Route.parse(route).apply(number)
    assert (str(applied) if applied else None) == target


@pytest.mark.parametrize("wrong", ["2...", "2...=127.0.0.1", "(=sip:127.0.0.1:5060"])
def test_a_wrong_route_is_explained(wrong):
    with pytest.raises(WrongUsage):
        Route.parse(wrong)


def test_a_route_is_not_taken_back_to_where_the_request_came_from():
    route = Route.parse(".*=sip:127.0.0.1:5060")
    invite = request("INVITE")
    assert not route.came_from(invite, Hop("udp", "127.0.0.1", 40_000))
    assert route.came_from(invite, Hop("udp", "127.0.0.1", 5060))
    invite.via = [make_via("tcp", "127.0.0.1", 5060, "z9hG4bKy")]
    assert route.came_from(invite, Hop("tcp", "127.0.0.1", 51_000))


def test_a_loop_is_a_request_that_comes_back_unchanged():
    invite = request("INVITE")
    invite.via = [make_via("udp", *HERE, f"z9hG4bKa.{loop_mark(invite)}"), *invite.via]
    assert has_looped(invite, *HERE)
    invite.uri = uri("sip:other@127.0.0.1:5070")
    assert not has_looped(invite, *HERE)


def test_own_routes_are_taken_off_the_top_only():
    bye = request("BYE")
    bye.headers.setlist(
        "Route",
        ["<sip:127.0.0.1:5070;lr>", "<sip:127.0.0.1:5070;transport=tcp;lr>, <sip:127.0.0.9;lr>"],
    )
    drop_own_routes(bye, *HERE)
    assert [str(route.uri) for route in bye.route] == ["sip:127.0.0.9;lr"]


@pytest.mark.parametrize(
    ("codes", "chosen"),
    [([486, 603], 603), ([503, 486], 486), ([486, 407], 407), ([404, 302], 302), ([408], 408)],
)
def test_the_best_refusal(codes, chosen):
    assert codes[best(codes)] == chosen
