"""The order of the folders."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """tests/native last: its wrapper of libsrtp2 and PJSIP would start one library twice in one process."""
    items.sort(key=lambda item: "native" in item.path.parts)
