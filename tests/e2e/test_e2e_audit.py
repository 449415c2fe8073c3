"""The live audit stream: the header first, then what the two parties said, each on their channel, and never a whisper."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack

import numpy as np
import pytest
import websockets
from e2e_auditor import Auditor, Stalled
from e2e_checks import heard_voice, strength, tone, unique_payloads
from e2e_figures import figure
from e2e_gateway import Gateway, until
from e2e_house import House, arrived, sent_for

from simulators import g711, speech

AUDITORS = 20
STALLED_S = 5
WHISPER_HZ = 1_300


async def test_the_header_comes_first_and_frames_follow_without_a_gap(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    async with Auditor(gateway, line.id, who="arthur") as arthur:
        await until(lambda: len(arthur.frames), lambda count: count >= 50)
        await line.patient.hang_up()
        await arthur.over()
    assert arthur.complaints == []
    assert arthur.header | {"media_time_ms": 0} == {
        "type": "start",
        "schema": 1,
        "call": line.id,
        "encoding": "l16",
        "byte_order": "big",
        "rate": 8_000,
        "channels": ["caller", "advisor"],
        "frame_ms": 20,
        "frame_header": ["sequence:uint32", "media_time_ms:uint32", "wall_time_us:uint64"],
        "frame_header_bytes": 16,
        "media_time_ms": 0,
    }
    assert arthur.end == "call ended"
    assert arthur.missed_ms == 0
    sequences, media_ms, wall_us = (
        np.array([frame[part] for frame in arthur.frames], dtype=np.int64) for part in range(3)
    )
    assert (np.diff(sequences) == 1).all()
    assert (np.diff(media_ms) == 20).all()
    # The media clock may be found to run a little earlier than thought; never later, never back.
    assert (np.abs(np.diff(wall_us) - 20_000) < 20_000).all()
    assert {len(frame[3]) for frame in arthur.frames} == {2 * 2 * 160}


async def test_a_listener_may_begin_in_the_past_and_catches_up(house: House, gateway: Gateway) -> None:
    """Two listeners come when it has been said: one hears it a second time as it was, one faster at the same pitch; both end live."""
    line = await house.conversation()
    line.patient.say(tone(500, 1.0), loop=True)
    line.advisor.say(tone(900, 1.0), loop=True)
    await sent_for(line.patient, 2.0)
    mark = gateway.mark()
    async with (
        Auditor(gateway, line.id, "?history=1.5&catchup=off") as whole,
        Auditor(gateway, line.id, "?history=1.5") as faster,
    ):
        for auditor in (whole, faster):
            await until(lambda: auditor.live_at_ms, lambda at: at is not None, timeout_s=20)  # noqa: B023
        live = len(faster.frames)
        await until(lambda: len(faster.frames), lambda count: count >= live + 25)
        await line.patient.hang_up()
        await faster.over()
    assert [told["history_s"] for told in gateway.events("feed.started", since=mark)] == [1.5, 1.5]
    for auditor, catchup in ((whole, 1.0), (faster, 1.5)):
        assert auditor.complaints == []
        assert auditor.missed_ms == 0
        assert (auditor.header["live"], auditor.header["catchup"]) == (False, catchup)
        assert auditor.header["media_time_ms"] <= auditor.frames[0][1] <= auditor.header["media_time_ms"] + 20
    assert faster.end == "call ended"
    steps = np.diff([frame[1] for frame in faster.frames if frame[1] < faster.live_at_ms])
    assert 27 < steps.mean() < 33
    first = next(frame for frame in faster.frames if frame[1] >= faster.live_at_ms)
    same = next(frame for frame in whole.frames if frame[1] == first[1])
    assert same[3] == first[3]
    heard = np.concatenate([np.frombuffer(frame[3], dtype=">i2") for frame in faster.frames]).reshape(-1, 2).T
    hurried = heard[:, 1600 : 160 * len(steps)]
    assert strength(hurried[0], 500) > 6_000
    assert strength(hurried[1], 900) > 6_000


async def test_both_channels_are_what_was_said(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    said = {
        "patient": speech.phrase("patient-chest-pain")[:40_000],
        "advisor": speech.phrase("advisor-questions")[:40_000],
    }
    async with Auditor(gateway, line.id) as auditor:
        line.patient.say(said["patient"])
        line.advisor.say(said["advisor"])
        await asyncio.gather(line.patient.said(60), line.advisor.said(60))
        await sent_for(line.patient, 0.3)
    assert auditor.complaints == []
    for channel, (name, words) in enumerate(said.items()):
        found = heard_voice(words, auditor.audio()[channel])
        figure(
            f"audit stream, {name}'s channel",
            f"correlation {found.correlation:.4f}, level {found.level_db:+.2f} dB",
        )
        assert found.correlation > 0.99
        assert abs(found.level_db) < 0.2


@pytest.mark.parametrize("law", ["PCMA", pytest.param("PCMU", marks=pytest.mark.thorough)])
async def test_it_is_sample_for_sample_what_the_parties_sent_and_never_a_whisper(
    house: House, gateway: Gateway, law: str
) -> None:
    """With a floorwalker whispering loudly, then barging, then taking over: neither channel has a sample of her."""
    line = await house.conversation(law=law)
    line.patient.say_payloads(unique_payloads(60, seed=61))
    line.advisor.say_payloads(unique_payloads(60, seed=62))
    async with Auditor(gateway, line.id) as auditor:
        await sent_for(line.patient, 0.5)
        fiona = await house.supervise("*72")
        fiona.say(tone(WHISPER_HZ, 1.0, 30_000), loop=True)
        await sent_for(fiona, 1)
        await house.press(fiona, "6", "barge")
        await sent_for(fiona, 0.5)
        await house.leave(fiona)
        fiona = await house.supervise("*74")
        fiona.say(tone(WHISPER_HZ, 1.0, 30_000), loop=True)
        await sent_for(fiona, 0.5)
        frames = len(auditor.frames)
        await until(lambda: len(auditor.frames), lambda count: count > frames + 10)
    assert auditor.complaints == []
    heard = auditor.audio()
    for channel, party in enumerate((line.patient, line.advisor)):
        whole = party.sent.audio()
        assert contains(whole, heard[channel], least=round(len(heard[channel]) * 0.9)), (
            f"channel {channel} has more than its party said"
        )
    figure(
        f"audit stream through whisper, barge and takeover ({law})",
        f"{heard.shape[1]} samples a channel, each what its party sent",
    )


def contains(whole: np.ndarray, part: np.ndarray, least: int) -> bool:
    """Is a stretch of `part` of at least this length an exact stretch of `whole`? Its ends may be silence that was not sent."""
    trimmed = part[(len(part) - least) // 2 :][:least]
    key, data = trimmed[:160].tobytes(), whole.tobytes()
    at = data.find(key)
    while at >= 0:
        if at % 2 == 0 and np.array_equal(whole[at // 2 : at // 2 + least], trimmed):
            return True
        at = data.find(key, at + 1)
    return False


@pytest.mark.parametrize(
    ("query", "channels", "frame_bytes"),
    [
        ("?encoding=pcmu", ["caller", "advisor"], 2 * 160),
        ("?channels=mix", ["mix"], 2 * 160),
        ("?channels=mix&encoding=pcmu", ["mix"], 160),
        ("?channels=advisor&encoding=l16&rate=8000", ["advisor"], 2 * 160),
    ],
)
async def test_other_formats(
    house: House, gateway: Gateway, query: str, channels: list[str], frame_bytes: int
) -> None:
    line = await house.conversation()
    line.patient.say(tone(400, 1.0), loop=True)
    line.advisor.say(tone(700, 1.0), loop=True)
    async with Auditor(gateway, line.id, query) as auditor:
        await until(lambda: len(auditor.frames), lambda count: count >= 50)
    assert auditor.complaints == []
    assert auditor.header["channels"] == channels
    assert {len(frame[3]) for frame in auditor.frames} == {frame_bytes}
    samples = b"".join(frame[3] for frame in auditor.frames)
    if "pcmu" in query:
        audio = g711.decode(samples, "PCMU")
    else:
        audio = np.frombuffer(samples, dtype=">i2").astype(np.int16)
    audio = audio.reshape(-1, len(channels)).T
    assert strength(audio[-1], 700) > 6_000
    if channels == ["mix"]:
        assert strength(audio[0], 400) > 6_000


@pytest.mark.parametrize(("query", "who", "code"), [("?encoding=mp3", "fiona", 4422), ("", "nobody", 4401)])
async def test_a_listener_who_may_not_or_asks_for_nonsense_is_told_so(
    house: House, gateway: Gateway, query: str, who: str, code: int
) -> None:
    line = await house.conversation()
    base = gateway.url.replace("http", "ws", 1)
    url = (
        gateway.websocket_url(f"/api/calls/{line.id}/audio{query}", who)
        if who != "nobody"
        else f"{base}/api/calls/{line.id}/audio"
    )
    async with websockets.connect(url) as refused:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await refused.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


async def test_twenty_auditors_one_of_them_stalled(house: House, gateway: Gateway) -> None:
    """Nineteen hear everything; the call does not change by a bit; what the stalled one lost is counted."""
    line = await house.conversation()
    line.patient.say_payloads(unique_payloads(60, seed=63))
    line.advisor.say_payloads(unique_payloads(60, seed=64))
    mark = gateway.mark()
    async with AsyncExitStack() as stack:
        auditors = [await stack.enter_async_context(Auditor(gateway, line.id)) for _ in range(AUDITORS - 1)]
        async with Stalled(gateway, f"/api/calls/{line.id}/audio"):
            await sent_for(line.patient, STALLED_S)
        await gateway.logged("feed.ended", since=mark)
        to_patient, to_advisor = await line.exact()
    for auditor in auditors:
        assert auditor.complaints == []
        assert auditor.missed_ms == 0
    await gateway.logged("feed.ended", since=mark)
    stalled = gateway.events("feed.ended", since=mark)[0]
    assert stalled["missed_ms"] > 1_000
    least = min(len(auditor.frames) for auditor in auditors)
    assert least > STALLED_S * 50 * 0.9
    figure(
        f"{AUDITORS} auditors, one stalled for {STALLED_S} s",
        f"{least} frames or more at each of {len(auditors)}, none missing; the stalled one lost {stalled['missed_ms']} ms; "
        f"call: {to_patient.heard + to_advisor.heard} packets unchanged, transit p99 {to_patient.p99_ms:.2f} ms",
    )


async def test_a_slow_auditor_is_told_in_band_what_it_missed(house: House, gateway: Gateway) -> None:
    """It stops reading for a while, then reads on: the gap is said before the next frame, and fits the media times."""
    line = await house.conversation()
    # Nothing is read ahead, and the kernel takes little: it stalls soon after nobody asks for messages.
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    connection.connect(gateway.web_address)
    url = gateway.websocket_url(f"/api/calls/{line.id}/audio")
    async with websockets.connect(
        url, sock=connection, max_queue=1, compression=None, close_timeout=0.5
    ) as listening:
        assert json.loads(await listening.recv())["type"] == "start"
        await sent_for(line.patient, 6)
        missed_ms, gap_ms, last_ms = 0, 0, None
        async with asyncio.timeout(30):
            while True:
                message = await listening.recv()
                if isinstance(message, str):
                    told = json.loads(message)
                    assert told["type"] == "missed"
                    assert told["text"] == f"{told['ms'] / 1000:.1f} s missing here"
                    missed_ms += told["ms"]
                    continue
                media_ms = int.from_bytes(message[4:8], "big")
                if last_ms is not None:
                    gap_ms += media_ms - last_ms - 20
                last_ms = media_ms
                if missed_ms:
                    break
    assert gap_ms == missed_ms > 500
    await arrived(line.advisor, line.patient)
