"""SIP over TLS with SRTP: phones by other hands, who is believed and who is not, connections that break, and peers that mean harm."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from authority import Authority, Papers
from e2e_checks import Audio, strength, tone, unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Settings, advisor, free_port, until
from e2e_house import Line, heard_more, sent_for
from sipmessage import URI, Address

from simulators import Call, CallFailed, Phone, speech
from simulators.baresip import Baresip
from simulators.tls import Tls

BARESIP_HZ, ADVISOR_HZ, LEVEL = 1_100, 700, 8_000
HEARD = 0.7 * LEVEL
TRUNKS = ("secure", "blind", "stranger", "expired", "other", "old")
ELSEWHERE = "127.0.0.2"
"""An address that is no trunk's."""


@dataclass(frozen=True)
class Lab:
    """Two authorities, the gateway's files, and where each trunk is."""

    ca: Authority
    unknown: Authority
    gateway: Papers
    trunks: dict[str, int]

    def tls(self, name: str = "phones.example", **more: object) -> Tls:
        papers = self.ca.issue(name)
        return Tls(papers.certificate, papers.key, self.ca.file, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    ca = Authority(folder)
    papers = ca.issue("gateway.example", "127.0.0.1", file="gateway")
    return Lab(ca, Authority(folder, "Another CA"), papers, {name: free_port() for name in TRUNKS})


@pytest.fixture(scope="module")
def settings(lab: Lab) -> Settings:
    files = f'certificate = "{lab.gateway.certificate}", key = "{lab.gateway.key}", ca = "{lab.ca.file}"'
    parts = [
        f'[[trunk]]\nname = "{name}"\nuri = "sip:localhost:{port}"\ntransport = "tls"\n'
        f"verify = {str(name != 'blind').lower()}\noptions_interval = {0 if name == 'secure' else 1}\n"
        f'srtp = "{"required" if name == "secure" else "off"}"\n'
        + ('identify_by = ["tls:phones.example"]' if name == "secure" else "")
        for name, port in lab.trunks.items()
    ]
    parts += [
        f"[[route]]\nmatch = '{4 + at}\\d{{3}}'\nto = {{ trunk = \"{name}\" }}"
        for at, name in enumerate(TRUNKS)
    ]
    parts += [advisor("sean", 4001, "north")]
    return Settings(
        sip=f'transports = ["udp", "tcp", "tls"]\ntls = {{ {files}, port = 0 }}', extra="\n\n".join(parts)
    )


@dataclass
class People:
    """A patient who calls and an advisor who is called, both by TLS with SRTP."""

    gateway: Gateway
    patient: Phone
    advisor: Phone

    async def conversation(self) -> Line:
        mark = self.gateway.mark()
        calling = await self.patient.call(self.gateway.uri("4001", "tls"))
        called = await self.advisor.incoming(PATIENCE_S)
        await called.answer()
        await calling.answered(PATIENCE_S)
        answered = await self.gateway.logged("call.answered", since=mark)
        await asyncio.gather(heard_more(calling, 2), heard_more(called, 2))
        return Line(answered["call"], "4001", calling, called)


@pytest.fixture
async def people(gateway: Gateway, lab: Lab) -> AsyncIterator[People]:
    mark = gateway.mark()
    async with (
        Phone("+447700900123", transport="tls", srtp="required", tls=lab.tls()) as patient,
        Phone(
            "home", port=lab.trunks["secure"], transport="tls", srtp="required", tls=lab.tls("localhost")
        ) as called,
    ):
        yield People(gateway, patient, called)
    assert "inline:" not in gateway.text(mark)


@pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is not installed; on Debian: apt-get install baresip"
)
async def test_baresip_calls_and_is_called_by_tls_with_srtp(
    gateway: Gateway, lab: Lab, tmp_path: Path
) -> None:
    note = tmp_path / "note.wav"
    speech.write_wav(note, tone(BARESIP_HZ, 60.0, LEVEL))
    async with (
        Baresip("patient", transport="tls", srtp="required", tls=lab.tls(), say=str(note)) as patient,
        Phone(
            "home", port=lab.trunks["secure"], transport="tls", srtp="required", tls=lab.tls("localhost")
        ) as home,
    ):
        await patient.dial(gateway.uri("4001", "tls"))
        called = await home.incoming(PATIENCE_S)
        await called.answer()
        await patient.event("CALL_ESTABLISHED", PATIENCE_S)
        called.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
        heard = strength(await ear(called), BARESIP_HZ)
        await sent_for(called, 1)
        await called.hang_up()
        await patient.event("CALL_CLOSED", PATIENCE_S)
        at_patient = strength(patient.heard(), ADVISOR_HZ)
    assert min(heard, at_patient) > HEARD
    advisor = Baresip("4001", transport="tls", srtp="required", tls=lab.tls("localhost"), say=str(note))
    advisor.port = lab.trunks["secure"] - 1  # TLS is at the next one
    async with advisor, Phone("patient", transport="tls", srtp="required", tls=lab.tls()) as phone:
        call = await phone.call(gateway.uri("4001", "tls"))
        await call.answered(PATIENCE_S)
        call.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
        back = strength(await ear(call), BARESIP_HZ)
        await sent_for(call, 1)
        await advisor.hang_up()
        await call.ended(PATIENCE_S)
        at_advisor = strength(advisor.heard(), ADVISOR_HZ)
    assert min(back, at_advisor) > HEARD
    figure(
        "baresip by TLS with SRTP",
        f"calling: heard at {heard:.0f}, hears at {at_patient:.0f} of {LEVEL}; called: {back:.0f}, {at_advisor:.0f}",
    )


async def ear(call: Call) -> Audio:
    """Half a second from now on."""
    await heard_more(call, 8)
    mark = call.received.mark()
    await heard_more(call, 25)
    return call.received.since(mark).audio()


async def test_every_payload_arrives_and_headers_say_where_we_listen(
    people: People, gateway: Gateway
) -> None:
    line = await people.conversation()
    line.patient.say_payloads(unique_payloads(30, seed=1))
    line.advisor.say_payloads(unique_payloads(30, seed=2))
    await sent_for(line.patient, 0.5)
    to_patient, to_advisor = await line.exact()
    assert min(to_patient.heard, to_advisor.heard) > 20
    invite = next(
        one.data.decode() for one in people.advisor.endpoint.trace if one.first_line.startswith("INVITE")
    )
    own = f"127.0.0.1:{gateway.sip_tls}"
    assert re.search(rf"(?im)^Contact: <sip:[^>]*@{own};transport=TLS>", invite), invite
    assert re.search(rf"(?im)^Via: SIP/2.0/TLS {own};", invite), invite
    assert invite.startswith("INVITE sip:4001@localhost:"), invite
    assert "RTP/SAVP" in invite and "a=crypto:" in invite


class SipsPhone(Phone):
    """Whoever calls a `sips:` URI has one in Contact (RFC 3261 §8.1.1.8)."""

    @property
    def contact(self) -> Address:
        plain = super().contact
        return Address(URI("sips", plain.uri.host, plain.uri.user, None, plain.uri.port))


async def test_sips_uris_are_taken(people: People, gateway: Gateway, lab: Lab) -> None:
    async with SipsPhone("+447700900123", transport="tls", srtp="required", tls=lab.tls()) as patient:
        call = await patient.call(f"sips:4001@127.0.0.1:{gateway.sip_tls}")
        called = await people.advisor.incoming(PATIENCE_S)
        await called.answer()
        await call.answered(PATIENCE_S)
        await heard_more(call, 5)
        await called.hang_up()
        assert (await call.ended(PATIENCE_S)).by == "remote"


async def test_a_broken_connection_breaks_no_call(people: People, gateway: Gateway) -> None:
    line = await people.conversation()
    line.patient.say_payloads(unique_payloads(60, seed=3))
    line.advisor.say_payloads(unique_payloads(60, seed=4))
    before = line.advisor.received.mark()
    people.patient.endpoint.cut("tls")
    people.advisor.endpoint.cut("tls")
    await heard_more(line.advisor, 50)
    lost = line.advisor.received.lost
    await line.patient.hold()  # the patient's phone connects anew, the gateway to the advisor's
    await line.advisor.held(PATIENCE_S)
    await line.patient.resume()
    await line.advisor.resumed(PATIENCE_S)
    people.patient.endpoint.cut("tls")  # now the gateway has to, to tell of the end
    await line.advisor.hang_up()
    assert (await line.patient.ended(PATIENCE_S)).by == "remote"
    assert line.advisor.received.mark() > before and lost == 0


async def test_whose_certificate_is_not_taken_is_down_and_is_not_called(gateway: Gateway, lab: Lab) -> None:
    """By another authority, expired, for another host, TLS too old, not TLS at all; where it is not looked at, all is well."""
    papers = {
        "blind": lab.unknown.issue("nobody.example"),
        "stranger": lab.unknown.issue("localhost"),
        "expired": lab.ca.issue("localhost", begins=-20, ends=-10),
        "other": lab.ca.issue("sbc.example"),
        "old": lab.ca.issue("localhost"),
    }
    reasons = {
        "stranger": "its issuer Another CA is not among the authorities that are trusted",
        "expired": "it has expired or is not valid yet",
        "other": "it is for sbc.example, not for localhost",
        "old": "it closed the connection",
    }
    async with AsyncExitStack() as stack:
        for name, paper in papers.items():
            old = {"maximum_version": ssl.TLSVersion.TLSv1_1} if name == "old" else {}
            tls = Tls(paper.certificate, paper.key, **old)  # type: ignore[arg-type]
            await stack.enter_async_context(Phone(name, port=lab.trunks[name], transport="tls", tls=tls))
        phone = await stack.enter_async_context(Phone("patient"))

        async def trunks() -> dict[str, tuple[bool | None, str]]:
            system = await gateway.get("/api/system", "adam")
            return {one["name"]: (one["up"], one["why"] or "") for one in system["trunks"]}

        def as_they_should(seen: dict[str, tuple[bool | None, str]]) -> bool:
            return seen["blind"][0] is True and all(
                seen[name][0] is False and why in seen[name][1] for name, why in reasons.items()
            )

        await until(trunks, as_they_should)
        for name in ("stranger", "expired", "other"):
            assert (
                f"TLS to localhost:{lab.trunks[name]} refused: its certificate is not taken: {reasons[name]}"
                in gateway.text()
            )
        call = await phone.call(gateway.uri(f"{4 + TRUNKS.index('other')}001"))
        with pytest.raises(CallFailed) as failed:
            await call.answered(PATIENCE_S)
        assert failed.value.code == 503
    figure("TLS: who is not believed", "; ".join(reasons.values()))


async def test_who_has_no_certificate_of_ours_is_of_the_trunk_of_their_address(
    people: People, gateway: Gateway
) -> None:
    """Trunk `secure` is known by its certificate and takes SRTP alone; `home` is known by its address and takes none."""
    async with Phone("patient", transport="tls", srtp="off") as nobody:
        call = await nobody.call(gateway.uri("4001", "tls"))
        called = await people.advisor.incoming(PATIENCE_S)
        await called.answer()
        await call.answered(PATIENCE_S)
        await call.hang_up()
    async with Phone("patient", transport="tls", srtp="off", tls=people.patient.endpoint._tls) as phone:
        call = await phone.call(gateway.uri("4001", "tls"))
        with pytest.raises(CallFailed) as failed:
            await call.answered(PATIENCE_S)
        assert failed.value.code == 488


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("-tls1_1 -cipher DEFAULT@SECLEVEL=0", "alert protocol version"),
        ("-tls1_2", "Protocol version: TLSv1.2"),
        ("-tls1_3", "Protocol version: TLSv1.3"),
        ("-verify_hostname gateway.example -verify_return_error", "Verification: OK"),
        ("-tls1_2 -cipher NULL:aNULL:RC4:3DES:EXPORT", "Cipher"),
    ],
)
async def test_what_openssl_sees(gateway: Gateway, lab: Lab, options: str, says: str) -> None:
    said = await s_client(gateway, f"-CAfile {lab.ca.file} -brief {options}")
    assert says in said or (says == "Cipher" and "no cipher" in said), said


async def s_client(gateway: Gateway, options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *f"openssl s_client -connect 127.0.0.1:{gateway.sip_tls} {options}".split(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return said.decode(errors="replace")


async def test_a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not(
    people: People, gateway: Gateway, lab: Lab
) -> None:
    line = await people.conversation()
    old = lab.gateway.key.read_bytes()
    mark = gateway.mark()
    lab.gateway.key.write_bytes(lab.ca.issue("localhost").key.read_bytes())
    await until(
        lambda: gateway.text(mark), lambda text: "the new TLS key is not taken, the old one stays" in text
    )
    assert "CN = gateway.example" in await s_client(gateway, "-brief")
    lab.gateway.key.write_bytes(old)
    new = lab.ca.issue("new.example", "127.0.0.1", ends=10)
    mark = gateway.mark()
    new.certificate.replace(lab.gateway.certificate)
    new.key.replace(lab.gateway.key)
    await until(lambda: gateway.text(mark), lambda text: "TLS certificate renewed: for new.example" in text)
    assert "the TLS certificate for new.example, 127.0.0.1 ends on" in gateway.text(mark)
    assert "CN = new.example" in await s_client(gateway, "-brief")
    await line.patient.hang_up()
    gateway._events = [event for event in gateway._events if "is not taken" not in str(event.get("event"))]


async def test_who_means_harm_costs_nobody_a_call(people: People, gateway: Gateway) -> None:
    """Handshakes that stop, garbage, a thousand connections of one address: calls go on and new ones come through."""
    line = await people.conversation()
    lost = line.advisor.received.lost
    sockets: list[socket.socket] = []
    try:
        for at in range(1_000):
            sockets.append(await asyncio.to_thread(connection, gateway.sip_tls))
            with contextlib.suppress(OSError):  # closed again by then
                sockets[-1].send(
                    (b"", b"\x16\x03\x01\x02", b"INVITE sip:4001@x SIP/2.0\r\n\r\n" * 9, bytes(range(256)))[
                        at % 4
                    ]
                )
        began = asyncio.get_running_loop().time()
        async with Phone(
            "+447700900124", transport="tls", srtp="required", tls=people.patient.endpoint._tls
        ) as other:
            call = await other.call(gateway.uri("4001", "tls"))
            called = await people.advisor.incoming(PATIENCE_S)
            await called.answer()
            await call.answered(PATIENCE_S)
            took_s = asyncio.get_running_loop().time() - began
            await call.hang_up()
        open_now = sum(map(still_open, sockets))
        assert open_now <= 100, f"{open_now} connections of one address"
        await until(
            lambda: sum(map(still_open, sockets)),
            lambda count: count == 0,
            complaint="handshakes go on for ever",
        )
    finally:
        for one in sockets:
            one.close()
    await sent_for(line.patient, 0.2)
    assert line.advisor.received.lost == lost
    await line.patient.hang_up()
    figure(
        "TLS: a thousand bad connections",
        f"a call meanwhile was answered after {took_s * 1000:.0f} ms; {open_now} were still open then, none after 5 s",
    )


def connection(port: int) -> socket.socket:
    one = socket.socket()
    one.settimeout(PATIENCE_S)
    one.bind((ELSEWHERE, 0))
    one.connect(("127.0.0.1", port))
    one.setblocking(False)
    return one


def still_open(one: socket.socket) -> bool:
    try:
        while one.recv(4096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
