"""`[node]`, `[limits]`, `[log]`: the process as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.fields import Name
from gateway.config.model.section import Section


class Node(Section):
    """Who this gateway is, in MQTT topics, logs and the console."""

    name: Name = "gateway-1"
    site: Name = "site"


class Limits(Section):
    """Past these a new call is refused at once with 503, so that the PBX takes its other route."""

    max_calls: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 200
    calls_per_second: Annotated[float, Field(strict=True, gt=0, le=10_000)] = 50.0
    retry_after_s: Annotated[int, Field(strict=True, ge=0, le=3600)] = 5
    """The Retry-After that goes with 503 (RFC 3261 §20.33)."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
