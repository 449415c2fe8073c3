"""Every claim of the story beside what was measured, scene by scene."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.demo.audible import untouched_packets, who_hears_whom
from gateway.demo.check import Check
from gateway.demo.evidence import Alarm, Evidence, Scene

SOON_MS = 1_000.0
FAREWELLS = {
    "patient": "200",
    "advisor": "200",
    "floorwalker": "200",
    "auditor": "call ended",
    "wallboard": "cleared",
}
"""How the call must end for each: what their account of it begins with."""


def verdict(evidence: Evidence) -> list[Check]:
    """Call it when everything has ended; takes a few seconds."""
    found = [
        _soon("ringing", "the advisor's telephone rings", evidence.rang_after_ms),
        *_alert(evidence.alarm),
        *who_hears_whom(evidence),
        *untouched_packets(evidence),
        _keys(evidence),
        *_farewells(evidence),
    ]
    order = list(dict.fromkeys(["ringing", *Scene, *(check.scene for check in found)]))
    return sorted(found, key=lambda check: order.index(check.scene))


def _keys(evidence: Evidence) -> Check:
    pressed = "".join(call.sent.digits() for call in evidence.sarahs) + evidence.tom.sent.digits()
    calls = [("patient", evidence.patient), ("advisor", evidence.tom)]
    calls += [("floorwalker", call) for call in evidence.sarahs]
    heard = [f"{who} {keys}" for who, call in calls if (keys := call.received.digits() + call.info_digits)]
    what = f"key presses ({' '.join(pressed)}) reach nobody"
    return Check("all", what, ", ".join(heard) or "none heard", "none", bool(pressed) and not heard)


def _alert(alarm: Alarm | None) -> Iterator[Check]:
    if alarm is None:
        yield Check("alert", "the alert is raised", "no", "yes", False)
        return
    told_ms = (alarm.message.at_ns - alarm.pressed_ns) / 1e6
    yield _soon("alert", "*99 arrives at the MQTT subscriber", told_ms)
    kept = alarm.retained is not None and alarm.retained.retained
    yield _same(
        "alert",
        "its message",
        f"QoS {alarm.message.qos}, {'retained' if kept else 'not retained'}",
        "QoS 1, retained",
    )
    yield _soon("alert", "the floorwalker's telephone rings", alarm.rang_after_ms)
    yield _same("alert", "picking up, she is in mode", alarm.joined_mode, "whisper")
    over = "resolved, cleared" if alarm.resolved is not None and alarm.cleared else "still there"
    yield _same("alert", "resolved at the web interface, on MQTT it is", over, "resolved, cleared")


def _farewells(evidence: Evidence) -> Iterator[Check]:
    for who, required in FAREWELLS.items():
        how = evidence.farewells.get(who, "still on the call")
        yield Check("end", f"the call ends for the {who}", how, required, how.startswith(required))
    yield _same("end", "the auditor's feed", f"{evidence.auditor.missed_ms} ms missed", "0 ms missed")


def _soon(scene: str, what: str, after_ms: float) -> Check:
    return Check(scene, what, f"{after_ms:.0f} ms", f"< {SOON_MS:.0f} ms", after_ms < SOON_MS)


def _same(scene: str, what: str, measured: str, required: str) -> Check:
    return Check(scene, what, measured, required, measured == required)
