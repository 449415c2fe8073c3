"""Calls and legs come and go: ports, limits, several engines, queues that are full, nothing left behind."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from native.engine import Engine, NoFreePort
from rig import Rig, free_ports, wait_until

VOICE = b"\x33" * 160


@pytest.fixture
def ports() -> tuple[int, int]:
    """Room for ten legs."""
    return free_ports(20)


@pytest.fixture
def engine(ports: tuple[int, int]) -> Iterator[Engine]:
    engine = Engine("127.0.0.1", port_range=ports, quarantine_ms=0)
    engine.start()
    yield engine
    engine.stop()


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def test_ports_are_even_and_differ(engine: Engine, ports: tuple[int, int]) -> None:
    call = engine.add_call()
    bound = [engine.add_leg(call, role)[1] for role in ("caller", "advisor", "supervisor")]
    assert len(set(bound)) == 3
    assert all(port % 2 == 0 and ports[0] <= port <= ports[1] for port in bound)


def test_when_every_port_is_taken_it_says_so_and_they_come_back(
    engine: Engine, ports: tuple[int, int]
) -> None:
    calls = [engine.add_call() for _ in range(2)]
    legs = [engine.add_leg(calls[n // 8], "supervisor")[0] for n in range(10)]
    with pytest.raises(NoFreePort, match=f"no free RTP port from {ports[0]} to {ports[1]} on"):
        engine.add_leg(calls[1], "supervisor")
    engine.remove_leg(legs[4])
    added: list[tuple[int, int]] = []

    def free() -> bool:
        try:
            added.append(engine.add_leg(calls[1], "supervisor"))
        except NoFreePort:
            return False
        return True

    wait_until(free, "the port to come back")
    assert added[0][1] == ports[0] + 8
    for call in calls:
        engine.remove_call(call)
    wait_until(lambda: engine.counters()["legs"] == 0, "the legs to go")
    call = engine.add_call()
    assert len({engine.add_leg(call, "supervisor")[1] for _ in range(8)}) == 8


def test_a_released_port_rests(ports: tuple[int, int]) -> None:
    """For a minute, here: what is on its way to the ended call must reach nobody else."""
    engine = Engine("127.0.0.1", port_range=(ports[0], ports[0] + 3), quarantine_ms=60_000)
    engine.start()
    try:
        first, second = engine.add_call(), engine.add_call()
        bound = [engine.add_leg(first, role)[1] for role in ("caller", "advisor")]
        assert len(set(bound)) == 2
        engine.remove_call(first)
        wait_until(lambda: engine.counters()["legs"] == 0, "the legs to go")
        with pytest.raises(NoFreePort):
            engine.add_leg(second, "caller")
    finally:
        engine.stop()


def test_a_port_that_another_program_has_is_passed_over(engine: Engine, ports: tuple[int, int]) -> None:
    call = engine.add_call()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", ports[0] + 4))
        bound = [engine.add_leg(call, "supervisor")[1] for _ in range(5)]
    assert ports[0] + 4 not in bound


def test_two_engines_on_one_range_never_share_a_port(engine: Engine, ports: tuple[int, int]) -> None:
    other = Engine("127.0.0.1", port_range=ports, quarantine_ms=0)
    other.start()
    try:
        bound = [each.add_leg(each.add_call(), "caller")[1] for each in (engine, other) * 5]
        assert len(set(bound)) == 10
        for each in (engine, other):
            with pytest.raises(NoFreePort):
                each.add_leg(each.add_call(), "caller")
    finally:
        other.stop()


def test_a_call_has_room_for_eight_legs() -> None:
    with Rig() as rig:
        for _ in range(6):
            rig.supervisor()
        with pytest.raises(OSError, match="at most 8 legs"):
            rig.supervisor()
        rig.dismiss(rig.supervisors[2])
        rig.supervisor()


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"port_range": (0, 10)}, "not a range of UDP ports"),
        ({"port_range": (40000, 39000)}, "not a range of UDP ports"),
        ({"port_range": (65000, 70000)}, "not a range of UDP ports"),
        ({"bind": "localhost"}, "not an IP address: 'localhost'"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(settings: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Engine(**settings)


def test_what_is_unknown_is_refused_and_changes_nothing() -> None:
    with Rig() as rig:
        rig.talk()
        before = files()
        for wrong in (
            lambda: rig.engine.add_leg(999, "caller"),
            lambda: rig.engine.add_leg(rig.call, "patient"),
            lambda: rig.engine.remove_leg(999),
            lambda: rig.engine.remove_call(999),
            lambda: rig.engine.connect(rig.caller.leg, "G729", 18, 101, "127.0.0.1", 4000),
            lambda: rig.engine.set_talk_path(rig.call, {(rig.caller.leg, 999): 1.0}),
            lambda: rig.engine.stats(999),
            lambda: rig.engine.open_tap(999),
        ):
            with pytest.raises(KeyError):
                wrong()
        for wrong in (
            lambda: rig.caller.connect(ptime_ms=5),
            lambda: rig.engine.connect(rig.caller.leg, "PCMA", 8, 101, "example.invalid", 4000),
            lambda: rig.engine.connect(rig.caller.leg, "PCMA", 8, 101, "127.0.0.1", 70000),
            lambda: rig.engine.set_talk_path(rig.call, {(rig.caller.leg, rig.caller.leg): 1.0}),
        ):
            with pytest.raises(ValueError, match=r"."):
                wrong()
        assert files() == before
        rig.sync()
        rig.step((rig.caller, VOICE))
        assert len(rig.advisor.listen()) == 1


def test_stop_ends_live_calls_and_frees_their_ports(ports: tuple[int, int]) -> None:
    before = files()
    rig = Rig(port_range=ports)
    rig.supervisor()
    rig.talk()
    rig.sync()
    rig.step((rig.caller, VOICE))
    tap = rig.engine.open_tap(rig.call)
    rig.close()
    rig.engine.stop()
    tap.close()
    with pytest.raises(RuntimeError, match="not running"):
        rig.engine.add_leg(rig.engine.add_call(), "caller")
    for port in range(ports[0], ports[1], 2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", port))
    del rig, tap
    gc.collect()
    assert files() <= before


def test_five_hundred_calls_leave_nothing_behind() -> None:
    """Each with talk, a whisper and a tap; no memory, no descriptor more after the first hundred."""
    with Rig() as rig:
        rig.talk()
        rig.sync()

        def one_call() -> None:
            call = rig.engine.add_call()
            legs = [rig.engine.add_leg(call, role)[0] for role in ("caller", "advisor", "supervisor")]
            for leg in legs:
                rig.engine.connect(leg, "PCMA", 8, 101, "127.0.0.1", 9)
            rig.engine.set_talk_path(
                call, {(legs[0], legs[1]): 1.0, (legs[1], legs[0]): 1.0, (legs[2], legs[1]): 1.0}
            )
            tap = rig.engine.open_tap(call)
            rig.engine.remove_leg(legs[2])
            rig.engine.remove_call(call)
            tap.close()

        def calls(count: int) -> tuple[int, int]:
            for _ in range(count):
                one_call()
            rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
            rig.sync()
            rig.engine.add_call()  # frees what the media thread has let go of
            gc.collect()
            return files(), resident_kb()

        first_files, first_kb = calls(100)
        last_files, last_kb = calls(400)
        assert last_files == first_files
        assert last_kb - first_kb < 2000
        assert len(rig.advisor.listen()) == 2
        assert not rig.caller.refused()
        assert not rig.advisor.refused()


def test_a_leg_leaves_while_its_packets_are_on_their_way() -> None:
    """The media thread finds packets and the command in one round, again and again."""
    with Rig() as rig:
        rng = np.random.default_rng(1)
        for _ in range(150):
            supervisor = rig.supervisor()
            every = [
                (rig.caller, rig.advisor),
                (rig.advisor, rig.caller),
                (rig.caller, supervisor),
                (rig.advisor, supervisor),
            ]
            rig.path(
                *every, (supervisor, rig.advisor), *([(supervisor, rig.caller)] if rng.integers(2) else [])
            )
            for _ in range(int(rng.integers(1, 4))):
                for phone in rig.phones():
                    phone.send(VOICE)
            rig.supervisors.remove(supervisor)
            rig.engine.remove_leg(supervisor.leg)
            rig.talk()
            supervisor.socket.close()
        rig.caller.listen()
        for _ in range(2):
            rig.caller.send(VOICE)
        wait_until(lambda: bool(rig.advisor.listen() or rig.advisor.heard), "the call to go on")


def test_a_full_event_queue_costs_events_and_no_packet() -> None:
    """Nobody reads the events: 8,192 wait, the rest is counted."""
    with Rig() as rig:
        rig.talk()
        rig.sync()
        presses = 0
        while rig.engine.counters()["events_dropped"] < 50:
            for digit in range(8):
                rig.caller.key(digit, packets=0, ends=1)
                rig.caller.timestamp += 160
                presses += 1
            rig.taken()
            rig.advisor.socket.setblocking(False)
            rig.advisor.forget()
            assert presses < 12_000
        rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
        assert [p.payload for p in rig.advisor.listen()] == [VOICE]
        assert [p.payload for p in rig.caller.listen()] == [VOICE]
        dropped = rig.engine.counters()["events_dropped"]
        events = rig.engine.events()
        assert len(events) == 8192
        assert len(events) + dropped >= presses
        rig.caller.key(5)
        rig.sync()
        assert [event[:3] for event in rig.engine.events()] == [("key", rig.caller.leg, "5")]


def test_commands_from_several_python_threads_all_arrive() -> None:
    with Rig(port_range=free_ports(1000)) as rig:
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(60):
                    call = rig.engine.add_call()
                    leg, _ = rig.engine.add_leg(call, "caller")
                    rig.engine.connect(leg, "PCMU", 0, -1, "127.0.0.1", 9)
                    rig.engine.remove_call(call)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rig.sync()
        assert failures == []
        assert rig.engine.counters()["legs"] == 3


def test_silence_is_told_once_and_its_end_too() -> None:
    with Rig(rtp_timeout_ms=200) as rig:
        rig.talk()
        rig.sync()
        rig.step((rig.caller, VOICE))
        rig.engine.events()
        told: list[tuple[str, int, int, int, object]] = []

        def listen() -> bool:
            told.extend(event for event in rig.engine.events() if event[1] == rig.caller.leg)
            return bool(told)

        wait_until(listen, "the silence to be told", seconds=2)
        assert [event[0] for event in told] == ["silent"]
        assert 200 <= told[0][2] <= 500
        told.clear()
        rig.step((rig.caller, VOICE))
        wait_until(listen, "its end to be told", seconds=1)
        assert [event[0] for event in told] == ["resumed"]
