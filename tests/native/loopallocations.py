"""Calls of every kind, played one after the other, with a malloc loaded that counts on the media thread.

`python loopallocations.py`, under LD_PRELOAD of allocations.c: prints a line of JSON, {what was played: [calls of malloc, realloc,
calloc, memalign and free by the media thread, the first of them]}. Counted from the engine's start to its end: setting up a mode and
leaving it count as much as the packets between.
"""

from __future__ import annotations

import ctypes
import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from codecphones import CODECS, CodecRig, voice
from keyring import PROFILES, Keyring
from rig import Rig, Telephone, tone

C = ctypes.CDLL(None)
C.watched_first.restype = ctypes.c_char_p
COMFORT_NOISE, QUIET = 13, bytes([40])
FOUND: dict[str, tuple[int, str]] = {}


@contextmanager
def counted(name: str, rig: Rig) -> Iterator[None]:
    thread = next(each for each in threading.enumerate() if each.name == "media-0")
    C.watch(thread.native_id)
    yield
    rig.sync()
    FOUND[name] = (C.watched_calls(), C.watched_first().decode())
    C.watch(0)


def pairs(rig: Rig, *more: tuple[Telephone, Telephone]) -> list[tuple[Telephone, Telephone]]:
    return [(rig.caller, rig.advisor), (rig.advisor, rig.caller), *more]


def every_mode(rig: Rig, talk: Callable[[int], None], supervisors: list[Telephone]) -> None:
    """Listen, whisper, barge, takeover and back, while everybody talks; a tap and the history meanwhile; keys; a pause."""
    caller, advisor, first, second = rig.caller, rig.advisor, *supervisors
    ears = [(source, ear) for source in (caller, advisor) for ear in supervisors]
    rig.talk()
    talk(5)
    modes = [
        ears,
        [*ears, (first, advisor), (first, second)],
        [*ears, (first, advisor), (first, caller), (second, advisor)],
    ]
    for mode in modes:
        rig.path(*pairs(rig, *mode))
        talk(12)
    tap = rig.engine.open_tap(rig.call)
    talk(5)
    rig.path((caller, first), (first, caller), (first, advisor), (caller, advisor))
    talk(8)
    rig.engine.rehear(first.leg, 1.0)
    rig.engine.chime(advisor.leg)
    talk(8)
    tap.close()
    first.key(5)
    caller.key(1)
    talk(3)
    rig.passes(150)
    talk(5)
    rig.path(*pairs(rig))
    talk(12)
    caller.connect(sends=False, receives=False)
    talk(2)
    caller.connect()
    talk(3)
    rig.dismiss(supervisors[1])
    talk(3)


def codecs() -> None:
    """Each codec between the parties and with the supervisors, with losses and described silence; then each beside G.711, recoded both ways."""
    for laws in (
        [(codec, codec) for codec in CODECS] + [("PCMA", codec) for codec in CODECS[1:]] + [("G722", "opus")]
    ):
        with CodecRig(laws=laws, history_s=5.0) as rig:
            with counted(" and ".join(laws), rig):
                supervisors = [rig.supervisor(law) for law in laws]
                sounds = {
                    law: voice(
                        CODECS.index(law),
                        1.0,
                        {"G722": 16000, "opus": 16000, "L16/16000": 16000}.get(law, 8000),
                    )
                    for law in laws
                }
                said = 0

                def talk(frames: int, rig: CodecRig = rig, sounds: dict[str, np.ndarray] = sounds) -> None:
                    nonlocal said
                    for _ in range(frames):
                        said += 1
                        for number, phone in enumerate(rig.phones()):
                            n = phone.rate_hz // 50
                            at = said % 50 * n
                            if (said + number) % 23 == 0:
                                phone.post(phone.sealed(phone.packet(QUIET, COMFORT_NOISE)))
                                phone.sequence += 1
                            elif (said + number) % 23 < 4 or (said + number) % 17 == 0:
                                phone.lose(sounds[phone.law][at : at + n])
                            else:
                                phone.say(sounds[phone.law][at : at + n])
                        rig.taken()
                    for phone in rig.phones():
                        phone.listen()

                every_mode(rig, talk, supervisors)
                rig.caller.change(CODECS[0] if laws[0] != CODECS[0] else CODECS[2])
                sounds[rig.caller.law] = voice(8, 1.0, rig.caller.rate_hz)
                talk(5)


def secured() -> None:
    """SRTP on both sides, each suite; new keys in the middle, and a packet under a wrong one."""
    for suite in PROFILES:
        with Rig(keys=(Keyring(suite, 1), Keyring(suite, 2)), history_s=5.0) as rig:
            with counted(suite, rig):
                supervisors = [rig.supervisor(keys=Keyring(suite, 3)), rig.supervisor()]
                sound = voice(7, 1.0, 8000)
                said = 0

                def talk(frames: int, rig: Rig = rig, sound: np.ndarray = sound) -> None:
                    nonlocal said
                    for _ in range(frames):
                        said += 1
                        for phone in rig.phones():
                            phone.say(sound[said % 50 * 160 :][:160])
                        rig.taken()
                    for phone in rig.phones():
                        phone.listen()

                every_mode(rig, talk, supervisors)
                assert rig.caller.keys
                rig.caller.keys.change(9)
                rig.caller.connect()
                rig.sync()
                talk(3)
                rig.caller.post(bytes(180))
                talk(2)


def tones_and_reports() -> None:
    """Keys in the audio; RTCP heard and sent, on both kinds of port; leaving says BYE."""
    with Rig(rtcp=True, keepalive_s=0.2) as rig:
        with counted("tones and RTCP", rig):
            leg, port = rig.engine.add_leg(rig.call, "supervisor", hears_tones=True)
            phone = Telephone(rig.engine, leg, port, ssrc=77)
            rig.supervisors.append(phone)
            rig.path(*pairs(rig, (rig.caller, phone), (phone, rig.advisor)))
            for low, high in ((697, 1209), (770, 1336), (852, 1477), (941, 1477)):  # 1 5 9 #
                pressed = np.concatenate(
                    [tone(low, 100, level=5000) + tone(high, 100, level=5000), np.zeros(800, np.int16)]
                )
                for frame in pressed.reshape(-1, 160):
                    phone.say(frame)
                    rig.taken()
            rig.advisor.connect(rtcp_mux=True)
            for _ in range(120):
                for each in rig.phones():
                    each.send(b"\xd5" * 160)
                    body = struct.pack("!BBHIQIII", 0x80, 200, 6, each.ssrc, 1 << 40, 160, 5, 800)
                    name = struct.pack("!BBHIBB2s", 0x81, 202, 2, each.ssrc, 1, 2, b"me")
                    each.socket.sendto(body + name, ("127.0.0.1", each.port + (each is not rig.advisor)))
                rig.passes(50)
            rig.sync()
            assert rig.caller.stats()["reports_heard"] > 20
            assert rig.advisor.stats()["reports_heard"] > 20
            assert sum(name == "key" for name, *_ in rig.engine.events()) == 4
            rig.dismiss(phone)
            rig.passes(150)


def main() -> None:
    codecs()
    secured()
    tones_and_reports()
    print(json.dumps(FOUND))


main()
