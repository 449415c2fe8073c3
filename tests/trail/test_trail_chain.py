"""The trail finds whatever is done to it, and says where."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trail_tampering as tampering
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, update
from trail_tampering import NODE
from typer.testing import CliRunner

from gateway import cli
from gateway.config.loading import load
from gateway.store import Database
from gateway.store.migrating import migrate
from gateway.store.place import made_state_directory, store_url
from gateway.store.tables.trail import trail
from gateway.trail.chain import append, prune
from gateway.trail.export import exported
from gateway.trail.key import FILE, KeyUnusable, load_or_make, public_hex
from gateway.trail.record import Record
from gateway.trail.verifying import Finding, Verdict, verify

KEY = Ed25519PrivateKey.generate()
KEYS = {NODE: KEY.public_key().public_bytes_raw()}
RECORDS = 12
TAMPERINGS = 1000


def record(number: int, at: datetime | None = None) -> Record:
    moment = at or datetime(2026, 11, 25, 12, tzinfo=UTC) + timedelta(seconds=number)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    facts = {
        "user": f"user{number % 3}",
        "source": "192.0.2.1",
        "mode": "whisper",
        "name": "Zoë",
        "n": number,
    }
    return Record.make("supervisor.joined", text, f"c-{number}", facts)


async def fill(database: Database, count: int = RECORDS) -> None:
    async with database.write() as connection:
        await append(connection, NODE, KEY, [record(number) for number in range(1, count + 1)])


async def verdict_of(database: Database, **options: object) -> Verdict:
    async with database.read() as connection:
        (verdict,) = await verify(connection, KEYS, **options)  # type: ignore[arg-type]
    return verdict


async def test_what_was_written_is_sound(database: Database) -> None:
    await fill(database)
    await fill(database, 3)
    verdict = await verdict_of(database)
    assert (verdict.records, verdict.last, verdict.findings) == (RECORDS + 3, RECORDS + 3, [])


async def test_a_record_that_is_written_again_is_there_once(database: Database) -> None:
    again = [record(1), record(2)]
    for _ in range(2):
        async with database.write() as connection:
            await append(connection, NODE, KEY, again)
    assert (await verdict_of(database)).records == 2


async def test_those_who_write_at_once_make_one_chain(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as connection:
            await append(connection, NODE, KEY, [record(number)])

    async with database.write() as connection:
        await append(connection, NODE, KEY, [record(0)])
    await asyncio.gather(*(write(number) for number in range(1, 10)))
    verdict = await verdict_of(database)
    assert (verdict.records, verdict.findings) == (10, [])


async def test_every_random_tampering_is_found_with_its_place(
    database: Database, request: pytest.FixtureRequest
) -> None:
    await fill(database)
    dice = random.Random(111)
    rounds = TAMPERINGS if database.is_sqlite else 100
    tried: Counter[str] = Counter()
    for number in range(rounds):
        tamper = tampering.ALL[number % len(tampering.ALL)]
        tried[tamper.__name__] += 1

        # What nobody can tell from the database alone: that it was never begun. For that an end is noted elsewhere.
        noted = {NODE: (1, bytes(32))} if tamper is tampering.remove_everything else None
        async with database.engine.connect() as connection, connection.begin() as transaction:
            places = await tamper(connection, dice, RECORDS)
            (verdict,) = await verify(connection, KEYS, noted)
            await transaction.rollback()
        assert verdict.findings, (number, tamper.__name__)
        assert {finding.seq for finding in verdict.findings} & places, (number, tamper.__name__, verdict)
    assert (await verdict_of(database)).findings == []
    assert len(tried) == len(set(tampering.ALL)) and sum(tried.values()) == rounds


async def test_the_places_are_told_in_words(database: Database) -> None:
    await fill(database)
    async with database.write() as connection:
        await connection.execute(update(trail).where(trail.c.seq == 3).values(user="nobody"))
        await connection.execute(delete(trail).where(trail.c.seq.in_([6, 7])))
        await connection.execute(delete(trail).where(trail.c.seq > 10))
    assert [str(finding) for finding in (await verdict_of(database)).findings] == [
        "node node1, record 3: was changed: its hash is another",
        "node node1, record 8: records 6 to 7 before it missing",
        "node node1, record 8: does not follow the record before it",
        "node node1, the chain: ends at record 10; the signed end is record 12: the rest is missing",
    ]


async def test_a_database_put_back_as_a_whole_shows_by_an_end_noted_elsewhere(tmp_path: Path) -> None:
    from gateway.config.model import Store

    async def opened(name: str) -> Database:
        database = Database(store_url(Store(url=f"sqlite:///{tmp_path}/{name}.db")))
        await migrate(database)
        return database

    early, late = await opened("early"), await opened("late")
    first = [record(number) for number in range(5)]
    for database, records in ((early, first), (late, [*first, record(5)])):
        async with database.write() as connection:
            await append(connection, NODE, KEY, records)
    noted = await verdict_of(late)
    back = await verdict_of(early, expected={NODE: (noted.last, noted.last_hash)})
    assert (await verdict_of(early)).findings == []
    assert back.findings == [Finding(NODE, None, "ends at record 5; record 6, noted elsewhere, is missing")]
    assert (await verdict_of(late, expected={NODE: (noted.last, noted.last_hash)})).findings == []
    await early.close()
    await late.close()


async def test_what_is_past_its_time_goes_and_the_rest_stays_verifiable(database: Database) -> None:
    await fill(database)
    before = datetime(2026, 11, 25, 12, 0, 6, tzinfo=UTC)
    assert await prune(database, NODE, KEY, before) == 5
    assert await prune(database, NODE, KEY, before) == 0
    await fill(database, 2)
    verdict = await verdict_of(database)
    assert (verdict.records, verdict.last, verdict.findings) == (9, 14, [])
    async with database.write() as connection:
        await connection.execute(delete(trail).where(trail.c.seq == 6))
    assert [finding.seq for finding in (await verdict_of(database)).findings] == [7, 7]
    assert await prune(database, NODE, KEY, before + timedelta(days=400)) == 7
    assert (await verdict_of(database)).records == 1


async def test_each_node_has_a_chain_of_its_own(database: Database) -> None:
    await fill(database)
    other = Ed25519PrivateKey.generate()
    async with database.write() as connection:
        await append(connection, "node2", other, [record(1)])
    async with database.read() as connection:
        first, second = await verify(connection, KEYS)
        _, known = await verify(connection, {**KEYS, "node2": other.public_key().public_bytes_raw()})
    assert (first.findings, second.findings, second.unsigned) == ([], [], True)
    assert (known.findings, known.unsigned) == ([], False)


async def test_export_by_time_call_and_user(database: Database) -> None:
    await fill(database, 1200)
    everything = [one async for one in exported(database, None, None)]
    assert [one["seq"] for one in everything] == list(range(1, 1201))
    assert everything[0]["data"]["name"] == "Zoë"
    some = [one async for one in exported(database, "2026-11-25T12:00:10.000Z", "2026-11-25T12:00:20.000Z")]
    assert [one["seq"] for one in some] == list(range(10, 20))
    of_call = [one async for one in exported(database, None, None, call="c-7")]
    assert [one["seq"] for one in of_call] == [7]
    of_user = [one async for one in exported(database, None, "2026-11-25T12:00:09.000Z", user="user1")]
    assert [one["seq"] for one in of_user] == [1, 4, 7]


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = load_or_make(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert public_hex(load_or_make(tmp_path)) == public_hex(key)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(KeyUnusable, match="can be read by others"):
        load_or_make(tmp_path)
    (tmp_path / FILE).write_text("no key")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(KeyUnusable, match="no Ed25519 key"):
        load_or_make(tmp_path)


def test_what_no_database_takes_is_made_fit() -> None:
    made = Record.make("x", "2026", None, {"user": "a\0\ud800", "reason": "b\0\ud800", "long": "y" * 20_000})
    assert made.user == "a?"
    assert json.loads(made.data)["cut"] > 20_000
    assert json.loads(Record.make("x", "2026", None, {"reason": "b\0\ud800"}).data) == {"reason": "b?"}


def test_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[node]\nname = "node1"\n[store]\nstate_directory = "{tmp_path}/state"\n')
    settings = load(config)

    def run(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli.app, ["trail", args[0], "-c", str(config), *args[1:]])
        return result.exit_code, result.output

    async def work(sql: bool) -> None:
        database = Database(store_url(settings.store))
        await migrate(database)
        async with database.write() as connection:
            if sql:
                await connection.execute(update(trail).where(trail.c.seq == 2).values(user="=HYPERLINK(1)"))
            else:
                key = load_or_make(made_state_directory(settings.store))
                await append(connection, "node1", key, [record(1), record(2)])
        await database.close()

    asyncio.run(work(sql=False))
    code, text = run("verify")
    assert code == 0 and "node node1: 2 records, ends at 2:" in text and text.endswith(": sound\n")
    end = text.split("ends at ")[1].split(": ")[0]
    assert run("verify", "--expect", f"node1={end}")[0] == 0
    assert run("verify", "--expect", f"node1=3:{'0' * 64}")[0] == 1
    assert len(run("key")[1].strip()) == len("node1=") + 64
    asyncio.run(work(sql=True))
    code, text = run("verify")
    assert code == 1 and "record 2: was changed" in text
    lines = run("export")[1].splitlines()
    assert lines[0] == "at,node,seq,kind,user,call,source,duration_s,data,hash"
    assert len(lines) == 3 and ",'=HYPERLINK(1)," in lines[2]
    assert [json.loads(line)["seq"] for line in run("export", "--format", "json")[1].splitlines()] == [1, 2]
    assert len(run("export", "--since", "2026-11-25T12:00:02Z")[1].splitlines()) == 2
    assert run("export", "--since", "yesterday")[0] == 1
