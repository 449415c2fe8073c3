"""Who may open TLS connections, how many, and what each has proven to be."""

from __future__ import annotations

import pytest

from gateway.core.errors import NotPermitted
from gateway.core.routing import Router, with_transport
from gateway.sip.connections import HANDSHAKE_S, MAX_OF_STRANGERS, MAX_PER_HOST, Connections
from gateway.sip.log import TOLD_BURST, TOLD_PER_S, Brake

PBX, STRANGER = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def connections() -> Connections:
    return Connections(lambda host: host == PBX)


def flood(connections: Connections, host: str, count: int, at_s: float = 0.0) -> int:
    """How many of so many were admitted."""
    return sum(connections.admit((host, port), at_s) for port in range(1, count + 1))


def test_one_address_has_only_so_many(connections: Connections) -> None:
    assert flood(connections, STRANGER, 1_000) == MAX_PER_HOST
    assert connections.admit(("198.51.100.2", 1), 0.0)
    assert connections.refused == {"too many of one address": 1_000 - MAX_PER_HOST}


def test_strangers_leave_room_for_trunks(connections: Connections) -> None:
    admitted = sum(flood(connections, f"198.51.100.{host}", MAX_PER_HOST) for host in range(1, 21))
    assert admitted == MAX_OF_STRANGERS == len(connections)
    assert connections.admit((PBX, 1), 0.0)
    assert not connections.admit(("198.51.100.99", 1), 0.0)


def test_a_handshake_that_never_ends_is_forgotten(connections: Connections) -> None:
    flood(connections, STRANGER, MAX_PER_HOST)
    assert not connections.admit((STRANGER, 7_000), HANDSHAKE_S)
    assert connections.admit((STRANGER, 7_001), HANDSHAKE_S + 1.1)
    assert len(connections) == 1


def test_one_that_is_open_counts_until_it_is_closed(connections: Connections) -> None:
    for port in range(MAX_PER_HOST):
        assert connections.admit((STRANGER, port), 0.0)
        connections.opened(1_000 + port, (STRANGER, port), ())
    assert not connections.admit((STRANGER, 9_000), 1_000.0)
    connections.closed(1_000)
    connections.closed(1_000)
    assert connections.admit((STRANGER, 9_000), 1_000.0)


def test_names_belong_to_a_connection_while_it_lasts(connections: Connections) -> None:
    connections.opened(7, (PBX, 5061), ("sbc.example",))  # we connected to it: it does not count
    assert (connections.names_of(7), len(connections)) == (("sbc.example",), 0)
    connections.opened(7, (PBX, 5061), ())  # another one in the same place
    assert connections.names_of(7) == ()
    connections.opened(7, (PBX, 5061), ("sbc.example",))
    connections.closed(7)
    assert connections.names_of(7) == ()


class Trunk:
    address = ("192.0.2.1", 5060)
    transport = "tls"

    def __init__(self, name: str, *identify_by: object) -> None:
        self.name = name
        self.identify_by = identify_by


def test_a_certificate_counts_before_the_address_and_from_anywhere() -> None:
    import ipaddress

    near = ipaddress.ip_network("192.0.2.0/24")
    router = Router((), [Trunk("plain", near), Trunk("secure", "tls:sbc.example")])  # type: ignore[list-item]
    assert router.identify(PBX) == "plain"
    assert (
        router.identify(PBX, ("sbc.example",)) == router.identify(STRANGER, ("x", "sbc.example")) == "secure"
    )
    assert router.identify(PBX, ("other.example",)) == "plain"
    with pytest.raises(NotPermitted):
        router.identify(STRANGER, ("other.example",))
    named = Router((), [Trunk("secure", "tls:sbc.example")])  # type: ignore[list-item]
    assert named.knows_names
    with pytest.raises(NotPermitted):
        named.identify(PBX)


def test_sips_needs_no_transport() -> None:
    assert with_transport("sip:1@x", "tls") == "sip:1@x;transport=tls"
    assert with_transport("sips:1@x", "tls") == "sips:1@x"


def test_a_flood_in_the_log_is_braked_and_counted() -> None:
    brake = Brake()
    told = [brake.take(1_000.0) for _ in range(500)]
    assert told.count(None) == 500 - TOLD_BURST
    assert brake.take(1_000.0 + 1.5 / TOLD_PER_S) == 500 - TOLD_BURST
    assert brake.take(1_001.0) == 0
