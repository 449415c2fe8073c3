"""What the story leaves behind to be judged: recordings, and when each scene was played."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.demo.auditor import Auditor
from gateway.demo.subscriber import Message
from simulators import Call, Recording


class Scene(StrEnum):
    """The scenes in which somebody speaks, in order."""

    TALK = "talk"
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    LISTEN_AGAIN = "listen again"
    TAKEOVER = "takeover"
    GIVEN_BACK = "given back"
    ALERT = "alert"
    ALONE = "alone"
    """The advisor has left, and the patient stays with the floorwalker."""


@dataclass
class Take:
    """One scene. Times are monotonic [ns]."""

    start_ns: int
    end_ns: int
    """0 while it is played."""
    sarah: Call | None
    """Her call at that time."""


@dataclass
class Alarm:
    """What became of the panic code."""

    pressed_ns: int
    """The beginning of its last key, as sent."""
    message: Message
    """The alert as it came over MQTT."""
    retained: Message | None = None
    """What a later subscriber was told."""
    rang_after_ms: float = 0.0
    joined_mode: str = ""
    resolved: Message | None = None
    cleared: bool = False


@dataclass
class Evidence:
    patient: Call
    tom: Call
    sarahs: list[Call]
    auditor: Auditor
    takes: dict[Scene, Take] = field(default_factory=dict)
    rang_after_ms: float = 0.0
    alarm: Alarm | None = None
    farewells: dict[str, str] = field(default_factory=dict)
    """At the end: who, and how it ended for them."""

    @contextmanager
    def scene(self, scene: Scene, sarah: Call | None) -> Iterator[None]:
        """Everything inside is said in that scene. One that is broken off does not count as played."""
        take = self.takes[scene] = Take(time.monotonic_ns(), 0, sarah)
        yield
        take.end_ns = time.monotonic_ns()

    def played(self, scene: Scene) -> bool:
        """Was it played to its end?"""
        return scene in self.takes and self.takes[scene].end_ns > 0


def last_key_ns(sent: Recording) -> int:
    """When the last key was pressed: its first packet went out [ns, monotonic]; 0 where there was none.

    Not its end: the gateway does not wait for that.
    """
    keys = [packet for packet in sent.packets if sent.types.get(packet.payload_type) == "telephone-event"]
    if not keys:
        return 0
    last_ts = keys[-1].rtp_ts
    return min(packet.at_ns for packet in keys if packet.rtp_ts == last_ts)
