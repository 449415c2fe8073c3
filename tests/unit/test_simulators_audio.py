"""G.711, packets, what is sent next, recordings, impairments, analysis: no sockets, no clock."""

import wave

import numpy as np
import pytest

from simulators import analysis, g711, rtcp, rtp, speech
from simulators.impairment import Impairment
from simulators.recording import Recording
from simulators.resample import to_telephone
from simulators.rtp import Packet
from simulators.talker import Talker

SECOND = 8_000


def noise(samples: int = SECOND, seed: int = 1, level: float = 3_000) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=samples) * level).clip(-32_768, 32_767).astype(np.int16)


def packet(
    seq: int, rtp_ts: int, payload: bytes = b"\xd5" * 160, *, ssrc: int = 1, kind: int = 8, at_ms: int = 0
):
    return Packet(at_ms * 1_000_000, seq, rtp_ts, ssrc, kind, False, payload, ("127.0.0.1", 1))


@pytest.mark.parametrize(
    ("codec", "pairs"),
    [
        ("PCMA", {0xD5: 8, 0x55: -8, 0xAA: 32_256, 0x2A: -32_256, 0x80: 5_504}),
        ("PCMU", {0xFF: 0, 0x7F: 0, 0x80: 32_124, 0x00: -32_124, 0xF0: 120}),
    ],
)
def test_g711_against_values_of_the_recommendation(codec, pairs):
    assert {code: int(g711.decode(bytes([code]), codec)[0]) for code in pairs} == pairs


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_g711_codes_survive_and_no_input_is_further_off_than_half_a_step(codec):
    codes = bytes(code for code in range(256) if (codec, code) != ("PCMU", 0x7F))
    assert g711.encode(g711.decode(codes, codec), codec) == codes
    every = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)
    error = np.abs(g711.decode(g711.encode(every, codec), codec).astype(int) - every)
    within = np.abs(every.astype(int)) < 31_000
    assert np.all(error[within] <= np.maximum(8, (np.abs(every[within].astype(int)) + 132) / 32))
    assert g711.encode(np.zeros(1, np.int16), codec)[0] == g711.SILENCE[codec]


def test_rtp_packets_survive_and_csrc_extension_and_padding_are_read():
    data = rtp.pack(8, True, 65_535, 2**32 - 1, 7, b"abc")
    assert rtp.unpack(data, 5, ("h", 1)) == Packet(5, 65_535, 2**32 - 1, 7, 8, True, b"abc", ("h", 1))
    full = bytes([0xB1]) + data[1:12] + b"csrc" + b"\xbe\xde\x00\x01word" + b"abc" + b"\x00\x02"
    assert rtp.unpack(full, 0, ("h", 1)).payload == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x40" + bytes(20),
        b"\x8f" + bytes(11),
        b"\x90" + bytes(12),
        b"\xa0" + bytes(11) + b"\xff",
    ],
)
def test_what_is_no_rtp_is_none(data):
    assert rtp.unpack(data, 0, ("h", 1)) is None


def test_arithmetic_wraps():
    assert rtp.ahead_16(2, 65_534) == 4
    assert rtp.ahead_16(65_534, 2) == -4
    assert rtp.ahead_32(10, 2**32 - 10) == 20


def take(talker: Talker, count: int) -> list:
    return [talker.next_packet() for _ in range(count)]


def test_a_talker_sends_silence_speech_silence_without_gaps():
    talker = Talker("PCMU", 0, 20)
    said = []
    first = take(talker, 1)
    talker.say_payloads([b"a" * 160, b"b" * 160], loop=False, on_said=lambda: said.append(True))
    packets = first + take(talker, 3)
    assert [p.payload[:1] for p in packets] == [b"\xff", b"a", b"b", b"\xff"]
    assert said == [True]
    assert [rtp.ahead_16(p.seq, packets[0].seq) for p in packets] == [0, 1, 2, 3]
    assert [rtp.ahead_32(p.rtp_ts, packets[0].rtp_ts) for p in packets] == [0, 160, 320, 480]
    assert [p.marker for p in packets] == [True, False, False, False]


def test_keys_are_events_of_one_timestamp_ended_three_times_and_speech_waits():
    talker = Talker("PCMA", 8, 20, event_type=101)
    talker.say_payloads([b"a" * 160, b"b" * 160], loop=False, on_said=None)
    take(talker, 1)
    done = []
    talker.press("5", 60, 20, inband=False, on_done=lambda: done.append(True))
    packets = take(talker, 7)
    events = packets[:5]
    assert {p.rtp_ts for p in events} == {events[0].rtp_ts}
    assert [p.marker for p in events] == [True, False, False, False, False]
    read = [rtp.unpack_event(p.payload) for p in events]
    assert [(e.key, e.end, e.duration) for e in read] == [
        ("5", False, 160),
        ("5", False, 320),
        ("5", True, 480),
        ("5", True, 480),
        ("5", True, 480),
    ]
    assert done == [True]
    assert packets[6].payload == b"b" * 160
    assert rtp.ahead_32(packets[5].rtp_ts, events[0].rtp_ts) == 5 * 160


def test_keys_inband_are_their_two_tones():
    talker = Talker("PCMU", 0, 20)
    talker.press("7", 100, 20, inband=True, on_done=None)
    audio = g711.decode(b"".join(p.payload for p in take(talker, 5)), "PCMU")
    spectrum = np.abs(np.fft.rfft(audio, 8_000))
    peaks = sorted(np.argsort(spectrum)[-2:])
    assert abs(peaks[0] - 852) <= 3
    assert abs(peaks[1] - 1209) <= 3


def test_a_change_of_codec_encodes_what_is_still_to_be_said_again():
    talker = Talker("PCMA", 8, 20)
    audio = noise(320)
    talker.say(audio, loop=False, on_said=None)
    assert take(talker, 1)[0].payload == g711.encode(audio[:160], "PCMA")
    talker.agree("PCMU", 0, None)
    assert take(talker, 1)[0].payload == g711.encode(audio[160:], "PCMU")


def test_something_else_said_ends_what_was_being_said():
    talker = Talker("PCMA", 8, 20)
    ended = []
    talker.say(noise(), loop=True, on_said=lambda: ended.append("first"))
    talker.say(noise(160), loop=False, on_said=lambda: ended.append("second"))
    take(talker, 1)
    assert ended == ["first", "second"]


def test_a_recording_places_audio_by_timestamp_whatever_the_order():
    audio = noise(480)
    parts = [g711.encode(audio[at : at + 160], "PCMA") for at in (0, 160, 320)]
    decoded = [g711.decode(part, "PCMA") for part in parts]
    near_wrap = 2**32 - 160
    recording = Recording(
        [packet(65_535, near_wrap, parts[0]), packet(1, 160, parts[2]), packet(0, 0, parts[1])]
    )
    assert np.array_equal(recording.audio(), np.concatenate(decoded))
    assert (recording.lost, recording.out_of_order) == (0, 1)
    gap = Recording([packet(65_535, near_wrap, parts[0]), packet(1, 160, parts[2])])
    assert np.array_equal(gap.audio(), np.concatenate([decoded[0], np.zeros(160), decoded[2]]))
    assert gap.lost == 1


def test_a_new_ssrc_is_placed_by_its_arrival():
    recording = Recording([packet(1, 1_000), packet(9, 77, ssrc=2, at_ms=100)])
    assert len(recording.audio()) == 800 + 160
    assert recording.ssrcs == [1, 2]


def test_keys_heard_are_told_once_each():
    talker = Talker("PCMA", 8, 20, event_type=101)
    talker.press("*99", 100, 60, inband=False, on_done=None)
    recording = Recording()
    for out in take(talker, 40):
        recording.add(packet(out.seq, out.rtp_ts, out.payload, kind=out.payload_type))
    assert recording.digits() == "*99"
    assert len(recording.payloads("telephone-event")) == 3 * 7
    assert len(recording.payloads(8)) == len(recording.payloads()) - 21


def test_parts_of_a_recording(tmp_path):
    recording = Recording([packet(n, n * 160, at_ms=n * 20) for n in range(10)])
    assert len(recording.since(7)) == 3
    assert [p.seq for p in recording.between(40_000_000, 80_000_000).packets] == [2, 3]
    with wave.open(str(recording.save_wav(tmp_path / "x.wav")), "rb") as file:
        assert (file.getnframes(), file.getframerate()) == (1_600, 8_000)


@pytest.mark.parametrize(
    ("pattern", "dropped"),
    [([0, 2], [0, 2]), (lambda index: index % 3 == 1, [1, 4, 7]), (1.0, list(range(10)))],
)
def test_loss_patterns(pattern, dropped):
    impairment = Impairment(drop=pattern)
    assert [index for index in range(10) if impairment.delays_ms() == []] == dropped
    assert impairment.dropped == len(dropped)


def test_impairments_are_the_same_for_a_seed():
    first, second = (Impairment(drop=0.2, jitter_ms=30, reorder=0.1, seed=4) for _ in range(2))
    assert [first.delays_ms() for _ in range(100)] == [second.delays_ms() for _ in range(100)]
    assert Impairment(reorder=[0]).delays_ms() == [30.0]
    assert Impairment(duplicate=[0]).delays_ms() == [0.0, 0.0]


def test_correlation_finds_lag_and_gain_in_noise():
    sent = noise(2 * SECOND)
    heard = np.zeros(3 * SECOND)
    heard[1_234 : 1_234 + len(sent)] = sent * 0.5
    match = analysis.best_lag_correlation(sent, (heard + noise(len(heard), 2, 150)).astype(np.int16))
    assert match.lag_samples == 1_234
    assert match.corr > 0.99
    assert match.gain_db == pytest.approx(-6.02, abs=0.05)


def test_correlation_finds_a_part_and_a_negative_lag():
    sent = noise(2 * SECOND)
    match = analysis.best_lag_correlation(sent, sent[3_000:11_000])
    assert (match.lag_samples, round(match.corr, 3), round(match.gain_db, 2)) == (-3_000, 1.0, 0.0)


@pytest.mark.parametrize("heard", [np.zeros(SECOND, np.int16), np.zeros(0, np.int16), noise(SECOND, 9)])
def test_correlation_with_something_else_is_low(heard):
    assert analysis.best_lag_correlation(noise(), heard).corr < 0.1


def test_a_mixture_is_taken_apart():
    first, second = noise(seed=1), noise(seed=2)
    mixed = first + 0.25 * np.roll(second, 0)
    loud, soft = analysis.share_of([first, second], mixed)
    assert loud.gain_db == pytest.approx(0, abs=0.3)
    assert soft.gain_db == pytest.approx(-12.04, abs=0.5)
    assert soft.corr > 0.9


def test_levels_steps_and_clicks():
    sine = np.sin(2 * np.pi * 400 * np.arange(SECOND) / SECOND) * 32_767
    assert analysis.level_db(sine) == pytest.approx(-3.01, abs=0.01)
    assert analysis.level_db(np.zeros(10, np.int16)) == -np.inf
    quiet = (sine / 10).astype(np.int16)
    largest = analysis.largest_step(quiet)
    broken = quiet.copy()
    broken[4_000:] = -broken[4_000:] + 900
    assert analysis.clicks(quiet, largest) == []
    assert analysis.clicks(broken, largest) == [4_000]


def test_resampling_keeps_pitch_and_length_and_drops_what_would_fold():
    time = np.arange(22_050) / 22_050
    both = (np.sin(2 * np.pi * 1_000 * time) + np.sin(2 * np.pi * 5_000 * time)) * 8_000
    result = to_telephone(both.astype(np.int16), 22_050)
    assert len(result) == SECOND
    middle = result[1_000:7_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    frequencies = np.fft.rfftfreq(len(middle), 1 / SECOND)
    assert frequencies[np.argmax(spectrum)] == pytest.approx(1_000, abs=2)
    assert spectrum[np.abs(frequencies - 3_000) < 20].max() < spectrum.max() / 1_000
    assert analysis.level_db(middle) == pytest.approx(20 * np.log10(8_000 / 32_768) - 3.01, abs=0.1)


def test_normalising_and_reading_wav(tmp_path):
    loud = speech.normalised(noise(level=9_000).astype(float))
    assert analysis.level_db(loud) == pytest.approx(-20, abs=0.05)
    path = Recording([packet(0, 0, g711.encode(loud[:160], "PCMA"))]).save_wav(tmp_path / "a.wav")
    assert np.array_equal(speech.audio(str(path)), g711.decode(g711.encode(loud[:160], "PCMA"), "PCMA"))


def test_a_missing_phrase_or_voice_is_explained():
    with pytest.raises(KeyError, match="patient-chest-pain"):
        speech.phrase("nothing")
    with pytest.raises(Exception, match="no voice"):
        speech.audio("words", voice="nobody")


def test_a_missing_espeak_is_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(speech.ToolMissing, match="apt-get install espeak-ng"):
        speech.phrase("patient-thanks")


def test_reports_tell_what_was_lost_and_survive_the_wire():
    reception = rtcp.Reception()
    assert reception.report() is None
    for seq in (65_534, 65_535, 0, 2, 3):
        reception.note(packet(seq % 65_536, 160 * ((seq + 2) % 65_536), at_ms=20 * ((seq + 2) % 65_536)))
    report = reception.report()
    assert report == rtcp.Report(ssrc=1, fraction_lost=42, lost=1, highest_seq=65_539, jitter=0)
    assert reception.report().fraction_lost == 0
    data = rtcp.sender_report(9, 1_000.5, 160, 5, 800, report, "127.0.0.1")
    assert rtcp.is_rtcp(data)
    assert not rtcp.is_rtcp(rtp.pack(8, True, 1, 1, 1, b""))
    assert len(data) % 4 == 0
    assert rtcp.read_reports(data) == [report]
    assert rtcp.read_reports(data[:20]) == rtcp.read_reports(b"") == []
    assert rtcp.read_reports(rtcp.sender_report(9, 0, 0, 0, 0, None, "x")) == []
