"""A SIP dialog (RFC 3261 §12): what both ends remember so that their requests find each other. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from sipmessage import URI, Address, Request, Response

from .message import make_request, tag, with_tag


@dataclass
class Dialog:
    """One end's view. `local_*` is this end; sequence numbers count each end's own requests."""

    call_id: str
    local: Address
    remote: Address
    remote_target: URI
    "Where the other end wants requests: its latest Contact (target refresh, §12.2.1.2)."
    route_set: list[Address]
    "Proxies that stay in the path, nearest first."
    local_sequence: int
    remote_sequence: int | None

    @classmethod
    def as_caller(cls, invite: Request, response: Response) -> Dialog:
        """From the response that creates it (§12.1.2); it must have a To tag."""
        contact = response.contact
        return cls(
            call_id=invite.call_id,
            local=invite.from_address,
            remote=response.to_address,
            remote_target=contact[0].uri if contact else invite.uri,
            route_set=list(reversed(response.record_route)),
            local_sequence=invite.cseq.sequence,
            remote_sequence=None,
        )

    @classmethod
    def as_callee(cls, invite: Request, local_tag: str) -> Dialog:
        """From the INVITE that creates it (§12.1.1)."""
        contact = invite.contact
        return cls(
            call_id=invite.call_id,
            local=with_tag(invite.to_address, local_tag),
            remote=invite.from_address,
            remote_target=contact[0].uri if contact else invite.from_address.uri,
            route_set=invite.record_route,
            local_sequence=0,
            remote_sequence=invite.cseq.sequence,
        )

    @property
    def local_tag(self) -> str:
        return tag(self.local) or ""

    @property
    def remote_tag(self) -> str:
        return tag(self.remote) or ""

    @property
    def next_uri(self) -> URI:
        """Where the next request is sent: the first route, else the remote target (loose routing,
        §12.2.1.1).
        """
        return self.route_set[0].uri if self.route_set else self.remote_target

    def request(self, method: str, sequence: int | None = None) -> Request:
        """A request inside the dialog (§12.2.1.1). An ACK must be given the sequence number of its INVITE."""
        if sequence is None:
            self.local_sequence += 1
            sequence = self.local_sequence
        request = make_request(
            method,
            self.remote_target,
            sender=self.local,
            recipient=self.remote,
            call_id=self.call_id,
            sequence=sequence,
        )
        request.route = self.route_set
        return request

    def matches(self, request: Request) -> bool:
        """Whether a request of the other end belongs here: Call-ID and both tags (§12)."""
        return (
            request.call_id == self.call_id
            and (tag(request.to_address) or "") == self.local_tag
            and (tag(request.from_address) or "") == self.remote_tag
        )

    def in_order(self, request: Request) -> bool:
        """Note the sequence number of a request; False for one that is older than the last (§12.2.2: answer
        500).
        """
        sequence = request.cseq.sequence
        if self.remote_sequence is not None and sequence < self.remote_sequence:
            return False
        self.remote_sequence = sequence
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """Follow a new Contact of the other end."""
        if contact := message.contact:
            self.remote_target = contact[0].uri
