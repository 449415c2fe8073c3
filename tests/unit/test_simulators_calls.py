"""Whole calls between phones over loopback, directly and through the PBX, on any free ports."""

import asyncio
import contextlib

import numpy as np
import pytest

from simulators import CallFailed, CallState, Direction, Phone, RegistrationFailed, RequestFailed, Timing
from simulators.analysis import best_lag_correlation
from simulators.errors import IllegalMove, TransportFailed
from simulators.message import make_response
from simulators.pbx import Pbx
from simulators.transaction import Hop

QUICK = Timing(t1=0.02, t2=0.1, t4=0.1)
"Timers short enough that a test sees them run out."

TRANSPORTS = ("udp", "tcp")


PATIENCE_S = 15
"For what takes milliseconds, on a machine that is busy with other things."


@contextlib.asynccontextmanager
async def phones(transport: str = "udp", **callee):
    async with (
        Phone("patient", transport=transport, timing=QUICK) as patient,
        Phone("2001", transport=transport, timing=QUICK, **callee) as advisor,
    ):
        yield patient, advisor


async def talking(patient: Phone, advisor: Phone):
    """Both ends of an answered call."""
    call = await patient.call(advisor.uri)
    answered = await advisor.incoming(PATIENCE_S)
    if answered.state is CallState.INCOMING and advisor.on_incoming is None:
        await answered.answer()
    await call.answered(PATIENCE_S)
    await answered.established(PATIENCE_S)
    return call, answered


def first_lines(phone: Phone) -> list[str]:
    """What the phone sent and received: `> INVITE`, `< 180`, in order."""
    lines = []
    for traced in phone.trace:
        first, second, *_ = traced.first_line.split()
        arrow = ">" if traced.direction == "sent" else "<"
        lines.append(f"{arrow} {second if first == 'SIP/2.0' else first}")
    return lines


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_call_from_invite_to_bye(transport):
    async with phones(transport) as (patient, advisor):
        call = await patient.call(advisor.uri)
        assert call.state is CallState.CALLING
        answered = await advisor.incoming(PATIENCE_S)
        await answered.ring()
        assert await call.progress(PATIENCE_S) == 180
        assert call.state is CallState.RINGING
        await answered.answer()
        assert await call.progress(PATIENCE_S) == 200
        await answered.established(PATIENCE_S)
        ended = await answered.hang_up()
        assert (ended.by, ended.code) == ("local", 200)
        assert (await call.ended(PATIENCE_S)).by == "remote"
        # Each once: what a busy machine answers late comes again (RFC 3261 §13.3.1.4).
        lines = list(dict.fromkeys(first_lines(patient)))
        assert lines == ["> INVITE", "< 100", "< 180", "< 200", "> ACK", "< BYE", "> 200"]


async def test_payloads_arrive_as_they_were_sent_in_order_and_none_missing():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        told = [bytes([value]) * 160 for value in range(20)]
        call.say_payloads(told)
        answered.say_payloads(told[::-1])
        await call.said(PATIENCE_S)
        await asyncio.sleep(0.05)
        assert [p for p in answered.received.payloads("PCMA") if p in told and p[0] != 0xD5] == told
        assert [p for p in call.received.payloads("PCMA") if p in told] == told[::-1]
        assert answered.received.payloads() == call.sent.payloads()[: len(answered.received)]
        assert answered.received.packets[0].address == call.rtp_local
        gaps_ms = np.diff([p.at_ns for p in call.sent.packets]) / 1e6
        assert np.median(gaps_ms) == pytest.approx(20, abs=1)


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_speech_is_heard_at_its_level(codec):
    async with phones(on_incoming="answer", codecs=(codec,)) as (patient, advisor):
        call, answered = await talking(patient, advisor)
        assert call.codec == answered.codec == codec
        speech = (np.random.default_rng(1).normal(size=4_000) * 2_000).astype(np.int16)
        call.say(speech)
        await call.said(PATIENCE_S)
        await asyncio.sleep(0.05)
        match = best_lag_correlation(speech, answered.received.audio())
        assert match.corr > 0.99
        assert abs(match.gain_db) < 0.1


@pytest.mark.parametrize("method", ["rfc4733", "info"])
async def test_keys_reach_the_other_end(method):
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        await call.press("*99", method=method, ms=40, gap_ms=20)
        await asyncio.sleep(0.05)
        heard = answered.received.digits() if method == "rfc4733" else answered.info_digits
        assert heard == "*99"


@pytest.mark.parametrize("method", ["rfc4733", "info"])
async def test_pressing_ends_with_the_call(method):
    """The other end hangs up in the middle, as the gateway does on a supervisor's #."""
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        pressing = asyncio.ensure_future(call.press("#" * 100, method=method, ms=40, gap_ms=20))
        await asyncio.sleep(0.1)
        await answered.hang_up()
        await asyncio.wait_for(pressing, PATIENCE_S)
        await asyncio.wait_for(call.press("1", method=method), 4)


async def test_a_key_that_does_not_exist_is_refused():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, _ = await talking(patient, advisor)
        with pytest.raises(ValueError, match="no such key"):
            await call.press("x")


async def test_hold_and_resume_from_both_sides():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        await call.hold()
        await answered.held(PATIENCE_S)
        assert (answered.remote_direction, answered.direction) == (Direction.SENDONLY, Direction.RECVONLY)
        await call.resume()
        await answered.resumed(PATIENCE_S)
        assert answered.direction is Direction.SENDRECV
        await answered.hold("inactive")
        assert (call.remote_direction, call.direction) == (Direction.INACTIVE, Direction.INACTIVE)
        await asyncio.sleep(0.03)
        mark = call.received.mark()
        await asyncio.sleep(0.06)
        assert len(call.received.since(mark)) == 0
        await answered.resume()
        await asyncio.sleep(0.06)
        assert len(call.received.since(mark)) > 0


async def test_a_refused_reinvite_leaves_the_call_as_it_was():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        answered.on_reinvite = lambda request: 488
        with pytest.raises(RequestFailed, match="488"):
            await call.hold()
        assert call.state is CallState.ESTABLISHED
        assert call.direction is Direction.SENDRECV
        with pytest.raises(RequestFailed, match="488"):
            await call.reinvite("absurd")


async def test_reinvites_that_cross_are_refused_with_491():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        results = await asyncio.gather(call.reinvite(), answered.reinvite(), return_exceptions=True)
        assert [result.code for result in results] == [491, 491]
        await call.reinvite()


async def test_update_and_late_offer():
    async with phones() as (patient, advisor):
        call = await patient.call(advisor.uri, late_offer=True)
        answered = await advisor.incoming(PATIENCE_S)
        assert answered.invite.body == b""
        await answered.answer()
        await call.answered(PATIENCE_S)
        await answered.established(PATIENCE_S)
        assert call.rtp_remote == answered.rtp_local
        assert answered.rtp_remote == call.rtp_local
        assert (await call.update()).code == 200


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_cancel_while_ringing(transport):
    async with phones(transport, on_incoming="ring") as (patient, advisor):
        call = await patient.call(advisor.uri)
        assert await call.progress(PATIENCE_S) == 180
        ended = await call.cancel(2)
        assert (ended.by, ended.code) == ("local", 487)
        ringing = await advisor.incoming(PATIENCE_S)
        assert (await ringing.ended(PATIENCE_S)).by == "remote"
        with pytest.raises(CallFailed, match="487"):
            await call.answered(PATIENCE_S)


async def test_cancel_at_once_waits_for_the_first_response():
    async with phones(on_incoming="ring") as (patient, advisor):
        call = await patient.call(advisor.uri)
        assert (await call.cancel(2)).code == 487
        assert list(dict.fromkeys(first_lines(patient)))[:3] == ["> INVITE", "< 100", "> CANCEL"]


async def test_hanging_up_a_call_that_is_being_cancelled_waits_for_its_end():
    async with phones(on_incoming="ring") as (patient, advisor):
        call = await patient.call(advisor.uri)
        await call.progress(PATIENCE_S)
        cancelling = asyncio.create_task(call.cancel(2))
        await asyncio.sleep(0)
        assert call.state is CallState.CANCELLING
        assert await call.hang_up() == await cancelling
        assert "> BYE" not in first_lines(patient)


async def test_an_answer_that_crosses_the_cancel_is_hung_up():
    async with phones() as (patient, advisor):
        call = await patient.call(advisor.uri)
        answered = await advisor.incoming(PATIENCE_S)
        await answered.ring()
        await call.progress(PATIENCE_S)
        cancelling = asyncio.create_task(call.cancel(2))
        await answered.answer()
        assert (await cancelling).code == 487
        assert (await answered.ended(PATIENCE_S)).by == "remote"
        assert "> BYE" in first_lines(patient)


@pytest.mark.parametrize(("code", "reason"), [(486, None), (603, "Not Now"), (503, None)])
async def test_a_refusal_carries_code_words_and_headers(code, reason):
    async with phones() as (patient, advisor):
        call = await patient.call(advisor.uri, headers={"Subject": "pain"})
        refusing = await advisor.incoming(PATIENCE_S)
        assert refusing.headers["Subject"] == "pain"
        await refusing.refuse(code, reason, headers={"Retry-After": "7"})
        with pytest.raises(CallFailed) as failed:
            await call.answered(PATIENCE_S)
        assert failed.value.code == code
        assert failed.value.headers["Retry-After"] == "7"
        if reason:
            assert failed.value.reason == reason


async def test_early_media_is_heard_before_the_answer():
    async with phones() as (patient, advisor):
        call = await patient.call(advisor.uri)
        ringing = await advisor.incoming(PATIENCE_S)
        await ringing.early(183)
        assert await call.progress(PATIENCE_S) == 183
        assert call.early_media
        await asyncio.sleep(0.1)
        assert len(call.received) > 2
        await ringing.answer()
        await call.answered(PATIENCE_S)


async def test_hanging_up_an_unanswered_call_refuses_it():
    async with phones(on_incoming="ring") as (patient, advisor):
        call = await patient.call(advisor.uri)
        ringing = await advisor.incoming(PATIENCE_S)
        await call.progress(PATIENCE_S)
        await ringing.hang_up()
        assert (await call.ended(PATIENCE_S)).code == 603


async def test_nobody_there():
    async with Phone("patient", timing=QUICK) as patient:
        call = await patient.call("sip:2001@127.0.0.1:9")
        with pytest.raises(CallFailed, match="408"):
            await call.answered(5)
    async with Phone("patient", transport="tcp", timing=QUICK) as patient:
        call = await patient.call("sip:2001@127.0.0.1:9")
        with pytest.raises(CallFailed, match="503"):
            await call.answered(5)


async def test_one_who_vanishes_answers_nothing_and_sends_nothing():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        answered.vanish()
        await asyncio.sleep(0.05)
        mark = call.received.mark()
        ended = await call.hang_up(timeout=3)
        assert ended.code == 200
        assert len(call.received.since(mark)) == 0
        assert first_lines(advisor)[-1] == "< BYE"
        assert (await advisor.options(patient.uri)) == 200


async def test_an_answer_is_repeated_until_its_ack_and_the_ack_until_it_arrives():
    async with phones() as (patient, advisor):
        call = await patient.call(advisor.uri)
        answered = await advisor.incoming(PATIENCE_S)
        forgotten = patient.endpoint.send
        patient.endpoint.send = lambda message, hop: None
        await answered.answer()
        await asyncio.sleep(0.1)
        assert first_lines(advisor).count("> 200") > 1
        patient.endpoint.send = forgotten
        patient.endpoint.send_again = lambda message, hop: forgotten(message, hop)
        await answered.established(PATIENCE_S)
        await call.answered(PATIENCE_S)


async def test_loss_reordering_and_jitter_on_the_way_out():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        impairment = call.impair(drop=[1, 4], reorder=[6], jitter_ms=2, seed=3)
        answered.received.clear()
        await asyncio.sleep(0.4)
        assert impairment.dropped == 2
        assert answered.received.lost == 2
        assert answered.received.out_of_order == 1
        call.impair()
        call.mute_rtp()
        await asyncio.sleep(0.05)
        mark = answered.received.mark()
        await asyncio.sleep(0.06)
        assert len(answered.received.since(mark)) == 0


async def test_what_is_no_rtp_is_counted():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        call.send_raw(b"garbage")
        await asyncio.sleep(0.05)
        assert answered.received.malformed == 1


async def test_what_is_no_sip_is_dropped_and_the_phone_goes_on():
    async with phones(on_incoming="answer") as (patient, advisor):
        for data in (b"garbage", b"\x01" * 100, b"INVITE sip:x SIP/2.0\r\n\r\n", b"\r\n\r\n"):
            patient.send_bytes(data, *advisor.address)
        await talking(patient, advisor)
        assert advisor.endpoint.malformed == 3


async def test_moves_that_make_no_sense_are_refused():
    async with phones(on_incoming="answer") as (patient, advisor):
        call, answered = await talking(patient, advisor)
        with pytest.raises(IllegalMove, match="established"):
            await call.cancel()
        with pytest.raises(IllegalMove, match="established"):
            await answered.refuse()
        with pytest.raises(IllegalMove, match="neither registrar nor proxy"):
            await patient.call("2001")
        with pytest.raises(TimeoutError, match="no call came in for patient"):
            await patient.incoming(0.01)


async def test_an_address_in_use_is_explained():
    async with Phone("patient") as patient:
        with pytest.raises(TransportFailed, match="in use"):
            await Phone("other", port=patient.address[1]).open()


async def test_sockets_and_threads_are_gone_in_the_end():
    import threading

    async with phones(on_incoming="answer") as (patient, advisor):
        await talking(patient, advisor)
        assert any(thread.name == "rtp-sender" for thread in threading.enumerate())
    assert not any(thread.name.startswith("rtp-") for thread in threading.enumerate())


@contextlib.asynccontextmanager
async def registered(caller: str = "udp", callee: str = "udp", *, on_incoming=None, **options):
    async with Pbx(timing=QUICK, **options) as pbx:
        passwords = options.get("passwords") or {}

        def phone(user: str, transport: str, on_incoming=None) -> Phone:
            return Phone(
                user,
                transport=transport,
                proxy=f"{pbx.uri};transport={transport}",
                registrar=f"{pbx.uri};transport={transport}",
                password=passwords.get(user),
                on_incoming=on_incoming,
                timing=QUICK,
            )

        async with phone("patient", caller) as patient, phone("2001", callee, on_incoming) as advisor:
            await patient.register()
            await advisor.register()
            yield pbx, patient, advisor


@pytest.mark.parametrize("caller", TRANSPORTS)
@pytest.mark.parametrize("callee", TRANSPORTS)
async def test_a_call_through_the_pbx(caller, callee):
    passwords = {"patient": "a", "2001": "b"}
    async with registered(caller, callee, passwords=passwords, on_incoming="answer") as (
        pbx,
        patient,
        advisor,
    ):
        call = await patient.call("2001")
        await call.answered(PATIENCE_S)
        answered = await advisor.incoming(PATIENCE_S)
        await answered.established(PATIENCE_S)
        await call.hold()
        assert answered.remote_direction is Direction.SENDONLY
        await answered.reinvite()
        await answered.press("1", method="info", ms=1, gap_ms=1)
        assert call.info_digits == "1"
        await answered.hang_up()
        assert (await call.ended(PATIENCE_S)).by == "remote"
        assert len(pbx.contacts("2001")) == 1
    assert pbx.contacts("2001") == []


async def test_cancel_through_the_pbx():
    async with registered(on_incoming="ring") as (_, patient, advisor):
        call = await patient.call("2001")
        assert await call.progress(PATIENCE_S) == 180
        assert (await call.cancel(2)).code == 487
        assert (await (await advisor.incoming(PATIENCE_S)).ended(PATIENCE_S)).by == "remote"


async def test_the_pbx_carries_refusals_back_and_makes_its_own():
    async with registered(on_incoming="busy", ring_s=0.3) as (pbx, patient, advisor):

        async def code(number: str, **options) -> int:
            call = await patient.call(number, **options)
            with pytest.raises(CallFailed) as failed:
                await call.answered(3)
            return failed.value.code

        assert await code("2001") == 486
        assert await code("2999") == 404
        assert await code("2001", headers={"Max-Forwards": "0"}) == 483
        advisor.on_incoming = "ring"
        assert await code("2001") == 408
        await advisor.unregister()
        assert await code("2001") == 480
        assert await patient.options(pbx.uri) == 200


async def test_a_wrong_password_is_refused():
    async with registered(passwords={"patient": "a", "2001": "b"}) as (pbx, _, advisor):
        advisor.password = "wrong"
        with pytest.raises(RegistrationFailed, match="401"):
            await advisor.register()
        async with Phone("2001", password="wrong", timing=QUICK) as stranger:
            call = await stranger.call(f"sip:patient@{pbx.host}:{pbx.address[1]}")
            with pytest.raises(CallFailed, match="407"):
                await call.answered(PATIENCE_S)


async def test_the_first_phone_that_answers_gets_the_call():
    async with registered(on_incoming="ring") as (pbx, patient, advisor):
        second = Phone("2001", proxy=pbx.uri, registrar=pbx.uri, on_incoming="answer", timing=QUICK)
        async with second:
            await second.register()
            assert len(pbx.contacts("2001")) == 2
            call = await patient.call("2001")
            await call.answered(PATIENCE_S)
            lost = await advisor.incoming(PATIENCE_S)
            assert (await lost.ended(PATIENCE_S)).by == "remote"
            await (await second.incoming(PATIENCE_S)).established(PATIENCE_S)


async def test_numbers_are_routed_to_a_gateway_and_come_back_to_the_phone():
    async with Phone("gateway", timing=QUICK) as gateway:
        host, port = gateway.address
        async with registered(routes=[f"2...=sip:{host}:{port}"], on_incoming="answer") as (
            pbx,
            patient,
            advisor,
        ):
            call = await patient.call("2001")
            arrived = await gateway.incoming(PATIENCE_S)
            assert str(arrived.invite.uri) == f"sip:2001@{host}:{port}"
            onward = await gateway.call(f"sip:2001@{pbx.host}:{pbx.address[1]}")
            await onward.answered(PATIENCE_S)
            await arrived.answer()
            await call.answered(PATIENCE_S)
            assert (await advisor.incoming(PATIENCE_S)).from_user == "gateway"


async def test_a_repeated_answer_after_the_transaction_is_gone_still_reaches_the_caller():
    async with registered(on_incoming="answer") as (pbx, patient, advisor):
        call = await patient.call("2001")
        await call.answered(PATIENCE_S)
        answered = await advisor.incoming(PATIENCE_S)
        await asyncio.sleep(64 * QUICK.t1 + 0.1)
        before = first_lines(patient).count("< 200")
        late = make_response(answered.invite, 200, to_tag=answered.dialog.local_tag)
        advisor.endpoint.send(late, Hop("udp", *pbx.address))
        await asyncio.sleep(0.1)
        assert first_lines(patient).count("< 200") == before + 1
