"""`python -m gateway.pjsip build|info`: works as soon as typer and rich are installed."""

from gateway.pjsip.cli import app

if __name__ == "__main__":
    app(prog_name="python -m gateway.pjsip")
