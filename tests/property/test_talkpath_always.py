"""Who hears whom, over every sequence of joins, changes of mode, holds, silences and departures that we can
think of.

Three supervisors with different rights act at random on one call. After every step, the table that the media
engine was last given must hold what the project promises.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from callscript import Script, floorwalker, phone_sdp

from gateway.core.actions import RemoveLeg, RemoveMedia, SetTalkPath
from gateway.core.events import (
    Digit,
    LegAnswered,
    LegConfirmed,
    LegInfoDigit,
    LegReanswered,
    LegReoffered,
    StreamResumed,
    StreamSilent,
)
from gateway.core.model import LegId, Mode
from gateway.core.talkpath import Gains, talk_path

Step = tuple[str, str | None, object]
NAMES = ("fw1", "fw2", "fw3")
ROLES = {"fw1": "floorwalker", "fw2": "floorwalker", "fw3": "auditor"}
LEGS = st.sampled_from(NAMES)
JOINS = st.tuples(st.just("join"), LEGS, st.sampled_from((*Mode, Mode.TAKEOVER)))
STEP = st.one_of(
    JOINS,
    st.tuples(st.just("join"), LEGS, st.sampled_from(Mode)),
    st.tuples(st.just("join late"), LEGS, st.sampled_from(Mode)),
    st.tuples(st.just("confirm"), LEGS, st.none()),
    st.tuples(st.just("summon"), LEGS, st.none()),
    st.tuples(st.just("answer"), LEGS, st.none()),
    st.tuples(st.just("key"), LEGS, st.sampled_from("0456#*")),
    st.tuples(st.just("info"), LEGS, st.sampled_from("456#")),
    st.tuples(st.just("web"), LEGS, st.sampled_from(Mode)),
    st.tuples(st.just("dismiss"), st.sampled_from((*NAMES, "advisor")), st.none()),
    st.tuples(st.just("end"), st.sampled_from((*NAMES, *NAMES, "advisor")), st.none()),
    st.tuples(st.just("silent"), st.sampled_from((*NAMES, "caller", "advisor")), st.none()),
    st.tuples(st.just("resumed"), st.sampled_from((*NAMES, "caller", "advisor")), st.none()),
    st.tuples(
        st.just("hold"),
        st.sampled_from((*NAMES, "advisor")),
        st.sampled_from(["sendonly", "inactive", "sendrecv"]),
    ),
    st.tuples(st.just("accept"), st.sampled_from(("caller", "advisor")), st.none()),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([1.0, 12.0, 25.0])),
)


class Room:
    """The call, and what the media engine would know of it."""

    def __init__(self) -> None:
        self.script = Script()
        self.script.start()
        self.script.picks_up()
        self.legs: dict[str, str] = {}
        """The latest leg of each supervisor: they may come again."""
        self.joined = 0
        self.gains: Gains = {}
        self.gone: set[LegId] = set()
        self.watch()

    def watch(self) -> None:
        for action in self.script.actions:
            if isinstance(action, SetTalkPath):
                self.gains = action.gains
            elif isinstance(action, RemoveLeg):
                self.gone.add(action.leg)
                assert not any(action.leg in pair for pair in self.gains), (
                    "removed before its paths were closed"
                )
            elif isinstance(action, RemoveMedia):
                self.gains = {}
        self.script.clear()

    def take(self, step: Step) -> None:
        kind, name, what = step
        script, leg = self.script, LegId(self.legs.get(name or "", name or ""))
        match kind:
            case "join" | "join late" | "summon":
                self._join(kind, name or "", what)
            case "confirm":
                script.event(LegConfirmed(leg, phone_sdp()))
            case "answer":
                script.event(LegAnswered(leg, phone_sdp()))
            case "key":
                script.event(Digit(leg, str(what), 100))
            case "info":
                script.event(LegInfoDigit(leg, str(what)))
            case "web":
                assert isinstance(what, Mode)
                script.sets(leg, what, by=floorwalker("boss"))
            case "dismiss":
                script.dismisses(leg)
            case "end":
                script.ends(leg)
            case "silent":
                script.event(StreamSilent(leg, 5000))
            case "resumed":
                script.event(StreamResumed(leg))
            case "hold":
                script.event(LegReoffered(leg, phone_sdp("8 101", str(what))))
            case "accept":
                script.event(LegReanswered(leg, phone_sdp("8 101")))
            case "wait":
                assert isinstance(what, float)
                script.passes(what)
        self.watch()

    def _join(self, kind: str, name: str, mode: object) -> None:
        if self.legs.get(name) in self.script.call.leg_ids() or not self.script.call.live:
            return
        user = floorwalker(name, roles=frozenset({ROLES[name]}))
        wanted = mode if isinstance(mode, Mode) else Mode.WHISPER
        if not self.script.call.judge(user, wanted).allowed:
            return
        self.joined += 1
        leg = self.legs[name] = f"{name}-{self.joined}"
        if kind == "summon":
            self.script.summons(leg, user)
        else:
            self.script.joins(leg, wanted, None if kind == "join late" else phone_sdp(), user)

    def check(self) -> None:
        call = self.script.call
        shown = {entry["leg"]: Mode(entry["mode"]) for entry in call.snapshot()["supervisors"]}
        for (source, listener), gain in self.gains.items():
            assert gain > 0
            assert source != listener
            assert not {source, listener} & self.gone, "a path of a leg that is gone"
            if source not in ("caller", "advisor"):
                assert source in shown, "heard without being on the call"
                assert shown[source] is not Mode.LISTEN, "heard while listening"
                if listener == "caller":
                    assert shown[source] in (Mode.BARGE, Mode.TAKEOVER), "a whisper reaches the patient"
                assert ROLES[source.partition("-")[0]] == "floorwalker", "an auditor is heard"
        if not call.live:
            assert not self.gains
            return
        assert list(shown.values()).count(Mode.TAKEOVER) <= 1, "two have the patient"
        heard = {source for source, listener in self.gains if listener == "caller"}
        assert heard, "the patient hears nobody"


@settings(max_examples=300, deadline=None)
@given(st.lists(JOINS, max_size=2), st.lists(STEP, min_size=20, max_size=60))
def test_whatever_supervisors_do(joins: list[Step], steps: list[Step]) -> None:
    room = Room()
    for step in (*joins, *steps):
        room.take(step)
        room.check()


@given(
    st.booleans(),
    st.dictionaries(st.sampled_from([LegId(name) for name in NAMES]), st.sampled_from(Mode), max_size=3),
)
def test_the_presets(advisor_here: bool, modes: dict[LegId, Mode]) -> None:
    caller, advisor = LegId("caller"), LegId("advisor") if advisor_here else None
    gains = talk_path(caller, advisor, modes)
    for leg, mode in modes.items():
        assert ((leg, caller) in gains) == (mode in (Mode.BARGE, Mode.TAKEOVER))
        assert (caller, leg) in gains
    assert all(pair[0] != pair[1] for pair in gains)
    if advisor is None:
        assert all("advisor" not in pair for pair in gains)
