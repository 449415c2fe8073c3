"""What can go wrong in the demonstration, in words for the person who watches it."""

from __future__ import annotations

from gateway.core.errors import GatewayError


class DemoFailed(GatewayError):
    """The story cannot go on; the text says at which step and why."""
