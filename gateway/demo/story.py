"""The story, scene by scene. Each verb waits for the gateway; pauses are only for those who watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.model import Mode
from gateway.demo import lines
from gateway.demo.cast import Cast
from gateway.demo.errors import DemoFailed
from gateway.demo.evidence import Alarm, Evidence, Scene, last_key_ns
from gateway.demo.settings import ADVISOR, AUDITOR, FLOORWALKER, PATIENT
from gateway.demo.show import Show
from gateway.demo.subscriber import is_alert
from simulators import Call
from simulators.speech import Speech

BEAT_S = 0.3
"""Between two scenes."""
END_S = 5.0

PEOPLE = {"patient": PATIENT, "advisor": ADVISOR, "floorwalker": FLOORWALKER}


class Story:
    """`tell`, and `end` where it is to end by itself. Both raise `DemoFailed` at the step that fails."""

    def __init__(self, cast: Cast, show: Show) -> None:
        self._cast = cast
        self._show = show
        self.evidence: Evidence | None = None
        """From the moment that the call is answered."""

    async def tell(self) -> None:
        await self._ringing()
        await self._listening()
        await self._whispering()
        await self._barging()
        await self._taking_over()
        await self._panic()

    # ── scenes ──

    async def _ringing(self) -> None:
        cast, show = self._cast, self._show
        show.scene(
            "A patient calls",
            "The gateway stands between the telephone exchange and Tom, who works from home.",
        )
        show.does(PATIENT, f"dials {ADVISOR.number}")
        dialled_ns = time.monotonic_ns()
        rung = await cast.patient_calls()
        rang_ms = (rung.at_ns - dialled_ns) / 1e6
        show.does(ADVISOR, f"is rung, {rang_ms:.0f} ms later; the patient hears it ring")
        await asyncio.sleep(2 * BEAT_S)
        show.does(ADVISOR, "picks up")
        await cast.tom_answers()
        assert cast.patient is not None
        assert cast.tom is not None
        show.does(AUDITOR, "listens over a WebSocket from now on, to both parties and to nobody else")
        auditor = await cast.auditor_joins()
        self.evidence = Evidence(cast.patient, cast.tom, cast.sarahs, auditor, rang_after_ms=rang_ms)
        async with self._scene(Scene.TALK):
            await self._say(lines.GREETING)
            await self._say(lines.COMPLAINT)

    async def _listening(self) -> None:
        cast, show = self._cast, self._show
        show.scene("Sarah listens", "She dials *71 and Tom's extension. Nobody hears her, whatever she says.")
        show.does(FLOORWALKER, f"dials *71{ADVISOR.number}")
        await cast.sarah_dials(Mode.LISTEN)
        async with self._scene(Scene.LISTEN):
            await asyncio.gather(self._say(lines.ASIDE), self._say(lines.WHEN, lines.STAIRS))

    async def _whispering(self) -> None:
        cast, show = self._cast, self._show
        show.scene(
            "Sarah whispers",
            "Key 5. Tom hears her beneath the patient's voice; the patient hears not a sample.",
        )
        show.does(FLOORWALKER, "presses 5")
        await cast.sarah_presses(Mode.WHISPER)
        async with self._scene(Scene.WHISPER):
            await asyncio.gather(self._say(lines.ADVICE), self._say(lines.SICK, lines.ALONE))

    async def _barging(self) -> None:
        cast, show = self._cast, self._show
        show.scene("Sarah joins the call", "Key 6. Now both hear her. Key 4 takes her back to listening.")
        show.does(FLOORWALKER, "presses 6")
        await cast.sarah_presses(Mode.BARGE)
        async with self._scene(Scene.BARGE):
            await asyncio.gather(self._say(lines.JOINING), self._later(1.5, lines.WELCOME))
        show.does(FLOORWALKER, "presses 4")
        await cast.sarah_presses(Mode.LISTEN)
        async with self._scene(Scene.LISTEN_AGAIN):
            await asyncio.gather(self._say(lines.SECOND_ASIDE), self._say(lines.DOOR))

    async def _taking_over(self) -> None:
        cast, show = self._cast, self._show
        show.scene(
            "Sarah takes over",
            "She leaves with #, and dials *74. Tom may listen, but the patient hears Sarah only.",
        )
        show.does(FLOORWALKER, f"presses #, then dials *74{ADVISOR.number}")
        await cast.sarah_leaves()
        await cast.sarah_dials(Mode.TAKEOVER)
        async with self._scene(Scene.TAKEOVER):
            await asyncio.gather(self._say(lines.TAKING_OVER, lines.ASPIRIN), self._say(lines.UNHEARD))
        show.does(FLOORWALKER, "presses 4: the patient is back with Tom at once")
        await cast.sarah_presses(Mode.LISTEN)
        async with self._scene(Scene.GIVEN_BACK):
            await self._say(lines.BACK, lines.RELIEF)
        show.does(FLOORWALKER, "presses #, and is gone")
        await cast.sarah_leaves()

    async def _panic(self) -> None:
        cast, show, wallboard = self._cast, self._show, self._cast.stage.wallboard
        show.scene(
            "Tom raises the alarm", "*99 during the call. The patient hears no key; Sarah's telephone rings."
        )
        show.does(ADVISOR, "presses *99")
        since = wallboard.mark()
        assert cast.tom is not None
        assert self.evidence is not None
        _, rung, raised = await asyncio.gather(
            cast.panic(),
            cast.sarah_is_rung(),
            wallboard.until("the alert", lambda message: is_alert(message, "raised"), since),
        )
        pressed_ns = last_key_ns(cast.tom.sent)
        rang_ms, told_ms = (rung.at_ns - pressed_ns) / 1e6, (raised.at_ns - pressed_ns) / 1e6
        alarm = self.evidence.alarm = Alarm(pressed_ns, raised, rang_after_ms=rang_ms)
        show.notes(f"MQTT, {told_ms:.0f} ms after the last key: {raised.topic}")
        show.does(
            FLOORWALKER, f"is rung, {rang_ms:.0f} ms after the last key, and picks up: she is whispering"
        )
        alarm.retained = await wallboard.retained(raised.topic)
        alarm.joined_mode = str((await cast.sarah_answers(rung.call)).data.get("mode"))
        async with self._scene(Scene.ALERT):
            await asyncio.gather(self._say(lines.WITH_YOU), self._say(lines.WORSE))
        show.does(FLOORWALKER, "declares the alert over at the web interface")
        await cast.sarah_resolves(str(raised.facts["id"]))
        topic = raised.topic
        alarm.resolved = await wallboard.until(
            "the end of the alert",
            lambda message: message.topic == topic and is_alert(message, "resolved"),
            since,
        )
        await wallboard.until(
            "the clearing of the alert", lambda message: message.topic == topic and not message.facts, since
        )
        alarm.cleared = True

    # ── the end ──

    async def end(self) -> None:
        """Tom is released, the patient stays with Sarah; then she hangs up, and it is over for everyone."""
        cast, show, evidence = self._cast, self._show, self.evidence
        assert cast.patient is not None
        assert cast.tom is not None
        assert cast.sarah is not None
        assert evidence is not None
        show.scene(
            "Tom is released",
            "Sarah takes over at the web interface, and Tom hangs up: the patient stays with her.",
        )
        await cast.sarah_sets_mode(Mode.TAKEOVER)
        show.does(ADVISOR, "hangs up")
        since = cast.stage.watch.mark()
        await cast.hang_up(cast.tom)
        await cast.stage.watch.until("call.changed", since, advisor_present=False)
        async with self._scene(Scene.ALONE):
            await self._say(lines.STAYING, lines.GOODBYE)
        show.scene("The end", "Sarah hangs up, and the call ends for everyone.")
        show.does(FLOORWALKER, "hangs up")
        since, board = cast.stage.watch.mark(), cast.stage.wallboard
        marked = board.mark()
        await cast.hang_up(cast.sarah)
        await cast.stage.watch.until("call.ended", since)
        for who, call in (("patient", cast.patient), ("advisor", cast.tom), ("floorwalker", cast.sarah)):
            evidence.farewells[who] = await _ending(call)
        await evidence.auditor.ended()
        evidence.farewells["auditor"] = evidence.auditor.farewell or "was not told"
        topic = f"/call/{cast.call_id}/state"
        await board.until(
            "the clearing of the call",
            lambda message: message.topic.endswith(topic) and not message.facts,
            marked,
        )
        evidence.farewells["wallboard"] = "cleared"

    # ── how it is told ──

    async def _say(self, *speeches: Speech) -> None:
        """One after the other; returns when the last word is out."""
        for speech in speeches:
            call = self._speaker(speech)
            self._show.says(PEOPLE[speech.voice], speech.text)
            call.say(speech)
            await call.said(len(speech.audio()) / 8_000 + END_S)

    async def _later(self, delay_s: float, speech: Speech) -> None:
        await asyncio.sleep(delay_s)
        await self._say(speech)

    def _speaker(self, speech: Speech) -> Call:
        cast = self._cast
        call = {"patient": cast.patient, "advisor": cast.tom, "floorwalker": cast.sarah}[speech.voice]
        if call is None or call.state.over:
            ending = f": {call.ending.code} {call.ending.reason}" if call and call.ending else ""
            raise DemoFailed(f"{PEOPLE[speech.voice].name} is on no call any more{ending}")
        return call

    @asynccontextmanager
    async def _scene(self, scene: Scene) -> AsyncIterator[None]:
        """What is said inside is that scene; a beat follows."""
        assert self.evidence is not None
        with self.evidence.scene(scene, self._cast.sarah):
            yield
        await asyncio.sleep(BEAT_S)


async def _ending(call: Call) -> str:
    """How a call ended for one of its parties, in words."""
    try:
        ended = await call.ended(END_S)
    except TimeoutError:
        return f"still {call.state.value}"
    return f"{ended.code} {ended.reason}"
