"""Which codecs the two parties of a call are brought to, and under which numbers."""

from __future__ import annotations

import pytest
from callscript import Script, address, floorwalker, formats_of, offered, phone_sdp

from gateway.core.actions import Answer, AnswerReoffer, ConnectLeg, Invite, Reoffer
from gateway.core.codecs import Codec, most_bits_per_second, renumbered, usable
from gateway.core.errors import NotAcceptable
from gateway.core.events import LegConfirmed, LegReanswered, LegReoffered
from gateway.core.model import Encoding, LegId, Mode
from gateway.core.sdp import parse
from gateway.core.setup import Policy

ALL = tuple(Encoding)
EVERY_CODEC = "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxaveragebitrate=24000;useinbandfec=1\r\na=rtpmap:97 L16/16000\r\n"


def policy(*, transcode: bool = False) -> Policy:
    return Policy(encodings=ALL, transcode=transcode)


def rtpmaps(text: str) -> list[str]:
    return parse(text).media[0].values("rtpmap")


def test_every_codec_is_known_by_its_rtpmap() -> None:
    media = parse(phone_sdp("96 9 97 8 0 101", more=EVERY_CODEC)).media[0]
    codecs, events, _ = usable(media, ALL)
    assert [codec.encoding.value for codec in codecs] == ["opus", "G722", "L16", "PCMA", "PCMU"]
    assert [codec.payload_type for codec in codecs] == [96, 9, 97, 8, 0]
    assert codecs[0].parameters == "maxaveragebitrate=24000;useinbandfec=1"
    assert events is not None
    assert (events.payload_type, events.clock_hz) == (101, 8000)


@pytest.mark.parametrize(
    "rtpmap", ["96 opus/48000", "96 opus/16000/2", "96 L16/44100", "96 L16/16000/2", "9 G722/16000"]
)
def test_a_name_with_another_clock_or_number_of_channels_is_another_codec(rtpmap: str) -> None:
    number = rtpmap.split()[0]
    codecs, _, _ = usable(parse(phone_sdp(number, more=f"a=rtpmap:{rtpmap}\r\n")).media[0], ALL)
    assert codecs == ()


def test_keys_are_read_at_8_khz_where_there_is_a_choice_and_else_at_the_clock_named() -> None:
    both = "a=rtpmap:102 telephone-event/48000\r\n"
    _, events, _ = usable(parse(phone_sdp("8 102 101", more=both)).media[0], ALL)
    assert events is not None
    assert (events.payload_type, events.clock_hz) == (101, 8000)
    _, events, _ = usable(parse(phone_sdp("8 102", more=both)).media[0], ALL)
    assert events is not None
    assert (events.payload_type, events.clock_hz) == (102, 48000)


def test_what_is_not_configured_is_neither_offered_nor_taken() -> None:
    script = Script(offer=phone_sdp("9 8 101"), policy=Policy())
    script.start()
    assert formats_of(script.last(Invite).sdp) == "8 101"


def test_the_advisor_is_offered_the_callers_codecs_with_their_parameters() -> None:
    script = Script(offer=phone_sdp("96 9 8 101", more=EVERY_CODEC), policy=policy())
    script.start()
    offer = parse(script.last(Invite).sdp).media[0]
    assert offer.formats == ("111", "9", "8", "101")
    assert offer.values("rtpmap")[:3] == ["111 opus/48000/2", "9 G722/8000", "8 PCMA/8000"]
    assert offer.values("fmtp")[0] == "111 maxaveragebitrate=24000;useinbandfec=1"


def test_each_leg_keeps_its_own_payload_type_for_the_same_codec() -> None:
    script = Script(offer=phone_sdp("96 8 101", more=EVERY_CODEC), policy=policy())
    script.start()
    chosen = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 cbr=1\r\n"
    script.picks_up(phone_sdp("111 101", more=chosen))
    answer = parse(script.last(Answer).sdp).media[0]
    assert answer.formats == ("96", "101")
    assert answer.values("fmtp")[0] == "96 cbr=1", "who encodes for the advisor is told what the advisor said"
    media = {a.leg: a.media for a in script.actions if isinstance(a, ConnectLeg)}
    assert {leg: of.payload_type for leg, of in media.items()} == {"caller": 96, "advisor": 111}
    assert {of.encoding for of in media.values()} == {Encoding.OPUS}
    assert most_bits_per_second(media[LegId("caller")].parameters) == 24000


def test_without_a_common_codec_the_call_is_refused() -> None:
    script = Script(offer=phone_sdp("9 101"), policy=policy())
    script.start()
    assert formats_of(script.last(Invite).sdp) == "9 101"
    script.clear()
    script.picks_up(phone_sdp("8 101"))
    script.sees("hang up caller 488", "hang up advisor 488", "RemoveMedia")


def test_or_recoded_where_that_is_configured() -> None:
    script = Script(offer=phone_sdp("9 101"), policy=policy(transcode=True))
    script.start()
    assert formats_of(script.last(Invite).sdp) == "9 8 0 111 112 101", "what the caller has first"
    script.picks_up(phone_sdp("8 101"))
    assert formats_of(script.last(Answer).sdp) == "9 101"
    media = {a.leg: a.media.encoding for a in script.actions if isinstance(a, ConnectLeg)}
    assert media == {"caller": Encoding.G722, "advisor": Encoding.PCMA}


def test_recoding_is_avoided_where_the_answer_has_a_common_codec_too() -> None:
    script = Script(offer=phone_sdp("9 101"), policy=policy(transcode=True))
    script.start()
    script.picks_up(phone_sdp("8 9 101"))
    media = {a.leg: a.media.encoding for a in script.actions if isinstance(a, ConnectLeg)}
    assert media == {"caller": Encoding.G722, "advisor": Encoding.G722}


def test_nothing_of_ours_is_refused_all_the_same() -> None:
    script = Script(offer=phone_sdp("18 101"), policy=policy(transcode=True))
    with pytest.raises(NotAcceptable, match="opus"):
        script.call.start(script.now)


def talking(*, transcode: bool) -> Script:
    script = Script(offer=phone_sdp("9 8 101"), policy=policy(transcode=transcode))
    script.start()
    script.picks_up(phone_sdp("9 101"))
    script.event(LegConfirmed(LegId("caller"), None))
    script.clear()
    return script


def test_another_codec_in_the_call_is_carried_to_the_other_party() -> None:
    script = talking(transcode=False)
    script.event(LegReoffered(LegId("caller"), phone_sdp("8 101")))
    assert formats_of(script.last(Reoffer).sdp) == "8 101"
    script.event(LegReanswered(LegId("advisor"), phone_sdp("8 101")))
    assert formats_of(script.last(AnswerReoffer).sdp) == "8 101"


def test_or_changed_on_one_leg_alone_where_recoding_is_configured() -> None:
    script = talking(transcode=True)
    script.event(LegReoffered(LegId("caller"), phone_sdp("8 101")))
    assert formats_of(script.last(Reoffer).sdp) == "8 9 101"
    script.event(LegReanswered(LegId("advisor"), phone_sdp("9 101")))
    assert formats_of(script.last(AnswerReoffer).sdp) == "8 101"
    media = [(a.leg, a.media.encoding) for a in script.actions if isinstance(a, ConnectLeg)]
    assert (LegId("caller"), Encoding.PCMA) in media


def test_a_number_keeps_its_meaning_within_a_leg() -> None:
    opus, l16 = Codec(Encoding.OPUS, 111), Codec(Encoding.L16, 112)
    assert renumbered([opus], {Encoding.OPUS: 96}, set())[0].payload_type == 96
    assert renumbered([opus], {}, {111})[0].payload_type == 96
    assert [c.payload_type for c in renumbered([opus, l16], {Encoding.PCMA: 8}, {111, 96})] == [97, 112]


@pytest.mark.parametrize(
    ("parameters", "bits"),
    [
        ("", 0),
        ("maxaveragebitrate=20000", 20000),
        ("a=1;maxaveragebitrate=64000; b=2", 64000),
        ("maxaveragebitrate=1", 0),
        ("xmaxaveragebitrate=20000", 0),
    ],
)
def test_the_limit_in_an_fmtp_of_opus(parameters: str, bits: int) -> None:
    assert most_bits_per_second(parameters) == bits


# ── comfort noise ──


def noise_of(script: Script) -> dict[str, int | None]:
    return {a.leg: a.media.noise_payload_type for a in script.actions if isinstance(a, ConnectLeg)}


@pytest.mark.parametrize(
    ("offered", "chosen", "asked", "answered", "agreed"),
    [
        ("8 13 101", "8 13 101", "8 13 101", "8 13 101", 13),
        ("8 13 101", "8 101", "8 13 101", "8 101", None),
        ("8 101", "8 13 101", "8 101", "8 101", None),
        ("9 13 101", "9 13 101", "9 13 101", "9 13 101", 13),
        ("96 13 101", "111 13 101", "111 101", "96 101", None),
    ],
    ids=["both have it", "only the caller", "only the advisor", "beside G.722", "not beside Opus"],
)
def test_comfort_noise_is_agreed_where_both_parties_have_it(
    offered: str, chosen: str, asked: str, answered: str, agreed: int | None
) -> None:
    opus = "a=rtpmap:{} opus/48000/2\r\na=rtpmap:13 CN/8000\r\n"
    script = Script(offer=phone_sdp(offered, more=opus.format(96)), policy=policy())
    script.start()
    assert formats_of(script.last(Invite).sdp) == asked
    script.picks_up(phone_sdp(chosen, more=opus.format(111)))
    assert formats_of(script.last(Answer).sdp) == answered
    assert set(noise_of(script).values()) == {agreed}


def test_comfort_noise_under_another_number_keeps_it_and_another_clocks_is_not_ours() -> None:
    script = Script(offer=phone_sdp("8 98 13 101", more="a=rtpmap:98 CN/8000\r\na=rtpmap:13 CN/16000\r\n"))
    script.start()
    assert formats_of(script.last(Invite).sdp) == "8 13 101"
    script.picks_up(phone_sdp("8 13 101"))
    assert formats_of(script.last(Answer).sdp) == "8 98 101"
    assert noise_of(script) == {"caller": 98, "advisor": 13}


def test_comfort_noise_stays_through_a_hold_and_goes_when_it_is_offered_no_more() -> None:
    script = Script(offer=phone_sdp("8 13 101"))
    script.start()
    script.picks_up(phone_sdp("8 13 101"))
    script.event(LegConfirmed(LegId("caller"), None))
    for formats in ("8 13 101", "8 101"):
        script.clear()
        script.event(LegReoffered(LegId("advisor"), phone_sdp(formats, "sendonly")))
        assert formats_of(script.last(Reoffer).sdp) == formats
        script.event(LegReanswered(LegId("caller"), phone_sdp("8 13 101", "recvonly")))
        assert formats_of(script.last(AnswerReoffer).sdp) == formats
    assert set(noise_of(script).values()) == {None}


def test_a_supervisor_may_send_comfort_noise_to_a_call_without() -> None:
    script = Script(offer=phone_sdp("8 101"))
    script.talk()
    script.joins("fw1", Mode.LISTEN, phone_sdp("8 13 101"))
    assert formats_of(script.last(Answer).sdp) == "8 13 101"


# ── browsers ──

BROWSER = phone_sdp("112 8", more="a=rtpmap:112 L16/16000\r\n")


def browser_joins(script: Script, text: str) -> str:
    """The codec that a headset's leg is answered with."""
    leg = LegId("fw1")
    script.call.join(offered(leg, text), floorwalker(), Mode.LISTEN, address(leg), 9, script.now, "web")
    script.actions += script.call.take_actions()
    return script.last(ConnectLeg).media.encoding.value


@pytest.mark.parametrize(
    ("caller", "advisor", "wideband"),
    [
        ("8", "8", False),
        ("0", "0", False),
        ("9", "9", True),
        ("96", "96", True),
        ("8", "9", True),
        ("9", "8", True),
    ],
)
def test_a_headset_is_wideband_where_a_party_is_and_where_it_can_be(
    caller: str, advisor: str, wideband: bool
) -> None:
    def talking() -> Script:
        script = Script(offer=phone_sdp(caller, more=EVERY_CODEC), policy=WIDE_OR_NOT)
        script.start()
        script.picks_up(phone_sdp(advisor, more=EVERY_CODEC))
        script.clear()
        return script

    assert talking().call.snapshot()["wideband"] is wideband
    assert browser_joins(talking(), BROWSER) == ("L16" if wideband else "PCMA")
    assert browser_joins(talking(), phone_sdp("8")) == "PCMA"


WIDE_OR_NOT = Policy(encodings=(Encoding.PCMA, Encoding.PCMU, Encoding.G722, Encoding.OPUS), transcode=True)
"""What browsers may have does not depend on what phones may: there is no L16 here."""


def test_a_phone_that_supervises_has_no_codec_that_is_not_configured() -> None:
    script = Script(offer=phone_sdp("9 101"), policy=WIDE_OR_NOT)
    script.start()
    script.picks_up(phone_sdp("9 101"))
    script.joins("fw1", Mode.LISTEN, BROWSER)
    assert script.last(ConnectLeg).media.encoding is Encoding.PCMA
