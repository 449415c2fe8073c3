"""The same call in every pair of codecs, with packets of 20 and 30 ms, with SRTP on either side: a whisper goes on through a hold, a
re-INVITE, new keys and another codec, and the patient receives what they would have received without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from codecphones import CODECS, CodecPhone, CodecRig, talk, voice
from keyring import PROFILES, Keyring

PAIRS = list(product(CODECS, CODECS))
PTIMES_MS = list(product((20, 30), (20, 30)))
SECURED = list(product((False, True), (False, True)))
PART_S = 0.12
"""Some packets of either length."""


@dataclass(frozen=True)
class Case:
    """Of caller and advisor, in this order."""

    codecs: tuple[str, str]
    ptimes_ms: tuple[int, int]
    secured: tuple[bool, bool]
    number: int

    def __str__(self) -> str:
        sides = zip(self.codecs, self.ptimes_ms, self.secured, strict=True)
        return " to ".join(f"{codec} {ms} ms{' srtp' * secured}" for codec, ms, secured in sides)

    @property
    def whisperer(self) -> tuple[str, int]:
        """Codec and packet time of the supervisor: each with everything."""
        return CODECS[(self.number + self.number // 6) % 6], (20, 30)[self.number // 4 % 2]

    def keys(self) -> tuple[Keyring | None, Keyring | None]:
        suites = list(PROFILES)
        one, other = (Keyring(suites[(self.number + side) % len(suites)], 1 + 2 * side) for side in (0, 1))
        return one if self.secured[0] else None, other if self.secured[1] else None


EVERY = [Case(*facts, number) for number, facts in enumerate(product(PAIRS, PTIMES_MS, SECURED))]
COVERING = [
    Case(pair, PTIMES_MS[turn], SECURED[(turn + number) % 4], 4 * number + turn)
    for number, pair in enumerate(PAIRS)
    for turn in range(4)
]
"""Each pair of codecs with each pair of packet times, and with SRTP on each side or none."""


class Play:
    """One call, in which the supervisor says what `secret` makes of it; what the patient received, part by part."""

    def __init__(self, case: Case, secret: int) -> None:
        self.case, self.secret = case, secret
        self.parts: dict[str, list[bytes]] = {}
        self.sent: dict[str, list[bytes]] = {}
        with CodecRig(laws=case.codecs, keys=case.keys()) as rig:
            self.rig = rig
            self.supervisor = rig.supervisor(case.whisperer[0])
            rig.talk()
            rig.sync()
            self._part("before")
            rig.whisper(self.supervisor)
            self._part("whisper")
            self._through()
            self.overlaid = rig.advisor.stats()["overlaid"], rig.caller.stats()["overlaid"]
            self.refused = [phone.refused() for phone in rig.phones()]

    def _through(self) -> None:
        caller, advisor = self.rig.caller, self.rig.advisor
        for name, phone in (("caller", caller), ("advisor", advisor)):
            self._connect(phone, sends=False, receives=False)
            self._part(f"{name} held")
            self._connect(phone)
            self._part(f"{name} resumed")
            self._connect(phone)
            self._part(f"{name} re-invited")
            if phone.keys:
                phone.listen()
                phone.keys.change(7)
                self._connect(phone)
                self._part(f"{name} under new keys")
        for name, phone in (("caller", caller), ("advisor", advisor)):
            phone.change(CODECS[(CODECS.index(phone.law) + 1) % 6])
            self.rig.sync()
            self._part(f"{name} in another codec")

    def _connect(self, phone: CodecPhone, **how: object) -> None:
        phone.connect(**how)
        self.rig.sync()

    def _part(self, name: str) -> None:
        number = len(self.parts)
        rig, (_, whisper_ms) = self.rig, self.case.whisperer
        times = {self.supervisor.leg: whisper_ms}
        times |= {
            phone.leg: ms for phone, ms in zip((rig.caller, rig.advisor), self.case.ptimes_ms, strict=True)
        }
        said = [
            (self.supervisor, voice((self.secret, number), PART_S, self.supervisor.rate_hz, 9000)),
            (rig.caller, voice((number, 1), PART_S, rig.caller.rate_hz)),
            (rig.advisor, voice((number, 2), PART_S, rig.advisor.rate_hz)),
        ]
        for phone in rig.phones():
            phone.forget()
            phone.said.clear()
        talk(rig, said, ptime_ms=times)
        self.parts[name] = rig.caller.payloads()
        self.sent[name] = list(rig.advisor.said)
        if name == "before" and rig.caller.law == rig.advisor.law:
            assert rig.advisor.payloads() == rig.caller.said, "the advisor hears every byte of the patient's"


def the_patient_hears_no_whisper(case: Case) -> None:
    one, other = Play(case, 101), Play(case, 202)
    assert one.parts == other.parts, "what the patient receives depends on a whisper"
    for name, heard in one.parts.items():
        held = name.endswith("held")
        assert held or len(heard) >= 4, f"{name}: the patient hears too little for this to show anything"
        if case.codecs[0] == case.codecs[1] and not name.endswith("in another codec"):
            assert heard == ([] if held else one.sent[name]), f"{name}: every byte is the advisor's"
    assert one.overlaid[0] > 10, "the advisor heard no whisper"
    assert one.refused[0].keys() | one.refused[1].keys() <= {"not_expected"}, one.refused
    assert not one.refused[2]


@pytest.mark.parametrize("case", COVERING, ids=str)
def test_no_whisper_reaches_the_patient(case: Case) -> None:
    the_patient_hears_no_whisper(case)


@pytest.mark.soak
@pytest.mark.parametrize("case", EVERY, ids=str)
def test_no_whisper_reaches_the_patient_in_any_combination(case: Case) -> None:
    the_patient_hears_no_whisper(case)
