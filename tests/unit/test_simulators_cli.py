"""The command line: help, mistakes explained, exit codes, and calls lived through by a script."""

import asyncio

import pytest
from typer.testing import CliRunner

from simulators import Phone, people
from simulators.cli import app
from simulators.commentary import Commentary
from simulators.people import Script
from simulators.script import KeyPress

COMMANDS = ("caller", "advisor", "floorwalker", "pbx", "load", "speech")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "--help" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["caller", "--to", "sip:2001@127.0.0.1", "--keys", "99"], 2, "is no key press"),
        (["caller", "--to", "sip:2001@127.0.0.1", "--hang-up-after", "soon"], 2, "is no time"),
        (["caller", "--to", "sip:2001@127.0.0.1", "--codecs", "G729"], 2, "is not spoken here"),
        (["caller", "--to", "sip:@@"], 2, "is no SIP URI"),
        (["caller", "--to", "2001"], 1, "names no host"),
        (["pbx", "--port", "0", "--route", "2..."], 2, "is no route"),
        (["floorwalker"], 2, "--dial"),
        (["caller"], 2, "--to"),
    ],
)
def test_mistakes_are_explained(arguments, code, words):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code
    assert words in result.output


async def test_two_people_live_through_a_call(tmp_path, capsys):
    heard = tmp_path / "heard.wav"
    quick = Script("patient", keys=[KeyPress(0.05, "5")], record=heard, hang_up_after_s=0.5)
    async with Phone("patient") as patient, Phone("2001") as advisor:
        answering = asyncio.create_task(
            people.take_calls(
                advisor, Script("advisor"), Commentary("advisor"), answer_after_s=0.05, once=True
            )
        )
        assert await people.make_call(patient, advisor.uri, quick, Commentary("caller"), 5) == 0
        assert await answering == 0
    told = capsys.readouterr().out
    for words in ("hears it ring", "is rung by patient", "presses 5", "keys 5", "hangs up", "call over"):
        assert words in told
    assert heard.stat().st_size > 1_000


async def test_a_refused_call_ends_with_1(capsys):
    async with Phone("patient") as patient, Phone("2001", on_incoming="busy") as advisor:
        assert await people.make_call(patient, advisor.uri, Script("patient"), Commentary("caller"), 5) == 1
    assert "486 Busy Here" in capsys.readouterr().out


async def test_nobody_answering_ends_with_1(capsys):
    async with Phone("patient") as patient, Phone("2001", on_incoming="ring") as advisor:
        assert await people.make_call(patient, advisor.uri, Script("patient"), Commentary("caller"), 0.2) == 1
    assert "nobody answered within 0.2 s" in capsys.readouterr().out
