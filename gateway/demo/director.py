"""One demonstration from curtain to curtain: stage, story, verdict or play, and the cleaning up."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from gateway.core.model import Mode
from gateway.demo import lines
from gateway.demo.cast import Cast
from gateway.demo.check import Check
from gateway.demo.errors import DemoFailed
from gateway.demo.levels import Levels, Meter
from gateway.demo.picture import Scenery
from gateway.demo.play import Play
from gateway.demo.report import print_report
from gateway.demo.settings import FLOORWALKER
from gateway.demo.show import Show
from gateway.demo.stage import Stage, open_stage
from gateway.demo.story import Story
from gateway.demo.verdict import verdict
from gateway.log import get_logger, set_up
from simulators import SimulatorError

log = get_logger(__name__)

PASSED, FAILED, INTERRUPTED = 0, 1, 130


def perform(once: bool) -> int:
    """Blocks until the demonstration is over; the exit code."""
    show = Show()
    folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    with (folder / "demo.log").open("w", encoding="utf-8") as file:
        set_up("info", "console", file)
        code, why = _performed(_Performance(show, folder, once), once)
    kept = code == FAILED and (folder / "gateway.log").exists()
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # the terminal may have been closed
        if why:
            show.fails(why)
        if kept:
            show.fails(f"the gateway's log: {folder / 'gateway.log'}")
            show.fails(f"the recordings, and the demonstration's own log: {folder}")
        if not once or code == INTERRUPTED:
            show.title("The demonstration has ended; everything that was started is stopped.")
    return code


def _performed(performance: _Performance, once: bool) -> tuple[int, str]:
    """Run it to its end; the exit code, and what went wrong in words."""
    try:
        return asyncio.run(_until_interrupted(performance.play())), ""
    except (DemoFailed, SimulatorError, TimeoutError) as error:
        return FAILED, str(error) or type(error).__name__
    except asyncio.CancelledError:
        # The usual way to end it where it stays up; where it was to prove something, it has not.
        return (INTERRUPTED if once else PASSED), ""
    except Exception as error:
        log.exception("demo.failed")
        return FAILED, f"the demonstration itself failed: {type(error).__name__}: {error}"


async def _until_interrupted(playing: Coroutine[Any, Any, int]) -> int:
    """Ctrl-C, SIGTERM and a closed terminal cancel it; a second Ctrl-C does not wait for good manners."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(playing)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task


class _Performance:
    """One run; also what the picture is drawn from."""

    def __init__(self, show: Show, folder: Path, once: bool) -> None:
        self._show = show
        self._folder = folder
        self._once = once
        self._cast: Cast | None = None
        self._meter: Meter | None = None
        self._story: Story | None = None

    async def play(self) -> int:
        show = self._show
        show.title("A supervised call, live on this machine: real SIP, real sound, real broker.")
        lines.prepare()
        show.notes("starts an MQTT broker, a telephone exchange and the gateway")
        checks: list[Check] = []
        async with open_stage(self._folder) as stage:
            self._introduce(stage)
            self._cast = Cast(stage)
            self._meter = Meter(self._cast)
            self._story = Story(self._cast, show)
            async with show.running(self):
                try:
                    await self._with_gateway(stage, self._act())
                except (DemoFailed, SimulatorError, TimeoutError) as error:
                    if not self._once:
                        raise
                    why = str(error) or type(error).__name__
                    checks.append(Check("story", "is told to its end", why, "told", False))
                finally:
                    self._save(self._story)
                    await self._cast.close()
            if not self._once:
                return PASSED
        checks += await self._judge(stage)
        return PASSED if print_report(show.console, checks) else FAILED

    async def _act(self) -> None:
        assert self._story is not None
        assert self._cast is not None
        assert self._meter is not None
        if self._once:
            await self._story.tell()
            await self._story.end()
        else:
            await Play(self._cast, self._show, self._meter, self._story).run()

    async def _with_gateway(self, stage: Stage, acting: Coroutine[Any, Any, None]) -> None:
        """Act, but no longer than the gateway lives. Raises `DemoFailed` when it ends by itself."""
        act, end = asyncio.ensure_future(acting), asyncio.ensure_future(stage.gateway.ended())
        try:
            await asyncio.wait({act, end}, return_when=asyncio.FIRST_COMPLETED)
            if not act.done():
                raise DemoFailed(f"the gateway ended during the demonstration: {end.result()}")
            act.result()
        finally:
            for task in (act, end):
                task.cancel()
            await asyncio.gather(act, end, return_exceptions=True)

    async def _judge(self, stage: Stage) -> list[Check]:
        """The stage is down: what the recordings prove, and how the gateway ended."""
        assert self._story is not None
        evidence = self._story.evidence
        checks = await asyncio.to_thread(verdict, evidence) if evidence else []
        code = await stage.gateway.stop()
        how = f"exit code {code}"
        checks.append(Check("end", "the gateway stops when asked to", how, "exit code 0", code == 0))
        errors = stage.gateway.errors
        said = ", ".join(sorted(set(errors))) or "none"
        checks.append(Check("end", "errors in the gateway's log", said, "none", not errors))
        return checks

    def _introduce(self, stage: Stage) -> None:
        show = self._show
        show.notes(f"telephone exchange {stage.exchange.uri}   MQTT broker {stage.broker.url}")
        host, port = stage.gateway.sip
        show.notes(f"gateway sip:{host}:{port}   web {stage.gateway.url}   process {stage.gateway.pid}")

    def _save(self, story: Story) -> None:
        """Keep the recordings for whoever wants to listen to what went wrong."""
        evidence = story.evidence
        if evidence is None:
            return
        named = {"patient": evidence.patient, "advisor": evidence.tom}
        named |= {f"floorwalker-{number}": call for number, call in enumerate(evidence.sarahs, 1)}
        for who, call in named.items():
            call.received.save_wav(self._folder / f"{who}-heard.wav")
        evidence.auditor.save_wav(self._folder / "auditor-heard.wav")

    # ── what the picture is drawn from ──

    def scenery(self) -> Scenery:
        cast = self._cast
        if cast is None or not cast.call_id:
            return Scenery()
        facts = cast.stage.watch.calls.get(cast.call_id)
        if facts is None or facts["state"] not in ("talking", "taken", "early"):
            return Scenery()
        modes = {each["user"]: each for each in facts["supervisors"]}
        sarah = modes.pop(FLOORWALKER.id, None)
        return Scenery(
            patient=True,
            advisor=bool(facts["advisor_present"]),
            auditor=cast.auditor is not None and not cast.auditor.farewell,
            sarah=Mode(sarah["mode"]) if sarah else None,
            others={each["name"]: Mode(each["mode"]) for each in modes.values()},
        )

    def levels(self) -> Levels:
        return self._meter.read() if self._meter is not None else Levels()
