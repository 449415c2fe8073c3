"""`[audit]`, `[[audit.stream]]`: hearing and scoring calls."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictBool

from gateway.config.fields import EnvName, Name
from gateway.config.model.section import Section


def _websocket_url(text: str) -> str:
    try:
        url = urlsplit(text)
        sound = url.scheme in ("ws", "wss") and bool(url.hostname) and not url.fragment and url.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in text.partition("://")[2].partition("/")[0]:
        raise ValueError('allowed: "ws://host:port/path" or "wss://...", without user name and password')
    return text


class AuditStream(Section):
    """A feed of every call that the gateway sends by itself, to a transcription service for example."""

    name: Name
    """Who it is: in the trail, in the events, among a call's listeners."""
    url: Annotated[str, AfterValidator(_websocket_url)]
    protocol: Literal["twilio", "native"] = "twilio"
    teams: tuple[str, ...] = ("*",)
    """Whose calls; `*` stands for all."""
    token_env: EnvName | None = None
    """Environment variable with the bearer token to connect with."""

    @property
    def query(self) -> dict[str, str]:
        """What is asked of the feed, as in the query of `WS /api/calls/{call}/audio`."""
        return {"protocol": "twilio"} if self.protocol == "twilio" else {}


class Audit(Section):
    """Hearing and scoring calls."""

    forms: str | None = None
    """Folder of the forms, a TOML file each (`config.audit_forms`); relative to the configuration file. None:
    no forms."""
    talk_analysis: StrictBool = False
    """Judge who speaks by a voice detector in every call, not only in those that somebody listens to; the
    others go by level. Costs about 1 CPU-ms a call and second."""
    streams: tuple[AuditStream, ...] = Field(default=(), alias="stream")
    """`[[audit.stream]]`."""
