"""The command line: `gateway serve | check | demo | user | trail | store | pjsip`.

What a command needs is imported inside it, so that `gateway check` works where nothing is built yet. Whatever
the user or the machine got wrong is one sentence on standard error and an exit code: 2 for the command line
and the configuration, 1 for the rest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway import __version__

app = typer.Typer(
    name="gateway",
    help="Listen, whisper, barge and take over on live SIP calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="The configuration, a TOML file.")
]


def fail(message: str, code: int = 1) -> NoReturn:
    """One sentence on standard error, and out."""
    typer.echo(f"gateway: {message}", err=True)
    raise typer.Exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateway {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def check(
    config: ConfigFile,
    number: Annotated[
        str, typer.Option(metavar="NUMBER", help="Show which route a call to NUMBER takes.")
    ] = "",
) -> None:
    """Check the configuration: every mistake with its key, exit 2; else what the gateway would do, exit 0."""
    from rich.console import Console

    from gateway.config.check import explain_number, print_report, print_summary
    from gateway.config.loading import examine

    report = examine(config)
    code = print_report(report, config, Console(stderr=report.config is None))
    if report.config is not None:
        if number:
            sentence, code = explain_number(report.config, number)
            typer.echo(sentence)
        else:
            print_summary(report.config, Console())
    raise typer.Exit(code)


@app.command()
def serve(config: ConfigFile) -> None:
    """Run the gateway until SIGINT or SIGTERM."""
    from rich.console import Console

    from gateway.config.check import print_report
    from gateway.config.loading import examine

    report = examine(config)
    if report.mistakes or report.warnings:
        print_report(report, config, Console(stderr=True))
    if report.config is None:
        raise typer.Exit(2)

    from gateway.serving import serve_until_signalled

    serve_until_signalled(report.config)


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Play it once without a terminal and check each step.")
    ] = False,
) -> None:
    """Everything on this machine: simulated patient, advisor, floorwalker and auditor."""
    from gateway.demo import run

    raise typer.Exit(run(once))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="Build PJSIP, or tell what the installed build carries: gateway pjsip build | info",
)
def pjsip(context: typer.Context) -> None:
    from gateway.pjsip.cli import app as pjsip_app

    pjsip_app(context.args, prog_name="gateway pjsip")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="Users of the store: gateway user add | list | disable | enable | password",
)
def user(context: typer.Context) -> None:
    from gateway.accounts.cli import app as user_app

    user_app(context.args, prog_name="gateway user")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="Who did what: gateway trail verify | export | key",
)
def trail(context: typer.Context) -> None:
    from gateway.trail.cli import app as trail_app

    trail_app(context.args, prog_name="gateway trail")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="The database: gateway store migrate | info",
)
def store(context: typer.Context) -> None:
    from gateway.store.cli import app as store_app

    store_app(context.args, prog_name="gateway store")


def main() -> None:
    """Run the command line; what went wrong is told in one sentence."""
    from gateway.core.errors import GatewayError

    try:
        app(prog_name="gateway")
    except GatewayError as error:
        typer.echo(f"gateway: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        typer.echo(f"gateway: {_explain(error)}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        typer.echo(f"gateway: {error.name} is not installed or not built; `make` does both", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _explain(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {what}" if error.filename else what


if __name__ == "__main__":
    main()
