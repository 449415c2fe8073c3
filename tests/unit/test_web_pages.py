"""The console's files as a browser meets them: what is served, under which policy, and what is not."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway.web.pages import FOLDER, add_console


@pytest.fixture
async def http() -> httpx.AsyncClient:
    app = FastAPI()
    add_console(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())


async def test_every_file_comes_under_a_strict_policy(http: httpx.AsyncClient) -> None:
    paths = ["/", *(f"/console/{path.relative_to(FOLDER)}" for path in FILES)]
    assert len(paths) > 20
    for path in paths:
        answer = await http.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-cache"


async def test_a_page_that_is_known_is_not_sent_again(http: httpx.AsyncClient) -> None:
    first = await http.get("/console/js/main.js")
    again = await http.get("/console/js/main.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/console/../pages.py",
        "/console/%2e%2e/pages.py",
        "/console/..%2fpages.py",
        "/console//etc/passwd",
        "/console/js",
        "/console/nothing.js",
    ],
)
async def test_nothing_but_the_consoles_files(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_inline_or_from_elsewhere(path: Path) -> None:
    """The policy would refuse it in the browser; here it fails by name."""
    text = path.read_text()
    assert not re.search(r"""https?://(?!www\.w3\.org/2000/svg)""", text)
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", text)
    if path.suffix == ".js":
        assert not re.search(
            r"\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style\"",
            text,
        )


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".js"], ids=lambda path: path.name)
def test_every_import_is_there(path: Path) -> None:
    for wanted in re.findall(r'^(?:import|export)[^"\n]*"(\./[^"]+)"', path.read_text(), re.MULTILINE):
        assert (path.parent / wanted).is_file(), wanted
