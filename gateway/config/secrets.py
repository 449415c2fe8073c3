"""Secrets come from the environment, by the names that the configuration gives in its `..._env` keys, or from
files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def secret(env_name: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The secret that the environment holds under this name; None where there is no name, no variable, or
    nothing in it."""
    return (environ.get(env_name) or None) if env_name else None


def secret_file(path: str | None) -> str | None:
    """What the file holds, less the line's end; None where there is no name, no file that can be read, or
    nothing in it."""
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
