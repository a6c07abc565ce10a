"""The cursor's arithmetic against a model in which a snapshot is a plain set of transactions.

Histories come from simulating transactions that begin and end in any order; forgeries from thin air;
and a sample goes to PostgreSQL itself, whose functions the arithmetic imitates.
"""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pgserver import Server

from hub.rules.cursor import MAX_TEXT, Cursor, Snapshot, covers, parse, parse_cursor, visible

LAST = 2**64 - 1
quick = settings(deadline=None)  # the machine may be busy
thorough = settings(quick, max_examples=400)


@st.composite
def snapshots(draw: st.DrawFn, low: int = 1, high: int = 40) -> Snapshot:
    """Any valid snapshot, whether or not a server would ever make it."""
    xmin = draw(st.integers(low, high))
    xmax = draw(st.integers(xmin, high))
    if xmin == xmax:
        return Snapshot(xmin, xmax)
    return Snapshot(xmin, xmax, draw(st.frozensets(st.integers(xmin, xmax - 1), max_size=12)))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Snapshot, frozenset[int]]]:
    """Snapshots of one server in the order they were taken, each with what had ended by then."""
    start = draw(st.sampled_from([3, 740, 2**32 - 5, LAST - 1000]))
    running: list[int] = []
    ended: set[int] = set()
    following, latest = start, start - 1
    taken = []
    for step in draw(st.lists(st.integers(0, 9), max_size=60)):
        if step < 4:
            running.append(following)
            following += 1
        elif step < 7 and running:
            latest = max(latest, xid := running.pop(draw(st.integers(0, len(running) - 1))))
            ended.add(xid)
        else:
            # procarray.c, GetSnapshotData: xmax is one past the latest ended, not the latest begun.
            xip = frozenset(xid for xid in running if xid <= latest)
            taken.append(
                (Snapshot(min(xip, default=latest + 1), latest + 1, xip), frozenset(ended))
            )
    return taken


def unseen(snapshot: Snapshot, upto: int) -> set[int]:
    """The model: what the snapshot has not seen, below ``upto``."""
    return set(snapshot.xip) | set(range(snapshot.xmax, upto))


@given(snapshots())
@quick
def test_what_a_snapshot_sees(snapshot: Snapshot) -> None:
    for xid in range(1, 45):
        assert visible(xid, snapshot) is (xid not in unseen(snapshot, 45))


@given(snapshots(), snapshots())
@quick
def test_covers_is_inclusion(older: Snapshot, newer: Snapshot) -> None:
    upto = max(older.xmax, newer.xmax) + 1
    assert covers(older, newer) is (unseen(newer, upto) <= unseen(older, upto))


@given(snapshots(high=6), snapshots(high=6), snapshots(high=6))
@thorough
def test_covers_is_a_partial_order(a: Snapshot, b: Snapshot, c: Snapshot) -> None:
    assert covers(a, a)
    assert not (covers(a, b) and covers(b, c)) or covers(a, c)
    if covers(a, b) and covers(b, a):  # the same set, however it is written
        assert unseen(a, 8) == unseen(b, 8)


@given(histories())
@thorough
def test_snapshots_of_one_server_are_totally_ordered(
    history: list[tuple[Snapshot, frozenset[int]]],
) -> None:
    for index, (older, then) in enumerate(history):
        for newer, now in history[index:]:
            assert covers(older, newer)
            assert covers(newer, older) is (then == now)
            # What became visible in between is what ended in between: each exactly once.
            assert {
                xid for xid in now if not visible(xid, older) and visible(xid, newer)
            } == now - then


@given(snapshots(high=LAST))
@quick
def test_text_and_back(snapshot: Snapshot) -> None:
    assert parse(str(snapshot)) == snapshot
    cursor = Cursor("0abz9", snapshot)
    assert parse_cursor(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "::", "1", "1:1", "1:1:,", "a:1:", "1:1:1:", "1:5:2,", "1:5:,2", "1:5:2,,3"),
        *(
            "0:5:",
            "5:4:",
            "5:0:",
            "-1:5:",
            "+1:5:",
            " 1:5:",
            "1:5: ",
            "1:5:\n",
            "1:5:2, 3",
            "1_0:20:",
        ),
        *("1:5:5", "2:5:1", "1:5:3,2", "1:5:9", f"1:{LAST + 1}:", f"1:{'9' * 21}:", "1:٥:", "¹:5:"),
        f"1:{LAST}:" + ",".join(map(str, range(1, MAX_TEXT // 5))),
    ],
)
def test_what_is_no_snapshot(text: str) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["1:5:", ".1:5:", "E.1:5:", "a b.1:5:", "a..1:5:", "é.1:5:", f"{'a' * 33}.1:5:", "a."]
)
def test_what_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_cursor(text)


@given(st.text(alphabet="0123456789:,. -ae", max_size=30))
@thorough
def test_nothing_but_a_value_error(text: str) -> None:
    for read in (parse, parse_cursor):
        try:
            told: Any = read(text)
        except ValueError:
            continue
        assert read(str(told)) == told


def test_forged_gaps_cost_nothing() -> None:
    """A cursor is the client's word: its size bounds the work, not the numbers in it."""
    wide = Snapshot(1, LAST, frozenset(range(1, 10_000)))
    now = Snapshot(700, 700)
    began = time.perf_counter()
    assert not covers(wide, now)
    assert not covers(now, Snapshot(1, LAST, frozenset({5})))
    assert covers(now, Snapshot(LAST, LAST))
    assert covers(Snapshot(1, LAST, frozenset({LAST - 1})), Snapshot(LAST - 1, LAST - 1))
    assert not covers(Snapshot(1, LAST, frozenset({LAST - 1})), Snapshot(LAST - 2, LAST - 2))
    assert visible(LAST - 2, wide)
    assert time.perf_counter() - began < 0.5


async def test_postgresql_agrees(server: Server) -> None:
    conn = await asyncpg.connect(server.dsn())
    sample = [
        Snapshot(xmin, xmax, frozenset(xip))
        for xmin, xmax, xip in [
            (1, 1, ()),
            (3, 9, (3, 5, 8)),
            (4, 9, ()),
            (2**32 - 2, 2**32 + 3, (2**32 - 1, 2**32)),
            (LAST - 1, LAST, (LAST - 1,)),
            (LAST, LAST, ()),
        ]
    ]
    try:
        for snapshot in sample:
            assert str(snapshot) == await conn.fetchval(
                "SELECT $1::text::pg_snapshot::text", str(snapshot)
            )
            near = {
                x + d for x in (snapshot.xmin, snapshot.xmax, *snapshot.xip) for d in (-1, 0, 1)
            }
            for xid in sorted(x for x in near if 1 <= x <= LAST):
                assert visible(xid, snapshot) is await conn.fetchval(
                    "SELECT pg_visible_in_snapshot($1::text::xid8, $2::text::pg_snapshot)",
                    str(xid),
                    str(snapshot),
                )
        for text in ("0:5:", "5:4:", "1:5:5", "2:5:1", "1:5:3,2", "1:5:,2"):
            with pytest.raises(asyncpg.InvalidTextRepresentationError):
                await conn.fetchval("SELECT $1::text::pg_snapshot", text)
    finally:
        await conn.close()


async def test_a_server_s_own_snapshots(server: Server) -> None:
    """Taken while transactions begin and end around them, each ordered after the one before."""
    writers = await asyncio.gather(*(asyncpg.connect(server.dsn()) for _ in range(4)))
    reader = await asyncpg.connect(server.dsn())
    taken: list[Snapshot] = []
    dice = Random(7)
    try:
        for turn in range(60):
            writer = dice.choice(writers)
            if writer.is_in_transaction():
                await writer.execute("COMMIT" if turn % 2 else "ROLLBACK")
            else:
                await writer.execute("BEGIN; SELECT pg_current_xact_id()")
            taken.append(parse(await reader.fetchval("SELECT pg_current_snapshot()::text")))
        for index, older in enumerate(taken):
            assert all(covers(older, newer) for newer in taken[index:])
        assert any(len(snapshot.xip) > 1 for snapshot in taken)
    finally:
        for conn in (*writers, reader):
            conn.terminate()


async def test_a_writer_s_own_snapshot_counts_itself_as_seen(server: Server) -> None:
    """Why nobody takes a cursor in a transaction that has written: it is ahead of its own commit."""
    writer, reader = await asyncio.gather(*(asyncpg.connect(server.dsn()) for _ in range(2)))
    snapshot = "SELECT pg_current_snapshot()::text"
    try:
        await writer.execute("BEGIN")
        xid = int(await writer.fetchval("SELECT pg_current_xact_id()::text"))
        await reader.execute("SELECT pg_current_xact_id()")  # so that xmax passes the writer
        own, others = parse(await writer.fetchval(snapshot)), parse(await reader.fetchval(snapshot))
        assert visible(xid, own)
        assert not visible(xid, others)
        assert not covers(own, others)
        await writer.execute("COMMIT")
        assert covers(own, parse(await reader.fetchval(snapshot)))
    finally:
        writer.terminate()
        reader.terminate()
