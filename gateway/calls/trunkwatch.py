"""Asks each trunk by OPTIONS whether it is there, and tells when that changes. Calls are routed as ever.

There is one OPTIONS at a time to a trunk. While it waits, PJSIP repeats it (over UDP every 4 s at last, for
32 s: RFC 3261 §17.1.2.1), so that a trunk which comes back is seen soon, whatever its interval.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from gateway.calls.names import Found
from gateway.calls.runner import Runner
from gateway.config.model import Trunk
from gateway.core.errors import GatewayError
from gateway.core.events import TrunkAnswered
from gateway.core.routing import host_port, with_transport
from gateway.core.trunkhealth import TrunkHealth, is_up
from gateway.log import get_logger

log = get_logger(__name__)

ANSWER_WITHIN_S = 8.0
"""A trunk that is silent for so long is down; by UDP it was asked five times by then [s]."""
GIVEN_UP_S = 40.0
"""An OPTIONS whose end PJSIP did not tell by then is forgotten [s]; it tells within 32."""

Ask = Callable[[str, str], None]
"""`core.ports.Probe.ask_options`."""
LookUp = Callable[[str, Found], None]


class TrunkWatch:
    """Loop's thread only."""

    def __init__(self, runner: Runner, trunks: tuple[Trunk, ...]) -> None:
        self.health: dict[str, TrunkHealth] = {trunk.name: TrunkHealth() for trunk in trunks}
        """By name; every trunk is in it."""
        self._runner = runner
        self._trunks: Mapping[str, Trunk] = {trunk.name: trunk for trunk in trunks}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._asked_at_s: dict[str, float] = {}
        """When those were asked whose OPTIONS is not over."""
        self._ask: Ask | None = None
        self._look_up: LookUp | None = None

    def start(self, ask: Ask, look_up: LookUp) -> None:
        """From now on, once signalling runs: at once, then every `options_interval`."""
        self._ask, self._look_up = ask, look_up
        for trunk in self._trunks.values():
            if trunk.options_interval:
                self._begin(trunk)

    def stop(self) -> None:
        self._ask = None
        self._asked_at_s.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def is_down(self, trunk: str) -> bool:
        """Is it known not to answer?"""
        return self.health[trunk].up is False

    def answered(self, event: TrunkAnswered) -> None:
        """However late: a final response is one."""
        trunk = self._trunks.get(event.trunk)
        if trunk is None or trunk.name not in self._asked_at_s:
            return
        self._judge(trunk, is_up(event.code), event.why)
        self._over(trunk)

    def _begin(self, trunk: Trunk) -> None:
        if self._look_up is None:
            return
        asked_at_s = self._asked_at_s[trunk.name] = self._runner.now().s
        self._later(trunk, ANSWER_WITHIN_S, self._unanswered)
        self._look_up(trunk.address[0], partial(self._found, trunk, asked_at_s))

    def _found(self, trunk: Trunk, asked_at_s: float, ip: str | None, why: str) -> None:
        if self._ask is None or self._asked_at_s.get(trunk.name) != asked_at_s:
            return
        if ip is None:
            self._judge(trunk, False, why)
            self._over(trunk)
            return
        try:
            # By TLS its name is asked for, which is what its certificate is held against.
            host = trunk.address[0] if trunk.transport == "tls" else ip
            self._ask(
                trunk.name, with_transport(f"sip:{host_port((host, trunk.address[1]))}", trunk.transport)
            )
        except GatewayError as error:  # our own fault: it says nothing of the trunk
            log.warning("trunk.not_asked", trunk=trunk.name, why=str(error))
            self._over(trunk)

    def _unanswered(self, trunk: Trunk) -> None:
        self._judge(trunk, False, f"no answer to OPTIONS for {ANSWER_WITHIN_S:g} s")
        self._later(trunk, GIVEN_UP_S - ANSWER_WITHIN_S, self._over)

    def _over(self, trunk: Trunk) -> None:
        """The next one follows an interval after the last, not sooner than a second from now."""
        asked_at_s = self._asked_at_s.pop(trunk.name)
        wait_s = max(1.0, asked_at_s + trunk.options_interval - self._runner.now().s)
        self._later(trunk, wait_s, self._begin)

    def _judge(self, trunk: Trunk, up: bool, why: str) -> None:
        before = self.health[trunk.name]
        if up == before.up:
            if not up:  # still down: for the reason that there is now
                self.health[trunk.name] = replace(before, why=why)
            return
        at = self._runner.now().at
        self.health[trunk.name] = TrunkHealth(up, at, why)
        kind = "trunk.up" if up else "trunk.down"
        self._runner.publish(kind, None, {"trunk": trunk.name, "why": why, "since": at})

    def _later(self, trunk: Trunk, delay_s: float, step: Callable[[Trunk], None]) -> None:
        if timer := self._timers.pop(trunk.name, None):
            timer.cancel()
        self._timers[trunk.name] = self._runner.later(delay_s, partial(step, trunk))
