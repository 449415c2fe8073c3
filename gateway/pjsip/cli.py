"""`gateway pjsip build|info`."""

import signal
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.pjsip.build import Request, build
from gateway.pjsip.cache import Manifest
from gateway.pjsip.errors import PjsipError
from gateway.pjsip.info import PjsipInfo, ask_library, module_folder, pjsip_info

app = typer.Typer(help="Build PJSIP for thousands of calls, or say which is installed.", no_args_is_help=True)

SourceOption = Annotated[Path | None, typer.Option(help="A tarball or source folder of PJSIP to build from.")]
Sha256Option = Annotated[str | None, typer.Option(help="SHA-256 that the tarball must have.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Build again even if the cache has it.")]


@app.command("build")
def build_command(
    source: SourceOption = None, sha256: Sha256Option = None, force: ForceOption = False
) -> None:
    """Build pjsua2 and install it into this Python; seconds if it was built before."""
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that compilers are stopped, too
    try:
        manifest = build(Request(source=source, sha256=sha256, force=force))
    except KeyboardInterrupt:
        fail("interrupted; run it again to go on", 130)
    except PjsipError as error:
        fail(str(error), 1)
    typer.echo(f"{built_line(manifest)} ({time.monotonic() - begun:.1f} s)")


@app.command("info")
def info_command() -> None:
    """Print version, call capacity, ioqueue and where the source came from."""
    try:
        info = pjsip_info()
        folder = module_folder()
        loaded = ask_library(folder if folder and not info.is_ready_wheel else Path())
    except PjsipError as error:
        fail(str(error), 1)
    typer.echo(describe(info))
    if loaded[1] != info.max_calls:
        fail(f"the library itself says {loaded[1]} call legs: run `gateway pjsip build --force`", 1)


def built_line(manifest: Manifest) -> str:
    """One line about an installed build."""
    tls = "with TLS" if manifest.tls else "without TLS"
    return f"PJSIP {manifest.version} is installed: {manifest.max_calls} call legs, {manifest.ioqueue}, {tls}"


def describe(info: PjsipInfo) -> str:
    """What `info` prints."""
    rows = [
        ("version", info.version),
        ("call legs", str(info.max_calls)),
        ("ioqueue", info.ioqueue),
        ("source", info.source or "not recorded"),
        ("sha256", info.sha256 or "not recorded"),
    ]
    if info.is_ready_wheel:
        rows.append(
            ("note", f"ready wheel: {info.max_calls} call legs at most; `gateway pjsip build` lifts that")
        )
    return "\n".join(f"{name:<10} {value}" for name, value in rows)


def fail(message: str, code: int) -> NoReturn:
    """Say why on standard error and leave with `code`."""
    print(f"gateway pjsip: {message}", file=sys.stderr)
    raise typer.Exit(code)
