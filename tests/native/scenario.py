"""A supervised call told as a list of steps, played in step with the engine, so that two plays differ only
where they are meant to.

What every person says is fixed by a seed, frame by frame. What a supervisor says while no path from them to
the caller is open is taken from another seed, `secret`: two plays with other secrets must sound alike to the
caller, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from native.g711 import decode_array, encode_array
from rig import Rig, Telephone
from sounds import FRAME, noise

from gateway.core.model import LegId, Mode
from gateway.core.talkpath import talk_path

OPEN = (Mode.BARGE, Mode.TAKEOVER)


class Do(StrEnum):
    JOIN = "join"  # a supervisor joins in `mode`
    CHANGE = "change"  # supervisor `who` changes to `mode`
    LEAVE = "leave"
    TALK = "talk"  # `frames` of everybody
    ADVISOR_LOST = "advisor lost"  # `frames` of which the advisor's do not arrive
    CALLER_LOST = "caller lost"
    HOLD = "hold"  # the advisor is on hold: neither sent to nor expected
    RESUME = "resume"
    HOLD_CALLER = "hold caller"
    RESUME_CALLER = "resume caller"
    SILENT = "silent"  # the advisor sends nothing for `frames` in real time: the clock paces what is left


@dataclass(frozen=True)
class Step:
    do: Do
    who: int = 0
    mode: Mode = Mode.LISTEN
    frames: int = 1


@dataclass
class Heard:
    """What the caller received while one frame of everybody was played."""

    payloads: list[bytes]
    advisor: bytes | None  # what the advisor sent in it; None: nothing, or it was lost
    open: frozenset[int]  # supervisors (by number) with a path to the caller
    fresh: bool  # the advisor's first since who has such a path changed: what is closed may fade in it
    by_clock: bool
    caller_held: bool


@dataclass
class Supervisor:
    phone: Telephone
    number: int
    mode: Mode
    said: list[tuple[bool, np.ndarray]] = field(default_factory=list)
    """(a path to the caller was open, samples as coded) by frame."""


class Play:
    """One call on an engine that may have had others."""

    def __init__(self, rig: Rig, seed: int, secret: int) -> None:
        self.rig, self.seed, self.secret = rig, seed, secret
        self.present: list[Supervisor] = []
        self.everyone: list[Supervisor] = []
        self.heard: list[Heard] = []
        self.frame = 0
        self.fresh = True
        self.open: frozenset[int] = frozenset()
        self.held = self.caller_held = False
        self._set_paths()

    def __call__(self, steps: list[Step]) -> list[Heard]:
        for step in steps:
            self._step(step)
        return self.heard

    def _step(self, step: Step) -> None:
        match step.do:
            case Do.JOIN if len(self.present) < 3:
                supervisor = Supervisor(self.rig.supervisor(), len(self.everyone), step.mode)
                self.present.append(supervisor)
                self.everyone.append(supervisor)
                self._set_paths()
            case Do.CHANGE if self.present:
                self.present[step.who % len(self.present)].mode = step.mode
                self._set_paths()
            case Do.LEAVE if self.present:
                self.rig.dismiss(self.present.pop(step.who % len(self.present)).phone)
                self._set_paths()
            case Do.HOLD | Do.RESUME:
                self.held = step.do is Do.HOLD
                self.rig.advisor.connect(sends=not self.held, receives=not self.held)
                self.rig.sync()
            case Do.HOLD_CALLER | Do.RESUME_CALLER:
                self.caller_held = step.do is Do.HOLD_CALLER
                self.rig.caller.connect(sends=not self.caller_held, receives=not self.caller_held)
                self.rig.sync()
            case Do.TALK | Do.ADVISOR_LOST | Do.CALLER_LOST | Do.SILENT:
                for _ in range(step.frames):
                    self._frame(step.do)

    def _set_paths(self) -> None:
        rig = self.rig
        open_now = frozenset(s.number for s in self.present if s.mode in OPEN)
        self.fresh = self.fresh or open_now != self.open
        self.open = open_now
        names = {LegId(str(s.phone.leg)): s.mode for s in self.present}
        gains = talk_path(LegId(str(rig.caller.leg)), LegId(str(rig.advisor.leg)), names)
        rig.engine.set_talk_path(rig.call, {(int(a), int(b)): gain for (a, b), gain in gains.items()})
        self.rig.sync()

    def _frame(self, how: Do) -> None:
        rig = self.rig
        for supervisor in self.present:
            is_open = supervisor.number in self.open
            key = (self.seed if is_open else self.secret, 10 + supervisor.number, self.frame)
            samples = decode_array(
                "PCMA", encode_array("PCMA", noise(np.random.default_rng(key), FRAME, 6000))
            )
            supervisor.said.append((is_open, samples))
            supervisor.phone.say(samples)
            rig.taken()
        rng = np.random.default_rng((self.seed, 1, self.frame))
        if how is Do.CALLER_LOST:
            rig.caller.sequence += 1
            rig.caller.timestamp += FRAME
        else:
            rig.step((rig.caller, rng.bytes(FRAME)))
        advisor = None
        if how is Do.ADVISOR_LOST:
            rig.advisor.sequence += 1
            rig.advisor.timestamp += FRAME
        elif how is Do.TALK or how is Do.CALLER_LOST:
            advisor = encode_array(rig.advisor.law, noise(rng, FRAME, 3000))
            rig.step((rig.advisor, advisor))
        if how is Do.SILENT:
            rig.passes(20)
        rig.done()
        payloads = [p.payload for p in rig.caller.listen()]
        by_clock = bool(rig.caller.stats()["paced_by_clock"]) or (advisor is None and bool(payloads))
        self.fresh = self.fresh or by_clock
        if self.held:
            advisor = None
        self.heard.append(Heard(payloads, advisor, self.open, self.fresh, by_clock, self.caller_held))
        if advisor is not None and not self.caller_held:
            self.fresh = by_clock
        self.frame += 1
