"""OPTIONS out of dialog (RFC 3261 §11): is a peer there? SIP thread only.

It goes out by the account that no trunk has, thus with no Route and no credentials: a challenge is an answer.
"""

from __future__ import annotations

from collections.abc import Callable

import pjsua2 as pj

from gateway.core.events import TrunkAnswered
from gateway.sip.messages import one_line, parse_message, wire_text

WORDS = {
    "End of file (PJ_EEOF)": "it closed the connection, perhaps because the TLS versions do not fit",
    "Operation timed out (PJ_ETIMEDOUT)": "the connection, or its TLS handshake, took too long",
}
"""PJSIP's, in plainer ones."""


class Prober:
    """`emit` takes the answers. `refusal(trunk)`: why its certificate was not taken; empty: it was."""

    def __init__(
        self, emit: Callable[[TrunkAnswered], None], refusal: Callable[[str], str] = lambda trunk: ""
    ) -> None:
        self._emit = emit
        self._refusal = refusal
        self._tokens: dict[str, pj.SipHeader] = {}
        """By trunk: an object whose address PJSIP gives back with the answer. Kept: pjsua2 takes nothing but
        pointers."""
        self._trunks: dict[int, str] = {}

    def ask(self, account: pj.Account, trunk: str, uri: str) -> None:
        """Send one. `TrunkAnswered` follows, within 32 s (Timer F)."""
        if trunk not in self._tokens:
            token = self._tokens[trunk] = pj.SipHeader()
            self._trunks[int(token.this)] = trunk
        prm = pj.SendRequestParam()
        prm.userData = self._tokens[trunk]
        prm.method = "OPTIONS"
        prm.txOption.targetUri = wire_text(uri)
        try:
            account.sendRequest(prm)
        except pj.Error as error:
            self._emit(TrunkAnswered(trunk, 503, f"OPTIONS cannot be sent: {error.reason}"))

    def answered(self, prm: pj.OnSendRequestParam) -> None:
        """From PJSIP: the transaction is over."""
        trunk = self._trunks.get(int(prm.userData))
        if trunk is None or prm.e.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        event = prm.e.body.tsxState
        code = event.tsx.statusCode
        if event.type == pj.PJSIP_EVENT_RX_MSG:
            why = one_line(f"{code} {parse_message(event.src.rdata.wholeMsg).reason}")
        elif event.type == pj.PJSIP_EVENT_TIMER:
            code, why = 408, "no answer to OPTIONS"
        else:
            why = self._refusal(trunk) or WORDS.get(event.tsx.statusText, event.tsx.statusText)
            code, why = 503, f"cannot be reached: {why}"
        self._emit(TrunkAnswered(trunk, code, why))
