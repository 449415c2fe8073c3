"""Running the gateway as a service: signals, the log, and what the PJSIP build carries."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Coroutine
from typing import Any

from gateway.config.crosscheck import LEGS_PER_CALL
from gateway.config.model import Config
from gateway.core.errors import GatewayError
from gateway.log import get_logger, set_up

log = get_logger(__name__)


def serve_until_signalled(config: Config) -> None:
    """Run `gateway.app.serve` until SIGINT or SIGTERM, then let it end its calls' signalling in order.
    Blocks; main thread only.

    Raises what `serve` raises: `GatewayError` or OSError where the gateway cannot start.
    """
    from gateway.app import serve

    set_up(config.log.level, config.log.format)
    open_files_allowed()
    tell_capacity(config.limits.max_calls)
    asyncio.run(until_signalled(serve(config)))


async def until_signalled(serving: Coroutine[Any, Any, None]) -> None:
    """Await `serving`; SIGINT and SIGTERM cancel it, a second one too while it is ending. SIGHUP changes
    nothing and says so.

    Returns when `serving` returned or was cancelled by a signal; what it raises is raised.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serving)
    stopping = False

    def stop(name: str) -> None:
        nonlocal stopping
        log.info("gateway.stopping", signal=name)
        stopping = True
        task.cancel()

    def refuse_reload() -> None:
        log.warning(
            "gateway.reload_refused", why="the configuration is read at start only; restart the gateway"
        )

    handlers = {
        signal.SIGINT: lambda: stop("SIGINT"),
        signal.SIGTERM: lambda: stop("SIGTERM"),
        signal.SIGHUP: refuse_reload,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        await task
    except asyncio.CancelledError:
        if not stopping:
            raise
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
    log.info("gateway.stopped")


def open_files_allowed() -> None:
    """As many descriptors as the system allows: every call needs several, and so does every browser."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tell_capacity(max_calls: int) -> None:
    """Log how many call legs the PJSIP build carries; warn where that is too few for `[limits] max_calls`.

    Raises `GatewayError` where there is no PJSIP.
    """
    from gateway.pjsip.errors import PjsipError
    from gateway.pjsip.info import pjsip_info

    try:
        info = pjsip_info()
    except PjsipError as error:
        raise GatewayError(str(error)) from None
    log.info("pjsip.found", version=info.version, call_legs=info.max_calls, ready_wheel=info.is_ready_wheel)
    if warning := capacity_warning(info.max_calls, info.is_ready_wheel, max_calls):
        log.warning("pjsip.capacity", message=warning)


def capacity_warning(legs: int, is_ready_wheel: bool, max_calls: int) -> str:
    """What this build of PJSIP does not carry, in plain words; empty where it carries `max_calls`."""
    needed = LEGS_PER_CALL * max_calls
    if is_ready_wheel:
        return (
            f"the ready wheel of PJSIP carries {legs} call legs: {legs // LEGS_PER_CALL} calls unsupervised, "
            "or one call and its supervisors; `gateway pjsip build` makes one that carries thousands"
        )
    if legs < needed:
        return f"PJSIP carries {legs} call legs, and [limits] max_calls = {max_calls} needs {needed}"
    return ""
