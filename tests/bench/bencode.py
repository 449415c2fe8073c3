"""Bencode (BEP 3) of what rtpengine's ng protocol says: dictionaries and lists of strings and integers. No I/O."""

from __future__ import annotations

Value = str | int | list["Value"] | dict[str, "Value"]


def encode(value: Value) -> bytes:
    """The bytes of `value`; strings as UTF-8, keys in order."""
    if isinstance(value, str):
        text = value.encode()
        return b"%d:%b" % (len(text), text)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, list):
        return b"l" + b"".join(map(encode, value)) + b"e"
    return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"


def decode(data: bytes) -> Value:
    """The one value in `data`. Raises ValueError for anything else."""
    try:
        value, end = _value(data, 0)
    except IndexError:
        raise ValueError("it ends too early") from None
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes too many")
    return value


def _value(data: bytes, at: int) -> tuple[Value, int]:
    """The value that begins at `at`, and where it ends."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        items: list[Value] = []
        at += 1
        while data[at] != ord("e"):
            item, at = _value(data, at)
            items.append(item)
        return (items if kind == b"l" else _dictionary(items)), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data):
        raise ValueError("a string ends too early")
    return data[colon + 1 : end].decode(), end


def _dictionary(items: list[Value]) -> dict[str, Value]:
    if len(items) % 2 or not all(isinstance(key, str) for key in items[::2]):
        raise ValueError("a dictionary's keys are strings, each with a value")
    return dict(zip(map(str, items[::2]), items[1::2], strict=True))
