"""SRTP on the engine's legs, against libsrtp in the telephones: the audio inside is relayed, mixed and refused as ever."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from keyring import PROFILES, Keyring
from native.g711 import encode_array
from native.srtpcontext import live_contexts
from rig import EVENT_PT, PT, Rig, wait_until
from sounds import likeness, payloads, speech
from srtpreference import Reference, key

CM, SHORT, GCM = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM"
each_suite = pytest.mark.parametrize("suite", PROFILES)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every key is wiped and freed when its call is over."""
    before = live_contexts()
    yield
    assert live_contexts() == before


def rings(caller: str | None, advisor: str | None) -> tuple[Keyring | None, Keyring | None]:
    return Keyring(caller, 1) if caller else None, Keyring(advisor, 3) if advisor else None


def converse(rig: Rig, count: int, seed: int = 1) -> None:
    """Both parties say random payloads; each hears the other's, byte by byte."""
    rng = np.random.default_rng(seed)
    rig.caller.forget()
    rig.advisor.forget()
    said, answered = payloads(rng, count), payloads(rng, count)
    for one, other in zip(said, answered, strict=True):
        rig.step((rig.caller, one), (rig.advisor, other))
    assert [packet.payload for packet in rig.advisor.listen()] == said
    assert [packet.payload for packet in rig.caller.listen()] == answered


SIDES = [*((suite, suite) for suite in PROFILES), (CM, None), (None, GCM), (GCM, SHORT)]


@pytest.mark.parametrize("sides", SIDES, ids=lambda sides: f"{sides[0]} to {sides[1]}")
def test_each_payload_arrives_untouched_inside(sides: tuple[str | None, str | None]) -> None:
    with Rig(keys=rings(*sides)) as rig:
        rig.talk()
        rig.sync()
        converse(rig, 100)
        for phone in rig.phones():
            assert phone.stats()["overlaid"] == 0
            assert not phone.refused()


@each_suite
def test_what_goes_out_is_really_encrypted(suite: str) -> None:
    with Rig(keys=rings(None, suite)) as rig:
        rig.talk()
        rig.sync()
        said = payloads(np.random.default_rng(2), 1)[0]
        rig.step((rig.caller, said))
        datagram = rig.advisor.socket.recv(4096)
        assert len(datagram) > 12 + len(said)
        assert said[:16] not in datagram
        assert rig.advisor.keys.open(datagram)[12:] == said


def test_a_suite_that_libsrtp_lacks_and_an_identifier_of_the_key() -> None:
    suite, mki = "AES_256_CM_HMAC_SHA1_80", b"\x07\x01"
    ours, theirs = Reference(suite, key(suite, 4)), Reference(suite, key(suite, 5), mki)
    with Rig() as rig:
        where = rig.advisor.socket.getsockname()
        keys = {"suite": suite, "local_key": ours.master, "remote_key": theirs.master, "mki": mki}
        rig.engine.connect(rig.advisor.leg, "PCMA", PT["PCMA"], EVENT_PT, *where, **keys)
        rig.talk()
        rig.sync()
        rig.advisor.post(theirs.seal(rig.advisor.packet(b"\x11" * 160)))
        rig.step((rig.caller, b"\x22" * 160))
        assert [packet.payload for packet in rig.caller.listen()] == [b"\x11" * 160]
        datagram = rig.advisor.socket.recv(4096)
        assert datagram == ours.seal(datagram[:12] + b"\x22" * 160)


def test_what_is_not_under_the_keys_is_refused_and_counted() -> None:
    with Rig(keys=rings(CM, CM)) as rig:
        rig.talk()
        rig.sync()
        converse(rig, 3)
        once = rig.caller.sealed(rig.caller.packet(b"\x01" * 160))
        rig.caller.sequence += 1
        flipped = bytearray(rig.caller.sealed(rig.caller.packet(b"\x01" * 160)))
        flipped[20] ^= 1
        for datagram in (once, once, bytes(flipped), rig.caller.packet(b"\x02" * 160), b"\x80\x08short"):
            rig.caller.post(datagram)
        rig.done()
        assert [packet.payload for packet in rig.advisor.listen()] == [b"\x01" * 160]
        assert rig.caller.refused() == {"srtp_replay": 1, "srtp_auth": 2, "srtp_other": 1}
        told: Counter[str] = Counter()

        def all_told() -> bool:  # in one report for each reason, or in two a second apart
            for name, leg, reason, count, _ in rig.engine.events():
                told.update({reason: count} if (name, leg) == ("refused", rig.caller.leg) else {})
            return dict(told) == rig.caller.refused()

        wait_until(all_told, "the refusals to be reported")


def test_a_stranger_without_the_key_cannot_take_the_leg() -> None:
    """Not even before the phone has sent anything, with as many packets as a phone behind a NAT would need."""
    with Rig(keys=rings(CM, None)) as rig:
        rig.talk()
        rig.sync()
        stranger = rig.phone("supervisor", ssrc=99)
        for _ in range(10):
            stranger.sequence += 1
            stranger.socket.sendto(stranger.packet(b"\x03" * 160), ("127.0.0.1", rig.caller.port))
            stranger.posted += 1
        rig.supervisors.append(stranger)
        rig.done()
        assert rig.caller.refused() == {"srtp_auth": 10}
        assert rig.caller.stats()["source"] is None
        assert not rig.advisor.listen()
        converse(rig, 5)


def test_a_repeated_packet_is_never_sent_on_twice() -> None:
    """The same number over another payload would give both away."""
    with Rig(keys=rings(None, CM)) as rig:
        rig.talk()
        rig.sync()
        rig.step((rig.caller, b"\x01" * 160))
        rig.caller.sequence -= 1
        rig.step((rig.caller, b"\x02" * 160))
        assert [packet.payload for packet in rig.advisor.listen()] == [b"\x01" * 160]
        assert rig.advisor.refused() == {"srtp_not_sealed": 1}


def test_numbers_begin_far_from_their_wrap() -> None:
    """A phone that misses the first packets, because its answer is still on its way, must not lose count (RFC 3711 §3.3.1)."""
    with Rig(keys=rings(None, CM)) as rig:
        rig.caller.sequence = 65_530
        rig.talk()
        rig.sync()
        converse(rig, 20)
        assert rig.advisor.heard[0].sequence < 0x4000


def test_both_directions_through_the_wrap_of_their_numbers() -> None:
    with Rig(keys=rings(CM, GCM)) as rig:
        rig.talk()
        rig.sync()
        for sequence in range(0, 140_000, 3_000):  # as after so many lost packets
            rig.caller.sequence = rig.advisor.sequence = sequence
            converse(rig, 2, seed=sequence)
        for phone in rig.phones():
            assert not phone.refused()


@pytest.mark.parametrize("after", [CM, GCM])
def test_other_keys_in_the_middle_of_a_whisper(after: str) -> None:
    """By a re-INVITE on each leg in turn: the advisor hears the whisper throughout, the patient never."""
    with Rig(keys=rings(CM, CM)) as rig:
        supervisor = rig.supervisor(keys=Keyring(GCM, 5))
        pairs = [(rig.caller, rig.advisor), (rig.advisor, rig.caller), (supervisor, rig.advisor)]
        rig.path(*pairs, (rig.caller, supervisor), (rig.advisor, supervisor))
        rig.sync()
        rng = np.random.default_rng(5)
        whispered, heard, answered = speech(rng, 24_000), [], []
        for number in range(150):
            if number in (40, 80, 110):
                phone = (rig.caller, rig.advisor, supervisor)[(40, 80, 110).index(number)]
                late = phone.sealed(phone.packet(b"\xd5" * 160)) if phone is rig.advisor else None
                phone.listen()
                phone.keys.change(number, suite=after)
                phone.connect()
                rig.sync()
                if late:  # under the key before, sent before the other one was known
                    phone.post(late)
                    phone.sequence += 1
                    answered.append(b"\xd5" * 160)
            supervisor.say(whispered[number * 160 : number * 160 + 160])
            rig.taken()
            answer = payloads(rng, 1)[0]
            answered.append(answer)
            rig.step((rig.caller, encode_array("PCMA", np.zeros(160, np.int16))), (rig.advisor, answer))
            heard += rig.advisor.listen()
            assert len(supervisor.listen()) >= 1
        rig.caller.listen()
        assert [packet.payload for packet in rig.caller.heard] == answered
        alike = likeness(rig.advisor.audio(), whispered)
        well = [correlation > 0.95 and abs(level_db) < 1 for correlation, level_db in alike]
        # in the others, playout finds its slack, as without keys: at another speed by a sample a packet
        assert sum(well) >= 11, alike
        assert len({packet.ssrc for packet in heard}) == 1
        for phone in rig.phones():
            assert not phone.refused(), phone


def test_a_hold_with_the_same_keys_goes_on_counting() -> None:
    with Rig(keys=rings(CM, CM)) as rig:
        rig.talk()
        rig.sync()
        converse(rig, 5)
        again = rig.caller.sealed(rig.caller.packet(b"\x09" * 160))
        rig.caller.post(again)
        rig.caller.sequence += 1
        rig.advisor.connect(sends=False, receives=False)
        rig.sync()
        rig.step((rig.caller, b"\x01" * 160), (rig.advisor, b"\x02" * 160))
        rig.advisor.connect()
        rig.sync()
        converse(rig, 5, seed=2)
        rig.caller.post(again)
        rig.done()
        assert rig.caller.refused() == {"srtp_replay": 1}


def test_secured_to_plain_and_back() -> None:
    with Rig(keys=rings(CM, CM)) as rig:
        rig.talk()
        rig.sync()
        converse(rig, 5)
        before, rig.advisor.keys = rig.advisor.keys, None
        rig.advisor.connect()
        rig.sync()
        converse(rig, 5, seed=2)
        rig.advisor.keys = before
        before.change(9)
        rig.advisor.connect()
        rig.sync()
        converse(rig, 5, seed=3)


def test_new_keys_after_a_wrap_go_on_under_a_new_ssrc() -> None:
    with Rig(keys=rings(None, CM)) as rig:
        rig.talk()
        rig.sync()
        for sequence in range(0, 110_000, 2_000):
            rig.caller.sequence = sequence
            converse(rig, 1, seed=sequence)
        first = rig.advisor.heard[-1]
        assert first.sequence > 0x4001
        rig.advisor.keys.change(9)
        rig.advisor.connect()
        rig.sync()
        converse(rig, 5)
        assert rig.advisor.heard[0].ssrc != first.ssrc
        assert rig.advisor.heard[0].sequence < 0x4001
        assert rig.advisor.heard[0].timestamp == (first.timestamp + 160) & 0xFFFFFFFF


def test_keys_that_cannot_be_leave_the_old_ones() -> None:
    with Rig(keys=rings(CM, CM)) as rig:
        rig.talk()
        rig.sync()
        where = rig.advisor.socket.getsockname()
        good = rig.advisor.keys.negotiated
        for wrong, error in (({"suite": "NULL"}, KeyError), ({"remote_key": b"short"}, ValueError)):
            with pytest.raises(error):
                rig.engine.connect(rig.advisor.leg, "PCMA", 8, EVENT_PT, *where, **{**good, **wrong})
        converse(rig, 5)


def test_a_key_press_is_lifted_out_and_passed_on() -> None:
    with Rig(keys=rings(CM, GCM)) as rig:
        rig.talk()
        rig.sync()
        converse(rig, 2)
        rig.caller.key(5)
        rig.done()
        assert ("key", "5") in [(name, value) for name, _, value, _, _ in rig.engine.events()]
        assert {packet.payload_type for packet in rig.advisor.listen()} == {EVENT_PT}


def test_keys_are_wiped_when_a_leg_leaves_and_when_the_engine_stops() -> None:
    before = live_contexts()
    rig = Rig(keys=rings(CM, CM))
    supervisor = rig.supervisor(keys=Keyring(CM, 7))
    rig.talk()
    rig.sync()
    assert live_contexts() == before + 6
    rig.dismiss(supervisor)
    rig.sync()
    rig.engine.add_call()  # frees what has been let go of
    assert live_contexts() == before + 4
    rig.close()
    assert live_contexts() == before


def test_whoever_has_the_key_may_send_from_elsewhere(caller_elsewhere: socket.socket) -> None:
    """The announced address can be reached, so that nobody else has the leg here; but each packet is authentic."""
    with Rig(keys=rings(CM, None), latch_nat_only=True) as rig:
        rig.talk()
        rig.sync()
        announced, rig.caller.socket = rig.caller.socket, caller_elsewhere
        for number in range(10):
            rig.step((rig.caller, bytes([number]) * 160))
        assert [packet.payload[0] for packet in rig.advisor.listen()] == [5, 6, 7, 8, 9]
        assert rig.caller.stats()["source"] == caller_elsewhere.getsockname()
        announced.close()


@pytest.fixture
def caller_elsewhere() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.2", 0))
        elsewhere.setblocking(False)
        yield elsewhere
