"""`gateway check` and the rest of the command line, as an admin meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway import __version__, cli
from gateway.core.errors import GatewayError

ROOT = Path(__file__).parents[2]
TOKENS = {"GATEWAY_TOKEN_FIONA": "f" * 32, "GATEWAY_TOKEN_ARTHUR": "a" * 32}


def run(*args: object, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli.app, [str(arg) for arg in args], env=environ or TOKENS)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.toml"
    path.write_text(
        '[sip]\nbnd = "127.0.0.1:5060"\n[[trunk]]\nname = "pbx"\nuri = "sip:h"\nidentify_by = ["127.0.0.1"]\n'
        '[[route]]\nmatch = "("\nto = { trunk = "[red]pbxx" }\n'
    )
    return path


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "config").glob("*.toml"))])
def test_the_examples_are_sound(name: str) -> None:
    result = run("check", "-c", ROOT / "config" / name)
    assert result.exit_code == 0
    assert "is sound" in result.stdout
    assert "warning" not in result.output


def test_the_commented_example_shows_every_key_and_its_default() -> None:
    import re
    import tomllib

    from gateway.config.mistakes import allowed_keys
    from gateway.config.model import Config

    text = (ROOT / "config" / "gateway.toml").read_text()
    shown = re.sub(r"(?m)^# (\[*[a-z_.]+\]*(?: = .*)?)$", r"\1", text)
    table = tomllib.loads(shown)
    assert set(table) == set(allowed_keys(()))
    for section in ("node", "sip", "media", "supervision", "alerts", "mqtt", "web", "store", "limits", "log"):
        assert set(table[section]) == set(allowed_keys((section,))), section
    commented = Config.model_validate(table)
    plain = Config.model_validate(tomllib.loads(text))
    for section in ("supervision", "alerts", "limits", "log"):
        assert getattr(commented, section) == getattr(plain, section), section


def test_the_summary_says_what_the_gateway_would_do() -> None:
    result = run("check", "-c", ROOT / "config" / "gateway.toml")
    for text in (
        "127.0.0.1:5060 by udp and tcp",
        "pbx: sip:127.0.0.1:5080",
        r"1. 2\d{3} goes to",
        "2 in 2 teams",
    ):
        assert text in result.stdout


def test_every_mistake_is_printed_and_the_exit_code_is_2(bad: Path) -> None:
    result = run("check", "-c", bad)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "3 mistakes" in result.stderr
    for text in ("sip.bnd: unknown key", 'did you mean "bind"?', "route[1].match: ", 'found "[red]pbxx"'):
        assert text in result.stderr


def test_a_missing_secret_is_a_mistake() -> None:
    result = run("check", "-c", ROOT / "config" / "gateway.toml", environ=dict.fromkeys(TOKENS, ""))
    assert result.exit_code == 2
    assert "GATEWAY_TOKEN_FIONA is not set, or empty" in result.stderr


@pytest.mark.parametrize(
    ("number", "said", "code"),
    [
        (
            "2001",
            r"takes route 1 (2\d{3}) to sip:2001@127.0.0.1:5080 by trunk pbx; advisor ann of team north-a",
            0,
        ),
        ("2999", "no advisor's extension", 0),
        ("+441614961234", "takes route 2", 0),
        ("+441614962001", "to sip:2001@127.0.0.1:5080 by trunk pbx; advisor ann", 0),
        ("*722001", "is whisper on advisor ann (2001)", 0),
        ("*722999", "no advisor has the extension 2999", 1),
        ("555", "fits no route: the call is refused with 404", 1),
    ],
)
def test_where_a_number_would_go(number: str, said: str, code: int) -> None:
    result = run("check", "-c", ROOT / "config" / "gateway.toml", "--number", number)
    assert said in result.stdout
    assert result.exit_code == code


def test_serve_refuses_a_broken_configuration(bad: Path) -> None:
    result = run("serve", "-c", bad)
    assert result.exit_code == 2
    assert "3 mistakes" in result.stderr


def test_the_version() -> None:
    result = run("--version")
    assert (result.stdout, result.exit_code) == (f"gateway {__version__}\n", 0)


def test_a_command_line_that_makes_no_sense() -> None:
    assert run("check").exit_code == 2
    assert run("serv").exit_code == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (GatewayError("no room"), "gateway: no room\n"),
        (OSError(98, "Address already in use"), "gateway: Address already in use\n"),
        (FileNotFoundError(2, "No such file", "x.wav"), "gateway: x.wav: No such file\n"),
        (
            ModuleNotFoundError("no", name="pjsua2"),
            "gateway: pjsua2 is not installed or not built; `make` does both\n",
        ),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    assert capsys.readouterr().err == said
