"""`[mqtt]`: the broker."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from gateway.config.fields import EnvName
from gateway.config.model.section import Section
from gateway.core.model import Address


def _mqtt_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise ValueError('not a URL; allowed: "mqtt://host:1883"') from None
    if url.scheme == "mqtts":
        raise ValueError('TLS to the broker is not supported; allowed: "mqtt://host:1883"')
    if (
        url.scheme != "mqtt"
        or not host
        or port == 0
        or url.path not in ("", "/")
        or url.query
        or url.fragment
    ):
        raise ValueError('allowed: "mqtt://host:1883"')
    if "@" in url.netloc:
        raise ValueError("user name and password do not belong into the URL; use username and password_env")
    return text


def _topic_root(text: str) -> str:
    if (
        not text
        or text.startswith(("/", "$"))
        or text.endswith("/")
        or any(c in text for c in "+#\0")
        or "//" in text
    ):
        raise ValueError("allowed: topic levels joined by /, without +, #, empty levels or a leading $")
    return text


class Mqtt(Section):
    """The broker that alerts are published to; without this section they are raised, only not published."""

    url: Annotated[str, AfterValidator(_mqtt_url)]
    username: str | None = None
    password_env: EnvName | None = None
    topic_root: Annotated[str, Field(max_length=200), AfterValidator(_topic_root)] = "gateway"

    @property
    def address(self) -> Address:
        url = urlsplit(self.url)
        return url.hostname or "", url.port or 1883
