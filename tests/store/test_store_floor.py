"""`gateway.store.floor`: what is open on the floor outlives the process; on both databases."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import gateway.store.floor as module
from gateway.config.model import Store
from gateway.core.events import News
from gateway.store import Database, StoreUnavailable
from gateway.store.aside import FILE, Aside
from gateway.store.floor import FloorKeeper
from gateway.store.keeper import Keeper
from gateway.store.place import store_url
from gateway.store.retention import by_column
from gateway.store.tables.floor import floor

AT = "2026-11-25T10:00:00.000Z"


class Gateway:
    """One life of a gateway's store: what was restored, and a way to tell it news."""

    folder = Path()

    def __init__(self, store: Store, node: str = "node1") -> None:
        self.keeper = Keeper(Database(store_url(store)))
        self.restored: Mapping[str, Any] | None = None
        self.tell: Callable[[News], None] = lambda _: None
        self.floor = FloorKeeper(self.keeper, Aside(self.folder), node, self._subscribe, self._restore)

    def _subscribe(self, watcher: Callable[[News], None]) -> Callable[[], None]:
        self.tell = watcher
        return lambda: None

    def _restore(self, kept: Mapping[str, Any]) -> None:
        self.restored = kept

    async def __aenter__(self) -> Gateway:
        await self.keeper.start()
        await self.floor.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.floor.stop()
        await self.keeper.stop()


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Gateway, "folder", tmp_path)
    return tmp_path


def duty(user: str, on: bool) -> News:
    return News("duty.changed", AT, None, {"user": user, "on": on, "clinical": False, "teams": ["north"]})


def help_(id_: str, state: str) -> News:
    return News("help.raised", AT, None, {"id": id_, "state": state})


async def test_what_is_open_is_given_back_and_what_is_over_is_not(empty_store: Store) -> None:
    async with Gateway(empty_store) as one:
        assert one.restored == {}
        for news in (duty("fiona", True), duty("frank", True), duty("frank", False)):
            one.tell(news)
        one.tell(help_("h1", "asked"))
        one.tell(help_("h2", "asked"))
        await asyncio.sleep(0)
        one.tell(help_("h2", "closed"))
        one.tell(News("help.refused", AT, None, {"user": "x"}))
    async with Gateway(empty_store, "node2") as other:
        assert other.restored == {}
    async with Gateway(empty_store) as again:
        assert again.restored is not None
        assert [facts["user"] for facts in again.restored["duty"]] == ["fiona"]
        assert [facts["id"] for facts in again.restored["help"]] == ["h1"]


async def test_alerts_are_on_the_disk_when_they_are_answered_and_stay_when_resolved(
    empty_store: Store,
) -> None:
    async with Gateway(empty_store) as one:
        for id_, state in (("a1", "raised"), ("a2", "raised"), ("a2", "resolved")):
            one.tell(News("alert.raised", AT, None, {"id": id_, "state": state}))
        one.tell(News("alert.rung", AT, None, {"alert": "a1"}))
        assert await one.floor.settled()
        # As after kill -9: nothing is said, nothing is stopped.
        async with Gateway(empty_store) as again:
            assert again.restored is not None
            assert [facts["id"] for facts in again.restored["alert"]] == ["a1"]
            async with again.keeper.database.read() as connection:
                kept = (await connection.execute(select(floor.c.id, floor.c.open))).all()
            assert sorted(map(tuple, kept)) == [("a1", True), ("a2", False)]
            rule = by_column(floor, "changed_at", floor.c.kind == "alert", floor.c.open.is_(False))
            assert await rule(again.keeper.database, datetime.fromisoformat(AT) + timedelta(days=1)) == 1


async def test_a_store_and_a_disk_that_are_down_hold_up_nobody_for_long(
    empty_store: Store, state_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORED_S", 0.05)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(Gateway, "folder", state_directory / "not there")
    async with Gateway(empty_store) as one:

        def down() -> Any:
            raise StoreUnavailable("down")

        with monkeypatch.context() as patch:
            patch.setattr(one.keeper.database, "write", down)
            one.tell(duty("fiona", True))
            assert not await one.floor.settled()
            monkeypatch.setattr(module, "STORED_S", 3600)
            assert not await one.floor.settled()  # at once: it is known to be down
        async with asyncio.timeout(30):
            while not await one.floor.settled():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_what_cannot_be_written_is_written_later(empty_store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    async with Gateway(empty_store) as one:
        real, failed, often = one.keeper.database.write, [], asyncio.Event()

        def write() -> Any:
            if len(failed) < 2:
                failed.append(1)
                if len(failed) == 2:
                    often.set()
                raise StoreUnavailable("down")
            return real()

        monkeypatch.setattr(one.keeper.database, "write", write)
        one.tell(duty("fiona", True))
        async with asyncio.timeout(30):
            await often.wait()
        one.tell(duty("fiona", False))
        one.tell(duty("frank", True))
    async with Gateway(empty_store) as again:
        assert again.restored is not None
        assert [facts["user"] for facts in again.restored["duty"]] == ["frank"]


async def test_an_alert_raised_while_the_store_is_down_outlives_the_process(
    empty_store: Store, state_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)

    def down() -> Any:
        raise StoreUnavailable("down")

    def alert(id_: str, state: str) -> News:
        return News("alert.raised", AT, None, {"id": id_, "state": state})

    async with Gateway(empty_store) as one:
        one.tell(alert("before", "raised"))
        assert await one.floor.settled()
        monkeypatch.setattr(one.keeper.database, "write", down)
        monkeypatch.setattr(module, "STORED_S", 30)
        for id_, state in (("a1", "raised"), ("a2", "raised"), ("a2", "resolved"), ("before", "resolved")):
            one.tell(alert(id_, state))
        assert await one.floor.settled()
        one.tell(alert("a3", "raised"))
        assert await one.floor.settled()
        assert (state_directory / FILE).stat().st_mode & 0o077 == 0
        # As after kill -9 with the store down for the next one, too: it is given back without the store.
        second = Gateway(empty_store)
        monkeypatch.setattr(second.keeper, "start", _nothing)
        async with second:
            assert second.restored is not None
            assert [facts["id"] for facts in second.restored["alert"]] == ["a1", "a3"]
        # And with the store back: what waited is newer than what the store has, and is written there.
        async with Gateway(empty_store) as third:
            assert third.restored == {}, "the store has nothing that the file has not given back"
            async with asyncio.timeout(30):
                while (state_directory / FILE).exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            async with third.keeper.database.read() as connection:
                kept = (await connection.execute(select(floor.c.id, floor.c.open))).all()
            assert sorted(map(tuple, kept)) == [("a1", True), ("a2", False), ("a3", True), ("before", False)]


async def _nothing() -> None:
    """A store that cannot be had at the start."""


def put_away(folder: Path) -> list[str]:
    return [file.read_text() for file in folder.glob(f"{FILE}.unreadable-*")]


def row(kind: str, id_: str, at: str = AT, **facts: Any) -> dict[str, Any]:
    return {"kind": kind, "id": id_, "facts": {"id": id_, **facts}, "at": at}


async def test_a_file_that_cannot_be_read_is_put_away_and_holds_up_nothing(
    empty_store: Store, state_directory: Path
) -> None:
    (state_directory / FILE).write_text("[{")
    async with Gateway(empty_store) as one:
        assert one.restored == {}
        one.tell(duty("fiona", True))
        assert await one.floor.settled()
    assert put_away(state_directory) == ["[{"]
    assert not (state_directory / FILE).exists(), "it is told of once"


@pytest.mark.parametrize(
    "bad",
    [
        row("alert", "a2"),
        row("rota", "r1", state="raised"),
        row("alert", "a3", at="noon", state="raised"),
        {"kind": "alert"},
        7,
    ],
    ids=["no state", "a later version's", "no time", "cut", "none"],
)
async def test_what_can_be_read_of_it_is_given_back_and_the_rest_is_put_away(
    empty_store: Store, state_directory: Path, bad: Any
) -> None:
    text = json.dumps([row("alert", "a1", state="raised"), bad])
    (state_directory / FILE).write_text(text)
    left = Gateway(empty_store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left.keeper, "start", _nothing)
        async with left:
            assert left.restored == {"alert": [{"id": "a1", "state": "raised"}]}
            assert put_away(state_directory) == [text]
            # Killed now, with the store still down: what could be read is there for the next one, too.
            assert set(Aside(state_directory).read(lambda *_: True)) == {("alert", "a1")}
    async with Gateway(empty_store):
        pass
    async with Gateway(empty_store) as again:
        assert again.restored == {"alert": [{"id": "a1", "state": "raised"}]}
    assert put_away(state_directory) == [text]


async def test_what_cannot_be_written_or_taken_up_keeps_no_alert_from_it(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORED_S", 30)
    async with Gateway(empty_store) as one:
        one.tell(News("help.raised", AT, None, {"id": "h1", "state": "asked", "call": object()}))
        one.tell(News("alert.raised", AT, None, {"id": "a1", "state": "raised"}))
        one.tell(help_("h2", "asked"))
        assert await one.floor.settled()
    again, taken_up = Gateway(empty_store), []

    def restore(kept: Mapping[str, Any]) -> None:
        if "help" in kept:
            raise KeyError("of another version")
        taken_up.extend(facts["id"] for facts in kept["alert"])

    again.floor._restore = restore
    async with again:
        assert taken_up == ["a1"]


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from gateway.config.model import Store
from gateway.core.events import News
from gateway.store import Database, StoreError
from gateway.store.aside import Aside
from gateway.store.floor import FloorKeeper
from gateway.store.keeper import Keeper
from gateway.store.place import store_url

folder, watchers = Path(sys.argv[1]), []

def room(there):
    most = resource.RLIM_INFINITY if there else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

async def main():
    url = store_url(Store(state_directory=str(folder)))
    room(False)
    try:
        await Keeper(Database(url)).start()
        raise AssertionError("it never could be written")
    except StoreError as error:
        print(error)
    room(True)
    first = Keeper(Database(url))
    await first.start()
    await first.stop()
    room(False)
    keeper = Keeper(Database(url), retry_s=0.05)
    await keeper.start()
    assert not keeper.ready.is_set()
    floor = FloorKeeper(keeper, Aside(folder), "node1", watchers.append, lambda kept: print(kept))
    await floor.start()
    watchers[0](News("alert.raised", "2026-11-25T10:00:00.000Z", None, {"id": "a1", "state": "raised"}))
    assert not await floor.settled()
    room(True)
    async with asyncio.timeout(30):
        await keeper.ready.wait()
        while not await floor.settled():
            await asyncio.sleep(0.02)
    # As after kill -9.
    again = FloorKeeper(keeper, Aside(folder), "node1", watchers.append, lambda kept: print(kept))
    await again.start()

asyncio.run(main())
"""


async def test_a_disk_that_is_full_at_the_start_stops_neither_it_nor_an_alert(tmp_path: Path) -> None:
    """Nothing can be written to any file; the database is there from before. One that is new is a mistake of the set-up."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "the store sqlite" in done.stdout
    assert "{'alert': [{'id': 'a1', 'state': 'raised'}]}" in done.stdout
