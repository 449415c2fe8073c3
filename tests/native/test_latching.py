"""Symmetric RTP with a lock (RFC 7362): whose packets a leg takes, and when it thinks again."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from rig import PT, Rig, Telephone, slow_media_thread

VOICE = b"\x33" * 160


class Elsewhere:
    """A sender at another address, with a stream of its own."""

    def __init__(self, host: str, phone: Telephone, mark: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.phone, self.mark, self.sequence, self.ssrc = phone, mark, 0, mark

    @property
    def address(self) -> tuple[str, int]:
        return self.socket.getsockname()

    def send(self) -> None:
        packet = struct.pack(
            "!BBHII", 0x80, PT["PCMA"], self.sequence & 0xFFFF, 160 * self.sequence & 0xFFFFFFFF, self.ssrc
        )
        self.socket.sendto(packet + bytes([self.mark]) * 160, ("127.0.0.1", self.phone.port))
        self.phone.posted += 1
        self.sequence += 1

    def gets(self) -> int:
        count = 0
        while True:
            try:
                self.socket.recv(4096)
            except BlockingIOError:
                return count
            count += 1


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        yield rig


@pytest.fixture
def stranger(rig: Rig) -> Iterator[Elsewhere]:
    stranger = Elsewhere("127.0.0.2", rig.caller, 0x66)
    yield stranger
    stranger.socket.close()


@pytest.fixture
def moved(rig: Rig) -> Iterator[Elsewhere]:
    """The announced host, another port."""
    moved = Elsewhere("127.0.0.1", rig.caller, 0x77)
    yield moved
    moved.socket.close()


def heard(phone: Telephone) -> list[int]:
    return [p.payload[0] for p in phone.listen()]


def sources(rig: Rig, leg: int) -> list[tuple[str, int]]:
    return [
        source for name, number, _, _, source in rig.engine.events() if name == "latched" and number == leg
    ]


def announce(rig: Rig, address: tuple[str, int]) -> None:
    """A re-INVITE with another address in its SDP."""
    rig.engine.connect(rig.caller.leg, "PCMA", 8, 101, *address)
    rig.sync()


def test_the_first_packet_locks_and_is_heard(rig: Rig) -> None:
    assert rig.caller.stats()["source"] is None
    rig.step((rig.caller, VOICE))
    assert heard(rig.advisor) == [0x33]
    assert rig.caller.stats()["source"] == rig.caller.socket.getsockname()
    assert sources(rig, rig.caller.leg) == [rig.caller.socket.getsockname()]


def test_once_locked_a_stranger_is_not_heard_however_long_it_sends(rig: Rig, stranger: Elsewhere) -> None:
    rig.step((rig.caller, VOICE))
    for _ in range(20):
        stranger.send()
        rig.sync()
    rig.step((rig.caller, VOICE))
    assert heard(rig.advisor) == [0x33, 0x33]
    assert rig.caller.refused() == {"foreign_source": 20}
    assert stranger.gets() == 0


def test_another_port_of_the_same_host_is_a_stranger_too(rig: Rig, moved: Elsewhere) -> None:
    rig.step((rig.caller, VOICE))
    for _ in range(5):
        moved.send()
        rig.sync()
    assert heard(rig.advisor) == [0x33]
    assert rig.caller.refused() == {"foreign_source": 5}


def test_the_announced_host_may_send_from_another_port(rig: Rig, moved: Elsewhere) -> None:
    """A phone behind a NAT that keeps its address but not its port."""
    moved.send()
    rig.sync()
    rig.step((rig.advisor, VOICE))
    assert heard(rig.advisor) == [0x77]
    assert moved.gets() == 1, "and is answered there"


def test_what_waited_when_the_leg_was_locked_stays_in_order() -> None:
    """The lock parts one socket's packets from another's: those that came before go first.

    One core for both, which the media thread has last: so all have come when it sees the first.
    """
    with Rig() as rig, slow_media_thread():
        for _ in range(40):
            call = rig.engine.add_call()
            (one, port), (other, _) = rig.engine.add_leg(call, "caller"), rig.engine.add_leg(call, "advisor")
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
            ):
                for end in (far, near):
                    end.bind(("127.0.0.1", 0))
                near.settimeout(5)
                rig.engine.connect(one, "PCMA", 8, 101, *far.getsockname())
                rig.engine.connect(other, "PCMA", 8, 101, *near.getsockname())
                rig.engine.set_talk_path(call, {(one, other): 1.0, (other, one): 1.0})
                rig.sync()
                burst = [struct.pack("!BBHII", 0x80, 8, n, 160 * n, 7) + bytes([n]) * 160 for n in range(20)]
                for packet in burst:
                    far.sendto(packet, ("127.0.0.1", port))
                    rig.caller.posted += 1
                assert [near.recv(4096)[12] for _ in burst] == list(range(20))
            rig.engine.remove_call(call)


PROBATION = 5
"""Packets in a row, of one stream, before an unannounced source has a leg."""
LONG_PROBATION = 25
HIDDEN = [
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.20",
    "100.64.0.1",
    "169.254.7.7",
    "fd00::7",
    "fe80::7",
]
REACHABLE = [
    "198.51.100.7",
    "172.32.0.1",
    "192.169.1.20",
    "100.128.0.1",
    "127.0.0.1",
    "11.1.2.3",
    "2001:db8::7",
]


@pytest.mark.parametrize("announced", HIDDEN)
def test_a_phone_whose_announced_address_a_nat_hides_is_taken_when_it_keeps_sending(
    rig: Rig, stranger: Elsewhere, announced: str
) -> None:
    announce(rig, (announced, 4000))
    for _ in range(PROBATION + 2):
        stranger.send()
        rig.sync()
    assert heard(rig.advisor) == [0x66, 0x66]
    assert rig.caller.refused() == {"foreign_source": PROBATION}
    assert rig.caller.stats()["source"] == stranger.address
    rig.step((rig.advisor, VOICE))
    assert stranger.gets() == 1


@pytest.mark.parametrize("announced", REACHABLE)
def test_where_the_announced_address_can_be_reached_another_must_keep_sending_for_long(
    rig: Rig, stranger: Elsewhere, announced: str
) -> None:
    """Some hosts with several addresses name one and send from another. Whoever has the leg hears the patient."""
    announce(rig, (announced, 4000))
    for _ in range(LONG_PROBATION):
        stranger.send()
        rig.taken()
    rig.sync()
    assert heard(rig.advisor) == []
    assert rig.caller.refused() == {"foreign_source": LONG_PROBATION}
    stranger.send()
    rig.sync()
    assert heard(rig.advisor) == [0x66]


@pytest.mark.parametrize("announced", REACHABLE)
def test_or_never_has_the_leg_where_the_admin_says_so(announced: str) -> None:
    with Rig(latch_nat_only=True) as rig:
        rig.talk()
        stranger = Elsewhere("127.0.0.2", rig.caller, 0x66)
        announce(rig, (announced, 4000))
        for _ in range(3 * LONG_PROBATION):
            stranger.send()
            rig.taken()
        rig.sync()
        assert heard(rig.advisor) == []
        assert rig.caller.refused() == {"foreign_source": 3 * LONG_PROBATION}
        rig.step((rig.advisor, VOICE))
        assert stranger.gets() == 0
        announce(rig, ("10.1.2.3", 4000))
        for _ in range(PROBATION + 1):
            stranger.send()
            rig.taken()
        rig.sync()
        assert heard(rig.advisor) == [0x66]
        stranger.socket.close()


@pytest.mark.parametrize("how", ["another stream", "from the beginning", "the same packet", "a jump"])
def test_an_unannounced_source_that_does_not_send_one_stream_is_not_taken(
    rig: Rig, stranger: Elsewhere, how: str
) -> None:
    """Who sprays packets over all ports does not keep one stream going at each."""
    announce(rig, ("10.1.2.3", 4000))
    for number in range(8 * PROBATION):
        if number % PROBATION == PROBATION - 1:
            if how == "another stream":
                stranger.ssrc += 1
            else:
                stranger.sequence += {"from the beginning": -4, "the same packet": -1, "a jump": 3}[how]
        stranger.send()
        rig.taken()
    rig.sync()
    assert heard(rig.advisor) == []


def test_some_loss_is_allowed_in_that_stream(rig: Rig, stranger: Elsewhere) -> None:
    announce(rig, ("10.1.2.3", 4000))
    for _ in range(PROBATION + 1):
        stranger.sequence += 2
        stranger.send()
        rig.taken()
    rig.sync()
    assert heard(rig.advisor) == [0x66]


def test_what_comes_while_nothing_is_expected_does_not_count(rig: Rig, stranger: Elsewhere) -> None:
    rig.engine.connect(rig.caller.leg, "PCMA", 8, 101, "10.1.2.3", 4000, receives=False)
    for _ in range(20):
        stranger.send()
        rig.taken()
    rig.sync()
    announce(rig, ("10.1.2.3", 4000))
    for _ in range(PROBATION):
        stranger.send()
        rig.taken()
    rig.sync()
    assert heard(rig.advisor) == []
    stranger.send()
    rig.sync()
    assert heard(rig.advisor) == [0x66]


def test_two_strangers_who_take_turns_are_not_taken(rig: Rig, stranger: Elsewhere) -> None:
    announce(rig, ("10.1.2.3", 4000))
    other = Elsewhere("127.0.0.3", rig.caller, 0x11)
    for _ in range(10):
        stranger.send()
        other.send()
        rig.sync()
    assert heard(rig.advisor) == []
    other.socket.close()


def test_before_the_lock_a_stranger_does_not_keep_the_announced_source_out(
    rig: Rig, stranger: Elsewhere
) -> None:
    for _ in range(3):
        stranger.send()
        rig.sync()
    rig.step((rig.caller, VOICE))
    stranger.send()
    rig.sync()
    assert heard(rig.advisor) == [0x33]


def test_the_announced_source_wins_its_leg_back(rig: Rig, stranger: Elsewhere) -> None:
    """A stranger that came first holds the leg only until the one that SDP names is heard."""
    for _ in range(LONG_PROBATION + 3):
        stranger.send()
        rig.taken()
    rig.sync()
    assert heard(rig.advisor) == [0x66] * 3
    rig.advisor.forget()
    for _ in range(2):
        rig.step((rig.caller, VOICE))
        stranger.send()
        rig.sync()
    assert heard(rig.advisor) == [0x33, 0x33]
    assert rig.caller.stats()["source"] == rig.caller.socket.getsockname()


def test_a_reinvite_with_the_same_address_keeps_the_lock(rig: Rig, moved: Elsewhere) -> None:
    moved.send()
    rig.sync()
    announce(rig, rig.caller.socket.getsockname())
    assert rig.caller.stats()["source"] == moved.address
    moved.send()
    rig.sync()
    assert heard(rig.advisor) == [0x77, 0x77]


def test_a_reinvite_with_another_address_opens_it_again(rig: Rig, stranger: Elsewhere) -> None:
    rig.step((rig.caller, VOICE))
    announce(rig, stranger.address)
    stranger.send()
    rig.sync()
    rig.step((rig.caller, VOICE))
    assert heard(rig.advisor) == [0x33, 0x66]
    assert sources(rig, rig.caller.leg) == [rig.caller.socket.getsockname(), stranger.address]
    rig.step((rig.advisor, VOICE))
    assert (stranger.gets(), len(rig.caller.listen())) == (1, 0)


@pytest.mark.parametrize("where", ["moved", "stranger"])
def test_the_old_source_still_sending_after_a_reinvite_does_not_keep_the_new_one_out(
    rig: Rig, where: str, request: pytest.FixtureRequest
) -> None:
    """Packets are under way when media moves: to another port of the same server, or to another host."""
    new: Elsewhere = request.getfixturevalue(where)
    rig.step((rig.caller, VOICE))
    announce(rig, new.address)
    for _ in range(6):
        rig.step((rig.caller, VOICE))
    rig.advisor.forget()
    for _ in range(3):
        new.send()
        rig.sync()
    assert heard(rig.advisor) == [new.mark] * 3
    rig.step((rig.advisor, VOICE))
    assert new.gets() >= 1


def test_until_a_packet_comes_it_sends_where_sdp_said(rig: Rig, stranger: Elsewhere) -> None:
    announce(rig, stranger.address)
    rig.step((rig.advisor, VOICE))
    assert stranger.gets() == 1


def test_hold_by_the_unspecified_address_sends_nothing_and_can_be_undone(rig: Rig) -> None:
    """RFC 3264 §8.4: `c=0.0.0.0`, the old way to hold."""
    rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
    rig.caller.forget()
    announce(rig, ("0.0.0.0", 4000))
    rig.step((rig.advisor, VOICE))
    assert rig.caller.listen() == []
    announce(rig, rig.caller.socket.getsockname())
    rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
    assert heard(rig.caller) == [0x33]
    assert heard(rig.advisor)[-1] == 0x33


def test_who_was_on_hold_by_the_unspecified_address_is_no_former_source(
    rig: Rig, stranger: Elsewhere
) -> None:
    """A phone behind a NAT: after the hold it has its leg again as fast as at first."""
    for address in (("10.1.2.3", 4000), ("0.0.0.0", 4000), ("10.1.2.3", 4000)):
        announce(rig, address)
        for _ in range(PROBATION + 2):
            stranger.send()
            rig.taken()
        rig.sync()
    assert heard(rig.advisor)[-2:] == [0x66, 0x66]
    assert rig.caller.stats()["source"] == stranger.address
