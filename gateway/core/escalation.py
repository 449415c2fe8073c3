"""Whom an alert rings, and when: one ladder per alert, climbed until a person answers. Pure; time is given.

Rules:
* The tiers of the configuration are reached one after another, each so many seconds after the raise; a tier
  that is reached is rung from then on, beside those below it.
* `on_duty` in a tier stands for whoever is on duty for the alert's team at that moment: they ring together,
  `AT_ONCE` of them. Behind them comes the standing list (`[alerts] ring`), one after another: once each of
  those on duty has been rung in vain, or at once where nobody is on duty.
* Whom a tier that is reached names is rung with that tier, and waits behind nobody of those on duty.
* While no tier that is reached has anybody in it, the next is reached at once, and the later ones by as much
  earlier. So an alert with nobody on duty goes to the front desk without delay.
* Nobody is ever given up. Who did not come is rung again after `PAUSE_S`, and after `LONG_PAUSE_S` once
  everyone of their line was rung `RING_ROUNDS` times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

ON_DUTY = "on_duty"
"""In a tier's list: whoever is on duty for the team."""
AT_ONCE = 3
"""How many of one line are rung at the same time."""
PAUSE_S = 3.0
"""Between an attempt that failed and the next [s]: a phone that is busy now is given a moment."""
LONG_PAUSE_S = 15.0
"""The same once everyone has been rung several times [s]. It never ends before somebody comes."""
RING_ROUNDS = 5
"""How often everyone in a line is rung before it is said that nobody came."""
NEVER_S = float("-inf")


@dataclass(frozen=True, slots=True)
class Tier:
    name: str
    """For people: `floorwalkers`, `front desk`."""
    after_s: float
    """After the raise [s]."""
    ring: tuple[str, ...]
    """User ids, `sip:` URIs, or `on_duty`."""


class Line:
    """People who are rung about one alert, `width` of them at the same time, those least often rung first."""

    def __init__(self, width: int) -> None:
        self._width = width
        self.ringing: set[str] = set()
        self._tries: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._not_before_s: dict[str, float] = {}
        self._rest_until_s = NEVER_S

    def next(self, members: Sequence[str], busy: Collection[str], now_s: float) -> str | None:
        """Whom to ring now; then `started`. None: nobody now, see `due_s`."""
        if len(self.ringing) >= self._width or now_s < self._rest_until_s:
            return None
        free = [one for one in members if one not in busy and self._ready_s(one) <= now_s]
        return min(free, key=lambda one: self._tries[one], default=None)

    def started(self, target: str) -> None:
        self._tries[target] += 1
        self.ringing.add(target)

    def unrung(self, target: str, members: Sequence[str], now_s: float) -> None:
        """They cannot be called at present: the next one at once, they later."""
        self.ringing.discard(target)
        self._failed.add(target)
        self._not_before_s[target] = now_s + self._pause_s(members)

    def failed(self, target: str, members: Sequence[str], now_s: float) -> None:
        """They were rung, and did not come: the next one after a pause."""
        self.ringing.discard(target)
        self._failed.add(target)
        self._rest_until_s = now_s + self._pause_s(members)

    def in_vain(self, members: Sequence[str]) -> bool:
        """Was each of them tried at least once without success? True where there are none."""
        return all(one in self._failed for one in members)

    def exhausted(self, members: Sequence[str]) -> bool:
        """Has everyone been rung `RING_ROUNDS` times?"""
        return bool(members) and all(self._tries[one] >= RING_ROUNDS for one in members)

    def due_s(self, members: Sequence[str], busy: Collection[str]) -> float | None:
        """When `next` will have somebody; None: not before somebody else answers or fails."""
        free = [one for one in members if one not in busy]
        if len(self.ringing) >= self._width or not free:
            return None
        return max(self._rest_until_s, min(self._ready_s(one) for one in free))

    def _pause_s(self, members: Sequence[str]) -> float:
        return LONG_PAUSE_S if self.exhausted(members) else PAUSE_S

    def _ready_s(self, target: str) -> float:
        return self._not_before_s.get(target, NEVER_S)


class Escalation:
    """Of one alert. `on_duty`, given with each question: who is on duty for its team at that moment."""

    def __init__(self, tiers: Sequence[Tier], standing: Sequence[str], started_s: float) -> None:
        """standing: the list behind those on duty. started_s: when the alert was raised [s, monotonic]."""
        self._tiers = tiers
        self._standing = tuple(standing)
        self._started_s = started_s
        self._reached = 0
        self._duty_line, self._standing_line = Line(AT_ONCE), Line(1)
        self._own_lines = [Line(AT_ONCE) for _ in tiers]
        self._told_in_vain = False

    def advance(self, now_s: float, on_duty: Sequence[str]) -> list[tuple[int, Tier]]:
        """The tiers that are reached by now and were not before, in order, each with its number from 1."""
        before = self._reached
        while self._reached < len(self._tiers):
            after_s = self._tiers[self._reached].after_s
            if self._reached and self._vacant(on_duty):
                self._started_s = min(self._started_s, now_s - after_s)
            if self._started_s + after_s > now_s:
                break
            self._reached += 1
        return list(enumerate(self._tiers, 1))[before : self._reached]

    def next(self, now_s: float, on_duty: Sequence[str]) -> str | None:
        """Whom to ring now: then `started`, and ask again. None: nobody, until `due_s`."""
        for line, members in self._lines(on_duty):
            if found := line.next(members, self.ringing, now_s):
                return found
        return None

    def started(self, target: str, on_duty: Sequence[str]) -> None:
        """They are being called; later `unrung`, `failed`, or the alert is acknowledged."""
        for line, members in self._lines(on_duty):
            if target in members:
                line.started(target)
                return

    def unrung(self, target: str, now_s: float, on_duty: Sequence[str]) -> None:
        """They cannot be called at present."""
        for line, members in self._every_line(on_duty):
            if target in line.ringing:
                line.unrung(target, members, now_s)

    def failed(self, target: str, now_s: float, on_duty: Sequence[str]) -> None:
        for line, members in self._every_line(on_duty):
            if target in line.ringing:
                line.failed(target, members, now_s)

    def due_s(self, on_duty: Sequence[str]) -> float | None:
        """When to `advance` and ask `next` again [s, monotonic]; None: not before something happens."""
        due = [line.due_s(members, self.ringing) for line, members in self._lines(on_duty)]
        if self._reached < len(self._tiers):
            due.append(self._started_s + self._tiers[self._reached].after_s)
        return min((at for at in due if at is not None), default=None)

    @property
    def ringing(self) -> frozenset[str]:
        """Whose phones ring about this alert."""
        lines = (self._duty_line, self._standing_line, *self._own_lines)
        return frozenset(target for line in lines for target in line.ringing)

    def newly_in_vain(self, on_duty: Sequence[str]) -> bool:
        """True once: everybody in reach was rung `RING_ROUNDS` times and nobody came, or nobody is there."""
        lines = [(line, members) for line, members in self._lines(on_duty) if members]
        if self._told_in_vain or not all(line.exhausted(members) for line, members in lines):
            return False
        self._told_in_vain = True
        return True

    def _vacant(self, on_duty: Sequence[str]) -> bool:
        """Has no tier that is reached anybody in it? The standing list does not count as somebody."""
        reached = self._tiers[: self._reached]
        return not any(on_duty if target == ON_DUTY else True for tier in reached for target in tier.ring)

    def _lines(self, on_duty: Sequence[str]) -> list[tuple[Line, tuple[str, ...]]]:
        """The lines that may be rung now, each with its people."""
        lines = self._every_line(on_duty)
        duty = next((members for line, members in lines if line is self._duty_line), ())
        if not self._duty_line.in_vain(duty):
            lines = [(line, members) for line, members in lines if line is not self._standing_line]
        return lines

    def _every_line(self, on_duty: Sequence[str]) -> list[tuple[Line, tuple[str, ...]]]:
        found: list[tuple[Line, tuple[str, ...]]] = []
        taken: set[str] = set()

        def add(line: Line, members: Sequence[str]) -> None:
            found.append((line, tuple(one for one in dict.fromkeys(members) if one not in taken)))
            taken.update(members)

        reached = self._tiers[: self._reached]
        named = {target for tier in reached for target in tier.ring}
        if any(ON_DUTY in tier.ring for tier in reached):
            add(self._duty_line, [one for one in on_duty if one not in named])
            add(self._standing_line, [one for one in self._standing if one not in named])
        for tier, line in zip(reached, self._own_lines, strict=False):
            add(line, [target for target in tier.ring if target != ON_DUTY])
        return found
