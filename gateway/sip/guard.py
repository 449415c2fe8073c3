"""For every method that PJSIP calls: an exception out of a SWIG director would end the process."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

log = logging.getLogger(__name__)


def log_failure(logger: logging.Logger, what: str) -> None:
    """Log the exception being handled, as text: a kept traceback would keep pjsua2 objects alive."""
    logger.error("%s failed\n%s", what, traceback.format_exc())


class Failable(Protocol):
    def fail(self, why: str) -> None:
        """End the leg with 500; called outside the exception, must not raise."""


Self = TypeVar("Self", bound=Failable)


def guarded(method: Callable[[Self, Any], None]) -> Callable[[Self, Any], None]:
    """Log what the callback raises, fail its leg, and return to PJSIP as if nothing had happened."""

    @functools.wraps(method)
    def callback(self: Self, parameters: Any) -> None:
        try:
            method(self, parameters)
        except Exception as error:
            log_failure(log, f"SIP callback {method.__name__}")
            why = f"{method.__name__}: {type(error).__name__}"
        else:
            return
        try:
            self.fail(why)
        except Exception:
            log_failure(log, "ending the leg")

    return callback
