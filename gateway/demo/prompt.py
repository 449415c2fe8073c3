"""What the user types: a line editor for single key presses, and the commands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.demo.errors import DemoFailed


class Verb(StrEnum):
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    TAKEOVER = "takeover"
    LEAVE = "leave"
    SAY = "say"
    PANIC = "panic"
    HANG_UP = "hang up"
    CALL = "call"
    ADDRESSES = "addresses"
    HELP = "help"
    QUIT = "quit"


MEANING: dict[Verb, tuple[str, str]] = {
    Verb.LISTEN: ("l", "Sarah hears both, nobody hears her (key 4; or dials *71)"),
    Verb.WHISPER: ("w", "only Tom hears Sarah (key 5; or dials *72)"),
    Verb.BARGE: ("b", "both hear Sarah (key 6; or dials *73)"),
    Verb.TAKEOVER: ("t", "the patient hears only Sarah (she dials *74)"),
    Verb.LEAVE: ("x", "Sarah leaves the call (key #)"),
    Verb.SAY: ("s", "say WORDS: Sarah says them"),
    Verb.PANIC: ("p", "Tom presses *99, and Sarah's telephone rings"),
    Verb.HANG_UP: ("h", "the patient hangs up"),
    Verb.CALL: ("c", "the patient calls again"),
    Verb.ADDRESSES: ("a", "where a real telephone or a WebSocket client can join"),
    Verb.HELP: ("?", "this list"),
    Verb.QUIT: ("q", "end the demonstration (also Ctrl-C)"),
}
"""The letter that stands for each, and what it does."""

_OTHER = {"4": Verb.LISTEN, "5": Verb.WHISPER, "6": Verb.BARGE, "#": Verb.LEAVE, "*99": Verb.PANIC}
_OTHER |= {"take over": Verb.TAKEOVER, "hangup": Verb.HANG_UP, "exit": Verb.QUIT, "h": Verb.HANG_UP}


@dataclass(frozen=True, slots=True)
class Command:
    verb: Verb
    words: str = ""
    """What is to be said."""


class UnknownCommand(DemoFailed):
    """Not a command; the text says which there are."""


def parse(line: str) -> Command | None:
    """What a line asks for; None for an empty one. Raises `UnknownCommand`."""
    text = " ".join(line.split())
    if not text:
        return None
    first, _, rest = text.partition(" ")
    if first.lower() in ("say", "s"):
        if not rest:
            raise UnknownCommand("say what? For example: say ask about allergies")
        return Command(Verb.SAY, rest)
    lowered = text.lower()
    if lowered in _OTHER:
        return Command(_OTHER[lowered])
    for verb, (letter, _) in MEANING.items():
        if lowered in (verb.value, letter):
            return Command(verb)
    names = ", ".join(verb.value for verb in Verb)
    raise UnknownCommand(f"no such command: {text[:40]}; there are {names}")


class LineEditor:
    """Puts lines together from single key presses. Understands backspace, Ctrl-U and Ctrl-D."""

    LONGEST = 200

    def __init__(self) -> None:
        self.text = ""
        """What stands in the line so far."""
        self._escape = ""

    def press(self, key: str) -> str | None:
        """Take one character; returns the line where it completes one. Ctrl-D in an empty line is `quit`."""
        if self._escape or key == "\x1b":
            self._skip(key)
        elif key in "\r\n":
            line, self.text = self.text, ""
            return line
        elif key in "\x7f\b":
            self.text = self.text[:-1]
        elif key == "\x15":
            self.text = ""
        elif key == "\x04":
            return Verb.QUIT.value if not self.text else None
        elif key.isprintable() and len(self.text) < self.LONGEST:
            self.text += key
        return None

    def _skip(self, key: str) -> None:
        """Arrow keys and the like come as ESC [ ... letter; they do nothing here."""
        self._escape += key
        introduced = len(self._escape) > 2
        if (introduced and (key.isalpha() or key == "~")) or (len(self._escape) == 2 and key not in "[O"):
            self._escape = ""
