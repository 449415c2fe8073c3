"""Secrets come from the environment, by the names that the configuration gives in its `..._env` keys."""

from __future__ import annotations

import os
from collections.abc import Mapping


def secret(env_name: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The secret that the environment holds under this name; None where there is no name, no variable, or
    nothing in it."""
    return (environ.get(env_name) or None) if env_name else None
