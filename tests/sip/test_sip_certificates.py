"""What a certificate proves, and the words for one that proves nothing."""

from __future__ import annotations

import pjsua2 as pj
import pytest

from gateway.sip.tls import certified_names, described, names_in

DNS, URI, IP, MAIL = (
    pj.PJ_SSL_CERT_NAME_DNS,
    pj.PJ_SSL_CERT_NAME_URI,
    pj.PJ_SSL_CERT_NAME_IP,
    pj.PJ_SSL_CERT_NAME_RFC822,
)


@pytest.mark.parametrize(
    ("alternatives", "common", "names"),
    [
        ([], "SBC.example", ("sbc.example",)),
        ([], "", ()),
        ([(DNS, "sbc.example"), (IP, "192.0.2.1")], "else.example", ("sbc.example", "192.0.2.1")),
        ([(URI, "sip:SBC.example"), (URI, "sips:two.example")], "", ("sbc.example", "two.example")),
        ([(URI, "sip:ann@sbc.example"), (URI, "https://sbc.example")], "sbc.example", ()),
        ([(MAIL, "root@sbc.example")], "sbc.example", ()),
    ],
)
def test_names(alternatives: list[tuple[int, str]], common: str, names: tuple[str, ...]) -> None:
    assert names_in(alternatives, common) == names


def test_no_certificate_proves_nothing() -> None:
    assert certified_names(pj.SslCertInfo()) == ()


@pytest.mark.parametrize(
    ("problems", "says"),
    [
        (
            pj.PJ_SSL_CERT_EUNTRUSTED | pj.PJ_SSL_CERT_EISSUER_MISMATCH,
            "its issuer Some CA is not among the authorities that are trusted",
        ),
        (pj.PJ_SSL_CERT_EVALIDITY_PERIOD, "it has expired or is not valid yet"),
        (pj.PJ_SSL_CERT_EIDENTITY_NOT_MATCH, "it is for a.example, b.example, not for sbc.example"),
        (
            pj.PJ_SSL_CERT_EREVOKED | pj.PJ_SSL_CERT_EVALIDITY_PERIOD,
            "it has expired or is not valid yet; it was revoked",
        ),
        (1 << 20, "it cannot be verified (0x100000)"),
    ],
)
def test_words(problems: int, says: str) -> None:
    text = described("sbc.example", problems, ("a.example", "b.example"), "Some CA")
    assert text == "its certificate is not taken: " + says
