"""A machine that stands still is not a bug of the engine's: what failed while it did is tried again."""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol
from rig import STALLS

ATTEMPTS = 5


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test of this folder; again when it failed and its telephones were held up for longer than
    `rig.STALL_S`.

    Beyond 50 ms without a packet the engine's own clock goes on by itself, rightly, and another number of
    packets comes out.
    """
    if not hasattr(item.module, "Rig"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(ATTEMPTS):
        STALLS.clear()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not any(report.failed for report in reports) or not STALLS or attempt == ATTEMPTS - 1:
            break
        item._initrequest()
    for report in reports:
        if report.failed and STALLS:
            report.sections.append(
                ("machine", f"stood still for {max(STALLS) * 1000:.0f} ms, {ATTEMPTS} times in a row")
            )
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
