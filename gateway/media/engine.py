"""`core.ports.Media` on the native engine: names for its numbers, events for its messages.

Everything here runs on the asyncio loop's thread; packets do not. What the media thread has to say comes
through an eventfd that the loop watches, so a loop that is stalled loses at most messages (counted), never
packets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from native.engine import Engine

from gateway.core.codecs import most_bits_per_second
from gateway.core.errors import PortsExhausted
from gateway.core.events import (
    Digit,
    MediaEvent,
    PacketsRefused,
    StreamLatched,
    StreamQuality,
    StreamResumed,
    StreamSilent,
)
from gateway.core.model import Address, CallId, Direction, Encoding, KeysBy, LegId, LegMedia, Role
from gateway.core.ports import StreamStats, Tap

ENGINE_NAMES = {Encoding.L16: "L16/16000"}
"""Where the engine's name of a codec is another."""
TALKING_DB = -45.0
"""Level above which a leg counts as talking: well above a quiet room's noise, well below soft speech."""


class MediaEngine:
    """Names calls and legs as the control plane does; one native engine below."""

    def __init__(
        self,
        *,
        bind: str,
        advertised: str | None = None,
        port_range: tuple[int, int],
        rtp_timeout_ms: int,
        deliver: Callable[[MediaEvent], None],
        workers: int = 1,
        cpus: Sequence[int] = (),
        port_quarantine_ms: int = 2000,
        history_s: float = 0.0,
        latch_nat_only: bool = False,
        keepalive_s: float = 0.0,
    ) -> None:
        """bind: IP address of the RTP sockets. advertised: the address written into SDP (default: bind).
        deliver: told every event, on the loop's thread. cpus: the core to pin each worker to; none: any.
        history_s: so much is kept of each call. latch_nat_only: a host that SDP did not name may have a
        leg only where a NAT hides the one it did. Raises ValueError for impossible settings."""
        self._engine = Engine(
            bind,
            port_range=port_range,
            rtp_timeout_ms=rtp_timeout_ms,
            workers=workers,
            cpus=list(cpus) or None,
            quarantine_ms=port_quarantine_ms,
            history_s=history_s,
            latch_nat_only=latch_nat_only,
            keepalive_s=keepalive_s,
        )
        self._advertised = advertised or bind
        self._deliver = deliver
        self._calls: dict[CallId, int] = {}
        self._legs: dict[LegId, int] = {}
        self._names: dict[int, LegId] = {}
        self._members: dict[CallId, set[LegId]] = {}
        self._deaf: set[LegId] = set()
        """Legs whose telephone-events are no keys for us."""

    def start(self) -> None:
        """Start the media threads and watch their messages. Call on the loop's thread."""
        self._engine.start()
        asyncio.get_running_loop().add_reader(self._engine.event_fd, self.deliver_waiting)

    @property
    def scheduling(self) -> list[str]:
        """How each media thread goes before other programs: real-time, nice or ordinary."""
        return list(self._engine.scheduling)

    def stop(self) -> None:
        """End every call and the media thread; at most 100 ms."""
        asyncio.get_running_loop().remove_reader(self._engine.event_fd)
        self._engine.stop()

    # ── core.ports.Media ──────────────────────────────────────────────────────────────────────────

    def add_call(self, call: CallId) -> None:
        self._calls[call] = self._engine.add_call()
        self._members[call] = set()

    def add_leg(self, call: CallId, leg: LegId, role: Role, keys: KeysBy = KeysBy.RFC4733) -> Address:
        try:
            # The caller may need keys on the far side (a menu); an advisor's are codes for us, a
            # supervisor's reach nobody.
            number, port = self._engine.add_leg(
                self._calls[call], role.value, role is Role.CALLER, keys is KeysBy.INBAND
            )
        except OSError as error:  # no port in the range, no descriptor for one, or a call that is full
            raise PortsExhausted(error.strerror or str(error)) from error
        self._legs[leg] = number
        self._names[number] = leg
        self._members[call].add(leg)
        if keys is KeysBy.INFO:
            self._deaf.add(leg)
        return self._advertised, port

    def connect(self, leg: LegId, media: LegMedia) -> None:
        host, port = media.remote
        keys = media.keys
        self._engine.connect(
            self._legs[leg],
            ENGINE_NAMES.get(media.encoding, media.encoding.value),
            media.payload_type,
            -1 if media.event_payload_type is None else media.event_payload_type,
            host,
            port,
            ptime_ms=min(max(media.ptime_ms, 10), 120),
            sends=media.direction in (Direction.SENDRECV, Direction.SENDONLY),
            receives=media.direction in (Direction.SENDRECV, Direction.RECVONLY),
            event_clock_hz=media.event_clock_hz,
            bits_per_second=most_bits_per_second(media.parameters),
            rtcp=media.rtcp,
            rtcp_mux=media.rtcp_mux,
            noise_payload_type=media.noise_payload_type,
            relays_reports=media.reports_relayed,
            suite=keys.suite.value if keys else None,
            local_key=keys.local if keys else b"",
            remote_key=keys.remote if keys else b"",
            mki=keys.mki if keys else b"",
        )

    def set_talk_path(self, call: CallId, gains: Mapping[tuple[LegId, LegId], float]) -> None:
        table = {
            (self._legs[source], self._legs[listener]): gain for (source, listener), gain in gains.items()
        }
        self._engine.set_talk_path(self._calls[call], table)

    def hear_past(self, leg: LegId, seconds: float) -> None:
        self._engine.rehear(self._legs[leg], seconds)

    def play_tone(self, leg: LegId) -> None:
        self._engine.chime(self._legs[leg])

    def remove_leg(self, leg: LegId) -> None:
        number = self._legs.pop(leg, None)
        if number is None:
            return
        del self._names[number]
        self._deaf.discard(leg)
        for members in self._members.values():
            members.discard(leg)
        self._engine.remove_leg(number)

    def remove_call(self, call: CallId) -> None:
        number = self._calls.pop(call, None)
        if number is None:
            return
        for leg in self._members.pop(call):
            del self._names[self._legs.pop(leg)]
            self._deaf.discard(leg)
        self._engine.remove_call(number)

    def open_tap(self, call: CallId, *, history_s: float = 0.0, speed: float = 1.0) -> Tap:
        reader: Tap = self._engine.open_tap(self._calls[call], history_s, speed)
        return reader

    def stats(self, leg: LegId) -> StreamStats:
        figures = self._engine.stats(self._legs[leg])
        return StreamStats(
            received=figures["received"],
            received_bytes=figures["received_bytes"],
            sent=figures["sent"],
            lost=figures["lost"],
            out_of_order=figures["out_of_order"],
            duplicates=figures["duplicates"],
            jitter_ms=figures["jitter_ms"],
            level_db=figures["level_db"],
            talking=figures["level_db"] > TALKING_DB,
            overlaid=figures["overlaid"],
            refused=figures["refused"],
            source=figures["source"],
            rtt_ms=figures["rtt_ms"],
            remote_lost=figures["remote_lost"],
            remote_jitter_ms=figures["remote_jitter_ms"],
        )

    def levels(self) -> dict[LegId, float]:
        names = self._names
        return {names[number]: level for number, level in self._engine.levels().items() if number in names}

    def counters(self) -> dict[str, Any]:
        """The media thread's own figures: packets in and out, wake-ups, dropped messages, CPU time [s]."""
        counters: dict[str, Any] = self._engine.counters()
        return counters

    # ── messages ──────────────────────────────────────────────────────────────────────────────────

    def deliver_waiting(self) -> None:
        for name, number, value, count, source in self._engine.events():
            leg = self._names.get(number)
            if leg is None:  # removed meanwhile
                continue
            if name == "key" and leg in self._deaf:
                continue
            event = self._event(name, leg, value, count, source)
            self._deliver(event)

    @staticmethod
    def _event(name: str, leg: LegId, value: Any, count: int, source: Address | None) -> MediaEvent:
        if name == "latched":
            assert source is not None
            return StreamLatched(leg, source)
        if name == "silent":
            return StreamSilent(leg, value)
        if name == "resumed":
            return StreamResumed(leg)
        if name == "key":
            return Digit(leg, value, count)
        if name == "quality":
            return StreamQuality(
                leg,
                value["expected"],
                value["lost"],
                value["jitter_ms"],
                value["rtt_ms"],
                value["far_loss"],
                value["far_jitter_ms"],
                value["far_discarded"],
            )
        return PacketsRefused(leg, value, count, source)
