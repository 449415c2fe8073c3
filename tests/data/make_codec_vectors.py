"""Makes codec_vectors.npz: what other implementations make of the same audio. Run it by hand; the tests only read the file.

Needs ffmpeg (its own G.722 codec and its own Opus decoder, neither of them a library that the gateway uses), opusenc and espeak-ng.

    g722_audio, g722_code, g722_decoded     int16 at 16 kHz, FFmpeg's encoding of it, and FFmpeg's decoding of that
    g722_noise, g722_noise_decoded          octets that no encoder sent, and FFmpeg's decoding
    opus_sizes, opus_packets                packets of opusenc (speech, 24 kb/s, 20 ms), one behind the other
    opus_decoded                            FFmpeg's decoding of them without their pre-skip, 48 kHz brought to 16 kHz by discrete Fourier transform
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def run(arguments: list[str], data: bytes = b"") -> bytes:
    return subprocess.run(arguments, input=data, stdout=subprocess.PIPE, check=True).stdout


def ffmpeg(data: bytes, *arguments: str) -> bytes:
    return run(["ffmpeg", "-v", "error", *arguments], data)


def speech(seconds: float) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        run(["espeak-ng", "-v", "en-gb", "-w", str(wav), "She has a tight pain in her chest."])
        raw = ffmpeg(b"", "-i", str(wav), "-ar", "16000", "-ac", "1", "-f", "s16le", "-")
    samples = np.frombuffer(raw, "<i2")
    start = int(np.argmax(np.abs(samples) > 500))
    return samples[start : start + int(16000 * seconds)]


def g722(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    raw = ["-f", "s16le", "-ar", "16000", "-ac", "1"]
    code = ffmpeg(audio.astype("<i2").tobytes(), *raw, "-i", "-", "-c:a", "g722", "-f", "g722", "-")
    return np.frombuffer(code, np.uint8), g722_decoded(code)


def g722_decoded(code: bytes) -> np.ndarray:
    return np.frombuffer(ffmpeg(code, "-f", "g722", "-i", "-", "-f", "s16le", "-"), "<i2")


def ogg_packets(ogg: bytes) -> list[bytes]:
    """RFC 3533 §6."""
    packets, part, at = [], b"", 0
    while at < len(ogg):
        segments = ogg[at + 27 : at + 27 + ogg[at + 26]]
        at += 27 + len(segments)
        for size in segments:
            part += ogg[at : at + size]
            at += size
            if size < 255:
                packets.append(part)
                part = b""
    return packets


def lowered(samples: np.ndarray) -> np.ndarray:
    """48 kHz to 16 kHz."""
    spectrum = np.fft.rfft(samples.astype(float))[: len(samples) // 6 + 1]
    return np.round(np.fft.irfft(spectrum, len(samples) // 3) / 3).clip(-32768, 32767).astype(np.int16)


def main() -> None:
    rng = np.random.default_rng(722)
    voice = speech(1.0)
    ramp = np.arange(3200) / 16000
    audio = np.concatenate(
        (
            voice,
            np.zeros(1600, np.int16),
            (20000 * np.sin(2 * np.pi * (100 * ramp + 18000 * ramp * ramp))).astype(np.int16),
            np.clip(rng.normal(0, 20000, 1600), -32768, 32767).astype(np.int16),
            np.where(np.arange(1600) // 40 % 2, 32767, -32768).astype(np.int16),
        )
    )
    code, decoded = g722(audio)
    noise = rng.integers(0, 256, 4000, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        ogg = Path(folder) / "speech.opus"
        options = [
            "--quiet",
            "--raw",
            "--raw-rate",
            "16000",
            "--raw-chan",
            "1",
            "--bitrate",
            "24",
            "--speech",
        ]
        run(["opusenc", *options, "-", str(ogg)], voice.astype("<i2").tobytes())
        packets = ogg_packets(ogg.read_bytes())[2:]
        whole = ffmpeg(b"", "-c:a", "opus", "-i", str(ogg), "-f", "s16le", "-ar", "48000", "-")
    np.savez_compressed(
        HERE / "codec_vectors.npz",
        g722_audio=audio,
        g722_code=code,
        g722_decoded=decoded,
        g722_noise=noise,
        g722_noise_decoded=g722_decoded(noise.tobytes()),
        opus_sizes=np.array([len(packet) for packet in packets], np.int32),
        opus_packets=np.frombuffer(b"".join(packets), np.uint8),
        opus_decoded=lowered(np.frombuffer(whole, "<i2")),
    )


if __name__ == "__main__":
    main()
