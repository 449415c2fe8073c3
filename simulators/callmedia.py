"""The audible half of a call: speaking, keys, impairments, recordings."""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import numpy as np

from . import speech
from .g711 import Audio
from .impairment import Impairment, Pattern
from .media import Media
from .recording import Recording
from .rtcp import Report


class CallMedia:
    """What a call's user does with its audio; `Call` adds the signalling. All on the event loop's thread."""

    _media: Media

    def __init__(self) -> None:
        self._said = asyncio.Event()
        self._said.set()

    @property
    def sent(self) -> Recording:
        """What really went out, impairments and mutes considered."""
        return self._media.sent

    @property
    def received(self) -> Recording:
        return self._media.received

    @property
    def reports(self) -> list[Report]:
        """What the other end said by RTCP of how it hears us, oldest first; one every 5 s as a rule."""
        return self._media.reports

    @property
    def rtp_local(self) -> tuple[str, int]:
        """Our RTP host and port."""
        return self._media.local

    @property
    def rtp_remote(self) -> tuple[str, int] | None:
        """Where we send RTP; None until an answer or offer told."""
        return self._media.remote

    @property
    def codec(self) -> str | None:
        """ "PCMA" or "PCMU" once agreed."""
        return self._media.agreed.codec if self._media.agreed else None

    def say(self, what: Audio | str | speech.Speech, *, loop: bool = False) -> None:
        """Say int16 mono audio at 8,000 Hz, a `Speech`, or a phrase by name, in place of what was being said.

        From the next packet on; silence follows. Audio is encoded for the codec agreed so far (PCMA before
        that).
        """
        audio = what if isinstance(what, np.ndarray) else speech.audio(what)
        self._said = event = asyncio.Event()
        self._media.talker.say(audio, loop=loop, on_said=self._from_thread(event.set))

    def say_payloads(self, payloads: list[bytes], *, loop: bool = False) -> None:
        """Send exactly these payloads, one a packet, in place of what was being said."""
        self._said = event = asyncio.Event()
        self._media.talker.say_payloads(payloads, loop=loop, on_said=self._from_thread(event.set))

    def be_quiet(self) -> None:
        """Go back to silence."""
        self._media.talker.say_payloads([], loop=False, on_said=None)
        self._said.set()

    async def said(self, timeout: float | None = None) -> None:
        """Wait until the last packet of what is being said is out, or it was replaced."""
        async with asyncio.timeout(timeout):
            await self._said.wait()

    def mute_rtp(self, muted: bool = True) -> None:
        """Send no RTP at all (True), or send again (False); timestamps go on, so that the gap is seen."""
        self._media.muted = muted

    def fall_silent(self) -> None:
        """Describe silence in one packet (CN, RFC 3389), then send nothing until `mute_rtp(False)`."""
        self._media.fall_silent()

    def impair(
        self,
        *,
        drop: Pattern = 0.0,
        reorder: Pattern = 0.0,
        jitter_ms: float = 0.0,
        duplicate: Pattern = 0.0,
        seed: int = 1,
    ) -> Impairment:
        """Treat packets badly from now on (`Pattern`: share, function of the index, or indices); no argument:
        end it.
        """
        ptime_ms = self._media.talker.ptime_ms
        impairment = Impairment(drop, reorder, jitter_ms, duplicate, seed, ptime_ms)
        idle = not (drop or reorder or jitter_ms or duplicate)
        self._media.impairment = None if idle else impairment
        return impairment

    def lose(self, share: float) -> None:
        """Lose so many of the packets that come in, as a poor last mile does; 0: end it."""
        self._media.losing = share

    def send_raw(self, data: bytes) -> None:
        """Send any datagram to the other end's RTP port."""
        self._media.send_raw(data)

    async def _press_as_rtp(self, keys: str, ms: int, gap_ms: int, *, inband: bool) -> None:
        done = asyncio.Event()
        self._media.talker.press(keys, ms, gap_ms, inband=inband, on_done=self._from_thread(done.set))
        seconds = len(keys) * (ms + gap_ms + 100) / 1_000
        async with asyncio.timeout(seconds + 5):
            await done.wait()

    def _from_thread(self, callback: Callable[[], None]) -> Callable[[], None]:
        """The same callback, to be called on a media thread."""
        loop = asyncio.get_running_loop()

        def run() -> None:
            # The loop may have been closed since.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(callback)

        return run
