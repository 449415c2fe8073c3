"""Supervising from a browser: the same rules as for a phone, over a WebSocket."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import websockets
from e2e_browser import Audio, Browser
from e2e_checks import audio_packets, heard_voice, strength, tone, unique_payloads, unlike
from e2e_figures import figure
from e2e_gateway import Gateway, until
from e2e_house import House, Line, arrived, heard_more
from e2e_signs import negative_samples, payloads

from simulators import Call, Recording, speech

PATIENT_HZ, ADVISOR_HZ, FIONA_HZ, LEVEL = 400, 700, 1_100, 6_000
HEARD, UNHEARD = 0.8 * LEVEL, 0.05 * LEVEL
NOTES = {"patient": PATIENT_HZ, "advisor": ADVISOR_HZ, "fiona": FIONA_HZ}
STEADY_MS = 30.0


@pytest.fixture
async def line(house: House) -> Line:
    return await house.conversation()


def names(audio: Audio) -> set[str]:
    heard = set()
    for name, hz in NOTES.items():
        level = strength(audio, hz)
        assert level > HEARD or level < UNHEARD, f"{name} is heard at {level:.0f} of {LEVEL}"
        if level > HEARD:
            heard.add(name)
    return heard


async def ear(call: Call) -> set[str]:
    await heard_more(call, 6)
    mark = call.received.mark()
    await heard_more(call, 20)
    return names(call.received.since(mark).audio())


async def ear_of(browser: Browser) -> set[str]:
    await browser.heard_more(6)
    mark = browser.mark()
    await browser.heard_more(20)
    return names(browser.heard(mark))


TABLE = {
    "listen": ({"advisor"}, {"patient"}, {"patient", "advisor"}),
    "whisper": ({"advisor"}, {"patient", "fiona"}, {"patient", "advisor"}),
    "barge": ({"advisor", "fiona"}, {"patient", "fiona"}, {"patient", "advisor"}),
    "takeover": ({"fiona"}, {"patient", "fiona"}, {"patient"}),
}


async def test_each_mode_opens_just_its_paths(line: Line, gateway: Gateway) -> None:
    line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
    line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
    async with Browser(gateway, line.id, "listen") as fiona:
        assert fiona.header["mode"] == "listen" and fiona.header["leg"] == fiona.leg
        fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
        for mode in ("listen", "whisper", "takeover", "barge", "listen"):
            await fiona.change(mode)
            heard = await asyncio.gather(ear(line.patient), ear(line.advisor), ear_of(fiona))
            assert heard == list(TABLE[mode]), mode
        snapshot = await gateway.get(f"/api/calls/{line.id}")
        (supervisor,) = snapshot["supervisors"]
        assert supervisor["user"] == "fiona" and supervisor["via"] == "web"
    await gateway.logged("supervisor.left", user="fiona", via="web")
    assert await ear(line.patient) == {"advisor"}


async def test_the_advisor_hears_a_whisper_well_and_the_patient_nothing(line: Line, gateway: Gateway) -> None:
    line.advisor.say_payloads(unique_payloads(60, seed=51))
    words = speech.phrase("floorwalker-whisper")[:24_000]
    async with Browser(gateway, line.id, "whisper") as fiona:
        heard = await say_steadily(fiona, words, line.advisor)
    found = heard_voice(words, heard.audio())
    figure(
        "whisper from a browser at the advisor's ear",
        f"correlation {found.correlation:.4f} ({found.share:.0%} of it above 0.95), level {found.level_db:+.2f} dB",
    )
    assert found.windows >= 8 and found.correlation > 0.95 and abs(found.level_db) < 1
    await line.settle(mixed=True)
    to_patient = line.to_patient
    assert to_patient.unheard == 0 and line.patient.received.lost == 0
    figure(
        "meanwhile at the patient's ear", f"all {to_patient.heard} payloads are the advisor's, bit for bit"
    )


async def say_steadily(browser: Browser, words: Audio, listener: Call) -> Recording:
    """Say something whole; again where this machine kept the browser from its beat."""
    for _ in range(6):
        mark, browser.late_ms = listener.received.mark(), 0.0
        browser.say(words)
        await browser.said()
        await browser.sent_for(0.3)
        if browser.late_ms < STEADY_MS:
            break
    return listener.received.since(mark)


async def test_both_hear_a_barge_well(line: Line, gateway: Gateway) -> None:
    words = speech.phrase("floorwalker-barge")[:24_000]
    async with Browser(gateway, line.id, "barge") as fiona:
        found = heard_voice(words, (await say_steadily(fiona, words, line.patient)).audio())
    assert found.windows >= 8 and found.correlation > 0.95 and abs(found.level_db) < 1


def signed(seconds: float, seed: int, *, negative: bool) -> Audio:
    """Samples of one sign, loud: as `e2e_signs`."""
    sign = -1 if negative else 1
    samples = np.random.default_rng(seed).integers(12_500, 30_000, round(seconds * 8_000))
    return (sign * samples).astype(np.int16)


async def test_no_whispered_sample_reaches_the_patient_whenever_the_mode_changes(
    house: House, gateway: Gateway
) -> None:
    """She speaks without a pause, and what she says changes with the button, not with the gateway's answer."""
    line = await house.conversation(law="PCMA")
    line.advisor.say_payloads(payloads("PCMA", 60, seed=52))
    await heard_more(line.patient, 10)
    mark = line.patient.received.mark()
    async with Browser(gateway, line.id, "whisper") as fiona:
        for turn in range(12):
            mode = "whisper" if turn % 2 == 0 else ("barge" if turn % 4 == 1 else "takeover")
            fiona.say(signed(1.0, turn, negative=mode == "whisper"), loop=True)
            await fiona.change(mode)
            await fiona.sent_for(0.3)
    assert negative_samples(line.patient.received.since(mark)) == 0
    assert negative_samples(line.advisor.received) > 5 * 8 * 160, "the advisor heard no whisper"
    changed = unlike(audio_packets(line.advisor.sent), audio_packets(line.patient.received.since(mark)))
    assert len(changed) > 5 * 8, "the patient never heard her: this shows nothing"


async def test_what_is_marked_with_another_mode_is_not_carried(line: Line, gateway: Gateway) -> None:
    """A page that has not noticed that she barges (or a network that was slow)."""
    async with Browser(gateway, line.id, "barge") as fiona:
        await fiona.sent_for(0.2)
        fiona.believes = "whisper"
        mark = line.patient.received.mark()
        fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
        await fiona.sent_for(0.6)
        assert strength(line.patient.received.since(mark).audio(), FIONA_HZ) < UNHEARD
    ended = await gateway.logged("headset.ended", leg=fiona.leg)
    assert ended["unsaid_frames"] >= 30


async def test_a_killed_browser_in_a_takeover_gives_the_patient_back_and_may_return(
    line: Line, gateway: Gateway
) -> None:
    line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
    fiona = Browser(gateway, line.id, "takeover")
    await fiona.join()
    await fiona.open()
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    assert await ear(line.patient) == {"fiona"}
    mark = gateway.mark()
    fiona.kill()
    back = await gateway.logged("supervisor.mode", since=mark, previous="takeover", mode="listen")
    assert back["via"] == "silence"
    assert await ear(line.patient) == {"advisor"}
    await fiona.open()
    assert fiona.header["mode"] == "listen", "the same leg, in the mode that holds"
    await gateway.logged("stream.resumed", since=mark, leg=fiona.leg)
    await fiona.change("takeover")
    assert await ear(line.patient) == {"fiona"}
    fiona.kill()
    left = await gateway.logged("supervisor.left", since=mark, user="fiona")
    assert "did not return" in left["why"]
    assert await ear(line.patient) == {"advisor"}


async def test_a_second_connection_of_hers_takes_the_place_of_the_first(line: Line, gateway: Gateway) -> None:
    fiona = Browser(gateway, line.id, "listen")
    await fiona.join()
    await fiona.open()
    first = fiona._socket
    await fiona.open()
    await until(lambda: first.close_code, lambda code: code == 4409, complaint="the first was not closed")
    await fiona.heard_more(5)
    await fiona.close()
    await gateway.logged("supervisor.left", user="fiona", leg=fiona.leg)


@pytest.mark.parametrize(
    "message", [b"", b"\0" * 327, b"\0" * 3000, b"\0\0\0\1\0\0\0\x09" + b"\0" * 320, "hello"]
)
async def test_a_message_that_is_no_frame_costs_the_connection_alone(
    line: Line, gateway: Gateway, message: bytes | str
) -> None:
    line.advisor.say_payloads(unique_payloads(30, seed=54))
    line.patient.say_payloads(unique_payloads(30, seed=55))
    fiona = Browser(gateway, line.id, "listen")
    await fiona.join()
    await fiona.open()
    fiona._tasks[1].cancel()
    await fiona.send_raw(message)
    wanted = 1003 if isinstance(message, str) else 4422
    await until(lambda: fiona.close_code, lambda code: code == wanted, complaint="it was not refused")
    await fiona.open()
    await fiona.heard_more(5)
    await fiona.close()
    await line.exact()


async def test_an_oversized_message_is_refused_below_the_application(line: Line, gateway: Gateway) -> None:
    async with Browser(gateway, line.id, "listen") as fiona:
        fiona._tasks[1].cancel()
        await fiona.send_raw(b"\0" * 5000)
        await until(lambda: fiona.close_code, lambda code: code == 1009, complaint="it was not refused")
        await fiona.open()


async def test_the_socket_is_hers_alone(line: Line, gateway: Gateway) -> None:
    async with Browser(gateway, line.id, "listen") as fiona:
        for url, code in (
            (gateway.websocket_url(fiona.audio_path, "arthur"), 4403),
            (gateway.websocket_url("/api/supervisors/nobody/audio", "fiona"), 4404),
            (gateway.websocket_url(fiona.audio_path, "fiona") + "x", 4401),
        ):
            async with websockets.connect(url) as socket:
                with pytest.raises(websockets.ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == code


async def test_the_rules_are_those_of_phones(house: House, line: Line, gateway: Gateway) -> None:
    arthur = Browser(gateway, line.id, "whisper", "arthur")
    mark = gateway.mark()
    answer = await arthur.ask("POST", f"/api/calls/{line.id}/supervisors", mode="whisper", via="web")
    assert answer.status_code == 403
    await gateway.logged("supervision.refused", since=mark, user="arthur", asked="whisper", via="web")
    phone = await house.supervise("*74")
    refused = await arthur.ask("POST", f"/api/calls/{line.id}/supervisors", mode="takeover", via="web")
    assert refused.status_code == 403
    fiona = Browser(gateway, line.id, "takeover", "fiona")
    answer = await fiona.ask("POST", f"/api/calls/{line.id}/supervisors", mode="takeover", via="web")
    assert answer.status_code == 403 and "already taken over" in answer.json()["error"]
    listeners = [Browser(gateway, line.id, "listen") for _ in range(4)]
    for browser in listeners:
        await browser.join()
        await browser.open()
    answer = await fiona.ask("POST", f"/api/calls/{line.id}/supervisors", mode="listen", via="web")
    assert answer.status_code == 409, answer.text
    for browser in listeners:
        await browser.heard_more(3)
        await browser.close()
    await phone.hang_up()


async def test_her_phone_is_rung_and_is_on_the_call_in_that_mode(
    house: House, line: Line, gateway: Gateway
) -> None:
    line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
    line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
    fiona = Browser(gateway, line.id, "barge")
    mark = gateway.mark()
    answer = await fiona.ask("POST", f"/api/calls/{line.id}/supervisors", mode="barge", via="sip")
    assert answer.status_code == 201 and answer.json()["audio"] is None
    phone = await house.floor.incoming(20)
    await phone.answer()
    await gateway.logged("supervisor.joined", since=mark, user="fiona", mode="barge", via="sip")
    phone.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    assert await ear(line.patient) == {"advisor", "fiona"}
    answer = await fiona.ask(
        "POST", f"/api/calls/{line.id}/supervisors", mode="listen", via="sip", uri="07700900999"
    )
    assert answer.status_code == 403, "another number than her own"


async def test_the_calls_end_ends_the_browser(house: House, line: Line, gateway: Gateway) -> None:
    async with Browser(gateway, line.id, "whisper") as fiona:
        await fiona.heard_more(5)
        await line.patient.hang_up()
        await until(lambda: fiona.close_code, lambda code: code == 1000, complaint="it stayed open")
        assert fiona.told[-1] == {"type": "end", "reason": "the call ended"}


async def test_nobody_is_disturbed_by_a_browser(line: Line, gateway: Gateway) -> None:
    """Listening, speaking into a muted path, leaving: the conversation is the same to the last bit."""
    line.advisor.say_payloads(unique_payloads(60, seed=56))
    line.patient.say_payloads(unique_payloads(60, seed=57))
    async with Browser(gateway, line.id, "listen") as fiona:
        fiona.say(tone(1_000, 1.0, 30_000), loop=True)
        await fiona.sent_for(1)
    await line.exact()
    assert line.patient.received.lost == line.advisor.received.lost == 0
    await arrived(line.advisor, line.patient)
