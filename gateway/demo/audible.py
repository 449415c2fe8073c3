"""What the recordings prove: who heard whom in each scene, and that nothing touched the patient's packets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set

from gateway.demo.check import Check
from gateway.demo.evidence import Evidence, Scene, Take
from gateway.demo.hearing import Clip, Heard, separate, trace, untouched
from simulators import Recording

ORDER = ("patient", "advisor", "floorwalker")
CLEAR = 0.95
"""Least correlation of what is heard with what was said."""
LEVEL_DB = 1.0
"""Largest change of level on the way [dB]."""
ABSENT_DB = -40.0
"""A voice that must not be there: what could be taken for it is so far below what was said [dB]."""
TAIL_NS = 100_000_000
"""What was sent at the end of a scene arrives so much later."""
AUDITOR_TAIL_NS = 400_000_000
LEAST_SHARE = 0.9
"""Of the packets that a stretch of time should bring, so many must be there to prove anything."""
PACKET_NS = 20_000_000

HEARS: Mapping[Scene, Mapping[str, frozenset[str]]] = {
    scene: {listener: frozenset(voices.split()) for listener, voices in table.items()}
    for scene, table in {
        Scene.TALK: {"patient": "advisor", "advisor": "patient", "auditor": "patient advisor"},
        Scene.LISTEN: {
            "patient": "advisor",
            "advisor": "patient",
            "floorwalker": "patient advisor",
            "auditor": "patient advisor",
        },
        Scene.WHISPER: {
            "patient": "advisor",
            "advisor": "patient floorwalker",
            "floorwalker": "patient advisor",
            "auditor": "patient advisor",
        },
        Scene.BARGE: {
            "patient": "floorwalker",
            "advisor": "patient floorwalker",
            "floorwalker": "patient",
            "auditor": "patient",
        },
        Scene.LISTEN_AGAIN: {"patient": "advisor", "floorwalker": "advisor", "auditor": "advisor"},
        Scene.TAKEOVER: {
            "patient": "floorwalker",
            "advisor": "patient floorwalker",
            "floorwalker": "patient",
            "auditor": "patient advisor",
        },
        Scene.GIVEN_BACK: {"patient": "advisor", "advisor": "patient", "floorwalker": "patient advisor"},
        Scene.ALERT: {"advisor": "patient floorwalker", "floorwalker": "patient", "auditor": "patient"},
        Scene.ALONE: {"patient": "floorwalker", "floorwalker": "patient", "auditor": "patient"},
    }.items()
}
"""Whose voice each must hear, of those who speak in the scene. All others must not be there."""

UNTOUCHED = (
    (Scene.WHISPER, Scene.TALK, Scene.WHISPER, "from the answer to the end of the whisper"),
    (Scene.ALERT, Scene.GIVEN_BACK, Scene.ALERT, "from giving back to the end of the alert, *99 included"),
)
"""Where it is shown, first and last scene, in words: all the time in between, changes of mode included."""


def who_hears_whom(evidence: Evidence) -> Iterator[Check]:
    """For each scene and listener: is what should be heard in the recording, and nothing else?"""
    for scene, listeners in HEARS.items():
        if not evidence.played(scene):
            yield Check(scene, "is played", "no", "yes", False)
            continue
        take = evidence.takes[scene]
        said = _said(evidence, take)
        for listener, wanted in listeners.items():
            yield from _judge(scene, listener, wanted & said.keys(), said, _heard(evidence, take, listener))


def _judge(
    scene: str, listener: str, wanted: Set[str], said: Mapping[str, Clip], places: Mapping[str, Clip]
) -> Iterator[Check]:
    """`places`: what was heard; an auditor's two channels by party, a telephone's under the empty name."""
    found: dict[str, Heard] = {}
    rests = []
    for place, heard in places.items():
        voices = {name: said[name] for name in ORDER if name in wanted and place in ("", name)}
        separated, rest = separate(voices, heard)
        found |= separated
        rests.append(rest)
    for voice, match in found.items():
        yield Check(
            scene,
            f"{listener} hears {voice}",
            f"{match.corr:.3f}, {match.gain_db:+.1f} dB, {match.delay_ms:.0f} ms",
            f"> {CLEAR:.2f}, ± {LEVEL_DB:.0f} dB",
            match.corr > CLEAR and abs(match.gain_db) <= LEVEL_DB,
        )
    for voice in ORDER:
        if voice in said and voice not in wanted and voice != listener:
            left_db = max(trace(said[voice], rest) for rest in rests)
            yield Check(
                scene,
                f"{listener} does not hear {voice}",
                "nothing" if math.isinf(left_db) else f"{left_db:.0f} dB",
                f"< {ABSENT_DB:.0f} dB",
                left_db < ABSENT_DB,
            )


def _said(evidence: Evidence, take: Take) -> dict[str, Clip]:
    """What each of the three really sent in a scene; those who kept silent are left out."""
    calls = {"patient": evidence.patient, "advisor": evidence.tom, "floorwalker": take.sarah}
    clips = {
        who: Clip.of(call.sent, take.start_ns, take.end_ns) for who, call in calls.items() if call is not None
    }
    return {who: clip for who, clip in clips.items() if not clip.silent}


def _heard(evidence: Evidence, take: Take, listener: str) -> dict[str, Clip]:
    """What somebody heard in a scene; an auditor has two channels, named by their party."""
    if listener == "auditor":
        start_ns, audio = evidence.auditor.between(take.start_ns, take.end_ns + AUDITOR_TAIL_NS)
        return {"patient": Clip(audio[0], start_ns), "advisor": Clip(audio[1], start_ns)}
    call = {"patient": evidence.patient, "advisor": evidence.tom, "floorwalker": take.sarah}[listener]
    assert call is not None
    return {"": Clip.of(call.received, take.start_ns, take.end_ns + TAIL_NS)}


def untouched_packets(evidence: Evidence) -> Iterator[Check]:
    """Bit for bit: what the patient received while the floorwalker must not be heard by them."""
    for scene, first, last, words in UNTOUCHED:
        what = f"patient's packets are the advisor's, {words}"
        if not evidence.played(first) or not evidence.played(last):
            yield Check(scene, what, "not played", "all identical", False)
            continue
        start_ns, end_ns = evidence.takes[first].start_ns, evidence.takes[last].end_ns
        received = _payloads(evidence.patient.received.between(start_ns, end_ns))
        same = untouched(_payloads(evidence.tom.sent), received)
        enough = len(received) >= LEAST_SHARE * (end_ns - start_ns) / PACKET_NS
        yield Check(
            scene, what, f"{same} of {len(received)}", "all identical", enough and same == len(received)
        )


def _payloads(recording: Recording) -> list[bytes]:
    """Of the audio packets; key presses are not among them."""
    return recording.payloads("PCMA") + recording.payloads("PCMU")
