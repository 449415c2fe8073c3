"""The four SIP transaction machines (RFC 3261 §17, with the Accepted states of RFC 6026), without I/O.

A machine is given messages and the names of expired timers. It answers with what to send, what to tell its
user, and which timers to set, gathered in an `Outcome`. Durations are relative seconds; whoever drives it
knows the time.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from dataclasses import dataclass, field

from sipmessage import Request, Response

from .message import ack_for


@dataclass(frozen=True)
class Timing:
    """The base timers of RFC 3261 §17.1.1.1, in seconds."""

    t1: float = 0.5
    "Estimate of the round trip."
    t2: float = 4.0
    "Longest time between two retransmissions."
    t4: float = 5.0
    "How long a message may stay in the network."

    @property
    def patience(self) -> float:
        """64·T1: after this without an answer a transaction has failed (timers B, F, H, J, L, M)."""
        return 64 * self.t1


@dataclass(frozen=True)
class Hop:
    """Where a message goes or came from. Over TCP it also names the connection."""

    transport: str
    host: str
    port: int

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"


class State(enum.Enum):
    """States of RFC 3261 figures 5 to 8; ACCEPTED is from RFC 6026 §7."""

    CALLING = enum.auto()
    TRYING = enum.auto()
    PROCEEDING = enum.auto()
    COMPLETED = enum.auto()
    ACCEPTED = enum.auto()
    CONFIRMED = enum.auto()
    TERMINATED = enum.auto()


@dataclass
class Outcome:
    """What one step of a machine asks for, in the order of the fields."""

    send: list[Request | Response] = field(default_factory=list)
    tell: list[Response] = field(default_factory=list)
    "Responses for the user of a client transaction."
    failed: str | None = None
    "Why the transaction gave up, in words; None while it has not."
    stop: list[str] = field(default_factory=list)
    start: dict[str, float] = field(default_factory=dict)
    "Timer name to seconds from now."


class Transaction:
    """What the four machines share: the request that opened it, where its messages go, its state."""

    def __init__(self, key: Hashable, request: Request, hop: Hop, timing: Timing, initial: State) -> None:
        self.key = key
        self.request = request
        self.hop = hop
        self.state = initial
        self._timing = timing
        self._interval = timing.t1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.request.method} {self.state.name} {self.hop}>"

    def _terminate(self, outcome: Outcome) -> Outcome:
        self.state = State.TERMINATED
        return outcome

    def _linger(self, outcome: Outcome, timer: str, seconds: float) -> Outcome:
        """Stay to absorb retransmissions; not at all where the transport makes none."""
        if self.hop.reliable:
            return self._terminate(outcome)
        outcome.start[timer] = seconds
        return outcome


class InviteClient(Transaction):
    """§17.1.1. The user sends the ACK of a 2xx itself; every other final response is acknowledged here."""

    cancel_wanted = False
    "A CANCEL waits for the first provisional response."

    def start(self) -> Outcome:
        outcome = Outcome(send=[self.request], start={"B": self._timing.patience})
        if not self.hop.reliable:
            outcome.start["A"] = self._interval
        return outcome

    def receive(self, response: Response) -> Outcome:
        if response.code < 200:
            return self._provisional(response)
        if response.code < 300:
            return self._accepted(response)
        return self._refused(response)

    def _provisional(self, response: Response) -> Outcome:
        if self.state not in (State.CALLING, State.PROCEEDING):
            return Outcome()
        stop = ["A", "B"] if self.state is State.CALLING else []
        self.state = State.PROCEEDING
        return Outcome(tell=[response], stop=stop)

    def _accepted(self, response: Response) -> Outcome:
        if self.state is State.ACCEPTED:
            return Outcome(tell=[response])
        if self.state not in (State.CALLING, State.PROCEEDING):
            return Outcome()
        self.state = State.ACCEPTED
        return Outcome(tell=[response], stop=["A", "B", "cancel"], start={"M": self._timing.patience})

    def _refused(self, response: Response) -> Outcome:
        if self.state is State.COMPLETED:
            return Outcome(send=[ack_for(self.request, response)])
        if self.state not in (State.CALLING, State.PROCEEDING):
            return Outcome()
        self.state = State.COMPLETED
        outcome = Outcome(send=[ack_for(self.request, response)], tell=[response], stop=["A", "B", "cancel"])
        return self._linger(outcome, "D", self._timing.patience)

    def cancelled(self) -> Outcome:
        """Note that a CANCEL went out: without a final response in 64·T1 the call counts as cancelled
        (§9.1).
        """
        return Outcome(start={"cancel": self._timing.patience})

    def expire(self, timer: str) -> Outcome:
        if timer == "A" and self.state is State.CALLING:
            self._interval *= 2
            return Outcome(send=[self.request], start={"A": self._interval})
        if timer == "B" and self.state is State.CALLING:
            return self._terminate(Outcome(failed="no answer to INVITE", stop=["A"]))
        if timer == "cancel":
            return self._terminate(Outcome(failed="no final answer after CANCEL"))
        return self._terminate(Outcome())


class NonInviteClient(Transaction):
    """§17.1.2."""

    def start(self) -> Outcome:
        outcome = Outcome(send=[self.request], start={"F": self._timing.patience})
        if not self.hop.reliable:
            outcome.start["E"] = self._interval
        return outcome

    def receive(self, response: Response) -> Outcome:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return Outcome()
        if response.code < 200:
            self.state = State.PROCEEDING
            return Outcome(tell=[response])
        self.state = State.COMPLETED
        return self._linger(Outcome(tell=[response], stop=["E", "F"]), "K", self._timing.t4)

    def expire(self, timer: str) -> Outcome:
        if timer == "E" and self.state in (State.TRYING, State.PROCEEDING):
            doubled = min(self._interval * 2, self._timing.t2)
            self._interval = self._timing.t2 if self.state is State.PROCEEDING else doubled
            return Outcome(send=[self.request], start={"E": self._interval})
        if timer == "F":
            return self._terminate(Outcome(failed=f"no answer to {self.request.method}", stop=["E"]))
        return self._terminate(Outcome())


class InviteServer(Transaction):
    """§17.2.1. After a 2xx the user repeats it until the ACK comes (§13.3.1.4); this only absorbs repeated
    INVITEs.
    """

    last: Response | None = None
    "The latest response, repeated when the INVITE is."

    def receive(self, request: Request) -> Outcome:
        """A repeated INVITE, or the ACK of a refusal."""
        if request.method == "ACK":
            if self.state is not State.COMPLETED:
                return Outcome()
            self.state = State.CONFIRMED
            return self._linger(Outcome(stop=["G", "H"]), "I", self._timing.t4)
        if self.state in (State.PROCEEDING, State.COMPLETED) and self.last is not None:
            return Outcome(send=[self.last])
        return Outcome()

    def respond(self, response: Response) -> Outcome:
        if self.state is not State.PROCEEDING:
            return Outcome()
        self.last = response
        outcome = Outcome(send=[response])
        if response.code < 200:
            return outcome
        if response.code < 300:
            self.state = State.ACCEPTED
            outcome.start["L"] = self._timing.patience
            return outcome
        self.state = State.COMPLETED
        outcome.start["H"] = self._timing.patience
        if not self.hop.reliable:
            outcome.start["G"] = self._interval
        return outcome

    def expire(self, timer: str) -> Outcome:
        if timer == "G" and self.state is State.COMPLETED and self.last is not None:
            self._interval = min(self._interval * 2, self._timing.t2)
            return Outcome(send=[self.last], start={"G": self._interval})
        if timer == "H" and self.state is State.COMPLETED:
            return self._terminate(Outcome(failed="no ACK for the refusal", stop=["G"]))
        return self._terminate(Outcome())


class NonInviteServer(Transaction):
    """§17.2.2."""

    last: Response | None = None

    def receive(self, request: Request) -> Outcome:
        return Outcome(send=[self.last] if self.last is not None else [])

    def respond(self, response: Response) -> Outcome:
        if self.state is State.COMPLETED:
            return Outcome()
        self.last = response
        if response.code < 200:
            self.state = State.PROCEEDING
            return Outcome(send=[response])
        self.state = State.COMPLETED
        return self._linger(Outcome(send=[response]), "J", self._timing.patience)

    def expire(self, timer: str) -> Outcome:
        return self._terminate(Outcome())


ClientTransaction = InviteClient | NonInviteClient
ServerTransaction = InviteServer | NonInviteServer
