"""A pytest plug-in of `make sanitize`: the run is refused unless the audio core is the instrumented one."""

from __future__ import annotations

import os

import native.engine
import pytest

os.environ.pop("LD_PRELOAD", None)  # other programs, espeak-ng for one, hang under a sanitizer


def pytest_sessionstart(session: pytest.Session) -> None:
    wanted, found = os.environ["INSTRUMENTED"], str(native.engine.__file__)
    if not found.startswith(wanted + os.sep):
        raise pytest.UsageError(f"the audio core is {found}, not the one in {wanted}")
