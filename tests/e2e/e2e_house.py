"""The people of a test, each at a real SIP phone on the ports that the gateway's configuration names.

`House.conversation` gives a patient and an advisor who talk; `supervise` lets somebody dial a feature code.
On leaving, whoever is still on the phone hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from e2e_checks import Relayed, audio_packets, relayed
from e2e_gateway import PATIENCE_S, Gateway, until

from simulators import Call, IncomingCall, OutgoingCall, Phone

PATIENT = "+447700900123"
FIONA, FELIX, FLORA, ARTHUR, SVEN, MONA = "9001", "9002", "9003", "9004", "9005", "9006"


@dataclass
class Line:
    """A patient and an advisor who are connected through the gateway."""

    id: str
    """The gateway's name of the call."""
    extension: str
    patient: OutgoingCall
    advisor: IncomingCall

    @property
    def to_advisor(self) -> Relayed:
        """What the advisor heard so far, checked against what the patient sent."""
        return relayed(audio_packets(self.patient.sent), audio_packets(self.advisor.received))

    @property
    def to_patient(self) -> Relayed:
        return relayed(audio_packets(self.advisor.sent), audio_packets(self.patient.received))

    async def settle(self, *, mixed: bool = False) -> None:
        """Let both stop sending and wait for what is on its way; then what was sent is complete.

        `mixed`: the advisor hears others besides, so that the patient's last packet is not to be known again.
        """
        await asyncio.gather(silenced(self.patient), silenced(self.advisor))
        await arrived(self.advisor, self.patient)
        if not mixed:
            await arrived(self.patient, self.advisor)

    async def exact(self) -> tuple[Relayed, Relayed]:
        """End the sending; check that each heard every payload of the other, in order, to the last.

        Returns what the patient heard, and what the advisor heard.
        """
        await self.settle()
        to_patient, to_advisor = self.to_patient, self.to_advisor
        assert (to_patient.unheard, to_advisor.unheard) == (0, 0)
        return to_patient, to_advisor


async def silenced(call: Call) -> None:
    """Mute a phone, and wait until its media thread has left a packet unsent for it: the one that it may have been
    about to send is in `sent` then, and no other will be.
    """
    media = call._media
    call.mute_rtp()
    mark = media.passed
    with contextlib.suppress(AssertionError):  # a call that has ended sends nothing in any case
        await until(lambda: media.passed, lambda passed: passed > mark, timeout_s=3.0)


async def arrived(speaker: Call, listener: Call) -> None:
    """Wait until the last packet that `speaker` sent is there; a lost one is left for the checks to find."""
    sent = [packet.payload for packet in audio_packets(speaker.sent)]
    last = sent[-1]
    alike = sent.count(last)  # silence at the end: all of it

    def there() -> bool:
        heard = [packet.payload for packet in audio_packets(listener.received)]
        return bool(heard) and heard[-1] == last and heard.count(last) >= alike

    with contextlib.suppress(AssertionError):
        await until(there, bool, timeout_s=3.0)


async def heard_more(call: Call, packets: int = 10) -> None:
    """Wait until so many more packets have come in."""
    mark = call.received.mark()
    await until(
        lambda: call.received.mark() - mark, lambda count: count >= packets, complaint=f"no audio at {call}"
    )


async def sent_for(call: Call, seconds: float) -> None:
    """Wait until a phone has sent packets for so long: time as the call counts it, whatever the machine
    does.
    """
    mark, packets = call.sent.mark(), round(seconds * 50)
    await until(
        lambda: call.sent.mark() - mark,
        lambda count: count >= packets,
        PATIENCE_S + 3 * seconds,
        f"{call} does not send",
    )


class House:
    """Phones around one gateway; an async context manager."""

    def __init__(self, gateway: Gateway, *, home: bool = True, srtp: str = "off") -> None:
        """`home` False: somebody else answers the advisors' calls by UDP. srtp: of the phones that are called."""
        self.gateway = gateway
        self._home = home
        self._stack = AsyncExitStack()
        ports = gateway.ports
        self.home = Phone("home", port=ports.home, srtp=srtp)
        self.home_tcp = Phone("home", port=ports.home_tcp, transport="tcp", srtp=srtp)
        self.floor = Phone(FIONA, port=ports.floor, srtp=srtp)
        """Fiona's phone, which alerts ring."""
        self.phones: dict[str, Phone] = {}

    async def __aenter__(self) -> House:
        for phone in ([self.home] if self._home else []) + [self.home_tcp, self.floor]:
            await self._stack.enter_async_context(phone)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def phone(
        self, user: str, transport: str = "udp", law: str | None = None, srtp: str = "off"
    ) -> Phone:
        """A phone of somebody's own; the same one for the same user, transport, codec and security."""
        key = f"{user}/{transport}/{law}/{srtp}"
        if key not in self.phones:
            codecs = (law,) if law else ("PCMA", "PCMU")
            phone = Phone(user, transport=transport, codecs=codecs, srtp=srtp)
            self.phones[key] = await self._stack.enter_async_context(phone)
        return self.phones[key]

    async def conversation(
        self,
        extension: str = "2001",
        *,
        law: str | None = None,
        transport: str = "udp",
        patient: str = PATIENT,
        srtp: str = "off",
    ) -> Line:
        """A patient calls an extension, and the advisor answers. 3xxx are reached by TCP."""
        phone = await self.phone(patient, transport, law, srtp)
        mark = self.gateway.mark()
        calling = await phone.call(self.gateway.uri(extension, transport))
        advisor = await self.ring(extension)
        await advisor.answer()
        await calling.answered(PATIENCE_S)
        answered = await self.gateway.logged("call.answered", since=mark)
        await asyncio.gather(heard_more(calling, 2), heard_more(advisor, 2))
        return Line(answered["call"], extension, calling, advisor)

    async def ring(self, extension: str) -> IncomingCall:
        """The next call at the advisors' phone, ringing."""
        home = self.home_tcp if extension.startswith("3") else self.home
        incoming = await home.incoming(PATIENCE_S)
        await incoming.ring()
        return incoming

    async def supervise(
        self,
        code: str = "*72",
        extension: str = "2001",
        *,
        who: str = FIONA,
        transport: str = "udp",
        law: str | None = None,
        srtp: str = "off",
    ) -> OutgoingCall:
        """Somebody dials a feature code and is on the call when this returns."""
        phone = await self.phone(who, transport, law, srtp)
        mark = self.gateway.mark()
        call = await phone.call(self.gateway.uri(code + extension, transport))
        await call.answered(PATIENCE_S)
        await self.gateway.logged("supervisor.joined", since=mark)
        await heard_more(call, 2)
        return call

    async def refused(self, number: str, *, who: str, transport: str = "udp") -> int:
        """Somebody dials and is refused; the code."""
        from simulators import CallFailed

        phone = await self.phone(who, transport)
        call = await phone.call(self.gateway.uri(number, transport))
        try:
            await call.answered(PATIENCE_S)
        except CallFailed as error:
            return error.code
        raise AssertionError(f"{who} dialled {number} and was let in")

    async def leave(self, call: OutgoingCall, *, method: str = "rfc4733") -> None:
        """A supervisor presses # and is hung up, perhaps before their phone has done with the key."""
        await call.press("#", method=method)
        await call.ended(PATIENCE_S)

    async def press(
        self, call: OutgoingCall, key: str, mode: str, *, method: str = "rfc4733"
    ) -> dict[str, Any]:
        """A supervisor's key; returns when the gateway has changed the mode, with what it logged."""
        mark = self.gateway.mark()
        await call.press(key, method=method)
        return await self.gateway.logged("supervisor.mode", since=mark, mode=mode)
