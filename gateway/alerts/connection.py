"""One connection to the broker by aiomqtt: MQTT 3.1.1, or 5 on request; a session that outlives it, a last
will.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.config.model import Mqtt

KEEPALIVE_S = 15
ANSWER_S = 10.0
"""A broker that leaves a message unacknowledged for so long is given up, and connected to anew."""
IN_FLIGHT = 32
"""Messages on their way at the same time."""
INBOUND_QUEUE = 10_000
_QUIET = logging.getLogger("gateway.alerts.paho")
"""The client library's own log: a lost connection is no error here, and `publisher` tells of it."""
_QUIET.setLevel(logging.CRITICAL)
SESSION_EXPIRY_S = 86400
"""MQTT 5: how long the broker keeps commands for a gateway that is away. With 3.1.1 the broker decides."""


@contextlib.asynccontextmanager
async def connection(
    settings: Mqtt,
    password: str | None,
    *,
    identifier: str,
    status_topic: str,
    will: bytes,
    protocol: Literal["3.1.1", "5"],
) -> AsyncIterator[aiomqtt.Client]:
    """Connect, and disconnect in the end. Raises `MqttError`; may be cancelled at any time.

    Each is a fresh client with nothing in flight from an older one: what was not acknowledged is in our own
    outbox. Connecting runs on a thread that cannot be interrupted; if it succeeds after a cancellation, it is
    undone.
    """
    host, port = settings.address
    client = aiomqtt.Client(
        host,
        port,
        username=settings.username,
        password=password,
        logger=_QUIET,
        identifier=identifier,
        will=aiomqtt.Will(status_topic, will, qos=1, retain=True),
        keepalive=KEEPALIVE_S,
        timeout=ANSWER_S,
        max_queued_incoming_messages=INBOUND_QUEUE,
        max_inflight_messages=IN_FLIGHT,
        **_version(protocol),
    )
    client.pending_calls_threshold = IN_FLIGHT
    connecting = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(connecting)
    except asyncio.CancelledError:
        connecting.add_done_callback(_undo)
        raise
    try:
        yield client
    finally:
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


def _version(protocol: Literal["3.1.1", "5"]) -> dict[str, Any]:
    """The session is kept across connections, so that a button pressed meanwhile is not lost."""
    if protocol == "3.1.1":
        return {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": False}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    return {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}


def _undo(connecting: asyncio.Future[aiomqtt.Client]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        closing = asyncio.ensure_future(connecting.result().__aexit__(None, None, None))
        closing.add_done_callback(lambda closed: closed.cancelled() or closed.exception())
