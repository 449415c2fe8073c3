"""What can go wrong in the simulators, as one tree.

SimulatorError
├── CallFailed            the call was refused, timed out or could not be sent
├── RegistrationFailed    the registrar refused, or did not answer
├── RequestFailed         another request in a call was refused or not answered
├── TransportFailed       a socket could not be opened or connected
├── MalformedMessage      bytes that are no SIP message
├── MalformedSdp          a session description that cannot be used
├── IllegalMove           a call was asked for something that its state does not allow
└── ToolMissing           espeak-ng or SIPp is not installed
"""

from __future__ import annotations

from collections.abc import Mapping


class SimulatorError(Exception):
    """Base of every error that the simulators raise on purpose."""


class FinalResponse(SimulatorError):
    """Something ended with a SIP status code.

    `code` is the status code (408 stands in where no answer came at all, RFC 3261 §8.1.3.1),
    `reason` its words, `headers` the last value of each header of the response by name, empty where there was
    none.
    """

    what = "request"

    def __init__(self, code: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{self.what} failed: {code} {reason}")
        self.code = code
        self.reason = reason
        self.headers: dict[str, str] = dict(headers or {})


class CallFailed(FinalResponse):
    """The call was not answered."""

    what = "call"


class RegistrationFailed(FinalResponse):
    """The registrar did not accept the registration."""

    what = "registration"


class RequestFailed(FinalResponse):
    """A request inside a call (re-INVITE, INFO, BYE) was refused or not answered."""


class TransportFailed(SimulatorError):
    """A socket could not be bound or connected; the text names the address and what to do."""


class MalformedMessage(SimulatorError):
    """Bytes that cannot be read as a SIP message."""


class MalformedSdp(SimulatorError):
    """A session description that cannot be read, or with which no codec is shared."""


class IllegalMove(SimulatorError):
    """A call cannot do this now; the text names its state and the states that would allow it."""


class ToolMissing(SimulatorError):
    """A program that this needs is not installed; the text names its package."""


class WrongUsage(SimulatorError):
    """Something that a person wrote cannot be read; the text says what was expected."""
