"""Every kind of event that the code publishes is listed, and described for integrators."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.core.kinds import KINDS

ROOT = Path(__file__).parents[2]
PUBLISHERS = {"publish", "_publish", "publish_call", "_told", "tell", "News"}
KIND = re.compile(r"[a-z]+\.[a-z_]+")


def called(node: ast.AST) -> str:
    """`publish` of `self._talk.publish(…)`; empty for anything but a call."""
    function = node.func if isinstance(node, ast.Call) else None
    name = getattr(function, "id", "")
    # A bare `tell` is a level of the log.
    return getattr(function, "attr", "") or ("" if name == "tell" else name)


def kinds(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and KIND.fullmatch(part.value):
            yield part.value


def published(source: str) -> set[str]:
    """Kinds among what publishers are given, by name or as a variable that the same function has set."""
    found: set[str] = set()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        given = [
            argument
            for call in ast.walk(function)
            if isinstance(call, ast.Call) and called(call) in PUBLISHERS
            for argument in call.args
        ]
        names = {part.id for argument in given for part in ast.walk(argument) if isinstance(part, ast.Name)}
        for argument in given:
            found |= set(kinds(argument))
        for part in ast.walk(function):
            if isinstance(part, ast.Assign) and names & {getattr(one, "id", "") for one in part.targets}:
                found |= set(kinds(part.value))
    return found


def in_the_code() -> set[str]:
    files = [path for path in (ROOT / "gateway").rglob("*.py") if "demo" not in path.parts]
    return {kind for path in files for kind in published(path.read_text())}


def test_the_search_finds_kinds_however_they_are_written() -> None:
    source = """
def told(self, up):
    kind = "trunk.up" if up else "trunk.down"
    self.publish(kind, None)
    self._talk.publish("call.held", {})
    log.info("call.fault")
"""
    assert published(source) == {"trunk.up", "trunk.down", "call.held"}


def test_what_the_code_publishes_is_what_is_listed() -> None:
    assert in_the_code() == KINDS


def test_every_kind_is_described() -> None:
    described: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())
    event = described["components"]["schemas"]["event"]
    assert set(event["properties"]["kind"]["x-kinds"]) == KINDS
    named = {
        kind
        for condition in event["allOf"]
        for rule in [condition["if"]["properties"]["kind"]]
        for kind in [*rule.get("enum", ()), *filter(None, [rule.get("const")])]
    }
    assert named == KINDS
    words = set(re.findall(r"`([a-z]+\.[a-z_]+)`", (ROOT / "docs" / "api.md").read_text()))
    assert words >= KINDS


def test_every_topic_of_the_broker_is_described() -> None:
    described: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())
    addresses = {channel["address"].split("/", 2)[-1] for channel in described["channels"].values()}
    source = (ROOT / "gateway" / "alerts" / "topics.py").read_text()
    topics = re.findall(r'\{self\._base\}/([a-z]+/[^"]*)"', source)
    assert len(topics) > 9
    for topic in topics:
        shape = re.sub(r"\{[^}]*\}|\+", "{}", topic)
        assert shape in {re.sub(r"\{[^}]*\}", "{}", address) for address in addresses}, topic
