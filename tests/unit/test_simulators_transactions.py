"""The transaction layer as transcripts on a clock moved by hand (RFC 3261 §17)."""

import pytest
from sipmessage import Address, Request, Response

from simulators.message import make_request, make_response, make_via, new_branch, parse, serialise, uri
from simulators.transaction import Hop, InviteClient, InviteServer, State, Timing
from simulators.transactions import RequestArrived, ResponseArrived, TransactionFailed, TransactionLayer

UDP = Hop("udp", "127.0.0.1", 5060)
TCP = Hop("tcp", "127.0.0.1", 5060)


class Wire:
    """A layer, a clock, and what it sent and told since last asked."""

    def __init__(self) -> None:
        self.layer = TransactionLayer(Timing(t1=0.5, t2=4.0, t4=5.0))
        self.now = 0.0

    def advance(self, seconds: float) -> None:
        """Move the clock, stopping at each deadline on the way."""
        end = self.now + seconds
        while (deadline := self.layer.next_deadline()) is not None and deadline <= end:
            self.now = deadline
            self.layer.expire(self.now)
        self.now = end

    def sent(self) -> list[str]:
        output, self.layer.output = self.layer.output, []
        return [m.method if isinstance(m, Request) else str(m.code) for m, _ in output]

    def told(self) -> list[str]:
        events, self.layer.events = self.layer.events, []
        return [_words(event) for event in events]

    def request(self, method: str, hop: Hop = UDP):
        return self.layer.request(message(method), hop, self.now)

    def answer(self, transaction, code: int) -> None:
        self.layer.receive(make_response(transaction.request, code, to_tag="there"), UDP, self.now)

    def arrive(self, request: Request, hop: Hop = UDP) -> None:
        self.layer.receive(request, hop, self.now)

    def server(self):
        return next(e.transaction for e in self.layer.events if isinstance(e, RequestArrived))


def _words(event) -> str:
    if isinstance(event, RequestArrived):
        return event.request.method
    if isinstance(event, ResponseArrived):
        return str(event.response.code) + ("" if event.transaction else " stray")
    assert isinstance(event, TransactionFailed)
    return f"failed: {event.why}"


def message(method: str, branch: str | None = None) -> Request:
    request = make_request(
        method,
        uri("sip:2001@127.0.0.1"),
        sender=Address.parse("<sip:patient@127.0.0.1>;tag=here"),
        recipient=Address.parse("<sip:2001@127.0.0.1>"),
        call_id="call@127.0.0.1",
        sequence=1,
    )
    request.via = [make_via("udp", "127.0.0.1", 5062, branch or new_branch())]
    return request


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_invite_is_repeated_at_doubling_intervals_and_fails_after_64_t1(wire):
    wire.request("INVITE")
    sent_at = []
    while wire.now < 40:
        sent_at += [wire.now] * len(wire.sent())
        wire.advance(0.5)
    assert sent_at == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert wire.told() == ["failed: no answer to INVITE"]
    assert len(wire.layer) == 0


def test_invite_is_not_repeated_over_a_reliable_transport(wire):
    wire.request("INVITE", TCP)
    wire.advance(31)
    assert wire.sent() == ["INVITE"]
    wire.advance(1)
    assert wire.told() == ["failed: no answer to INVITE"]


def test_a_provisional_response_ends_repetition_but_not_patience(wire):
    invite = wire.request("INVITE")
    wire.answer(invite, 180)
    wire.advance(100)
    assert wire.sent() == ["INVITE"]
    assert wire.told() == ["180"]
    assert invite.state is State.PROCEEDING


def test_a_refusal_is_acknowledged_each_time_it_comes_and_told_once(wire):
    invite = wire.request("INVITE")
    wire.answer(invite, 486)
    wire.answer(invite, 486)
    assert wire.sent() == ["INVITE", "ACK", "ACK"]
    assert wire.told() == ["486"]
    wire.advance(32)
    assert invite.state is State.TERMINATED


def test_the_ack_of_a_refusal_has_the_branch_of_the_invite_and_the_tag_of_the_response(wire):
    invite = wire.request("INVITE")
    wire.answer(invite, 486)
    ack = wire.layer.output[-1][0]
    assert ack.via == invite.request.via
    assert ack.to_address.parameters["tag"] == "there"
    assert str(ack.cseq) == "1 ACK"


def test_every_2xx_is_told_so_that_the_user_acknowledges_it_again(wire):
    invite = wire.request("INVITE")
    wire.answer(invite, 200)
    wire.answer(invite, 200)
    assert wire.sent() == ["INVITE"]
    assert wire.told() == ["200", "200"]
    wire.advance(33)
    assert len(wire.layer) == 0


def test_cancel_waits_for_a_provisional_response(wire):
    invite = wire.request("INVITE")
    wire.layer.cancel(invite, wire.now)
    assert wire.sent() == ["INVITE"]
    wire.answer(invite, 100)
    assert wire.sent() == ["CANCEL"]


def test_cancel_after_the_answer_is_not_sent(wire):
    invite = wire.request("INVITE")
    wire.answer(invite, 200)
    wire.layer.cancel(invite, wire.now)
    assert wire.sent() == ["INVITE"]


def test_a_cancelled_invite_that_is_never_answered_fails(wire):
    invite = wire.request("INVITE", TCP)
    wire.answer(invite, 180)
    wire.layer.cancel(invite, wire.now)
    wire.advance(40)
    assert "failed: no final answer after CANCEL" in wire.told()


def test_other_requests_are_repeated_up_to_every_t2(wire):
    wire.request("OPTIONS")
    sent_at = []
    while wire.now < 33:
        sent_at += [wire.now] * len(wire.sent())
        wire.advance(0.5)
    assert sent_at == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert wire.told() == ["failed: no answer to OPTIONS"]


def test_a_repeated_final_response_is_absorbed(wire):
    options = wire.request("OPTIONS")
    wire.answer(options, 200)
    wire.answer(options, 200)
    assert wire.told() == ["200"]
    wire.advance(5)
    assert len(wire.layer) == 0
    wire.answer(options, 200)
    assert wire.told() == ["200 stray"]


def test_a_repeated_invite_gets_the_last_response_again(wire):
    invite = message("INVITE")
    wire.arrive(invite)
    server = wire.server()
    wire.arrive(invite)
    assert wire.sent() == []
    wire.layer.respond(server, make_response(invite, 180, to_tag="t"), wire.now)
    wire.arrive(invite)
    assert wire.sent() == ["180", "180"]
    assert wire.told() == ["INVITE"]


def test_a_refusal_is_repeated_until_the_ack_comes(wire):
    invite = message("INVITE")
    wire.arrive(invite)
    server = wire.server()
    wire.layer.respond(server, make_response(invite, 486, to_tag="t"), wire.now)
    wire.advance(2)
    assert wire.sent() == ["486", "486", "486"]
    wire.arrive(message("ACK", invite.via[0].parameters["branch"]))
    wire.advance(20)
    assert wire.sent() == []
    assert wire.told() == ["INVITE"]
    assert len(wire.layer) == 0


def test_a_refusal_without_ack_fails(wire):
    invite = message("INVITE")
    wire.arrive(invite, TCP)
    wire.layer.respond(wire.server(), make_response(invite, 486, to_tag="t"), wire.now)
    wire.advance(33)
    assert wire.sent() == ["486"]
    assert wire.told() == ["INVITE", "failed: no ACK for the refusal"]


def test_the_ack_of_a_2xx_goes_to_the_user(wire):
    invite = message("INVITE")
    wire.arrive(invite)
    server = wire.server()
    wire.layer.respond(server, make_response(invite, 200, to_tag="t"), wire.now)
    wire.arrive(invite)
    wire.arrive(message("ACK"))
    assert wire.sent() == ["200"]
    assert wire.told() == ["INVITE", "ACK"]
    assert isinstance(server, InviteServer)
    assert server.state is State.ACCEPTED


def test_a_cancel_finds_its_invite(wire):
    invite = message("INVITE")
    wire.arrive(invite)
    cancel = message("CANCEL", invite.via[0].parameters["branch"])
    assert wire.layer.cancelled_invite(cancel) is wire.server()
    assert wire.layer.cancelled_invite(message("CANCEL")) is None


def test_a_broken_connection_fails_what_went_over_it(wire):
    invite, options = wire.request("INVITE", TCP), wire.request("OPTIONS", UDP)
    wire.layer.hop_failed(TCP, "connection refused")
    assert wire.told() == ["failed: connection refused"]
    assert isinstance(invite, InviteClient)
    assert invite.state is State.TERMINATED
    assert options.state is State.TRYING


def test_responses_go_to_the_source_at_the_port_of_via_unless_rport_asks_otherwise(wire):
    plain = message("OPTIONS")
    plain.headers.set("Via", "SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKa")
    wire.arrive(plain, Hop("udp", "127.0.0.1", 40_000))
    wire.layer.respond(wire.server(), make_response(plain, 200, to_tag="t"), wire.now)
    assert wire.layer.output[-1][1].port == 5099
    wire.told()
    asked = message("OPTIONS")
    wire.arrive(asked, Hop("udp", "127.0.0.1", 40_000))
    wire.layer.respond(wire.server(), make_response(asked, 200, to_tag="t"), wire.now)
    assert wire.layer.output[-1][1].port == 40_000


def test_messages_survive_print_and_parse_with_folded_and_compact_headers():
    text = serialise(message("INVITE")).replace(b"Call-ID:", b"i :").replace(b"From: ", b"From:\r\n\t")
    read = parse(text)
    assert isinstance(read, Request)
    assert read.call_id == "call@127.0.0.1"
    assert read.from_address.parameters["tag"] == "here"
    assert isinstance(parse(serialise(make_response(read, 180, to_tag="x"))), Response)
