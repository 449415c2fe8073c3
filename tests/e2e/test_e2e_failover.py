"""Several trunks for one route: one that is dead, refuses or is silent costs no call."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from dataclasses import dataclass

import pytest
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Settings, advisor, free_port, until
from e2e_house import heard_more, sent_for

from gateway.core.attempts import SILENT_S
from simulators import CallFailed, Phone

TRANSPORTS = {"west": "tcp", "east": "udp", "last": "udp"}
"""Of each trunk: by TCP one that is dead shows at once, by UDP it is only silent."""


@dataclass(frozen=True)
class Peers:
    ports: dict[str, int]


@pytest.fixture(scope="module")
def peers() -> Peers:
    return Peers({name: free_port() for name in TRANSPORTS})


@pytest.fixture(scope="module")
def settings(peers: Peers) -> Settings:
    parts = [
        f'[[trunk]]\nname = "{name}"\nuri = "sip:127.0.0.1:{port}"\noptions_interval = {1 if name == "last" else 0}\n'
        f'priority = {9 if name == "last" else 0}\ntransport = "{TRANSPORTS[name]}"'
        for name, port in peers.ports.items()
    ]
    parts.append('[[route]]\nmatch = \'4\\d{3}\'\nto = { trunk = ["last", "west", "east"] }')
    parts.append("[[route]]\nmatch = '5\\d{3}'\nto = { trunk = [\"last\"] }")
    parts.append(advisor("west1", 4001, "north"))
    return Settings(extra="\n\n".join(parts))


async def answered_by(gateway: Gateway, patient: Phone, phones: dict[str, Phone]) -> tuple[str, float]:
    """One call from INVITE to BYE, heard both ways: who took it, and how long it took them to ring [s]."""
    mark, began = gateway.mark(), time.monotonic()
    calling = await patient.call(gateway.uri("4001"))
    waiting = {asyncio.create_task(phone.incoming(PATIENCE_S)): name for name, phone in phones.items()}
    done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    took_s = time.monotonic() - began
    for task in others:
        task.cancel()
    (task,) = done
    called = task.result()
    await called.answer()
    await calling.answered(PATIENCE_S)
    await gateway.logged("call.answered", since=mark)
    calling.say_payloads(unique_payloads(20, seed=1))
    called.say_payloads(unique_payloads(20, seed=2))
    await asyncio.gather(heard_more(calling, 5), heard_more(called, 5))
    await sent_for(called, 0.1)
    await calling.hang_up()
    await called.ended(PATIENCE_S)
    return waiting[task], took_s


def phone(peers: Peers, name: str) -> Phone:
    return Phone(name, port=peers.ports[name], transport=TRANSPORTS[name])


async def test_calls_are_shared_and_trunks_that_die_cost_none(gateway: Gateway, peers: Peers) -> None:
    async with Phone("patient") as patient, phone(peers, "last") as last:
        async with phone(peers, "west") as west, phone(peers, "east") as east:
            took: Counter[str] = Counter()
            while set(took) != {"west", "east"}:
                assert took.total() < 60, took  # 2 of 2^60
                name, _ = await answered_by(gateway, patient, {"west": west, "east": east, "last": last})
                took[name] += 1
            mark, slowest_s = gateway.mark(), 0.0
            await west.close()  # nobody listens there any more
            while not (rerouted := gateway.events("call.rerouted", since=mark)):
                name, took_s = await answered_by(gateway, patient, {"east": east, "last": last})
                assert name == "east"
                slowest_s = max(slowest_s, took_s)
            assert (rerouted[0]["trunk"], rerouted[0]["instead_of"]) == ("east", "west")
        mark = gateway.mark()
        name, all_dead_s = await answered_by(gateway, patient, {"last": last})
        assert name == "last"
        assert len(gateway.events("call.rerouted", since=mark)) == 2
    figure(
        "failover",
        f"past a trunk that is dead by TCP a call rang after {slowest_s:.2f} s at most, past another that is silent by UDP after {all_dead_s:.2f} s",
    )


async def test_one_that_says_503_is_left_for_the_next_and_one_that_is_busy_is_not(
    gateway: Gateway, peers: Peers
) -> None:
    async with Phone("patient") as patient, phone(peers, "west") as west, phone(peers, "east") as east:
        code, refused = 503, asyncio.Event()

        async def refuse() -> None:
            while True:
                incoming = await west.incoming(PATIENCE_S)
                await incoming.refuse(code)
                refused.set()

        refusing = asyncio.create_task(refuse())
        while not refused.is_set():
            _, took_s = await answered_by(gateway, patient, {"east": east})
            assert took_s < SILENT_S
        code, mark = 486, gateway.mark()
        refused.clear()
        while not refused.is_set():
            calling = await patient.call(gateway.uri("4001"))
            at_east = asyncio.create_task(east.incoming(PATIENCE_S))
            await asyncio.wait(
                {at_east, busy := asyncio.create_task(refused.wait())}, return_when="FIRST_COMPLETED"
            )
            busy.cancel()
            if at_east.done():
                await at_east.result().refuse(486)
            at_east.cancel()
            with pytest.raises(CallFailed) as failed:
                await calling.answered(PATIENCE_S)
            assert failed.value.code == 486
        assert not gateway.events("call.rerouted", since=mark)
        refusing.cancel()


async def test_a_trunk_that_is_down_by_options_is_tried_all_the_same(gateway: Gateway, peers: Peers) -> None:
    """It is the only one of its route; deaf to OPTIONS, but it takes calls."""
    await until(
        lambda: gateway.get("/api/system", "adam"), lambda seen: is_down(seen, "last"), complaint="not down"
    )
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    deaf.bind(("127.0.0.1", peers.ports["last"]))
    deaf.settimeout(0.2)
    async with Phone("patient") as patient:
        calling = await patient.call(gateway.uri("5001"))

        def invited() -> bytes:
            while True:
                data, source = deaf.recvfrom(65_536)
                if data.startswith(b"INVITE"):
                    deaf.sendto(reply(data, b"486 Busy Here"), source)
                    return data

        with deaf:
            await asyncio.wait_for(asyncio.to_thread(patiently, invited), PATIENCE_S)
            with pytest.raises(CallFailed) as failed:
                await calling.answered(PATIENCE_S)
        assert failed.value.code == 486


def patiently(step: object) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            return step()  # type: ignore[operator,no-any-return]
        except TimeoutError:
            continue
    raise AssertionError("no INVITE came")


def reply(request: bytes, status: bytes) -> bytes:
    """A response to it, as it is."""
    kept = (b"via:", b"from:", b"call-id:", b"cseq:")
    lines = [line for line in request.split(b"\r\n") if line.lower().startswith(kept)]
    to = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"to:"))
    return b"\r\n".join([b"SIP/2.0 " + status, *lines, to + b";tag=deaf", b"Content-Length: 0", b"", b""])


def is_down(system: dict[str, object], name: str) -> bool:
    trunks = system["trunks"]
    assert isinstance(trunks, list)
    return any(one["name"] == name and one["up"] is False for one in trunks)
