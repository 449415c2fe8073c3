"""The gateway's RTCP as Wireshark reads it: every value, and the round trip that it computes by itself."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "native"))
import rtcptext as book
from native.reports import Reporter

TSHARK = shutil.which("tshark")
pytestmark = [pytest.mark.interop, pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")]

S, MS = 1_000_000_000, 1_000_000
WALL = 1_800_000_000 * S
OURS, FAR = 0x0C0FFEE0, 0xFA12FA12
HERE, THERE = (0x7F000001, 20001), (0x7F000002, 30001)
Frame = tuple[int, tuple[int, int], tuple[int, int], bytes]


def ip_checksum(header: bytes) -> int:
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def capture(path: Path, *frames: Frame) -> Path:
    """A pcap file of raw IPv4 with these (wall time [ns], from, to, UDP payload)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101))
        for at_ns, source, target, payload in frames:
            udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
            ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source[0], target[0])
            ip = ip[:10] + struct.pack("!H", ip_checksum(ip)) + ip[12:]
            file.write(struct.pack("<IIII", at_ns // S, at_ns % S, len(ip + udp), len(ip + udp)) + ip + udp)
    return path


def dissect(path: Path, *fields: str) -> list[dict[str, list[str]]]:
    """The named fields of each frame, all occurrences."""
    command = [TSHARK or "", "-r", str(path), "-d", "udp.port==20001,rtcp"]
    command += ["-o", "rtcp.show_roundtrip_calculation:TRUE"]
    command += ["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;", "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [
        dict(zip(fields, (cell.split(";") if cell else [] for cell in line.split("|")), strict=True))
        for line in done.stdout.splitlines()
    ]


def number(text: str) -> int:
    return int(text, 0)


def talking_leg() -> Reporter:
    """A leg that has sent a second of speech and heard one, every fifth packet missing, with much jitter."""
    leg = Reporter(OURS, cname=b"dGhpcyBpcyByYW5k")
    for count in range(50):
        leg.send(7000 + 160 * count, count * 20 * MS)
        if count % 5 != 2:
            late = 5 * MS if count % 2 else 0
            leg.receive(65520 + count & 0xFFFF, 160 * count, S + count * 20 * MS + late, FAR)
    return leg


def test_sender_report(tmp_path: Path) -> None:
    leg = talking_leg()
    leg.hear(book.sr(FAR, ntp=0x1111_2222_3333_4444), S)
    compound = leg.report(2 * S, WALL)
    (frame,) = dissect(
        capture(tmp_path / "sr.pcap", (WALL, HERE, THERE, compound)),
        "rtcp.pt",
        "rtcp.senderssrc",
        "rtcp.timestamp.ntp.msw",
        "rtcp.timestamp.rtp",
        "rtcp.sender.packetcount",
        "rtcp.sender.octetcount",
        "rtcp.ssrc.identifier",
        "rtcp.ssrc.fraction",
        "rtcp.ssrc.cum_nr",
        "rtcp.ssrc.high_seq",
        "rtcp.ssrc.high_cycles",
        "rtcp.ssrc.jitter",
        "rtcp.ssrc.lsr",
        "rtcp.ssrc.dlsr",
        "rtcp.sdes.text",
        "rtcp.length_check",
        "_ws.malformed",
    )
    block = book.read(compound, FAR)["block"]
    assert [number(text) for text in frame["rtcp.pt"]] == [200, 202]
    assert number(frame["rtcp.senderssrc"][0]) == OURS
    assert number(frame["rtcp.timestamp.ntp.msw"][0]) == 1_800_000_000 + 2_208_988_800
    assert number(frame["rtcp.timestamp.rtp"][0]) == 7000 + 8 * 2000
    assert number(frame["rtcp.sender.packetcount"][0]) == 50
    assert number(frame["rtcp.sender.octetcount"][0]) == 8000
    assert FAR in [number(text) for text in frame["rtcp.ssrc.identifier"]]
    assert number(frame["rtcp.ssrc.fraction"][0]) == 256 * 10 // 50
    assert number(frame["rtcp.ssrc.cum_nr"][0]) == 10
    assert number(frame["rtcp.ssrc.high_cycles"][0]) == 1
    assert number(frame["rtcp.ssrc.high_seq"][0]) == 65520 + 49 - 65536
    assert number(frame["rtcp.ssrc.jitter"][0]) == block["jitter"] > 20
    assert number(frame["rtcp.ssrc.lsr"][0]) == 0x2222_3333
    assert number(frame["rtcp.ssrc.dlsr"][0]) == 65536
    assert frame["rtcp.sdes.text"] == ["dGhpcyBpcyByYW5k"]
    assert frame["rtcp.length_check"] in (["1"], ["True"])
    assert frame["_ws.malformed"] == []


def test_receiver_report_and_goodbye(tmp_path: Path) -> None:
    leg = Reporter(OURS)
    for count in (1, 2, 2, 2, 3):
        leg.receive(count, 160 * count, 0, FAR)
    frames = dissect(
        capture(
            tmp_path / "rr.pcap",
            (WALL, HERE, THERE, leg.report(S)),
            (WALL + S, HERE, THERE, leg.leave(2 * S)),
        ),
        "rtcp.pt",
        "rtcp.ssrc.cum_nr",
        "rtcp.ssrc.fraction",
        "rtcp.length_check",
        "_ws.malformed",
    )
    assert [[number(text) for text in frame["rtcp.pt"]] for frame in frames] == [[201, 202], [201, 202, 203]]
    assert number(frames[0]["rtcp.ssrc.cum_nr"][0]) in (-2, 0xFFFFFE)
    assert number(frames[0]["rtcp.ssrc.fraction"][0]) == 0
    assert all(
        frame["rtcp.length_check"] in (["1"], ["True"]) and not frame["_ws.malformed"] for frame in frames
    )


def test_round_trip_as_wireshark_computes_it(tmp_path: Path) -> None:
    leg = talking_leg()
    ours = leg.report(2 * S, WALL)
    lsr = book.read(ours)["sender"]["ntp"] >> 16 & 0xFFFFFFFF
    answer = book.rr(FAR, book.block(OURS, lsr=lsr, dlsr=65536 * 3 // 2)) + book.sdes(FAR, b"far")
    path = capture(tmp_path / "rtt.pcap", (WALL, HERE, THERE, ours), (WALL + 1620 * MS, THERE, HERE, answer))
    assert dissect(path, "rtcp.roundtrip-delay")[1]["rtcp.roundtrip-delay"] == ["120"]
    leg.hear(answer, 2 * S + 1620 * MS)
    assert round(leg.round_trip_ns / MS) == 120


def test_relayed_compound(tmp_path: Path) -> None:
    caller, advisor = Reporter(1), Reporter(OURS, cname=b"aaaabbbbccccdddd")
    caller.receive(9, 0, 0, FAR)
    advisor.receive(70, 0, 0, 3)
    metrics = book.voip(FAR, 1, loss=25, end_delay_ms=90, mos_lq=38, mos_cq=36, r_factor=75, buffer_ms=60)
    compound = book.sr(FAR, book.block(1, fraction=7, extended=70)) + book.sdes(FAR, b"secret@host") + metrics
    (frame,) = dissect(
        capture(tmp_path / "relay.pcap", (WALL, HERE, THERE, caller.relay(advisor, compound, S))),
        "rtcp.pt",
        "rtcp.senderssrc",
        "rtcp.sdes.text",
        "rtcp.xr.voipmetrics.esdelay",
        "rtcp.xr.voipmetrics.rfactor",
        "rtcp.xr.voipmetrics.jbnominal",
        "rtcp.length_check",
        "_ws.malformed",
    )
    assert [number(text) for text in frame["rtcp.pt"]] == [200, 202, 207]
    assert {number(text) for text in frame["rtcp.senderssrc"]} == {OURS}
    assert frame["rtcp.sdes.text"] == ["aaaabbbbccccdddd"]
    assert frame["rtcp.xr.voipmetrics.esdelay"] == ["90"]
    assert frame["rtcp.xr.voipmetrics.rfactor"] == ["75"]
    assert frame["rtcp.xr.voipmetrics.jbnominal"] == ["60"]
    assert frame["rtcp.length_check"] in (["1"], ["True"])
    assert frame["_ws.malformed"] == []
