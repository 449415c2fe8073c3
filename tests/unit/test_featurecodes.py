"""`gateway.core.featurecodes`: what people key in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.featurecodes import (
    INTER_DIGIT_TIMEOUT_S,
    LEAVE,
    PAST,
    FeatureCall,
    FeatureCodes,
    PanicKeyReader,
    SupervisorKeyReader,
)
from gateway.core.model import Mode

CODES = FeatureCodes({Mode.LISTEN: "*71", Mode.WHISPER: "*72", Mode.BARGE: "*73", Mode.TAKEOVER: "*74"})
keys = st.text("0123456789*#ABCD", max_size=12)


@pytest.mark.parametrize(
    ("dialled", "mode", "extension"),
    [
        ("*712001", Mode.LISTEN, "2001"),
        ("*722001", Mode.WHISPER, "2001"),
        ("*737", Mode.BARGE, "7"),
        ("*7400442071838750", Mode.TAKEOVER, "00442071838750"),
    ],
)
def test_a_code_and_an_extension(dialled: str, mode: Mode, extension: str) -> None:
    assert CODES.parse_dialled(dialled) == FeatureCall(mode, extension)


@pytest.mark.parametrize(
    "dialled", ["", "2001", "*71", "*752001", "*72*2001", "*722001#", "*71 2001", "712001", "*71²"]
)
def test_ordinary_numbers_and_halves(dialled: str) -> None:
    assert CODES.parse_dialled(dialled) is None


def test_the_longest_code_counts() -> None:
    codes = FeatureCodes({Mode.LISTEN: "*7", Mode.WHISPER: "*72"})
    assert codes.parse_dialled("*722001") == FeatureCall(Mode.WHISPER, "2001")
    assert codes.parse_dialled("*732001") == FeatureCall(Mode.LISTEN, "32001")


def test_each_supervisor_key_acts_by_itself() -> None:
    reader = SupervisorKeyReader()
    pressed = [reader.press(key) for key in "45617#"]
    assert pressed == [Mode.LISTEN, Mode.WHISPER, Mode.BARGE, PAST, None, LEAVE]


def test_supervisor_keys_are_configurable() -> None:
    reader = SupervisorKeyReader(listen="1", whisper="2", barge="3", leave="*")
    assert [reader.press(key) for key in "1234*"] == [Mode.LISTEN, Mode.WHISPER, Mode.BARGE, None, LEAVE]


def press_all(reader: PanicKeyReader, digits: str, *, every_s: float = 0.2) -> list[bool]:
    return [reader.press(digit, number * every_s) for number, digit in enumerate(digits)]


@pytest.mark.parametrize(("digits", "alerts"), [
    ("*99", 1), ("**99", 1), ("*9*99", 1), ("5*99", 1), ("*9*9*99", 1), ("*99*99", 2), ("*9999", 1),
    ("*9", 0), ("99", 0), ("*9 9", 0), ("*98", 0), ("*9#9", 0),
])  # fmt: skip
def test_the_panic_code_is_heard(digits: str, alerts: int) -> None:
    assert sum(press_all(PanicKeyReader("*99"), digits)) == alerts


def test_it_is_heard_at_its_last_key() -> None:
    assert press_all(PanicKeyReader("*99"), "*99") == [False, False, True]


def test_a_long_pause_forgets() -> None:
    reader = PanicKeyReader("*99", timeout_s=3.0)
    assert not reader.press("*", 0.0)
    assert not reader.press("9", 3.0)
    assert not reader.press("9", 6.001)
    assert [reader.press("*", 7.0), reader.press("9", 8.0), reader.press("9", 9.0)] == [False, False, True]


def test_a_pause_as_long_as_the_timeout_is_still_in_time() -> None:
    assert press_all(PanicKeyReader("*99"), "*99", every_s=INTER_DIGIT_TIMEOUT_S)[-1]


def test_a_clock_that_steps_back_loses_no_alert() -> None:
    reader = PanicKeyReader("*99")
    assert [reader.press("*", 100.0), reader.press("9", 99.0), reader.press("9", 98.0)] == [
        False,
        False,
        True,
    ]


@given(before=keys, code=st.text("0123456789*#", min_size=1, max_size=6))
def test_whatever_was_keyed_before_the_code_is_heard(before: str, code: str) -> None:
    reader = PanicKeyReader(code)
    heard = press_all(reader, before + code)
    # An earlier alert inside the same keys may have used up the code's first ones.
    assert any(heard[len(before) :]) or any(heard[max(0, len(before) - len(code)) :])


@given(keys)
def test_never_an_alert_without_the_code(digits: str) -> None:
    assert sum(press_all(PanicKeyReader("*99"), digits)) == digits.count("*99")
