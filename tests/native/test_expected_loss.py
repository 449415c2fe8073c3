"""What a far side reports of loss (RFC 3550 §6.4) changes how Opus is made for it: each packet describes the one before it, too."""

from __future__ import annotations

import struct

import numpy as np
from codecphones import CodecPhone, CodecRig, talk
from native.transcoder import Transcoder
from pesq import pesq
from rig import wait_until
from voices import FLOORWALKER, speech

RATE_HZ = 16000
SILK_BELOW = 12
"""Configuration numbers of the coder that has redundancy (RFC 6716 table 2)."""
LOST = np.random.default_rng(5).random(5000) < 0.1


def report_loss(phone: CodecPhone, percent: int) -> None:
    """A receiver report about what the phone hears, from its own RTP port."""
    before = phone.stats()["reports_heard"]
    block = struct.pack("!6I", phone.heard[-1].ssrc, percent * 256 // 100 << 24, 0, 0, 0, 0)
    name = struct.pack("!BBHIBB2s", 0x81, 202, 2, phone.ssrc, 1, 2, b"me")
    compound = struct.pack("!BBHI", 0x81, 201, 7, phone.ssrc) + block + name
    phone.socket.sendto(compound, ("127.0.0.1", phone.port + 1))
    wait_until(lambda: phone.stats()["reports_heard"] > before, "the report to be heard")


def whispered(reports: list[int]) -> list[bytes]:
    """The advisor's packets of a whisper of which they have reported so much loss beforehand."""
    with CodecRig(laws=("opus", "opus")) as rig:
        supervisor = rig.supervisor("L16/16000")
        rig.whisper(supervisor)
        silence = np.zeros(RATE_HZ // 5, np.int16)
        talk(rig, [(phone, silence) for phone in rig.phones()])
        rig.advisor.listen()
        for percent in reports:
            report_loss(rig.advisor, percent)
        rig.advisor.forget()
        said = np.concatenate([silence, speech(FLOORWALKER, RATE_HZ) // 2])
        talk(rig, [(supervisor, said), (rig.caller, np.zeros_like(said)), (rig.advisor, np.zeros_like(said))])
        return rig.advisor.payloads()


def heard(payloads: list[bytes]) -> float:
    """PESQ at a far side to which every tenth packet does not come, and which waits for the next one."""
    decoder, pieces = Transcoder("opus"), []
    for at, payload in enumerate(payloads):
        if LOST[at]:
            following = payloads[at + 1] if at + 1 < len(payloads) and not LOST[at + 1] else b""
            pieces.append(decoder.recover(following, 320))
        else:
            piece = decoder.decode(payload)
            assert piece is not None
            pieces.append(piece)
    said = np.concatenate([np.zeros(RATE_HZ // 5, np.int16), speech(FLOORWALKER, RATE_HZ) // 2])
    return float(pesq(RATE_HZ, said, np.concatenate(pieces), "wb"))


def coders(payloads: list[bytes]) -> set[bool]:
    """Which were used: True, the one with redundancy."""
    return {payload[0] >> 3 < SILK_BELOW for payload in payloads}


def test_reported_loss_makes_a_whisper_in_opus_hold_against_loss() -> None:
    told, untold = whispered([10]), whispered([])
    assert coders(told) == {True}
    assert coders(untold) == {False}
    print(f"10 % lost: {heard(told):.2f} where it was reported, {heard(untold):.2f} where not")
    assert heard(told) > heard(untold) + 0.3


def test_one_report_of_a_clean_line_does_not_undo_it_but_several_do() -> None:
    """10 % fades by a quarter a report: a coder is not changed to and fro by chance."""
    assert coders(whispered([10, 0])) == {True}
    assert coders(whispered([10] + 8 * [0])) == {False}
