"""Offers within a call: hold, resume, a moved phone (RFC 3264 §8, RFC 3261 §14).

A party's re-INVITE is carried through to the other party with our own addresses, and the other's answer
mirrored back; what is refused there is refused here with the same code, and the old media stays in force.
Where there is nobody to carry it to (a supervisor's leg, a call taken over, an advisor who has left) the
gateway answers by itself. While one offer is under way on a leg every other one that would need that leg is
refused with 491 (glare, RFC 3261 §14.2).
"""

from __future__ import annotations

from gateway.core.actions import AnswerReoffer, RefuseReoffer, Reoffer
from gateway.core.codecs import standard
from gateway.core.conversation import Conversation
from gateway.core.direction import meet, reverse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.leg import Leg, Offering
from gateway.core.model import Direction, Encoding, Role

PENDING = 491
NOT_ACCEPTABLE = 488


class Reoffers:
    def __init__(self, conversation: Conversation, *, transcode: bool = False) -> None:
        self._talk = conversation
        self._transcode = transcode
        self._held = False

    @property
    def on_hold(self) -> bool:
        """Does audio flow less than both ways between caller and advisor?"""
        return any(party.held for party in self._talk.parties if party.alive)

    # ── events ──

    def updated(self, leg: Leg, sdp: str, answered: str) -> None:
        """An UPDATE came in on `leg` and has been answered. The other party hears of it only where it wants
        something else of them: other keys or another address are this leg's own affair.
        """
        if leg.session.media is None or leg.offering is Offering.OURS:
            return
        try:
            leg.session.take_offer(sdp)
            leg.session.answered(answered)
        except (SdpError, NotAcceptable):
            return  # PJSIP has agreed to what the media engine cannot do: the old goes on
        self._talk.connect(leg)
        self._talk.open_paths()
        self._told()
        self.align()

    def offered(self, leg: Leg, sdp: str | None) -> None:
        """A re-INVITE came in on `leg`."""
        if (
            leg.offering is Offering.IN_ANSWER
        ):  # the ACK with their answer is lost for good: a new INVITE cannot overtake it
            leg.offering = Offering.NONE
        partner = self._partner_to_ask(leg)
        if leg.session.media is None or not leg.established or leg.offering is not Offering.NONE:
            self._talk.do(RefuseReoffer(leg.id, PENDING))
        elif sdp is None:
            self._offer_in_answer(leg, partner)
        elif partner is None:
            self._answer_alone(leg, sdp)
        elif partner.offering is not Offering.NONE or not partner.established:
            self._talk.do(RefuseReoffer(leg.id, PENDING))
        else:
            self._carry(leg, partner, sdp)

    def answered(self, leg: Leg, sdp: str | None) -> None:
        """`leg` accepted our re-INVITE, or answered the offer that it had asked us for."""
        if leg.offering is Offering.NONE and leg.session.media is not None:
            leg.session.assume_offer()
            leg.offering = Offering.IN_ANSWER
        if leg.offering is Offering.IN_ANSWER:
            self.confirmed(leg, sdp)
        if leg.offering is not Offering.OURS:
            return
        leg.offering = Offering.NONE
        origin = self._waiting_on(leg)
        try:
            leg.session.take_answer(sdp or "")
        except (SdpError, NotAcceptable):
            self._refuse_origin(leg, origin, NOT_ACCEPTABLE)
            return
        self._talk.connect(leg)
        if origin is not None:
            self._answer_origin(origin, leg)
        self._told()

    def refused(self, leg: Leg, code: int) -> None:
        """`leg` refused our re-INVITE."""
        if leg.offering is Offering.OURS:
            leg.offering = Offering.NONE
            self._refuse_origin(leg, self._waiting_on(leg), code)

    def confirmed(self, leg: Leg, sdp: str | None) -> None:
        """The ACK with the answer to an offer that we made in a 200 to a re-INVITE."""
        if leg.offering is not Offering.IN_ANSWER:
            return
        leg.offering = Offering.NONE
        try:
            leg.session.take_answer(sdp or "")
        except (SdpError, NotAcceptable):
            leg.session.withdraw()
            return
        self._talk.connect(leg)
        self._told()
        self.align()

    def partner_left(self, leg: Leg) -> None:
        """The other party has gone while `leg` waited for its answer: the gateway answers by itself."""
        if leg.offering is Offering.THEIRS:
            leg.offering = Offering.NONE
            self._finish_alone(leg)

    # ── the gateway's own wishes ──

    def align(self) -> None:
        """Bring each party's direction to what its present counterpart wants; a re-INVITE only where
        something differs.

        After a takeover of a call on hold the patient is asked for audio both ways; after it ended, the
        advisor's wish holds again.
        """
        for leg in self._talk.parties:
            if not leg.established or leg.offering is not Offering.NONE or leg.session.media is None:
                continue
            partner = self._partner_to_ask(leg)
            if partner is not None and (
                partner.offering is not Offering.NONE or partner.session.media is None
            ):
                continue
            target = partner.session.wish if partner is not None else Direction.SENDRECV
            if meet(target, reverse(leg.session.wish)) is not leg.session.media.direction:
                self.reoffer(leg, leg.session.media.encoding, target)

    def reoffer(self, leg: Leg, encoding: Encoding, direction: Direction) -> None:
        """Send a re-INVITE of our own; nothing while an offer is under way, whose end shows what is still
        wanted.
        """
        if leg.offering is not Offering.NONE:
            return
        leg.offering = Offering.OURS
        offer = leg.session.offer(
            standard([encoding]), direction, ptime_ms=self._ptime_ms(leg), noise=leg.hums
        )
        self._talk.do(Reoffer(leg.id, offer))

    # ── steps ──

    def _partner_to_ask(self, leg: Leg) -> Leg | None:
        """The party whose answer counts for an offer on `leg`; None: nobody's, the gateway answers."""
        if leg.role is Role.SUPERVISOR or self._talk.taken_over_by is not None:
            return None
        partner = self._talk.partner(leg)
        return partner if partner.alive else None

    def _waiting_on(self, leg: Leg) -> Leg | None:
        """Whose re-INVITE was carried to `leg`; None: it was our own."""
        if leg.role is Role.SUPERVISOR:
            return None
        partner = self._talk.partner(leg)
        return partner if partner.alive and partner.offering is Offering.THEIRS else None

    def _carry(self, leg: Leg, partner: Leg, sdp: str) -> None:
        try:
            audio = leg.session.take_offer(sdp)
        except (SdpError, NotAcceptable):
            self._talk.do(RefuseReoffer(leg.id, NOT_ACCEPTABLE))
            return
        present = partner.session.media
        encodings = [codec.encoding for codec in audio.codecs]
        if present is not None and present.encoding in encodings:
            encodings = [
                present.encoding
            ]  # the codec stays as it is: no need to change it, and so no need to transcode
        spare = self._transcode and present is not None and present.encoding not in encodings
        leg.offering, partner.offering = Offering.THEIRS, Offering.OURS
        offer = partner.session.offer(
            standard(encodings, audio.codecs),
            audio.direction,
            event_payload_type=audio.event_payload_type,
            ptime_ms=audio.ptime_ms,
            max_ptime_ms=audio.max_ptime_ms,
            spare=standard([present.encoding]) if spare and present is not None else (),
            noise=audio.noise is not None,
        )
        self._talk.do(Reoffer(partner.id, offer))

    def _answer_origin(self, origin: Leg, leg: Leg) -> None:
        """Mirror what `leg` agreed to back to the party that asked."""
        media = leg.session.media
        assert media is not None
        origin.offering = Offering.NONE
        try:
            encoding = media.encoding
            if self._transcode and encoding not in origin.session.offered_encodings:
                encoding = origin.session.offered_encodings[0]
            text = origin.session.answer(
                encoding,
                reverse(media.direction),
                ptime_ms=media.ptime_ms,
                parameters=media.parameters if encoding is media.encoding else None,
                noise=leg.hums,
            )
        except NotAcceptable:
            self._talk.do(RefuseReoffer(origin.id, NOT_ACCEPTABLE))
            return
        self._talk.do(AnswerReoffer(origin.id, text))
        self._talk.connect(origin)

    def _refuse_origin(self, leg: Leg, origin: Leg | None, code: int) -> None:
        leg.session.withdraw()
        if origin is not None:
            origin.offering = Offering.NONE
            self._talk.do(RefuseReoffer(origin.id, code if 400 <= code < 700 else NOT_ACCEPTABLE))

    def _answer_alone(self, leg: Leg, sdp: str) -> None:
        try:
            leg.session.take_offer(sdp)
        except (SdpError, NotAcceptable):
            self._talk.do(RefuseReoffer(leg.id, NOT_ACCEPTABLE))
            return
        self._finish_alone(leg)

    def _finish_alone(self, leg: Leg) -> None:
        """Answer the offer that `leg` made with everything that it allows."""
        noise = leg.role is Role.SUPERVISOR or self._talk.partner(leg).hums
        try:
            text = leg.session.answer(self._encoding_for(leg), ptime_ms=self._ptime_ms(leg), noise=noise)
        except NotAcceptable:
            self._talk.do(RefuseReoffer(leg.id, NOT_ACCEPTABLE))
            return
        self._talk.do(AnswerReoffer(leg.id, text))
        self._talk.connect(leg)
        self._talk.open_paths()
        self._told()

    def _offer_in_answer(self, leg: Leg, partner: Leg | None) -> None:
        """The peer asks for our offer: the present codec, and the direction that the partner wants."""
        assert leg.session.media is not None
        direction = partner.session.wish if partner is not None else Direction.SENDRECV
        leg.offering = Offering.IN_ANSWER
        offer = leg.session.offer(
            standard([leg.session.media.encoding]), direction, ptime_ms=self._ptime_ms(leg), noise=leg.hums
        )
        self._talk.do(AnswerReoffer(leg.id, offer))

    def _encoding_for(self, leg: Leg) -> Encoding:
        """The codec to answer a lone offer with: the present one while it is offered, else the first."""
        offered = leg.session.offered_encodings
        present = leg.session.media.encoding if leg.session.media else None
        return present if present in offered else offered[0]

    def _ptime_ms(self, leg: Leg) -> int:
        """The packet time to ask of `leg`: its partner's, because packets are relayed as they are."""
        other = None if leg.role is Role.SUPERVISOR else self._talk.partner(leg).session.media
        return other.ptime_ms if other else 20

    def _told(self) -> None:
        """Publish a change between held and not held."""
        if self.on_hold is not self._held:
            self._held = self.on_hold
            self._talk.publish_call("call.held" if self._held else "call.resumed")
