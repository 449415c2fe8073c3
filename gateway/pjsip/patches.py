"""Changes to PJSIP's source, each an exact piece of text that must occur once.

Pure but for reading and writing the file.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway.pjsip.errors import BuildFailed


@dataclass(frozen=True)
class Patch:
    """`old` becomes `new` in the file `path` (relative to the source tree), because of `why`."""

    path: str
    old: str
    new: str
    why: str


_UNSECURED = (
    "            case PJMEDIA_SRTP_DISABLED:\n                //--score[i];\n                score[i] -= 5;\n"
)
_MEDIA = "#define PJSUA_MAX_CALL_MEDIA            PJMEDIA_MAX_SDP_MEDIA"
_STREAM_INFO = "PJ_DEF(pj_status_t) pjmedia_stream_info_common_from_sdp("
_REMOTE = "    /* Set remote address: */\n    status = pj_sockaddr_init(rem_af,"
_REMOTE_RTCP = (
    "            if (rtcp.addr.slen) {\n                status = pj_sockaddr_init(rem_af, &si->rem_rtcp,"
)
_IS_ADDRESS = """static pj_bool_t is_address(const pj_str_t *text)
{
    char address[16];
    return text->slen > 0 && (pj_inet_pton(pj_AF_INET(), text, address) == PJ_SUCCESS ||
                              pj_inet_pton(pj_AF_INET6(), text, address) == PJ_SUCCESS);
}
"""
_INCOMING = "pj_bool_t pjsua_call_on_incoming(pjsip_rx_data *rdata)\n{\n"
_SHUTDOWN = (
    "    /* Don't want to accept the call if shutdown is in progress */\n"
    "    if (pjsua_var.thread_quit_flag) {\n"
)
_TURN_AWAY = """    if (pjsua_turn_away) {
        const int code = pjsua_turn_away(rdata->pkt_info.src_name, rdata->pkt_info.src_port,
                                         rdata->msg_info.msg_buf, rdata->msg_info.len);
        if (code) {
            pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, code, NULL, NULL, NULL);
            return PJ_TRUE;
        }
    }

"""

PATCHES = (
    Patch(
        "pjsip/include/pjsua-lib/pjsua_internal.h",
        _MEDIA,
        f"#ifndef PJSUA_MAX_CALL_MEDIA\n{_MEDIA}\n#endif",
        "lets config_site.h lower it from 16, which saves 18 kB a call slot",
    ),
    Patch(
        "pjmedia/src/pjmedia/stream_common.c",
        _STREAM_INFO,
        f"{_IS_ADDRESS}\n{_STREAM_INFO}",
        "tells an address from a host name, for the two below",
    ),
    Patch(
        "pjmedia/src/pjmedia/stream_common.c",
        _REMOTE,
        f"    if (!is_address(&rem_conn->addr))\n        return PJMEDIA_EINVALIDIP;\n\n{_REMOTE}",
        "a host name in c= would be looked up here, with all signalling waiting for the answer",
    ),
    Patch(
        "pjmedia/src/pjmedia/stream_common.c",
        _REMOTE_RTCP,
        _REMOTE_RTCP.replace("if (rtcp.addr.slen)", "if (is_address(&rtcp.addr))"),
        "the same for a host name in a=rtcp",
    ),
    Patch(
        "pjsip/src/pjsua-lib/pjsua_call.c",
        _INCOMING,
        "int (*pjsua_turn_away)(const char *host, int port, const char *message, int length);\n\n"
        + _INCOMING,
        "lets the gateway refuse an INVITE for its source alone, "
        "before a dialog or transaction is kept for it",
    ),
    Patch("pjsip/src/pjsua-lib/pjsua_call.c", _SHUTDOWN, _TURN_AWAY + _SHUTDOWN, "asks it"),
    Patch(
        "pjsip/src/pjsua-lib/pjsua_media.c",
        _UNSECURED,
        "            case PJMEDIA_SRTP_DISABLED:\n",
        "hands offers of RTP/SAVP on to the gateway, which has its own SRTP, in place of a 488",
    ),
)

MISSING_FILES = ("pjmedia/src/pjmedia-audiodev/bdimad_dev.c",)
"""Left out of Debian's tarball and compiled to nothing in our configuration: an empty file will do."""


def patch_text(text: str, patch: Patch) -> str:
    """`text` with `patch` applied. Raises BuildFailed unless `patch.old` occurs exactly once."""
    found = text.count(patch.old)
    if found != 1:
        raise BuildFailed(
            f"{patch.path}: the text to change ({patch.why}) occurs {found} times instead of once"
        )
    return text.replace(patch.old, patch.new)


def apply_patches(tree: Path, patches: tuple[Patch, ...] = PATCHES) -> None:
    """Change the unpacked source in place and add what Debian's tarball lacks."""
    for patch in patches:
        file = tree / patch.path
        if not file.is_file():
            raise BuildFailed(f"the source has no {patch.path}: is it PJSIP?")
        file.write_text(patch_text(file.read_text(encoding="utf-8"), patch), encoding="utf-8")
    for name in MISSING_FILES:
        file = tree / name
        if not file.exists():
            file.touch()
