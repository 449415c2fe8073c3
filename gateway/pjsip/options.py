"""What is built: capacities, configure switches, compiler flags, and the cache key that follows. Pure.

Source for the names: pjlib/include/pj/config.h, pjsip/include/pjsip/sip_config.h,
pjsip/include/pjsua-lib/pjsua.h of PJSIP 2.17.
"""

import hashlib
import json
import platform
import sysconfig
from dataclasses import asdict, dataclass, field

from gateway.pjsip.patch import Patch
from gateway.pjsip.patches import PATCHES

VERSION = "2.17"
"""The PJSIP release that the gateway is built and tested with."""

RECIPE = 2
"""Raised when the steps in `build` change in a way that changes the result."""


@dataclass(frozen=True)
class Capacity:
    """Compile-time limits. Tables are allocated at start: a call slot costs 3.4 kB, an account 6.9 kB."""

    calls: int = 4096  # [# legs] a two-leg call takes two
    media_per_call: int = 6  # [# m= lines] of one SDP; a video phone offers 3 or 4, ours refuse all but one
    accounts: int = 256  # [# accounts] trunks and identities
    ioqueue_handles: int = 16_384  # [# sockets] every TCP or TLS connection of a phone or trunk is one
    transactions: int = 65_535  # [# slots of a hash table] 2^n - 1; INVITE and BYE on both legs linger 32 s
    dialogs: int = 16_383  # [# slots of a hash table] 2^n - 1
    packet_bytes: int = 8_000  # [bytes] one SIP message, and each that is kept; 4,000 by default: too little
    uri_bytes: int = 1_024  # [bytes] one printed URI; 256 by default, which Diversion and GRUU exceed
    socket_buffer_bytes: int = 4 * 1024 * 1024  # [bytes] what the SIP UDP socket holds while Python is busy


@dataclass(frozen=True)
class BuildOptions:
    """Everything that decides what comes out, except the source itself."""

    capacity: Capacity = field(default_factory=Capacity)
    tls: bool = True  # links OpenSSL; False where its headers are absent
    cflags: str = "-O2 -fPIC -DNDEBUG"
    # 166,000 generated lines of argument conversion: -O1 takes 40 s instead of 67, and no time is spent there
    # in a call.
    wrapper_cflags: str = "-O1 -g0 -fPIC -DNDEBUG -fno-strict-aliasing -w"
    patches: tuple[Patch, ...] = PATCHES

    @property
    def ioqueue(self) -> str:
        """PJSIP's name for how it waits on sockets."""
        return "epoll"


def config_site(options: BuildOptions) -> str:
    """The text of pjlib/include/pj/config_site.h."""
    c = options.capacity
    values: dict[str, int] = {
        "PJSUA_MAX_CALLS": c.calls,
        "PJSUA_MAX_CALL_MEDIA": c.media_per_call,
        "PJSUA_MAX_ACC": c.accounts,
        "PJ_IOQUEUE_MAX_HANDLES": c.ioqueue_handles,
        "PJSIP_MAX_TSX_COUNT": c.transactions,
        "PJSIP_MAX_DIALOG_COUNT": c.dialogs,
        "PJSIP_MAX_PKT_LEN": c.packet_bytes,
        "PJSIP_MAX_URL_SIZE": c.uri_bytes,
        "PJSIP_UDP_SO_RCVBUF_SIZE": c.socket_buffer_bytes,
        "PJSIP_UDP_SO_SNDBUF_SIZE": c.socket_buffer_bytes,
        # A request over 1,300 bytes stays on the transport that the admin configured for the trunk (RFC 3261
        # 18.1.1 would move it to TCP, which most trunks do not listen on; the call would wait for that to
        # time out).
        "PJSIP_DONT_SWITCH_TO_TCP": 1,
        # [# connections] that wait while Python is busy; with the 5 by default a flood keeps trunks out.
        "PJ_SOMAXCONN": 512,
        # A TCP or TLS connection that has brought no SIP message by then is closed [s].
        "PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST": 30,
        "PJ_HAS_IPV6": 1,
        "PJ_TIMER_DEBUG": 0,
        # Our answers name one codec; with 0 the comfort noise beside it would be cut out as a second one.
        "PJMEDIA_SDP_NEG_ANSWER_MULTIPLE_CODECS": 1,
        # PJSIP's own media runs on its loop transport and carries no sound: narrow band keeps its buffers
        # small.
        "PJSUA_DEFAULT_CLOCK_RATE": 8000,
        # What a message's pool grows by [bytes]; with 4,000 by default its end lies idle.
        "PJSIP_POOL_LEN_TDATA": 1_000,
        "PJSIP_POOL_INC_TDATA": 1_000,
        # The conference bridge is not used; as a switch board its port costs 6 kB a leg instead of 35.
        "PJMEDIA_CONF_USE_SWITCH_BOARD": 1,
        # A leg whose frame does not fit is refused with 488: 60 ms of mono at the 48 kHz of Opus, 20 ms
        # of stereo.
        "PJMEDIA_CONF_SWITCH_BOARD_BUF_SIZE": 5760,
    }
    lines = ["/* Written by gateway.pjsip; changes here are lost. */"]
    lines += [f"#define {name} {value}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def configure_flags(options: BuildOptions) -> list[str]:
    """Arguments for PJSIP's configure: SIP, SDP and no devices, video or codecs, save those that calls may
    have: a leg whose codec PJSIP does not know is refused with 488, though its sound never comes here.

    No SRTP of its own: the media engine does that, and knows suites that this one would refuse calls for.
    The resampler is speexdsp's, because without any a leg whose codec is not at PJSIP's own 8 kHz is refused
    with 488.
    """
    off = (
        "sound", "video", "speex-aec", "gsm-codec", "g7221-codec", "speex-codec", "ilbc-codec",
        "silk", "bcg729", "opencore-amr", "lyra", "libwebrtc", "libyuv",
        "sdl", "ffmpeg", "v4l2", "openh264", "vpx", "upnp",
    )  # fmt: skip
    flags = ["--enable-epoll", "--disable-libsrtp", "--enable-speex-resample"]
    flags += [f"--disable-{name}" for name in off]
    if not options.tls:
        flags.append("--disable-ssl")
    return flags


def cache_key(options: BuildOptions, *, version: str = VERSION, abi: str | None = None) -> str:
    """Names the folder of a build: `2.17-cp311-<16 hex digits>`.

    Differs when anything in `options`, the recipe, the Python ABI or the C library differs. `abi` is for
    tests.
    """
    abi = abi or python_abi()
    what = {
        "version": version,
        "abi": abi,
        "libc": platform.libc_ver(),
        "recipe": RECIPE,
        "options": asdict(options),
        "config_site": config_site(options),
        "configure": configure_flags(options),
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return f"{version}-{abi.split('-x86')[0].split('-aarch')[0]}-{digest[:16]}"


def python_abi() -> str:
    """As in `cpython-311-x86_64-linux-gnu`."""
    return str(sysconfig.get_config_var("SOABI"))
