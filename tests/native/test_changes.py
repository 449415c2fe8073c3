"""Changes in mid-call: another codec, paths before media, a leg whose sockets outlive it."""

from __future__ import annotations

import os
import socket
import time

import numpy as np
import pytest
from conversation import converse
from rig import PT, Rig
from sounds import coded, likeness, speech

VOICE = b"\x33" * 160


def renegotiate(rig: Rig, law: str, *names: str) -> None:
    """A re-INVITE that changes the codec of these legs."""
    for name in names:
        phone = getattr(rig, name)
        phone.law = law
        phone.connect()
    rig.sync()


def test_another_codec_on_both_legs_is_relayed_on() -> None:
    with Rig(laws=("PCMA", "PCMA")) as rig:
        rig.talk()
        rig.sync()
        rig.step((rig.caller, VOICE))
        renegotiate(rig, "PCMU", "caller", "advisor")
        rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
        heard = rig.advisor.listen()
        assert [(p.payload_type, p.payload) for p in heard] == [(PT["PCMA"], VOICE), (PT["PCMU"], VOICE)]
        assert [p.payload_type for p in rig.caller.listen()] == [PT["PCMU"]]


def test_another_codec_on_one_leg_is_transcoded() -> None:
    rng = np.random.default_rng(1)
    said = speech(rng, 1600)
    with Rig(laws=("PCMA", "PCMA")) as rig:
        rig.talk()
        rig.sync()
        rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
        renegotiate(rig, "PCMU", "caller")
        rig.advisor.forget()
        converse(rig, [(rig.caller, said), (rig.advisor, said)])
        assert np.array_equal(rig.advisor.audio(), coded(coded(said, "PCMU"), "PCMA"))
        assert np.array_equal(rig.caller.audio()[-1600:], coded(coded(said, "PCMA"), "PCMU"))


def test_another_codec_in_a_whisper_neither_clicks_nor_garbles() -> None:
    """What was decoded by one law must not be played as the other's."""
    rng = np.random.default_rng(2)
    with Rig(laws=("PCMU", "PCMU")) as rig:
        supervisor = rig.supervisor("PCMA")
        rig.path((rig.caller, rig.advisor), (rig.advisor, rig.caller), (supervisor, rig.advisor))
        rig.sync()
        for law in ("PCMA", "PCMU", "PCMA"):
            renegotiate(rig, law, "caller", "advisor")
            rig.advisor.forget()
            said, words = speech(rng, 4800), speech(rng, 4800)
            converse(rig, [(supervisor, said), (rig.caller, words)])
            heard = rig.advisor.audio().astype(int)
            assert np.abs(np.diff(heard)).max() < 40_000
            windows = likeness(heard - coded(words, law), said, start=800)
            assert all(correlation > 0.95 and abs(level) < 1 for correlation, level in windows), windows


def test_a_change_of_codec_and_of_mode_at_once_plays_nothing_stale() -> None:
    """The packet last relayed is in the old law when the voice that it was said in begins to fade."""
    with Rig(laws=("PCMU", "PCMU")) as rig:
        supervisor = rig.supervisor("PCMU")
        rig.talk()
        rig.sync()
        quiet = b"\xff" * 160  # mu-law silence; in A-law it is loud
        for _ in range(5):
            rig.step((rig.caller, quiet), (rig.advisor, quiet), (supervisor, quiet))
        renegotiate(rig, "PCMA", "caller", "advisor")
        rig.path((supervisor, rig.caller), (rig.caller, rig.advisor), (supervisor, rig.advisor))
        rig.sync()
        rig.caller.forget()
        rig.step(
            (supervisor, quiet),
            (rig.caller, b"\xd5" * 160),
            (supervisor, quiet),
            (rig.caller, b"\xd5" * 160),
        )
        assert np.abs(rig.caller.audio()).max() <= 8
        assert np.abs(rig.advisor.audio()[-160:]).max() <= 8


def test_a_talk_path_set_before_any_media_holds_when_it_comes() -> None:
    with Rig() as rig:
        call = rig.engine.add_call()
        (one, port), (other, _) = rig.engine.add_leg(call, "caller"), rig.engine.add_leg(call, "advisor")
        rig.engine.set_talk_path(call, {(one, other): 1.0, (other, one): 1.0})
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
        ):
            for far, leg in ((a, one), (b, other)):
                far.bind(("127.0.0.1", 0))
                far.settimeout(2)
                rig.engine.connect(leg, "PCMA", 8, -1, *far.getsockname())
            rig.sync()
            a.sendto(rig.caller.packet(VOICE), ("127.0.0.1", port))
            assert b.recv(4096)[12:] == VOICE


@pytest.mark.parametrize("gain", [0.25, 0.5])
def test_a_gain_between_is_kept(gain: float) -> None:
    said = speech(np.random.default_rng(3), 4800, 8000)
    with Rig() as rig:
        rig.engine.set_talk_path(rig.call, {(rig.caller.leg, rig.advisor.leg): gain})
        rig.sync()
        converse(rig, [(rig.caller, said)])
        expected = coded(said) * gain
        assert np.abs(rig.advisor.audio() - expected).max() <= np.abs(expected).max() / 32 + 8


def test_a_leg_whose_sockets_somebody_still_holds_is_gone_all_the_same() -> None:
    """A child process that is just being started has a copy of every descriptor.

    Packets for a leg that is gone must then not reach it, nor keep the media thread busy.
    """
    with Rig() as rig:
        rig.talk()
        before = set(os.listdir("/proc/self/fd"))
        supervisor = rig.supervisor()
        fresh = [int(fd) for fd in set(os.listdir("/proc/self/fd")) - before]
        copies = [
            os.dup(fd)
            for fd in fresh
            if fd != supervisor.socket.fileno() and os.path.exists(f"/proc/self/fd/{fd}")
        ]
        rig.sync()
        rig.step((supervisor, VOICE))
        rig.dismiss(supervisor)
        rig.sync()
        for _ in range(20):
            supervisor.socket.sendto(supervisor.packet(VOICE), ("127.0.0.1", supervisor.port))
        wakeups = rig.engine.counters()["wakeups"]
        time.sleep(0.1)
        assert rig.engine.counters()["wakeups"] - wakeups < 20
        rig.step((rig.caller, VOICE))
        assert [p.payload for p in rig.advisor.listen()] == [VOICE]
        for copy in copies:
            os.close(copy)


def test_who_comes_in_the_place_of_one_who_barged_has_not_their_way_to_the_caller() -> None:
    """The way goes with the leg, even where nobody shut it before."""
    with Rig() as rig:
        supervisor = rig.supervisor()
        both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
        rig.path(*both, (supervisor, rig.advisor), (supervisor, rig.caller))
        rig.sync()
        for _ in range(4):
            rig.step((supervisor, VOICE), (rig.caller, VOICE), (rig.advisor, VOICE))
        rig.dismiss(supervisor)
        newcomer = rig.supervisor()
        rig.sync()
        rig.step((newcomer, VOICE), (rig.caller, VOICE), (rig.advisor, VOICE))  # the fading echo of the other
        rig.caller.forget()
        said = [bytes([number]) * 160 for number in range(8)]
        for payload in said:
            rig.step((newcomer, VOICE), (rig.caller, VOICE), (rig.advisor, payload))
        assert [packet.payload for packet in rig.caller.listen()] == said
