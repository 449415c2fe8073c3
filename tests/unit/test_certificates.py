"""Certificates as files: what is good, and what is said of those that are not; what `gateway check` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority, Papers
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gateway.config.certificates import BadCertificate, read_authorities, read_identity
from gateway.config.loading import Report, examine_table


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def read(papers: Papers) -> Any:
    return read_identity(str(papers.certificate), str(papers.key))


def test_what_is_in_a_certificate(ca: Authority) -> None:
    identity = read(ca.issue("gw.example", "192.0.2.1", common="other", ends=90))
    assert identity.names == ("gw.example", "192.0.2.1")
    assert 89 < identity.days_left() < 90
    assert read(ca.issue(common="gw.example")).names == ("gw.example",)
    assert read(ca.issue("gw.example", begins=-9, ends=-1)).days_left() < 0


def test_a_key_of_another_certificate_is_no_key(ca: Authority) -> None:
    one, other = ca.issue("one.example"), ca.issue("other.example")
    with pytest.raises(BadCertificate, match="is not the key of the certificate") as error:
        read(Papers(one.certificate, other.key))
    assert error.value.part == "key"


@pytest.mark.parametrize("part", ["certificate", "key"])
@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read: No such file"), (b"junk", "in PEM in it")]
)
def test_a_file_of_no_use_is_told_by_its_key(
    ca: Authority, part: str, content: bytes | None, says: str
) -> None:
    papers = ca.issue("gw.example")
    file = getattr(papers, part)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadCertificate, match=says) as error:
        read(papers)
    assert error.value.part == part


def test_an_encrypted_key_is_refused_with_the_remedy(ca: Authority) -> None:
    papers = ca.issue("gw.example")
    locked = ec.generate_private_key(ec.SECP256R1())
    papers.key.write_bytes(
        locked.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    with pytest.raises(BadCertificate, match="encrypted") as error:
        read(papers)
    assert "openssl pkey" in error.value.hint


def test_authorities(ca: Authority, tmp_path: Path) -> None:
    assert read_authorities(str(ca.file)) == ca.file.read_bytes()
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(BadCertificate, match="there is no certificate in PEM"):
        read_authorities(str(tmp_path / "none.pem"))


Checked = Callable[..., Report]


@pytest.fixture
def check(ca: Authority) -> Checked:
    """A configuration with TLS that is sound, but for what a test says."""

    def checked(
        papers: Papers | None = None,
        *,
        sip: dict[str, Any] | None = None,
        tls: dict[str, Any] | None = None,
        **trunk: Any,
    ) -> Report:
        papers = papers or ca.issue("gw.example")
        files = {"certificate": str(papers.certificate), "key": str(papers.key), "ca": str(ca.file)}
        wanted = {"transports": ["udp", "tcp", "tls"], "tls": {**files, **(tls or {})}, **(sip or {})}
        entry = {
            "name": "sbc",
            "uri": "sip:sbc.example",
            "transport": "tls",
            "identify_by": ["tls:sbc.example"],
            **trunk,
        }
        route = {"match": "2\\d{3}", "to": {"trunk": "sbc"}}
        return examine_table(
            {
                "sip": {name: value for name, value in wanted.items() if value is not None},
                "trunk": [entry],
                "route": [route],
            },
            Path(),
        )

    return checked


def told(report: Report) -> dict[str, str]:
    return {item.path: item.message for item in (*report.mistakes, *report.warnings)}


def test_sound_with_tls(check: Checked) -> None:
    report = check(srtp="required")
    assert not {path for path in told(report) if path.startswith(("sip", "trunk"))}
    assert report.config is not None
    assert report.config.trunks[0].address == ("sbc.example", 5061)
    assert report.config.trunks[0].certified == {"sbc.example"}


def test_mistakes_around_tls(check: Checked, ca: Authority) -> None:
    other = Papers(ca.issue("a.example").certificate, ca.issue("b.example").key)
    assert "is not the key" in told(check(other))["sip.tls.key"]
    assert "no certificate" in told(check(sip={"tls": None}))["sip.transports"]
    assert "taken by [sip] bind" in told(check(tls={"port": 5060}))["sip.tls.port"]
    assert (
        "by which authorities"
        in told(check(tls={"ca": None, "verify_client": True}))["sip.tls.verify_client"]
    )
    assert "no `ca`" in told(check(tls={"ca": None}))["trunk[1].identify_by[1]"]
    assert "[sip] transports has only" in told(check(sip={"transports": ["udp"]}))["trunk[1].transport"]
    assert "by TLS" in told(check(sip={"transports": ["udp"]}))["trunk[1].identify_by[1]"]
    assert "host name" in told(check(identify_by=["tls:not a host"]))["trunk[1].identify_by[1]"]
    assert 'transport = "tls"' in told(check(uri="sips:sbc.example"))["trunk[1].uri"]
    for report in (check(other), check(sip={"tls": None}), check(tls={"ca": None})):
        assert report.config is None


def test_warnings_around_tls(check: Checked, ca: Authority) -> None:
    cases = {
        "sip.tls.certificate": (check(ca.issue("gw.example", ends=12.5)), "in 12 days"),
        "trunk[1].verify": (check(verify=False), "whoever answers"),
        "trunk[1].srtp": (check(transport="tcp", srtp="optional"), "unencrypted by tcp"),
        "sip.tls": (
            check(sip={"transports": ["udp", "tcp"]}, transport="udp", identify_by=["192.0.2.1"]),
            "not used",
        ),
    }
    ended = check(ca.issue("gw.example", begins=-9, ends=-1))
    open_key = ca.issue("gw.example")
    open_key.key.chmod(0o644)
    for path, (report, says) in {
        **cases,
        "sip.tls.certificate ": (ended, "has ended on"),
        "sip.tls.key": (check(open_key), "others may read"),
    }.items():
        assert says in told(report)[path.strip()], told(report)
        assert report.config is not None
