"""Changes to PJSIP's source: what we ask of it about calls, certificates and media; `connections` has more.

Pure but for reading and writing the file.
"""

from pathlib import Path

from gateway.pjsip.connections import CONNECTIONS
from gateway.pjsip.errors import BuildFailed
from gateway.pjsip.patch import Patch, patch_text

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
_COUNT = "PJ_DEF(unsigned) pjsua_call_get_max_count(void)\n"
_AGREED = """PJ_DEF(int) pjsua_call_agreed_sdp(pjsua_call_id id, int remote, char *text, unsigned size)
{
    const pjmedia_sdp_session *sdp;
    pjsip_inv_session *inv = pjsua_var.calls[id].inv;
    if (!inv || !inv->neg || (remote ? pjmedia_sdp_neg_get_active_remote(inv->neg, &sdp)
                                     : pjmedia_sdp_neg_get_active_local(inv->neg, &sdp)) != PJ_SUCCESS)
        return -1;
    return pjmedia_sdp_print(sdp, text, size);
}

"""
_INCOMING = "pj_bool_t pjsua_call_on_incoming(pjsip_rx_data *rdata)\n{\n"
_SHUTDOWN = (
    "    /* Don't want to accept the call if shutdown is in progress */\n"
    "    if (pjsua_var.thread_quit_flag) {\n"
)
_ASKS_ABOUT_INVITES = """void *pjsua_secured_by(pjsip_rx_data *rdata)
{
    pjsip_transport *transport = rdata->tp_info.transport;
    return transport && (transport->flag & PJSIP_TRANSPORT_SECURE) ? transport : NULL;
}

int (*pjsua_turn_away)(const char *host, int port, void *secured_by, const char *message, int length);

"""
_TURN_AWAY = """    if (pjsua_turn_away) {
        const int code = pjsua_turn_away(rdata->pkt_info.src_name, rdata->pkt_info.src_port,
                                         pjsua_secured_by(rdata),
                                         rdata->msg_info.msg_buf, rdata->msg_info.len);
        if (code) {
            pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, code, NULL, NULL, NULL);
            return PJ_TRUE;
        }
    }

"""

_NEW_CONNECTION = "    /* Create new SSL socket instance */\n"
_ASKS_ABOUT_CONNECTIONS = """    if (pj_ssl_turn_away) {
        char host[PJ_INET6_ADDRSTRLEN];
        pj_sockaddr_print(src_addr, host, sizeof(host), 0);
        if (pj_ssl_turn_away(host, pj_sockaddr_get_port(src_addr))) {
            pj_sock_close(newsock);
            return PJ_TRUE;
        }
    }

"""
_LOCAL_ADDRESS = """static pj_status_t get_localaddr(pj_ssl_sock_t *ssock,
                                 pj_sockaddr_t *addr,
                                 int *namelen)
{
"""
_CREDENTIALS = "    /* Apply credentials */\n    if (cert) {\n"
_SYSTEM_CAS = """    if (!ssock->is_server &&
        !(cert && (cert->CA_file.slen || cert->CA_path.slen || cert->CA_buf.slen)))
    {
        SSL_CTX_set_default_verify_paths(ctx);
    }

"""
_REUSE = "#define SERVER_SUPPORT_SESSION_REUSE 1\n"
_COMMON_NAME = (
    "        if (!matched) {\n            matched = !pj_stricmp(remote_name, &serv_cert->subject.cn);"
)
_CONNECTED = "/* Callback when connect completes */\n"
_REFUSED = (
    "    if (ssl_info.verify_status && tls->verify_server) {\n        if (tls->close_reason == PJ_SUCCESS) \n"
)
_EXCUSE = """
/* The certificate did not verify for the host that was to be reached: is it to be taken all the same? */
int (*pjsip_tls_excuse)(const char *host, int port, unsigned problems, const char *names,
                        const char *issuer);

static pj_bool_t is_excused(const struct tls_transport *tls, const pj_ssl_sock_info *info)
{
    const pj_ssl_cert_info *cert = info->remote_cert_info;
    const pj_str_t *name = tls->remote_name.slen ? &tls->remote_name : &tls->base.remote_name.host;
    char host[256], names[1024], issuer[256];
    int length = 0;
    unsigned i;

    if (!pjsip_tls_excuse)
        return PJ_FALSE;
    names[0] = '\\0';
    for (i = 0; i < cert->subj_alt_name.cnt && length < (int)sizeof(names); ++i) {
        const pj_str_t *one = &cert->subj_alt_name.entry[i].name;
        const int more = pj_ansi_snprintf(names + length, sizeof(names) - length, "%.*s\\n",
                                          (int)one->slen, one->ptr);
        if (length + more >= (int)sizeof(names))
            names[length] = '\\0'; /* no name is better than half of one */
        length += more;
    }
    if (cert->subj_alt_name.cnt == 0)
        pj_ansi_snprintf(names, sizeof(names), "%.*s", (int)cert->subject.cn.slen, cert->subject.cn.ptr);
    pj_ansi_snprintf(host, sizeof(host), "%.*s", (int)name->slen, name->ptr);
    pj_ansi_snprintf(issuer, sizeof(issuer), "%.*s", (int)cert->issuer.cn.slen, cert->issuer.cn.ptr);
    return pjsip_tls_excuse(host, pj_sockaddr_get_port(&tls->base.key.rem_addr), info->verify_status,
                            names, issuer) != 0;
}
"""
_RETRY = "        /* Return PJ_ETRYAGAIN when SSL needs renegotiation */\n"
_SAID_GOODBYE = """        if (err == SSL_ERROR_ZERO_RETURN) {
            pj_lock_release(ssock->write_mutex);
            return PJ_EEOF;
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
        _ASKS_ABOUT_INVITES + _INCOMING,
        "lets the gateway refuse an INVITE for its source alone, "
        "before a dialog or transaction is kept for it",
    ),
    Patch(
        "pjsip/src/pjsua-lib/pjsua_call.c",
        _COUNT,
        _AGREED + _COUNT,
        "tells what both sides' last descriptions said: of an answer in an ACK and of PJSIP's own to an "
        "UPDATE no callback has the text",
    ),
    Patch("pjsip/src/pjsua-lib/pjsua_call.c", _SHUTDOWN, _TURN_AWAY + _SHUTDOWN, "asks it"),
    Patch(
        "pjsip/src/pjsua-lib/pjsua_media.c",
        _UNSECURED,
        "            case PJMEDIA_SRTP_DISABLED:\n",
        "hands offers of RTP/SAVP on to the gateway, which has its own SRTP, in place of a 488",
    ),
    Patch(
        "pjlib/src/pj/ssl_sock_imp_common.c",
        _LOCAL_ADDRESS,
        "int (*pj_ssl_turn_away)(const char *host, int port);\n\n" + _LOCAL_ADDRESS,
        "lets the gateway close a TLS connection before it costs a handshake",
    ),
    Patch(
        "pjlib/src/pj/ssl_sock_imp_common.c",
        _NEW_CONNECTION,
        _ASKS_ABOUT_CONNECTIONS + _NEW_CONNECTION,
        "asks it",
    ),
    Patch(
        "pjlib/src/pj/ssl_sock_ossl.c",
        _REUSE,
        _REUSE.replace("1", "0"),
        "each connection has the certificate that is there now, so that one is renewed without a restart",
    ),
    Patch(
        "pjlib/src/pj/ssl_sock_ossl.c",
        _CREDENTIALS,
        _SYSTEM_CAS + _CREDENTIALS,
        "a server is verified by the system's authorities where none are named",
    ),
    Patch(
        "pjlib/src/pj/ssl_sock_ossl.c",
        _RETRY,
        _SAID_GOODBYE + _RETRY,
        "a peer that has closed its side by TLS (close_notify) is gone, though its TCP connection lingers: "
        "what is sent there would be lost",
    ),
    Patch(
        "pjsip/src/pjsip/sip_transport_tls.c",
        _COMMON_NAME,
        _COMMON_NAME.replace("!matched)", "!matched && serv_cert->subj_alt_name.cnt == 0)", 1),
        "the common name counts only where there are no alternative names (RFC 5922 7.1)",
    ),
    Patch(
        "pjsip/src/pjsip/sip_transport_tls.c",
        _CONNECTED,
        _EXCUSE.lstrip() + "\n" + _CONNECTED,
        "lets the gateway tell why a peer's certificate is refused, and take it where the admin said so",
    ),
    Patch(
        "pjsip/src/pjsip/sip_transport_tls.c",
        _REFUSED,
        "    if (ssl_info.verify_status && tls->verify_server && is_excused(tls, &ssl_info))\n"
        "        tls->verify_server = PJ_FALSE;\n" + _REFUSED,
        "asks it",
    ),
    *CONNECTIONS,
)

MISSING_FILES = ("pjmedia/src/pjmedia-audiodev/bdimad_dev.c",)
"""Left out of Debian's tarball and compiled to nothing in our configuration: an empty file will do."""


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
