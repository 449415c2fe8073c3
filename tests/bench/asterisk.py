"""Asterisk as a device under test: two PJSIP legs bridged natively with the media through it, and a supervisor's leg in ChanSpy.

Told by configuration files of its own, which name just the modules that this takes; called by real SIP (`sipparties`).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from archive import ASTERISK
from devices import DEVICE_CPU, cpu_of, on_cpu
from sipparties import Parties

MODULES = """
pbx_config app_dial app_chanspy app_stack func_global func_channel chan_pjsip
res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session res_pjsip_sdp_rtp
res_pjsip_endpoint_identifier_ip res_pjsip_caller_id res_pjsip_nat res_pjsip_rfc3326 res_pjsip_pubsub
res_rtp_asterisk res_timing_timerfd res_http_websocket
bridge_simple bridge_native_rtp bridge_softmix bridge_holding bridge_builtin_features
codec_alaw codec_ulaw codec_resample format_pcm
"""

PJSIP = """
[global]
type=global
endpoint_identifier_order=ip
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{port}
[party]
type=endpoint
transport=udp
context=bench
disallow=all
allow=alaw
direct_media=no
timers=no
aors=party
[party]
type=aor
[party]
type=identify
endpoint=party
match=127.0.0.1
"""

# 1N calls the advisor of call N; 2N is its whispering supervisor, who spies on the advisor's leg.
EXTENSIONS = """
[bench]
exten => _1X.,1,Dial(PJSIP/party/sip:advisor${{EXTEN:1}}@127.0.0.1:{port},30,b(note^s^1(${{EXTEN:1}})))
exten => _2X.,1,Answer()
 same => n,ChanSpy(${{GLOBAL(advisor${{EXTEN:1}})}},qwE)
[note]
exten => s,1,Set(GLOBAL(advisor${{ARG1}})=${{CHANNEL}})
 same => n,Return()
"""


class AsteriskDevice(AbstractContextManager["AsteriskDevice"]):
    """legs: 2, or 3 with a whispering supervisor on each call."""

    def __init__(self, legs: int = 2) -> None:
        self.legs = legs
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.parties = Parties(port)
        self._folder = Path(tempfile.mkdtemp(prefix="asterisk-"))
        self._configure(port)
        with (self._folder / "output.txt").open("w") as output:
            self.process = subprocess.Popen(
                on_cpu(DEVICE_CPU, ASTERISK.command("-C", str(self._folder / "asterisk.conf"), "-f", "-q")),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self.parties.ready()
        except TimeoutError:
            said = (self._folder / "output.txt").read_text(errors="replace")[-2000:]
            self.close()
            raise RuntimeError(f"Asterisk does not answer: {said}") from None

    def _configure(self, port: int) -> None:
        modules = next(ASTERISK.root.glob("usr/lib/*/asterisk/modules"))
        data = ASTERISK.root / "usr/share/asterisk"
        places = {"astetcdir": self._folder, "astmoddir": modules, "astdatadir": data}
        for name in ("varlib", "db", "key", "agi", "spool", "run", "log"):
            places[f"ast{name}dir"] = self._folder / name
            (self._folder / name).mkdir()
        files = {
            "asterisk": "[directories]\n" + "".join(f"{name} => {place}\n" for name, place in places.items()),
            "modules": "[modules]\nautoload=no\n"
            + "".join(f"load = {name}.so\n" for name in MODULES.split()),
            "pjsip": PJSIP.format(port=port),
            "extensions": EXTENSIONS.format(port=self.parties.port),
            "rtp": "[general]\nrtpstart=20000\nrtpend=29998\n",
            "logger": "[logfiles]\nmessages = error,warning\n",
            "features": "",
            "pjproject": "",
            "sorcery": "",
        }
        for name, text in files.items():
            (self._folder / f"{name}.conf").write_text(text)

    def open(self, ports: list[int]) -> list[int]:
        mine = []
        for number, at in enumerate(range(0, len(ports), self.legs), 100_000):
            caller, advisor, *supervisor = ports[at : at + self.legs]
            self.parties.rtp_ports[f"advisor{number}"] = advisor
            callers = self.parties.call(f"1{number}", caller)
            mine += [callers, self.parties.offered[f"advisor{number}"]]
            mine += [self.parties.call(f"2{number}", port) for port in supervisor]
        return mine

    def cpu_s(self) -> float:
        return cpu_of(self.process.pid)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.parties.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
