"""`gateway.config.advisors_csv`: spreadsheets as people save them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.advisors_csv import parse_advisors, read_advisors

ANN = {"id": "ann", "name": "Ann, A.", "extension": "2001", "team": "north"}


@pytest.mark.parametrize(
    "text",
    [
        'id,name,extension,team\nann,"Ann, A.",2001,north\n',
        "id;name;extension;team\r\nann;Ann, A.;2001;north\r\n",
        "ID\tName\tExtension\tTeam\nann\tAnn, A.\t 2001 \tnorth",
        'team,extension,name,id\n\nnorth,2001,"Ann, A.",ann\n,,,\n',
    ],
)
def test_what_spreadsheets_write(text: str) -> None:
    rows, mistakes = parse_advisors(text, "a.csv")
    assert (rows, mistakes) == ([ANN], [])


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfid,extension,team\nann,2001,north\n")
    rows, mistakes = read_advisors(tmp_path / "a.csv", "a.csv")
    assert [row["id"] for row in rows] == ["ann"]
    assert rows[0].line == 2
    assert mistakes == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'a.csv line 1: column "id" is missing'),
        ("id,extention,team\n", 'a.csv line 1: unknown column "extention"; did you mean "extension"?'),
        ("id,id,extension,team\n", 'column "id" stands twice'),
        ("id,extension,team\nann,2001\n", "a.csv line 2: 2 columns found, 3 expected"),
        ('id,extension,team\nann,"2001,north\n', "not CSV: unexpected end of data"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    _, mistakes = parse_advisors(text, "a.csv")
    assert said in " ".join(map(str, mistakes))


def test_one_bad_row_does_not_hide_the_others() -> None:
    rows, mistakes = parse_advisors("id,extension,team\na,1,t\nb,2\nc,3,t\n", "a.csv")
    assert ([row["id"] for row in rows], len(mistakes)) == (["a", "c"], 1)


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,extension,team\nann\xff,2001,north\n")
    _, (mistake,) = read_advisors(tmp_path / "a.csv", "a.csv")
    assert "line 2: not UTF-8" in str(mistake)


@given(st.text(alphabet=st.sampled_from('id,extension;team"\r\n\t\0x'), max_size=60))
def test_no_text_raises_anything(text: str) -> None:
    parse_advisors("id,extension,team\n" + text, "a.csv")
    parse_advisors(text, "a.csv")
