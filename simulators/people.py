"""The people of the command line: a caller, an advisor and a floorwalker, each living through calls by a
script.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from . import keyboard, speech
from .call import Call
from .callstate import CallState
from .commentary import Commentary
from .errors import CallFailed
from .incoming import IncomingCall
from .phone import Phone
from .rtp import KEYS
from .script import KeyPress
from .sdp import Direction

TONE_GAP_S = 0.3
"Pause between two things said one after the other."


@dataclass
class Script:
    """What a person does in each call. Times count from the answer [s]; None: never, or not at all."""

    voice: str
    say: list[str] = field(default_factory=list)
    loop: bool = False
    keys: list[KeyPress] = field(default_factory=list)
    key_method: str = "rfc4733"
    record: Path | None = None
    hang_up_after_s: float | None = None
    hold_at_s: float | None = None
    resume_at_s: float | None = None
    levels: bool = False
    interactive: bool = False


async def make_call(
    phone: Phone, target: str, script: Script, tell: Commentary, answer_timeout_s: float
) -> int:
    """Call someone and live through the call; the exit code."""
    call = await phone.call(target)
    tell.say(f"calls {call.target}")
    try:
        async with asyncio.timeout(answer_timeout_s):
            while call.state in (CallState.CALLING, CallState.RINGING):
                code = await call.progress()
                if code < 200:
                    tell.say({180: "hears it ring", 183: "hears early media"}.get(code, f"hears {code}"))
        await call.answered(answer_timeout_s)
    except TimeoutError:
        tell.bad(f"nobody answered within {answer_timeout_s:g} s")
        await call.hang_up()
        return 1
    except CallFailed as error:
        tell.bad(f"the call failed: {error.code} {error.reason}")
        return 1
    await live_through(call, script, tell)
    return 0


async def take_calls(
    phone: Phone, script: Script, tell: Commentary, *, answer_after_s: float, once: bool
) -> int:
    """Answer call after call until cancelled, or one only; the exit code."""
    while True:
        call = await phone.incoming()
        tell.say(f"is rung by {call.from_user or call.from_uri}{_why(call)}")
        if await _answer(call, answer_after_s, tell):
            await live_through(call, script, tell)
        if once:
            return 0 if call.state is CallState.ENDED and call.received.packets else 1


async def _answer(call: IncomingCall, after_s: float, tell: Commentary) -> bool:
    await call.ring()
    with contextlib.suppress(TimeoutError):
        ended = await call.ended(after_s)
        tell.say(f"was rung in vain: {ended.reason}")
        return False
    try:
        await call.answer()
        await call.established(10)
    except (CallFailed, TimeoutError) as error:
        tell.bad(f"could not answer: {error}")
        return False
    return True


async def live_through(call: Call, script: Script, tell: Commentary) -> None:
    """Everything that happens in an answered call, to its end."""
    there = "nowhere" if call.rtp_remote is None else f"{call.rtp_remote[0]}:{call.rtp_remote[1]}"
    tell.good(f"is talking ({call.codec}, RTP from port {call.rtp_local[1]} to {there})")
    async with asyncio.TaskGroup() as group:
        doing = [
            group.create_task(_until_over(call, doings, tell))
            for doings in (
                _speak(call, script, tell),
                _press(call, script, tell),
                _hold(call, script, tell),
                _notice_hold(call, tell),
                _hang_up(call, script, tell),
                *([_show_levels(call, tell)] if script.levels else []),
                *([_type(call, tell)] if script.interactive and sys.stdin.isatty() else []),
            )
        ]
        ended = await call.ended()
        for task in doing:
            task.cancel()
    tell.say(f"call over: {ended.reason} ({ended.by})")
    keys = call.received.digits() + call.info_digits
    tell.say(
        f"heard {len(call.received)} packets, {call.received.lost} lost, "
        f"at {call.received.level_db():.1f} dBFS" + (f", keys {keys}" if keys else "")
    )
    if script.record is not None:
        tell.say(f"saved what was heard as {call.received.save_wav(script.record)}")


async def _until_over(call: Call, doing: Awaitable[None], tell: Commentary) -> None:
    try:
        await doing
    except asyncio.CancelledError:
        raise
    except Exception as error:
        if not call.state.over:
            tell.bad(str(error))


async def _speak(call: Call, script: Script, tell: Commentary) -> None:
    while True:
        for words in script.say:
            tell.say(f"says {words}")
            call.say(speech.audio(words, script.voice))
            await call.said()
            await asyncio.sleep(TONE_GAP_S)
        if not script.loop or not script.say:
            return


async def _press(call: Call, script: Script, tell: Commentary) -> None:
    began = asyncio.get_running_loop().time()
    for press in script.keys:
        await asyncio.sleep(max(0.0, began + press.at_s - asyncio.get_running_loop().time()))
        tell.say(f"presses {press.keys}")
        await call.press(press.keys, method=script.key_method)


async def _hold(call: Call, script: Script, tell: Commentary) -> None:
    if script.hold_at_s is None:
        return
    await asyncio.sleep(script.hold_at_s)
    await call.hold()
    tell.say("puts the call on hold")
    if script.resume_at_s is None:
        return
    await asyncio.sleep(max(0.0, script.resume_at_s - script.hold_at_s))
    await call.resume()
    tell.say("takes the call back")


async def _notice_hold(call: Call, tell: Commentary) -> None:
    while True:
        await call.held()
        tell.say(
            "is put on hold" if call.remote_direction is Direction.SENDONLY else "is put on hold, in silence"
        )
        await call.resumed()
        tell.say("is taken back")


async def _hang_up(call: Call, script: Script, tell: Commentary) -> None:
    if script.hang_up_after_s is None:
        return
    await asyncio.sleep(script.hang_up_after_s)
    tell.say("hangs up")
    await call.hang_up()


async def _show_levels(call: Call, tell: Commentary) -> None:
    while True:
        mark = call.received.mark()
        await asyncio.sleep(1)
        tell.level(call.received.since(mark).level_db())


async def _type(call: Call, tell: Commentary) -> None:
    tell.say("keys typed here are pressed on the phone: 4 listen, 5 whisper, 6 barge, # leave; q hangs up")
    with keyboard.unbuffered():
        typed: AsyncIterator[str] = keyboard.keys()
        async for key in typed:
            if key.lower() == "q":
                tell.say("hangs up")
                await call.hang_up()
                return
            if key.upper() in KEYS:
                tell.say(f"presses {key}")
                await call.press(key)


def _why(call: IncomingCall) -> str:
    """What the caller says the call is about, in headers that an alert comes with."""
    for name in ("Alert-Info", "Subject", "Call-Info"):
        if value := call.invite.headers.get(name):
            return f" ({name}: {value})"
    return f" ({call.invite.from_address.name})" if call.invite.from_address.name else ""
