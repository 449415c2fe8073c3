"""`gateway.log`: one event a line, readable by machines and people."""

import io
import json
import logging
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.log import get_logger, rfc3339, set_up

pytestmark = pytest.mark.usefixtures("logging_kept")


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_lines_carry_name_level_time_and_facts() -> None:
    out = io.StringIO()
    set_up("info", "json", out)
    get_logger("gateway.calls").info("supervision.refused", user="arthur", mode="whisper", number=3)
    (line,) = lines(out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("timestamp")))
    assert line == {
        "event": "supervision.refused", "level": "info", "logger": "gateway.calls",
        "user": "arthur", "mode": "whisper", "number": 3,
    }  # fmt: skip


def test_the_standard_library_goes_the_same_way() -> None:
    out = io.StringIO()
    set_up("info", "json", out)
    logging.getLogger("some.library").warning("lost %d", 3)
    logging.getLogger("some.library").debug("unseen")
    (line,) = lines(out)
    assert (line["event"], line["level"]) == ("lost 3", "warning")


def test_an_event_stays_on_one_line_whatever_is_in_it() -> None:
    out = io.StringIO()
    set_up("info", "json", out)
    get_logger("x").info("a\nb", text="c\r\nd", thing=object())
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        get_logger("x").exception("failed")
    assert len(lines(out)) == 2
    assert "ValueError" in str(lines(out)[1]["exception"])


def test_levels_filter() -> None:
    out = io.StringIO()
    set_up("error", "json", out)
    get_logger("x").warning("unseen")
    get_logger("x").error("seen")
    assert [line["event"] for line in lines(out)] == ["seen"]


def test_text_for_people() -> None:
    out = io.StringIO()
    set_up("info", "console", out)
    get_logger("x").info("call.answered", call="c-1")
    assert re.match(r"\S+Z \[info +\] call\.answered .*call=c-1", out.getvalue())


def test_times_are_utc_whatever_the_zone() -> None:
    at = datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(at) == "2026-02-28T23:30:00.123Z"
    assert rfc3339(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"
