"""RTCP of live legs: a caller with a port of its own for it, and a secured advisor who has it on the RTP port.

One conversation in real time, of which each test looks at one side: reports come every five seconds, spread by chance. When a
datagram came is the kernel's word: on a busy machine this process may read it long after.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from keyring import Keyring
from native.engine import Engine
from rig import EVENT_PT, wait_until

LASTS_S = 9.0
PAYLOAD = b"\xd5" * 160
LOST = 10
"""Every so many-th packet of the caller's is lost on its way."""
FAR_S = 0.040
"""How far away the caller says that it is."""
SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; `socket` has no name for it."""


@dataclass
class Compound:
    """What is in one datagram, read by hand."""

    at: float
    """When it came, by the wall clock."""
    kind: int
    ssrc: int
    sender: tuple[int, int, int, int] | None = None  # NTP, RTP timestamp, packets, octets
    block: tuple[int, int, int, int, int, int, int] | None = (
        None  # ssrc, fraction, lost, extended, jitter, lsr, dlsr
    )
    goodbye: bool = False
    kinds: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, data: bytes, at: float) -> Compound:
        kind, ssrc = data[1], int.from_bytes(data[4:8], "big")
        found = cls(at, kind, ssrc)
        blocks = 28 if kind == 200 else 8
        if kind == 200:
            found.sender = struct.unpack("!QIII", data[8:28])
        if data[0] & 31:
            source, word, *rest = struct.unpack("!6I", data[blocks : blocks + 24])
            found.block = (source, word >> 24, word & 0xFFFFFF, *rest)
        while data:
            found.kinds.append(data[1])
            data = data[4 + 4 * int.from_bytes(data[2:4], "big") :]
        found.goodbye = 203 in found.kinds
        return found


def report(ssrc: int, ntp: int, timestamp: int, about: tuple[int, int, int, int, int, int, int]) -> bytes:
    """A sender report with one block, and a name."""
    source, fraction, lost, extended, jitter, lsr, dlsr = about
    body = struct.pack("!BBHIQIII", 0x81, 200, 12, ssrc, ntp, timestamp, 100, 16_000)
    body += struct.pack("!6I", source, fraction << 24 | lost, extended, jitter, lsr, dlsr)
    return body + struct.pack("!BBHIBB2s", 0x81, 202, 2, ssrc, 1, 2, b"me")


class Party:
    """A telephone that does RTCP."""

    def __init__(self, engine: Engine, call: int, role: str, ssrc: int, keys: Keyring | None) -> None:
        self.engine, self.ssrc, self.keys = engine, ssrc, keys
        self.muxed = keys is not None
        self.leg, self.port = engine.add_leg(call, role)
        self.rtp, self.rtcp = pair()
        where = self.rtp.getsockname()
        more = keys.negotiated if keys else {}
        engine.connect(self.leg, "PCMA", 8, EVENT_PT, *where, rtcp_mux=self.muxed, **more)
        self.heard: list[tuple[float, bytes]] = []
        self.reports: list[Compound] = []
        self.sequence, self.timestamp = 100, 5_000
        self.sent = 0

    def send(self) -> None:
        packet = struct.pack("!BBHII", 0x80, 8, self.sequence, self.timestamp, self.ssrc) + PAYLOAD
        self.sequence += 1
        self.timestamp += 160
        self.sent += 1
        self.rtp.sendto(self.keys.seal(packet) if self.keys else packet, ("127.0.0.1", self.port))

    def skip(self) -> None:
        self.sequence += 1
        self.timestamp += 160

    def say(self, compound: bytes) -> None:
        data = self.keys.seal_report(compound) if self.keys else compound
        way, port = (self.rtp, self.port) if self.muxed else (self.rtcp, self.port + 1)
        way.sendto(data, ("127.0.0.1", port))

    def listen(self) -> None:
        for way in (self.rtp, self.rtcp):
            while True:
                try:
                    data, more, _, _ = way.recvmsg(4096, 64)
                except BlockingIOError:
                    break
                seconds, nanoseconds = struct.unpack("@ll", more[0][2])
                at = seconds + nanoseconds / 1e9
                if 192 <= data[1] <= 223:
                    assert (way is self.rtp) == self.muxed, "a report on the wrong port"
                    plain = self.keys.open_report(data) if self.keys else data
                    self.reports.append(Compound.read(plain, at))
                else:
                    self.heard.append((at, self.keys.open(data) if self.keys else data))

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """An even port and the one above."""
    while True:
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        try:
            if port % 2:
                raise OSError
            second.bind(("127.0.0.1", port + 1))
        except OSError:
            first.close()
            second.close()
            continue
        for each in (first, second):
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return first, second


@dataclass
class Told:
    caller: Party
    advisor: Party
    stats: dict[str, dict[str, Any]]
    quality: dict[int, list[dict[str, Any]]]
    echo: bytes
    late_ms: float
    """How late our own packets were at worst."""
    answering_ms: float
    """From when the caller's answer was made until the engine had read it, at most."""


def converse(caller: Party, advisor: Party) -> tuple[float, float]:
    """Both talk; the caller answers the engine's sender report, the advisor reports without having heard one.

    Returns `Told.late_ms` and `answering_ms`.
    """
    answered = False
    late_ms = answering_ms = 0.0
    began = time.monotonic()
    number = 0
    while time.monotonic() < began + LASTS_S or not answered:
        assert time.monotonic() < began + 3 * LASTS_S, "no sender report came"
        number += 1
        caller.skip() if number % LOST == 0 else caller.send()
        advisor.send()
        if number == 50:
            engines = int.from_bytes(advisor.heard[-1][1][8:12], "big")
            advisor.say(report(advisor.ssrc, 5 << 32, 5_000, (engines, 64, 11, 200, 80, 0, 0)))
        for party in (caller, advisor):
            party.listen()
        reports = [each for each in caller.reports if each.sender]
        if reports and not answered and time.time() > reports[0].at + 0.5:
            answered = True
            made = time.time()
            since = made - reports[0].at - FAR_S
            lsr = reports[0].sender[0] >> 16 & 0xFFFFFFFF
            about = (reports[0].ssrc, 0, 3, 200, 160, lsr, int(since * 65_536))
            caller.say(report(caller.ssrc, 7 << 32, 5_000, about))
            wait_until(lambda: caller.engine.stats(caller.leg)["reports_heard"] == 1, "it to be read")
            answering_ms = (time.time() - made) * 1000
        ahead_s = began + number * 0.020 - time.monotonic()
        late_ms = max(late_ms, -ahead_s * 1000)
        time.sleep(max(0.0, ahead_s))
    return late_ms, answering_ms


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    engine = Engine("127.0.0.1", port_range=(41_000, 48_998))
    engine.start()
    call = engine.add_call()
    caller = Party(engine, call, "caller", 0x11, None)
    advisor = Party(engine, call, "advisor", 0x22, Keyring("AES_CM_128_HMAC_SHA1_80"))
    parties = {"caller": caller, "advisor": advisor}
    pairs = ((caller, advisor), (advisor, caller))
    engine.set_talk_path(call, {(one.leg, other.leg): 1.0 for one, other in pairs})
    try:
        late_ms, answering_ms = converse(caller, advisor)
        mine = next(each.ssrc for each in caller.reports)
        echo = report(mine, 1 << 32, 0, (mine, 0, 0, 0, 0, 0, 0))
        caller.say(echo)
        caller.rtcp.sendto(b"\x80\xc8\x00\x09nonsense", ("127.0.0.1", caller.port + 1))
        wait_until(lambda: engine.stats(caller.leg)["refused"].get("bad_rtcp") == 2, "both to be refused")
        stats = {role: engine.stats(party.leg) for role, party in parties.items()}
        quality: dict[int, list[dict[str, Any]]] = {party.leg: [] for party in parties.values()}
        for name, leg, value, _, _ in engine.events():
            if name == "quality":
                quality[leg].append(value)
        engine.remove_call(call)
        wait_until(lambda: engine.counters()["legs"] == 0, "the legs to be gone")
        caller.listen()
        advisor.listen()
        yield Told(caller, advisor, stats, quality, echo, late_ms, answering_ms)
    finally:
        engine.stop()
        caller.close()
        advisor.close()


@pytest.mark.parametrize("role", ["caller", "advisor"])
def test_reports_say_what_was_sent_by_the_listeners_own_numbers(told: Told, role: str) -> None:
    party: Party = getattr(told, role)
    reports = [each for each in party.reports if each.sender]
    assert reports
    for each in reports:
        ntp, timestamp, packets, octets = each.sender or (0, 0, 0, 0)
        before = [(at, data) for at, data in party.heard if at <= each.at]
        at, newest = before[-1]
        assert each.ssrc == int.from_bytes(newest[8:12], "big")
        assert 202 in each.kinds
        assert abs(packets - len(before)) <= 2
        assert octets == packets * 160
        assert abs(ntp / 2**32 - 2_208_988_800 - time.time()) < 60
        # the report's time by the RTP clock goes on from the newest packet's
        ahead = (timestamp - int.from_bytes(newest[4:8], "big") + 0x8000_0000) % 2**32 - 0x8000_0000
        assert abs(ahead - (each.at - at) * 8_000) < 1_600


def test_the_wall_clock_and_the_rtp_clock_of_two_reports_agree(told: Told) -> None:
    reports = [each.sender for each in told.caller.reports if each.sender]
    for one, other in itertools.pairwise(reports):
        seconds = (other[0] - one[0]) / 2**32
        ticks = (other[1] - one[1]) & 0xFFFFFFFF
        assert abs(ticks - seconds * 8_000) < 800


def test_reports_say_how_the_far_side_is_received(told: Told) -> None:
    caller = [each.block for each in told.caller.reports if each.block]
    advisor = [each.block for each in told.advisor.reports if each.block]
    assert caller
    assert advisor
    source, _, lost, extended, _, _, _ = caller[-1]
    assert source == told.caller.ssrc
    # Of 256, and since the report before: a tenth is 26. Two that a busy machine sends close together may have no loss between them.
    assert any(10 <= block[1] <= 40 for block in caller)
    assert lost > 5
    assert 100 < extended <= told.caller.sequence
    assert advisor[-1][0] == told.advisor.ssrc
    assert advisor[-1][1:3] == (0, 0)
    late = [block for block in advisor if block[5]]
    assert all(block[5] == 5 << 16 for block in late), "the advisor's own sender report is echoed"


def test_what_the_far_side_says_is_known(told: Told) -> None:
    caller, advisor = told.stats["caller"], told.stats["advisor"]
    assert caller["reports_heard"] == 1
    assert (caller["remote_lost"], caller["remote_jitter_ms"]) == (3, 20)
    assert 38 < caller["rtt_ms"] < 42 + told.answering_ms
    assert (advisor["remote_lost"], advisor["remote_jitter_ms"]) == (11, 10)
    assert advisor["rtt_ms"] is None
    assert caller["refused"] == {"bad_rtcp": 2}
    assert not advisor["refused"]


def test_quality_is_told_every_five_seconds(told: Told) -> None:
    for party in (told.caller, told.advisor):
        assert len(told.quality[party.leg]) >= 1
    first = told.quality[told.caller.leg][0]
    assert 100 < first["expected"] < 260
    assert abs(first["lost"] - first["expected"] / LOST) <= 2
    assert first["jitter_ms"] < 20 + told.late_ms
    advisor = told.quality[told.advisor.leg][0]
    assert advisor["lost"] == 0
    assert (advisor["far_loss"], advisor["far_jitter_ms"]) == (0.25, 10)


@pytest.mark.parametrize("role", ["caller", "advisor"])
def test_the_last_report_says_goodbye(told: Told, role: str) -> None:
    reports = getattr(told, role).reports
    assert [each.goodbye for each in reports] == [False] * (len(reports) - 1) + [True]


# ── without waiting for a report ──


@pytest.fixture
def leg() -> Iterator[Party]:
    engine = Engine("127.0.0.1", port_range=(41_000, 48_998), keepalive_s=0.2)
    engine.start()
    party = Party(engine, engine.add_call(), "caller", 0x11, None)
    yield party
    engine.stop()
    party.close()


def test_reports_from_elsewhere_are_refused(leg: Party) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(report(1, 1 << 32, 0, (1, 0, 0, 0, 0, 0, 0)), ("127.0.0.1", leg.port + 1))
        wait_until(
            lambda: leg.engine.stats(leg.leg)["refused"] == {"foreign_source": 1},
            "the stranger's to be refused",
        )
    assert leg.engine.stats(leg.leg)["reports_heard"] == 0


def test_a_leg_that_only_sends_is_kept_alive(leg: Party) -> None:
    """Empty packets of a payload type to be passed over; what is relayed later is numbered behind them (RFC 6263)."""

    def heard() -> bool:
        leg.listen()
        return len(leg.heard) >= 4

    wait_until(heard, "keep-alives")
    numbers = [struct.unpack("!BBH", data[:4]) for _, data in leg.heard]
    assert {len(data) for _, data in leg.heard} == {12}
    assert {kind for _, kind, _ in numbers} == {20}
    sequences = [sequence for _, _, sequence in numbers]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(leg.heard)]
    assert all(gap > 0.1 for gap in gaps)


def test_an_icmp_error_is_counted_and_costs_nothing_else(leg: Party) -> None:
    engine = leg.engine
    for _ in range(2):
        leg.send()
    wait_until(lambda: engine.stats(leg.leg)["source"] is not None, "the leg to be locked")
    leg.rtp.close()  # nobody listens there any more: keep-alives come back as ICMP port unreachable
    wait_until(lambda: engine.stats(leg.leg)["refused"].get("unreachable", 0) >= 2, "ICMP errors")
    leg.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
