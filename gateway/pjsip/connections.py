"""Changes to PJSIP's source: what it says of our own address, and which connection a dialog keeps to.

PJSIP sends each request of a dialog to the peer's Contact, by a new connection if none leads there. A phone
behind NAT, or a client that does not listen, is reached only by the connection that it has opened itself. A
dialog can be tied to one (`pjsip_dlg_set_transport`); as PJSIP has it, a tie outlives the connection, and
every request fails from then on. Here it is a preference.
"""

from gateway.pjsip.patch import Patch

_CREATED = """    /* Done */
    *p_transport = &{tp}->base;
"""
_OWN_PORT = "    {tp}->base.local_name.port = {tp}->base.factory->addr_name.port;\n\n"
_ESTABLISHED = "    /* Mark that pending connect() operation has completed. */\n"
_READS = "    /* Start pending read */\n"
_INTERFACE = """            if (prm->local_if) {
                status = get_net_interface(f->type,"""
_REACHES = """    /* Get local address suitable to send response from */
    pjsip_tpmgr_fla2_param_default(&tfla2_prm);
    tfla2_prm.tp_type = tp_type;
    tfla2_prm.tp_sel = &tp_sel;
    tfla2_prm.dst_host = sip_uri->host;
"""

_SELECTED = "    /* If transport selector is set, set destination type accordingly */\n"
_OF_NO_USE = """    if (tdata->tp_sel.type == PJSIP_TPSELECTOR_TRANSPORT && tdata->tp_sel.u.transport) {
        const pjsip_transport *kept = tdata->tp_sel.u.transport;
        if (kept->is_shutdown || kept->is_destroying ||
            (dest_info->type != PJSIP_TRANSPORT_UNSPECIFIED &&
             (dest_info->type | PJSIP_TRANSPORT_IPV6) != (kept->key.type | PJSIP_TRANSPORT_IPV6)))
        {
            const pjsip_tpselector any = {PJSIP_TPSELECTOR_NONE};
            pjsip_tx_data_set_transport(tdata, &any);
        }
    }

"""
_RESOLVE = "        pjsip_endpt_resolve( endpt, tdata->pool, &dest_info, stateless_data,\n"
_KNOWN = """        if (tdata->tp_sel.type == PJSIP_TPSELECTOR_TRANSPORT && tdata->tp_sel.u.transport) {
            const pjsip_transport *kept = tdata->tp_sel.u.transport;
            pjsip_server_addresses there;
            pj_bzero(&there, sizeof(there));
            there.count = 1;
            there.entry[0].type = kept->key.type;
            there.entry[0].addr_len = kept->addr_len;
            pj_sockaddr_cp(&there.entry[0].addr, &kept->key.rem_addr);
            stateless_send_resolver_callback(PJ_SUCCESS, stateless_data, &there);
            return PJ_SUCCESS;
        }

"""
_ACQUIRE = "    if (sel && sel->type == PJSIP_TPSELECTOR_TRANSPORT &&\n        sel->u.transport) \n    {\n"
_BYE_UNANSWERED = """    if (e->body.tsx_state.type != PJSIP_EVENT_RX_MSG) {
        inv_set_cause(inv, PJSIP_SC_OK, NULL);
"""
_BYE_AGAIN = """    if (e->body.tsx_state.type != PJSIP_EVENT_RX_MSG &&
        inv->dlg->tp_sel.type == PJSIP_TPSELECTOR_TRANSPORT)
    {
        const pjsip_tpselector any = {PJSIP_TPSELECTOR_NONE};
        pjsip_tx_data *again;
        pj_bool_t sent, over; /* what cannot be sent at all has ended the session before it returns */
        pjsip_inv_add_ref(inv);
        pjsip_dlg_set_transport(inv->dlg, &any);
        sent = pjsip_dlg_create_request(inv->dlg, pjsip_get_bye_method(), -1, &again) == PJ_SUCCESS &&
               pjsip_inv_send_msg(inv, again) == PJ_SUCCESS;
        over = inv->state == PJSIP_INV_STATE_DISCONNECTED;
        pjsip_inv_dec_ref(inv);
        if (sent || over)
            return;
    }

"""
_INCOMING = "pj_bool_t pjsua_call_on_incoming(pjsip_rx_data *rdata)\n{\n"
_KEEP_TO = """int pjsua_keep_to_connection(pjsua_call_id id, pjsip_rx_data *rdata)
{
    pjsip_dialog *dlg = pjsua_var.calls[id].inv ? pjsua_var.calls[id].inv->dlg : NULL;
    pjsip_tpselector sel;
    pj_bzero(&sel, sizeof(sel));
    sel.type = PJSIP_TPSELECTOR_TRANSPORT;
    sel.u.transport = rdata->tp_info.transport;
    return dlg && (sel.u.transport->flag & PJSIP_TRANSPORT_RELIABLE) &&
           pjsip_dlg_set_transport(dlg, &sel) == PJ_SUCCESS;
}

"""


def _own_port(tp: str, before: str, why: str) -> Patch:
    """`tp`: tcp or tls."""
    before = before.format(tp=tp)
    return Patch(f"pjsip/src/pjsip/sip_transport_{tp}.c", before, _OWN_PORT.format(tp=tp) + before, why)


_VIA = (
    "Via and Contact name the port where we take connections, not the one that this connection happens to "
    "have (RFC 3261 18.1.1, 8.1.1.8)"
)

CONNECTIONS = (
    _own_port("tls", _CREATED, _VIA),
    _own_port("tls", _ESTABLISHED, "the same once it is connected"),
    _own_port("tcp", _CREATED, _VIA),
    _own_port("tcp", _READS, "the same once it is connected"),
    Patch(
        "pjsip/src/pjsip/sip_transport.c",
        _INTERFACE,
        _INTERFACE.replace("(prm->local_if)", "(prm->local_if && !f->has_addr_name)"),
        "a Contact by TCP or TLS names the advertised address, as it does by UDP",
    ),
    Patch(
        "pjsip/src/pjsua-lib/pjsua_acc.c",
        _REACHES,
        _REACHES.replace("sip_uri->host", "pj_str(rdata->pkt_info.src_name)"),
        "a Contact names our address towards who is really there, whatever host theirs names",
    ),
    Patch(
        "pjsip/src/pjsua-lib/pjsua_call.c",
        _INCOMING,
        _KEEP_TO + _INCOMING,
        "lets the gateway tie a dialog to the connection that a request of the peer's came by",
    ),
    Patch(
        "pjsip/src/pjsip/sip_util.c",
        _SELECTED,
        _OF_NO_USE + _SELECTED,
        "where that one is gone, or Contact asks for another transport, Contact is gone by",
    ),
    Patch(
        "pjsip/src/pjsip/sip_util.c",
        _RESOLVE,
        _KNOWN + _RESOLVE,
        "by a connection that is there nothing is looked up: the host in a Contact may be known to nobody",
    ),
    Patch(
        "pjsip/src/pjsip/sip_transport.c",
        _ACQUIRE,
        _ACQUIRE.replace(
            "sel->u.transport) ",
            "sel->u.transport && !sel->u.transport->is_shutdown && !sel->u.transport->is_destroying)",
        ),
        "a response whose connection is gone goes by another (RFC 3261 18.2.2)",
    ),
    Patch(
        "pjsip/src/pjsip-ua/sip_inv.c",
        _BYE_UNANSWERED,
        _BYE_AGAIN + _BYE_UNANSWERED,
        "a BYE that was lost with the connection is sent once more, to Contact",
    ),
)
