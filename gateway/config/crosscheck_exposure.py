"""Cross-checks of what the file lets others hear, read or pretend. Warnings: a network of its own may make it
right.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake


def is_here(host: str) -> bool:
    """Is it this machine itself? A name other than localhost is not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(draft: Draft) -> Iterator[Mistake]:
    """What others could hear, read or pretend."""
    yield from _check_web(draft)
    yield from _check_broker(draft)
    yield from _check_streams(draft)
    for position, trunk in enumerate(draft.config.trunks):
        for number, network in enumerate(trunk.identify_by):
            if not isinstance(network, str) and network.prefixlen == 0:
                message = f"found {network}; that is everybody: anyone may call, and claim to be a supervisor"
                loc = ("trunk", position, "identify_by", number)
                yield draft.mistake(loc, message, "give the addresses of the PBX or SBC", fatal=False)


def _check_web(draft: Draft) -> Iterator[Mistake]:
    web = draft.config.web
    if "web" in draft.broken or is_here(web.bind[0]) or web.trusted_proxies:
        return
    message = (
        f"found {web.bind[0]}; it speaks plain HTTP: passwords and patients' voices can be read on the way, "
        "and browsers give such a page no microphone and no sound"
    )
    hint = "put a proxy with TLS in front and name it in trusted_proxies"
    yield draft.mistake(("web", "bind"), message, hint, fatal=False)


def _check_broker(draft: Draft) -> Iterator[Mistake]:
    mqtt = draft.config.mqtt
    if "mqtt" in draft.broken or mqtt is None or mqtt.password_env is None or is_here(mqtt.address[0]):
        return
    message = f"found {mqtt.url}; the password goes there unencrypted"
    hint = "keep the broker on this machine or on a network of its own"
    yield draft.mistake(("mqtt", "url"), message, hint, fatal=False)


def _check_streams(draft: Draft) -> Iterator[Mistake]:
    if "audit" in draft.broken:
        return
    seen: set[str] = set()
    for position, stream in enumerate(draft.config.audit.streams):
        loc = ("audit", "stream", position)
        if stream.name in seen:
            message = f'found "{stream.name}"; another stream has that name'
            yield draft.mistake((*loc, "name"), message)
        seen.add(stream.name)
        url = urlsplit(stream.url)
        if url.scheme == "ws" and not is_here(url.hostname or ""):
            message = f"found {stream.url}; patients' voices go there unencrypted"
            yield draft.mistake((*loc, "url"), message, "use wss://", fatal=False)
