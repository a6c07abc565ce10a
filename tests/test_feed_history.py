"""What a node holds in memory answers exactly, or says that it cannot know; and it is bounded.

Against a model: transactions that begin, record and end in any order, a reader that turns them into
batches when it pleases, and clients whose cursors lie anywhere, between batches and inside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.feed.history import History
from hub.rules.cursor import Cursor, Snapshot, covers, visible
from hub.rules.event import Batch, Event


@dataclass
class World:
    """A server: transactions under way, what was committed, and the snapshots taken of it."""

    following: int = 100
    latest: int = 99
    running: dict[int, list[Event]] = field(default_factory=dict)
    committed: list[Event] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        xip = frozenset(xid for xid in self.running if xid <= self.latest)
        return Snapshot(min(xip, default=self.latest + 1), self.latest + 1, xip)

    def begin(self, events: int) -> None:
        xid = self.following
        self.running[xid] = [
            Event(xid, "", "bookings", "U", f"{xid}/{n}", None, None, size=10)
            for n in range(events)
        ]
        self.following += 1

    def end(self, which: int, *, commit: bool) -> None:
        xid = sorted(self.running)[which % len(self.running)]
        events = self.running.pop(xid)
        self.latest = max(self.latest, xid)
        if commit:
            self.committed += events

    def batch(self, start: Snapshot) -> Batch:
        end = self.snapshot()
        events = tuple(
            e for e in self.committed if not visible(e.xid, start) and visible(e.xid, end)
        )
        return Batch(start, Cursor("e", end), events, sum(event.size for event in events))


Script = list[tuple[str, int]]
scripts = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "commit", "commit", "abort", "read", "client"]),
        st.integers(0, 5),
    ),
    max_size=80,
)


def play(script: Script) -> tuple[list[Batch], list[Snapshot], World]:
    """Batches that join end to start, and the cursors clients took meanwhile."""
    world = World()
    cursor = world.snapshot()
    batches, clients = [], [cursor]
    for act, number in script:
        if act == "begin":
            world.begin(number)
        elif act in ("commit", "abort") and world.running:
            world.end(number, commit=act == "commit")
        elif act == "read":
            batches.append(world.batch(cursor))
            cursor = batches[-1].end.snapshot
            clients.append(cursor)
        elif act == "client":
            clients.append(world.snapshot())
    batches.append(world.batch(cursor))
    return batches, clients, world


def check(history: History, clients: list[Snapshot], batches: list[Batch]) -> None:
    end = batches[-1].end.snapshot
    everything = [event for batch in batches for event in batch.events]
    for client in clients:
        since = history.since(client)
        assert history.start is not None
        if not covers(history.start, client):
            assert since is None
        else:
            assert since is not None
            wanted = [e for e in everything if not visible(e.xid, client) and visible(e.xid, end)]
            assert list(since) == wanted
            # What it looks at: whole batches, from the first that holds anything new.
            looked_at = sum(len(b.events) for b in batches if not covers(b.end.snapshot, client))
            assert not history.is_far(client, looked_at)
            assert not looked_at or history.is_far(client, looked_at - 1)


@given(scripts)
@settings(deadline=None, max_examples=200)
def test_exact_from_anywhere(script: Script) -> None:
    batches, clients, _ = play(script)
    history = History(10**9)
    history.clear(batches[0].start)
    for batch in batches:
        history.append(batch)
    check(history, clients, batches)
    assert all(history.since(client) is not None for client in clients)


@given(scripts, st.integers(0, 150))
@settings(deadline=None, max_examples=200)
def test_bounded(script: Script, limit: int) -> None:
    """What is dropped is dropped whole, oldest first, and the rest stays exact."""
    batches, clients, _ = play(script)
    history = History(limit)
    history.clear(batches[0].start)
    for number, batch in enumerate(batches):
        history.append(batch)
        assert history.size <= limit
        check(history, clients, batches[: number + 1])
    held = history.since(history.start) if history.start else None
    assert held is not None
    assert sum(event.size for event in held) == history.size
    # It holds as much as fits: the newest batch that was dropped would not have.
    dropped = [
        b for b in batches if b.events and history.start and covers(b.end.snapshot, history.start)
    ]
    assert not dropped or history.size + dropped[-1].size > limit


@given(scripts, st.data())
@settings(deadline=None, max_examples=200)
def test_called_back(script: Script, data: st.DataObject) -> None:
    """What was read again from the database, from some transaction id up to its own, joins on."""
    batches, clients, world = play(script)
    split = data.draw(st.integers(0, len(batches) - 1))
    history = History(10**9)
    history.clear(batches[split].start)
    for batch in batches[split:]:
        history.append(batch)
    own = history.own
    assert own is not None
    for older in sorted(clients, key=lambda s: (s.xmax, s.xmin, -len(s.xip)), reverse=True)[:3]:
        back = min(older.xmin, own.xmin)
        events = tuple(e for e in world.committed if e.xid >= back and visible(e.xid, own))
        size = sum(event.size for event in events)
        before = history.size
        assert history.call_back(Batch(Snapshot(back, back), Cursor("e", own), events, size))
        since = history.since(older)
        assert since is not None
        end = batches[-1].end.snapshot
        wanted = [
            e.key for e in world.committed if not visible(e.xid, older) and visible(e.xid, end)
        ]
        found = [event.key for event in since]
        assert sorted(found) == sorted(wanted)
        # In place of what was called back before, not on top of it.
        assert history.size <= before + size
        assert history.own == own


def test_no_room_to_call_back() -> None:
    history = History(100)
    history.clear(Snapshot(10, 10))
    event = Event(10, "", "bookings", "I", "k", {}, None, size=60)
    history.append(Batch(Snapshot(10, 10), Cursor("e", Snapshot(11, 11)), (event,), 60))
    older = Batch(Snapshot(5, 5), Cursor("e", Snapshot(10, 10)), (event,), 60)
    assert not history.call_back(older)
    assert (history.size, history.start) == (60, Snapshot(10, 10))
    assert history.since(Snapshot(5, 5)) is None


def test_what_was_called_back_goes_first() -> None:
    history = History(100)
    history.clear(Snapshot(10, 10))
    event = Event(10, "", "bookings", "I", "k", {}, None, size=60)
    older = Event(7, "", "bookings", "I", "k", {}, None, size=60)
    assert history.call_back(Batch(Snapshot(5, 5), Cursor("e", Snapshot(10, 10)), (older,), 60))
    assert history.since(Snapshot(6, 6)) is not None
    history.append(Batch(Snapshot(10, 10), Cursor("e", Snapshot(11, 11)), (event,), 60))
    assert (history.size, history.start) == (60, Snapshot(10, 10))
    assert history.since(Snapshot(6, 6)) is None
    assert list(history.since(Snapshot(10, 10)) or ()) == [event]


def test_quiet_times_cost_nothing() -> None:
    history = History(100)
    history.clear(Snapshot(500, 500))
    for xid in range(500, 1000):
        end = Snapshot(xid + 1, xid + 1)
        history.append(Batch(Snapshot(xid, xid), Cursor("e", end), ()))
    own = Snapshot(500, 500)
    for xid in range(499, 5, -1):  # nor do cursors that come back to a quiet past
        assert history.call_back(Batch(Snapshot(xid, xid), Cursor("e", own), ()))
    assert (len(history), history.size) == (0, 0)
    since = history.since(Snapshot(6, 6))
    assert since is not None
    assert list(since) == []
