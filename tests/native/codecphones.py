"""Telephones of any codec, each with a decoder and an encoder of its own, and what they say at their own sample rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from keyring import Keyring
from native.transcoder import Transcoder, kind_facts
from rig import EVENT_PT, Rig, Telephone

CODECS = ["PCMA", "PCMU", "G722", "opus", "L16/8000", "L16/16000"]
PAYLOAD_TYPES = {"PCMA": 8, "PCMU": 0, "G722": 9, "opus": 111, "L16/8000": 112, "L16/16000": 113}


class CodecPhone(Telephone):
    """`law` names its codec."""

    def __post_init__(self) -> None:
        self.said: list[bytes] = []
        """The payloads it has sent."""
        self._begin()
        super().__post_init__()

    def _begin(self) -> None:
        self.coder, self.decoder = Transcoder(self.law), Transcoder(self.law)
        self.rate_hz: int = kind_facts(self.law)["rate_hz"]
        self.payload_type = PAYLOAD_TYPES[self.law]

    def connect(self, **more: object) -> None:
        secured = self.keys.negotiated if self.keys else {}
        where = self.socket.getsockname()
        self.engine.connect(self.leg, self.law, self.payload_type, EVENT_PT, *where, **secured, **more)

    def change(self, codec: str, **more: object) -> None:
        """Another codec by re-INVITE."""
        self.listen()
        self.law = codec
        self._begin()
        self.connect(**more)

    def say(self, samples: np.ndarray) -> bytes:
        payload = self.coder.encode(samples)
        assert payload is not None
        self.post(self.sealed(self.packet(payload, self.payload_type)))
        self.said.append(payload)
        self.sequence += 1
        self.timestamp += self.coder.ticks(len(samples))
        return payload

    def lose(self, samples: np.ndarray) -> None:
        """Said, and lost on the way."""
        self.coder.encode(samples)
        self.sequence += 1
        self.timestamp += self.coder.ticks(len(samples))

    def payloads(self) -> list[bytes]:
        self.listen()
        return [heard.payload for heard in self.heard if heard.payload_type == self.payload_type]

    def audio(self) -> np.ndarray:
        """What has been heard since `forget`, decoded from there on."""
        return self.decoded(self.payloads())

    def decoded(self, payloads: Sequence[bytes]) -> np.ndarray:
        """Packets of its codec, from the first on."""
        decoder = Transcoder(self.law)
        pieces = [decoder.decode(payload) for payload in payloads]
        assert all(piece is not None for piece in pieces), "a packet that its own codec cannot read"
        return np.concatenate([piece for piece in pieces if piece is not None] or [np.zeros(0, np.int16)])


class CodecRig(Rig):
    """A call whose legs have any codec; supervisors' by `supervisor(codec)`."""

    caller: CodecPhone
    advisor: CodecPhone

    def phone(
        self,
        role: str,
        *,
        law: str = "PCMA",
        ssrc: int,
        passes_keys: bool = False,
        keys: Keyring | None = None,
    ) -> CodecPhone:
        leg, port = self.engine.add_leg(self.call, role, passes_keys)
        return CodecPhone(self.engine, leg, port, law, ssrc, keys=keys)

    def supervisor(self, law: str = "PCMA", keys: Keyring | None = None) -> CodecPhone:
        phone = super().supervisor(law, keys)
        assert isinstance(phone, CodecPhone)
        return phone

    def whisper(self, supervisor: CodecPhone) -> None:
        both = [(self.caller, self.advisor), (self.advisor, self.caller)]
        hears = [(self.caller, supervisor), (self.advisor, supervisor)]
        self.path(*both, *hears, (supervisor, self.advisor))
        self.sync()

    def barge(self, supervisor: CodecPhone) -> None:
        both = [(self.caller, self.advisor), (self.advisor, self.caller)]
        hears = [(self.caller, supervisor), (self.advisor, supervisor)]
        self.path(*both, *hears, (supervisor, self.advisor), (supervisor, self.caller))
        self.sync()


def voice(seed: object, seconds: float, rate_hz: int, level: float = 4000) -> np.ndarray:
    """Noise in the band of a voice (300 … 2,500 Hz), swelling four times a second; the same sound at either rate."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 16000)
    spectrum = np.fft.rfft(rng.normal(size=n))
    hz = np.fft.rfftfreq(n, 1 / 16000)
    spectrum[(hz < 300) | (hz > 2500)] = 0
    sound = np.fft.irfft(spectrum, n) * (1 + 0.6 * np.sin(2 * np.pi * 4 * np.arange(n) / 16000))
    sound *= level / np.sqrt(np.mean(sound**2))
    return np.clip(np.round(sound[:: 16000 // rate_hz]), -32000, 32000).astype(np.int16)


def at_rate(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resampled by the discrete Fourier transform: nothing of the engine's."""
    if from_hz == to_hz:
        return samples
    spectrum = np.fft.rfft(samples.astype(float))
    n = len(samples) * to_hz // from_hz
    padded = np.zeros(n // 2 + 1, complex)
    kept = min(len(padded), len(spectrum))
    padded[:kept] = spectrum[:kept]
    return np.round(np.fft.irfft(padded, n) * to_hz / from_hz).astype(np.int16)


def talk(
    rig: Rig,
    said: Sequence[tuple[CodecPhone, np.ndarray]],
    *,
    ptime_ms: Mapping[int, int] | None = None,
    lost: Mapping[int, frozenset[int]] | None = None,
) -> None:
    """Everybody speaks at once, in step with the engine. ptime_ms: by leg, 20 where not named. lost: numbers
    of packets, by leg, that do not arrive.
    """
    length_ms = {phone.leg: (ptime_ms or {}).get(phone.leg, 20) for phone, _ in said}
    for ms in range(0, max(len(samples) * 1000 // phone.rate_hz for phone, samples in said), 10):
        for phone, samples in said:
            each = length_ms[phone.leg]
            piece = samples[ms * phone.rate_hz // 1000 :][: each * phone.rate_hz // 1000]
            if ms % each or len(piece) < each * phone.rate_hz // 1000:
                continue
            if ms // each in (lost or {}).get(phone.leg, frozenset()):
                phone.lose(piece)
            else:
                phone.say(piece)
                rig.taken()
    rig.sync()


def in_real_time(rig: Rig, phones: Sequence[tuple[CodecPhone, np.ndarray]]) -> None:
    """As `talk`, in packets of 20 ms every 20 ms of the engine's clock."""
    for number in range(max(len(samples) * 50 // phone.rate_hz for phone, samples in phones)):
        for phone, samples in phones:
            piece = samples[number * phone.rate_hz // 50 :][: phone.rate_hz // 50]
            if len(piece):
                phone.say(piece)
        rig.passes(20)
    rig.sync()


def likeness(
    heard: np.ndarray, said: np.ndarray, most_lag_ms: int, rate_hz: int
) -> tuple[float, float, float]:
    """(correlation, lag [ms], level as a factor) of `said` in `heard`, both at `rate_hz`."""
    size = 1 << int(np.ceil(np.log2(len(heard) + len(said))))
    a, b = heard.astype(float), said.astype(float)
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    lag = int(np.argmax(cross[: most_lag_ms * rate_hz // 1000]))
    n = min(len(a) - lag, len(b))
    x, y = a[lag : lag + n], b[:n]
    both = float(np.dot(x, y))
    return (
        both / max(1.0, float(np.sqrt(np.dot(x, x) * np.dot(y, y)))),
        lag * 1000 / rate_hz,
        both / max(1.0, float(np.dot(y, y))),
    )
