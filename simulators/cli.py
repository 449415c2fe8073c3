"""`python -m simulators`: people and networks from the shell. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from . import people, speech
from .commentary import Commentary
from .errors import SimulatorError, WrongUsage
from .load import Load, run_load
from .pbx import Notice, Pbx
from .phone import Phone
from .script import key_presses, seconds
from .tls import Tls

app = typer.Typer(
    name="simulators",
    help="Simulated patients, advisors, floorwalkers, a PBX, and load: real SIP (UDP, TCP, TLS) and RTP.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

Host = Annotated[str, typer.Option(help="Own address.")]
Port = Annotated[int, typer.Option(help="Own SIP port; 0 takes any free one.")]
Transport = Annotated[str, typer.Option(help="udp, tcp or tls.")]
Pem = Annotated[
    Path | None, typer.Option("--certificate", help="For tls: own certificate and key, in one PEM file.")
]
Ca = Annotated[
    Path | None, typer.Option("--ca", help="For tls: PEM file of whom to believe; else everybody.")
]
Srtp = Annotated[str, typer.Option(help="off, optional or required: SRTP, its keys in SDP.")]
Proxy = Annotated[str | None, typer.Option(help="Send every request through this SIP URI first.")]
Registrar = Annotated[str | None, typer.Option(help="Register at this SIP URI, such as sip:127.0.0.1:5070.")]
Password = Annotated[str | None, typer.Option(envvar="SIMULATOR_PASSWORD", help="For digest, where asked.")]
Say = Annotated[
    list[str] | None, typer.Option(help="A phrase by name, a .wav file, or text. May be repeated.")
]
Loop = Annotated[bool, typer.Option(help="Begin to speak again when done.")]
Keys = Annotated[list[str] | None, typer.Option(help="TIME:KEYS after the answer, such as '5s:*99,12s:4'.")]
KeyMethod = Annotated[str, typer.Option(help="rfc4733, info or inband.")]
Record = Annotated[Path | None, typer.Option(help="Save what is heard as a WAV file.")]
HangUpAfter = Annotated[str | None, typer.Option(help="Hang up so long after the answer, such as 30s.")]
Levels = Annotated[bool, typer.Option(help="Show the level heard, each second.")]
Codecs = Annotated[str, typer.Option(help="Codecs in order of preference.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show each SIP message's first line.")]


@app.command()
def caller(
    to: Annotated[str, typer.Option(help="Whom to call: a SIP URI, or a number at the proxy or registrar.")],
    user: Annotated[str, typer.Option(help="Own user name or number.")] = "patient",
    say: Say = None,
    loop: Loop = False,
    keys: Keys = None,
    key_method: KeyMethod = "rfc4733",
    record: Record = None,
    hang_up_after: HangUpAfter = None,
    answer_timeout: Annotated[str, typer.Option(help="Give up when nobody answers for so long.")] = "60s",
    levels: Levels = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
    transport: Transport = "udp",
    proxy: Proxy = None,
    registrar: Registrar = None,
    password: Password = None,
    codecs: Codecs = "PCMA,PCMU",
    certificate: Pem = None,
    ca: Ca = None,
    srtp: Srtp = "off",
    verbose: Verbose = False,
) -> None:
    """A patient who calls. Exit code 1 when the call is refused or nobody answers."""
    tell = Commentary("caller")

    async def live() -> int:
        script = _script(
            "patient", say or ["patient-chest-pain"], loop, keys, key_method, record, hang_up_after, levels
        )
        tls = Tls(certificate, None, ca)
        phone = _phone(user, host, port, transport, proxy, registrar, password, codecs, tls, srtp)
        async with _opened(phone, tell, verbose):
            return await people.make_call(phone, to, script, tell, seconds(answer_timeout))

    _run(live, tell)


@app.command()
def advisor(
    user: Annotated[str, typer.Option(help="Own extension.")] = "2001",
    say: Say = None,
    loop: Loop = False,
    keys: Keys = None,
    key_method: KeyMethod = "rfc4733",
    record: Record = None,
    hang_up_after: HangUpAfter = None,
    answer_after: Annotated[str, typer.Option(help="Let it ring so long.")] = "1s",
    hold_at: Annotated[str | None, typer.Option(help="Put the caller on hold then.")] = None,
    resume_at: Annotated[str | None, typer.Option(help="Take the caller back then.")] = None,
    once: Annotated[bool, typer.Option(help="End after one call.")] = False,
    levels: Levels = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
    transport: Transport = "udp",
    proxy: Proxy = None,
    registrar: Registrar = None,
    password: Password = None,
    codecs: Codecs = "PCMA,PCMU",
    certificate: Pem = None,
    ca: Ca = None,
    srtp: Srtp = "off",
    verbose: Verbose = False,
) -> None:
    """An advisor at home who answers calls until interrupted."""
    tell = Commentary(f"advisor {user}")

    async def live() -> int:
        words = say or ["advisor-greeting", "advisor-questions", "advisor-ambulance"]
        script = _script("advisor", words, loop, keys, key_method, record, hang_up_after, levels)
        script.hold_at_s = seconds(hold_at) if hold_at else None
        script.resume_at_s = seconds(resume_at) if resume_at else None
        tls = Tls(certificate, None, ca)
        phone = _phone(user, host, port, transport, proxy, registrar, password, codecs, tls, srtp)
        async with _opened(phone, tell, verbose):
            return await people.take_calls(
                phone, script, tell, answer_after_s=seconds(answer_after), once=once
            )

    _run(live, tell)


@app.command()
def floorwalker(
    user: Annotated[str, typer.Option(help="Own extension.")] = "3001",
    dial: Annotated[
        str | None, typer.Option(help="A feature code to dial, such as *712001 to listen to 2001.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for alert calls and answer them.")] = False,
    say: Say = None,
    loop: Loop = False,
    keys: Keys = None,
    key_method: KeyMethod = "rfc4733",
    record: Record = None,
    hang_up_after: HangUpAfter = None,
    answer_after: Annotated[str, typer.Option(help="Let an alert call ring so long.")] = "1s",
    once: Annotated[bool, typer.Option(help="With --wait: end after one call.")] = False,
    levels: Levels = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
    transport: Transport = "udp",
    proxy: Proxy = None,
    registrar: Registrar = None,
    password: Password = None,
    codecs: Codecs = "PCMA,PCMU",
    certificate: Pem = None,
    ca: Ca = None,
    srtp: Srtp = "off",
    verbose: Verbose = False,
) -> None:
    """A clinician who joins calls. In a terminal, keys typed are pressed: 4 listen, 5 whisper, 6 barge, #
    leave.
    """
    tell = Commentary(f"floorwalker {user}")
    if not dial and not wait:
        raise typer.BadParameter("give --dial CODE to join a call, or --wait to answer alerts")

    async def live() -> int:
        script = _script("floorwalker", say or [], loop, keys, key_method, record, hang_up_after, levels)
        script.interactive = not script.keys
        tls = Tls(certificate, None, ca)
        phone = _phone(user, host, port, transport, proxy, registrar, password, codecs, tls, srtp)
        async with _opened(phone, tell, verbose):
            if dial:
                code = await people.make_call(phone, dial, script, tell, 60)
                if code or not wait:
                    return code
            tell.say("waits for alerts")
            return await people.take_calls(
                phone, script, tell, answer_after_s=seconds(answer_after), once=once
            )

    _run(live, tell)


@app.command()
def pbx(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="SIP port for UDP and TCP.")] = 5070,
    route: Annotated[
        list[str] | None, typer.Option(help="REGEX=sip:HOST:PORT, tried in order before registered phones.")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="USER:PASSWORD; given once, everyone must have one. May be repeated."),
    ] = None,
    ring_time: Annotated[str, typer.Option(help="Refuse with 408 what rings longer.")] = "180s",
    verbose: Verbose = False,
) -> None:
    """A registrar and proxy, so that no PBX is needed. Runs until interrupted."""
    tell = Commentary("pbx")

    def notice(event: Notice) -> None:
        line = f"{event.kind}: {event.who}  {event.detail}"
        tell.bad(line) if event.kind in ("refused", "failed") else tell.say(line)

    async def live() -> int:
        passwords = dict(entry.partition(":")[::2] for entry in account) if account else None
        exchange = Pbx(
            host, port, routes=route or [], passwords=passwords, ring_s=seconds(ring_time), on_notice=notice
        )
        async with exchange:
            if verbose:
                exchange.endpoint.on_trace = tell.message
            tell.good(f"serves {exchange.uri} over UDP and TCP")
            for entry in exchange.routes:
                tell.say(f"routes {entry.pattern.pattern} to {entry.target}")
            await asyncio.Event().wait()
        return 0

    _run(live, tell)


@app.command()
def load(
    to: Annotated[str, typer.Option(help="Whom to call, such as sip:2001@127.0.0.1:5060.")],
    calls: Annotated[int, typer.Option(help="How many calls in all.")] = 200,
    rate: Annotated[float, typer.Option(help="New calls a second.")] = 20,
    duration: Annotated[str, typer.Option(help="How long each call lasts.")] = "10s",
    rtp: Annotated[bool, typer.Option(help="Send speech in each call.")] = True,
    answer_port: Annotated[
        int | None, typer.Option(help="Also answer calls at this port, echoing their RTP.")
    ] = None,
    host: Host = "127.0.0.1",
    transport: Transport = "udp",
) -> None:
    """Many calls at once, by SIPp. Exit code 1 when any failed."""
    tell = Commentary("load")

    async def live() -> int:
        wanted = Load(to, calls, rate, seconds(duration), rtp, host, transport, answer_port or None)
        tell.say(f"places {calls} calls at {rate:g} a second, {duration} each, to {to}")
        result = await run_load(wanted)
        line = f"{result.successful} of {result.created} calls succeeded, {result.failed} failed, "
        line += f"{result.retransmissions} retransmissions, {result.seconds:.1f} s"
        tell.good(line) if result.ok else tell.bad(line)
        for reason in result.reasons:
            tell.bad(reason)
        return 0 if result.ok else 1

    _run(live, tell)


@app.command("speech")
def speech_command() -> None:
    """Prepare all phrases with espeak-ng, and list them."""
    tell = Commentary("speech")

    async def live() -> int:
        for (name, what), path in zip(speech.PHRASES.items(), speech.prepare(), strict=True):
            tell.say(f"{name}: {what.text}")
            tell.say(f"    {path}", "dim")
        return 0

    _run(live, tell)


def _script(
    voice: str,
    say: list[str],
    loop: bool,
    keys: list[str] | None,
    key_method: str,
    record: Path | None,
    hang_up_after: str | None,
    levels: bool,
) -> people.Script:
    return people.Script(
        voice=voice,
        say=say,
        loop=loop,
        keys=key_presses(keys or []),
        key_method=key_method,
        record=record,
        hang_up_after_s=seconds(hang_up_after) if hang_up_after else None,
        levels=levels,
    )


def _phone(
    user: str,
    host: str,
    port: int,
    transport: str,
    proxy: str | None,
    registrar: str | None,
    password: str | None,
    codecs: str,
    tls: Tls,
    srtp: str,
) -> Phone:
    names = tuple(name.strip().upper() for name in codecs.split(",") if name.strip())
    if unknown := set(names) - {"PCMA", "PCMU"}:
        raise WrongUsage(f"codec {', '.join(sorted(unknown))} is not spoken here; there are PCMA and PCMU")
    return Phone(
        user,
        host,
        port,
        transport,
        proxy=proxy,
        registrar=registrar,
        password=password,
        codecs=names or ("PCMA",),
        tls=tls if transport == "tls" else None,
        srtp=srtp,
    )


@contextlib.asynccontextmanager
async def _opened(phone: Phone, tell: Commentary, verbose: bool) -> AsyncIterator[Phone]:
    async with phone:
        if verbose:
            phone.endpoint.on_trace = tell.message
        tell.say(f"is at {phone.uri}")
        if phone.can_register:
            granted_s = await phone.register()
            tell.good(f"registered as {phone.identity.uri} for {granted_s} s")
        yield phone


def _run(live: Callable[[], Awaitable[int]], tell: Commentary) -> None:
    """Run to the end or to the first Ctrl-C, which hangs up and unregisters; a second one does not wait for
    that.
    """
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")

    async def main() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(live())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await task

    try:
        code = asyncio.run(main())
    except WrongUsage as error:
        tell.bad(str(error))
        code = 2
    except (SimulatorError, TimeoutError) as error:
        tell.bad(str(error))
        code = 1
    except asyncio.CancelledError:
        tell.say("ends")
        code = 0
    raise typer.Exit(code)
