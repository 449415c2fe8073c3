"""What the people of the story can do: each verb returns once the gateway has carried it out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from gateway.core.model import Mode
from gateway.demo.auditor import Auditor
from gateway.demo.errors import DemoFailed
from gateway.demo.settings import ADVISOR, FLOORWALKER
from gateway.demo.stage import Stage
from gateway.demo.watch import PATIENCE_S, Event
from simulators import Call, IncomingCall, OutgoingCall, Phone, SimulatorError

CODES = {Mode.LISTEN: "*71", Mode.WHISPER: "*72", Mode.BARGE: "*73", Mode.TAKEOVER: "*74"}
KEYS = {Mode.LISTEN: "4", Mode.WHISPER: "5", Mode.BARGE: "6"}
LEAVE = "#"
PANIC = "*99"


@dataclass(frozen=True, slots=True)
class Rung:
    """A telephone that rings."""

    call: IncomingCall
    at_ns: int
    """When the INVITE was taken in [ns, monotonic]."""


class Cast:
    """The people on one stage. `sarah` is None while she is on no call."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.patient: OutgoingCall | None = None
        self.tom: IncomingCall | None = None
        self.sarah: Call | None = None
        self.sarahs: list[Call] = []
        """Every call of hers, in order."""
        self.auditor: Auditor | None = None
        self.call_id = ""

    # ── patient and advisor ──

    async def patient_calls(self) -> Rung:
        """The patient dials; Tom's telephone rings."""
        watch = self.stage.watch
        since = watch.mark()
        self.patient = await self.stage.patient.call(ADVISOR.number)
        rung = await self._rings(self.stage.advisor)
        self.tom = rung.call
        self.call_id = (await watch.until("call.ringing", since)).call or ""
        with _patience("the patient does not hear it ring"):
            while await self.patient.progress(PATIENCE_S) != 180:
                pass
        return rung

    async def tom_answers(self) -> None:
        assert self.tom is not None
        assert self.patient is not None
        since = self.stage.watch.mark()
        await self.tom.answer()
        with _patience("the call was not set up"):
            await self.tom.established(PATIENCE_S)
            await self.patient.answered(PATIENCE_S)
        await self.stage.watch.until("call.answered", since)

    async def auditor_joins(self) -> Auditor:
        stage = self.stage
        await self.close()
        self.auditor = Auditor(stage.gateway.url, stage.tokens.arthur, self.call_id)
        await self.auditor.open()
        return self.auditor

    async def panic(self) -> None:
        """Tom presses the panic code."""
        assert self.tom is not None
        await self.tom.press(PANIC)

    async def hang_up(self, who: Call) -> None:
        """Someone hangs up."""
        await who.hang_up()

    async def close(self) -> None:
        """Let the auditor go; the telephones hang up when the stage closes."""
        if self.auditor is not None:
            await self.auditor.close()

    # ── the floorwalker ──

    async def sarah_dials(self, mode: Mode) -> Event:
        """She dials a feature code and is on the call; returns the gateway's word of it."""
        since = self.stage.watch.mark()
        call = await self.stage.floorwalker.call(CODES[mode] + ADVISOR.number)
        with _patience(f"dialling {CODES[mode]}{ADVISOR.number} was not answered"):
            await call.answered(PATIENCE_S)
        self._take_up(call)
        return await self.stage.watch.until("supervisor.joined", since, user=FLOORWALKER.id, mode=mode.value)

    async def sarah_presses(self, mode: Mode) -> Event:
        """She presses a key; returns once the mode has changed."""
        assert self.sarah is not None
        since = self.stage.watch.mark()
        await self.sarah.press(KEYS[mode])
        return await self.stage.watch.until("supervisor.mode", since, user=FLOORWALKER.id, mode=mode.value)

    async def sarah_leaves(self) -> None:
        """She presses #, and the gateway hangs up."""
        assert self.sarah is not None
        since = self.stage.watch.mark()
        with _patience("pressing # did not end the floorwalker's call"):
            await self.sarah.press(LEAVE)
            await self.sarah.ended(PATIENCE_S)
        await self.stage.watch.until("supervisor.left", since, user=FLOORWALKER.id)
        self.sarah = None

    async def sarah_is_rung(self) -> Rung:
        """Her telephone rings about an alert."""
        return await self._rings(self.stage.floorwalker)

    async def sarah_answers(self, call: IncomingCall) -> Event:
        """She picks up, and is on the call as the gateway says."""
        since = self.stage.watch.mark()
        await call.answer()
        with _patience("the floorwalker's answer was not acknowledged"):
            await call.established(PATIENCE_S)
        self._take_up(call)
        return await self.stage.watch.until("supervisor.joined", since, user=FLOORWALKER.id)

    async def sarah_sets_mode(self, mode: Mode) -> Event:
        """She changes mode at the web interface instead of by key."""
        since = self.stage.watch.mark()
        await self._request("PATCH", f"/api/calls/{self.call_id}/supervisors/{self.sarahs_leg()}", mode=mode)
        return await self.stage.watch.until("supervisor.mode", since, user=FLOORWALKER.id, mode=mode.value)

    async def sarah_resolves(self, alert: str) -> None:
        """She declares the alert over at the web interface."""
        await self._request("POST", f"/api/alerts/{alert}/resolve")

    def sarahs_leg(self) -> str:
        """Her leg on the call, by the gateway's own account. Raises `DemoFailed`."""
        for supervisor in self.supervisors():
            if supervisor["user"] == FLOORWALKER.id:
                return str(supervisor["leg"])
        raise DemoFailed("the gateway does not count the floorwalker among the supervisors of the call")

    # ── the call by the gateway's own account ──

    @property
    def up(self) -> bool:
        """Is the patient's call still there?"""
        return self.patient is not None and not self.patient.state.over

    def supervisors(self) -> list[dict[str, str]]:
        call = self.stage.watch.calls.get(self.call_id, {})
        found: list[dict[str, str]] = call.get("supervisors", [])
        return found

    def _take_up(self, call: Call) -> None:
        self.sarah = call
        self.sarahs.append(call)

    async def _rings(self, phone: Phone) -> Rung:
        """The next call that comes in there, now ringing."""
        try:
            call = await phone.incoming(PATIENCE_S)
        except TimeoutError as error:
            raise DemoFailed(str(error)) from None
        at_ns = time.monotonic_ns()
        await call.ring()
        return Rung(call, at_ns)

    async def _request(self, verb: str, path: str, **body: str) -> None:
        try:
            answer = await self.stage.api.request(verb, path, json=body or None)
        except httpx.HTTPError as error:
            raise DemoFailed(f"{verb} {path} failed: {error}") from error
        if answer.is_error:
            raise DemoFailed(f"{verb} {path} was refused with {answer.status_code}: {answer.text}")


@contextlib.contextmanager
def _patience(meaning: str) -> Iterator[None]:
    """Turns a simulator's error or time-out into `DemoFailed`, with what it means in front."""
    try:
        yield
    except (SimulatorError, TimeoutError) as error:
        raise DemoFailed(f"{meaning}: {error or type(error).__name__}") from error
