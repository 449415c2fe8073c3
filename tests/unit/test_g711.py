"""G.711 in full: all 256 codes of each law, all 65,536 samples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from native.g711 import decode_array, encode_array

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip(
        "audioop", reason="the standard library's G.711 to compare with left it in Python 3.13"
    )

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)
DECODE = {"PCMA": audioop.alaw2lin, "PCMU": audioop.ulaw2lin}
LAWS = pytest.mark.parametrize("law", ["PCMA", "PCMU"])


@LAWS
def test_every_code_decodes_as_the_standard_library_says(law: str) -> None:
    expected = np.frombuffer(DECODE[law](ALL_CODES, 2), dtype=np.int16)
    assert np.array_equal(decode_array(law, ALL_CODES), expected)


@LAWS
def test_every_sample_is_encoded_as_its_nearest_level(law: str) -> None:
    """Nearest within a segment. Between two of them the Recommendation decides at the segment's end, not
    half-way between the levels beside it (tables 1 and 2, decision values), so that there the error may
    reach half a step of the coarser one.
    """
    levels = np.unique(decode_array(law, ALL_CODES).astype(int))
    samples = ALL_SAMPLES.astype(int)
    after = np.searchsorted(levels, samples).clip(1, len(levels) - 1)
    nearest = np.minimum(np.abs(samples - levels[after - 1]), np.abs(samples - levels[after]))
    error = np.abs(samples - decode_array(law, encode_array(law, ALL_SAMPLES)).astype(int))
    assert np.mean(error == nearest) > 0.99
    inside = np.abs(samples) <= levels[-1]
    half_step = np.maximum(8, (np.abs(samples[inside]) + 132) / 32)  # 132: mu-law's bias
    assert np.all(error[inside] <= half_step + 3)


@LAWS
def test_every_sample_is_encoded_as_the_standard_library_says(law: str) -> None:
    """It cuts samples to mu-law's 14 bits downwards on both sides of zero, we towards zero: a difference
    below one such unit.
    """
    encode = {"PCMA": audioop.lin2alaw, "PCMU": audioop.lin2ulaw}[law]
    theirs = np.frombuffer(DECODE[law](encode(ALL_SAMPLES.tobytes(), 2), 2), dtype=np.int16).astype(int)
    ours = decode_array(law, encode_array(law, ALL_SAMPLES)).astype(int)
    samples = ALL_SAMPLES.astype(int)
    assert np.mean(ours == theirs) > (0.99 if law == "PCMU" else 0.999999)
    assert np.all(np.abs(ours - samples) - np.abs(theirs - samples) < 8)


@LAWS
def test_encoding_what_was_decoded_changes_nothing(law: str) -> None:
    samples = decode_array(law, ALL_CODES)
    again = encode_array(law, samples)
    assert np.array_equal(decode_array(law, again), samples)
    different = [code for code in range(256) if again[code] != code]
    assert different == ([0x7F] if law == "PCMU" else []), (
        "mu-law alone has two codes for one sample: zero of either sign"
    )


@LAWS
def test_encoding_keeps_order_and_is_symmetric(law: str) -> None:
    coded = decode_array(law, encode_array(law, ALL_SAMPLES)).astype(int)
    assert np.all(np.diff(coded) >= 0)
    positive = np.arange(1, 32768)
    mirrored = decode_array(law, encode_array(law, -positive.astype(np.int16))).astype(int)
    upright = decode_array(law, encode_array(law, positive.astype(np.int16))).astype(int)
    assert np.max(np.abs(mirrored + upright)) <= (2048 if law == "PCMA" else 0)
    assert np.mean(mirrored == -upright) > 0.99


@LAWS
@pytest.mark.parametrize("count", [0, 1, 3, 7, 80, 161])
def test_any_length_is_taken(law: str, count: int) -> None:
    payload = bytes(range(200))[:count]
    assert len(decode_array(law, payload)) == count
    assert len(encode_array(law, decode_array(law, payload))) == count


def test_an_unknown_law_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"not a law of G\.711: 'G729' \(PCMA or PCMU\)"):
        decode_array("G729", b"")
    with pytest.raises(ValueError, match="PCMA or PCMU"):
        encode_array("pcma", np.zeros(1, np.int16))
