"""What one more supervised call costs in the engine [kB of resident memory], its history left out, in each mode that a floorwalker passes
through: the slope over calls, in a process that does nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MOST_KB = 150
WARM, CALLS, ROUNDS, BATCHES = 15, 30, 15, 2
PROGRAM = f"""
import ctypes, resource, socket, statistics, struct, sys
import numpy as np
from codecphones import PAYLOAD_TYPES, voice
from native.engine import Engine
from native.transcoder import Transcoder
from rig import wait_until

assert ctypes.CDLL(None).prctl(41, 1, 0, 0, 0) == 0     # no huge pages: what is touched counts, by pages of 4 kB
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def packets(name):
    coder = Transcoder(name)
    size = coder.rate_hz // 50
    sound = voice(1, {ROUNDS} * 0.02, coder.rate_hz)
    return [coder.encode(sound[n * size :][:size]) for n in range({ROUNDS})], coder.ticks(size)

caller, advisor, supervisor = sys.argv[1:]
said = {{name: packets(name) for name in sys.argv[1:]}}
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind(("127.0.0.1", 0))
engine = Engine("127.0.0.1", port_range=(41000, 48998), rtcp=False)
engine.start()
sent = 0

def add():
    call = engine.add_call()
    legs = []
    for role, name in (("supervisor", supervisor), ("advisor", advisor), ("caller", caller)):
        leg, port = engine.add_leg(call, role)
        engine.connect(leg, name, PAYLOAD_TYPES[name], 101, *line.getsockname())
        legs.append((leg, port, name))
    return call, legs

def talk(calls, mode, first):
    global sent
    for call, ((s, *_), (a, *_), (c, *_)) in calls:
        opened = [(c, a), (a, c), (c, s), (a, s), (s, a), (s, c)][: {{"listen": 4, "whisper": 5, "barge": 6}}[mode]]
        engine.set_talk_path(call, dict.fromkeys(opened, 1.0))
    before = [engine.stats(leg)["overlaid"] for _, legs in calls for leg, *_ in legs]
    for number in range({ROUNDS}):
        for call, legs in calls:
            for leg, port, name in legs:
                payloads, ticks = said[name]
                at = first + number
                header = struct.pack("!BBHII", 0x80, PAYLOAD_TYPES[name], at, at * ticks, leg)
                line.sendto(header + payloads[number], ("127.0.0.1", port))
                sent += 1
        wait_until(lambda: engine.counters()["received"] >= sent, "the engine to read every packet")
    made = [engine.stats(leg)["overlaid"] for _, legs in calls for leg, *_ in legs]
    mixes = [after - once > {ROUNDS} // 2 for once, after in zip(before, made)]
    assert all(mixes[::3]), "a supervisor heard nothing"
    assert all(mixes[1::3]) or mode == "listen", "nobody was whispered to"
    assert all(mixes[2::3]) or mode != "barge", "nobody was barged in on"

def batch(size):
    before = resident()
    calls = [add() for _ in range(size)]
    kb = []
    for number, mode in enumerate(("listen", "whisper", "barge") * 2):
        talk(calls, mode, number * {ROUNDS})
        kb.append((resident() - before) // size // 1000)
    return kb

batch({WARM})
print(*(statistics.median(kb) for kb in zip(*(batch({CALLS}) for _ in range({BATCHES})))))
engine.stop()
"""


@pytest.mark.parametrize(
    ("caller", "advisor", "supervisor"),
    [
        ("PCMA", "PCMA", "PCMA"),
        ("PCMA", "PCMA", "opus"),
        ("G722", "G722", "G722"),
        ("L16/16000", "L16/16000", "L16/16000"),
        ("opus", "opus", "opus"),
        ("opus", "PCMA", "G722"),
        ("PCMA", "opus", "opus"),
    ],
)
def test_a_supervised_call(caller: str, advisor: str, supervisor: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, caller, advisor, supervisor],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent.parent), str(HERE)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    kb = [float(each) for each in told.stdout.split()]
    print(
        f"{caller} and {advisor}, {supervisor}: listen {kb[0]:.0f}, whisper {kb[1]:.0f}, barge {kb[2]:.0f} kB"
    )
    assert len(kb) == 6
    assert max(kb) <= MOST_KB
