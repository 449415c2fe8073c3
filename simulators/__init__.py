"""People and networks to test and train against: real SIP phones, a PBX and load, sharing nothing with the
gateway.

A protocol core without I/O (`transaction`, `transactions`, `dialog`, `session`, `sdp`) under a thin asyncio
shell (`transport`, `endpoint`), phones on top (`phone`, `call`), audio beside it (`media`, `talker`,
`recording`, `analysis`, `speech`). Begin with `Phone`; from the shell with `python -m simulators --help`.
"""

from .call import Call
from .callstate import CallState, Ended
from .errors import CallFailed, RegistrationFailed, RequestFailed, SimulatorError, TransportFailed
from .impairment import Impairment
from .incoming import IncomingCall
from .outgoing import OutgoingCall
from .phone import Phone
from .recording import Recording
from .sdp import Direction
from .transaction import Timing

__all__ = [
    "Call",
    "CallFailed",
    "CallState",
    "Direction",
    "Ended",
    "Impairment",
    "IncomingCall",
    "OutgoingCall",
    "Phone",
    "Recording",
    "RegistrationFailed",
    "RequestFailed",
    "SimulatorError",
    "Timing",
    "TransportFailed",
]
