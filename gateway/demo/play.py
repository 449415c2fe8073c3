"""After the story: the call stays up, the patient and Tom talk on, and the user tries what Sarah can do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from gateway.core.model import Mode
from gateway.demo import lines
from gateway.demo.cast import CODES, KEYS, Cast
from gateway.demo.errors import DemoFailed
from gateway.demo.evidence import last_key_ns
from gateway.demo.levels import Meter
from gateway.demo.prompt import MEANING, Command, Verb, parse
from gateway.demo.settings import ADVISOR, FLOORWALKER, GUEST, PATIENT
from gateway.demo.show import Show
from gateway.demo.story import Story
from gateway.demo.subscriber import BASE
from gateway.demo.typed import Typed
from simulators import Call, speech
from simulators.speech import Speech

PAUSE_SAMPLES = 8_000
"""Between two repetitions of what Sarah says."""
PAUSE_S = 0.6
PLAIN_LEVELS_S = 10.0
SHOWN = (Verb.LISTEN, Verb.WHISPER, Verb.BARGE, Verb.TAKEOVER, Verb.LEAVE, Verb.PANIC, Verb.HELP, Verb.QUIT)
"""What the prompt reminds of."""
PICK_UP_S = 1.5
"""How long Sarah lets it ring."""


class Play:
    def __init__(self, cast: Cast, show: Show, meter: Meter, story: Story) -> None:
        self._cast = cast
        self._show = show
        self._meter = meter
        self._story = story
        self._typed = Typed()
        self._told = False
        """Is the story over, and may the user do things?"""
        self._answered = asyncio.Event()
        """Set while a call is up."""
        self._alert: str | None = None
        self._verbs: dict[Verb, Callable[[], Awaitable[None]]] = {
            Verb.LISTEN: lambda: self._mode(Mode.LISTEN),
            Verb.WHISPER: lambda: self._mode(Mode.WHISPER),
            Verb.BARGE: lambda: self._mode(Mode.BARGE),
            Verb.TAKEOVER: lambda: self._mode(Mode.TAKEOVER),
            Verb.LEAVE: self._leave,
            Verb.PANIC: self._panic,
            Verb.HANG_UP: self._hang_up,
            Verb.CALL: self._call,
        }

    async def run(self) -> None:
        """Tell the story, then obey until `quit` or the end of the input. Raises `DemoFailed`."""
        if self._typed.in_terminal:
            self._show.prompt = self._prompt
        going = asyncio.ensure_future(self._go_on())
        obeying = asyncio.ensure_future(self._obey())
        try:
            await asyncio.wait({going, obeying}, return_when=asyncio.FIRST_COMPLETED)
            if going.done():
                going.result()
        finally:
            for task in (going, obeying):
                task.cancel()
            await asyncio.gather(going, obeying, return_exceptions=True)
            self._show.prompt = None

    # ── what goes on by itself ──

    async def _go_on(self) -> None:
        await self._story.tell()
        self._told = self._meter.trim = True
        self._show.plain_levels_s = PLAIN_LEVELS_S
        self._show.scene(
            "Your turn", "The call stays up. Type a command and Enter, in whole or by its letter."
        )
        self._help()
        self._addresses()
        self._speak_as(Mode.WHISPER)
        self._answered.set()
        await asyncio.gather(self._chat(), self._notice_ends())

    async def _chat(self) -> None:
        """The patient and Tom, in turns, for as long as there is a call."""
        for complaint, question in itertools.cycle(lines.CHAT):
            await self._answered.wait()
            for call, words in ((self._cast.patient, complaint), (self._cast.tom, question)):
                if call is not None and not call.state.over:
                    await _speak(call, words)

    async def _notice_ends(self) -> None:
        """Tell when the call is over, however it ended; and when Sarah is off it."""
        while True:
            await self._answered.wait()
            assert self._cast.patient is not None
            ended = await self._cast.patient.ended()
            self._answered.clear()
            self._cast.sarah = None
            self._show.notes(
                f"the call is over for the patient ({ended.code} {ended.reason}): “call” begins a new one"
            )

    # ── commands ──

    async def _obey(self) -> None:
        async for line in self._typed.lines():
            try:
                command = parse(line)
                if command is None:
                    continue
                if command.verb is Verb.QUIT:
                    return
                await self._carry_out(command)
            except DemoFailed as error:
                self._show.notes(str(error), "yellow")

    async def _carry_out(self, command: Command) -> None:
        if command.verb is Verb.HELP:
            self._help()
        elif command.verb is Verb.ADDRESSES:
            self._addresses()
        elif not self._told:
            raise DemoFailed("the story is still being told; “quit” works at any time")
        elif command.verb is Verb.SAY:
            await self._say(command.words)
        else:
            await self._verbs[command.verb]()

    async def _mode(self, mode: Mode) -> None:
        cast, show = self._cast, self._show
        self._need_call()
        if self._sarah_is_off():
            show.does(FLOORWALKER, f"dials {CODES[mode]}{ADVISOR.number}")
            await cast.sarah_dials(mode)
        elif mode in KEYS:
            show.does(FLOORWALKER, f"presses {KEYS[mode]}")
            await cast.sarah_presses(mode)
        else:
            show.does(FLOORWALKER, f"presses #, then dials {CODES[mode]}{ADVISOR.number}")
            await cast.sarah_leaves()
            await cast.sarah_dials(mode)
        self._speak_as(mode)

    async def _leave(self) -> None:
        if self._sarah_is_off():
            raise DemoFailed("Sarah is not on the call")
        self._show.does(FLOORWALKER, "presses #")
        await self._cast.sarah_leaves()

    async def _say(self, words: str) -> None:
        if self._sarah_is_off() or self._cast.sarah is None:
            raise DemoFailed("Sarah is not on the call; let her listen or whisper first")
        self._show.says(FLOORWALKER, words)
        spoken = await asyncio.to_thread(Speech("floorwalker", words).audio)
        self._cast.sarah.say(spoken)

    async def _panic(self) -> None:
        cast, show = self._cast, self._show
        self._need_call()
        if cast.tom is None or cast.tom.state.over:
            raise DemoFailed("Tom is not on the call any more")
        if self._alert is not None:
            await cast.sarah_resolves(self._alert)
            self._alert = None
        since = cast.stage.watch.mark()
        show.does(ADVISOR, "presses *99")
        _, rung = await asyncio.gather(cast.panic(), cast.sarah_is_rung())
        self._alert = str((await cast.stage.watch.until("alert.raised", since)).data["id"])
        show.notes(f"alert over MQTT: {BASE}/alert/{self._alert}/state")
        rang_ms = (rung.at_ns - last_key_ns(cast.tom.sent)) / 1e6
        show.does(FLOORWALKER, f"is rung, {rang_ms:.0f} ms after the last key")
        await asyncio.sleep(PICK_UP_S)
        if not self._sarah_is_off():
            show.does(FLOORWALKER, "leaves what she is doing on this call (#)")
            await cast.sarah_leaves()
        await cast.sarah_answers(rung.call)
        show.does(FLOORWALKER, "picks up: she is whispering")
        self._speak_as(Mode.WHISPER)

    async def _hang_up(self) -> None:
        self._need_call()
        assert self._cast.patient is not None
        self._show.does(PATIENT, "hangs up")
        await self._cast.patient.hang_up()

    async def _call(self) -> None:
        cast = self._cast
        if cast.up:
            raise DemoFailed("the patient is on a call already")
        self._alert = None
        self._show.does(PATIENT, f"dials {ADVISOR.number}")
        await cast.patient_calls()
        await cast.tom_answers()
        self._show.does(ADVISOR, "picks up")
        await cast.auditor_joins()
        self._answered.set()

    # ── words ──

    def _help(self) -> None:
        for verb, (letter, meaning) in MEANING.items():
            self._show.verbatim(f"{letter}  {verb.value:<10} {meaning}")

    def _addresses(self) -> None:
        stage, call = self._cast.stage, self._cast.call_id
        host, port = stage.exchange.address
        socket = stage.gateway.url.replace("http", "ws", 1)
        for line in (
            f"a real telephone: register it as {GUEST.number} at {host}:{port} (UDP or TCP, any password);",
            f"            dial *71{ADVISOR.number}, and press 4 5 6 #",
            f"sound  {socket}/api/calls/{call}/audio?channels=mix&token={stage.tokens.arthur}",
            f"events {socket}/api/events?token={stage.tokens.sarah}",
            f"web    {stage.gateway.url}/api/docs",
            f"MQTT   {stage.broker.url}, topics {BASE}/#",
            f"log    {stage.gateway.log}",
        ):
            self._show.verbatim(line)

    def _prompt(self) -> RenderableType:
        hint = "   ".join(f"{MEANING[verb][0]} {verb.value}" for verb in SHOWN)
        if not self._told:
            hint = "the story is being told; then it is your turn. “quit” ends it at any time"
        line = Text.assemble(("> ", "bold"), self._typed.editor.text, ("▏", "blink"))
        return Group(Text(hint, "dim"), line)

    # ── small things ──

    def _speak_as(self, mode: Mode) -> None:
        """Sarah says over and over what fits the mode."""
        if self._cast.sarah is not None and not self._cast.sarah.state.over:
            words = lines.MUSINGS[mode.value].audio()
            pause = np.zeros(PAUSE_SAMPLES, dtype=np.int16)
            self._cast.sarah.say(np.concatenate([words, pause]), loop=True)

    def _sarah_is_off(self) -> bool:
        return self._cast.sarah is None or self._cast.sarah.state.over

    def _need_call(self) -> None:
        if not self._cast.up:
            raise DemoFailed("there is no call; “call” begins one")


async def _speak(call: Call, words: speech.Speech) -> None:
    """Say it and wait, unless the call ends first."""
    call.say(words)
    saying = asyncio.ensure_future(call.said())
    ending = asyncio.ensure_future(call.ended())
    try:
        await asyncio.wait({saying, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        saying.cancel()
        ending.cancel()
    await asyncio.sleep(PAUSE_S)
