"""The session as a machine: whatever is said, judged, read or lost, in whatever order.

Hypothesis says the messages, moves the clock, commits transactions, answers or withholds what the
session asked for, stops and starts its peer's reading. Beside it stands a client that does what the
protocol's document tells it to, and a table of the true rows: whenever all is quiet, they are one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from running import apply
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from hub.errors import Unauthenticated, Unavailable
from hub.fanout.delivery import Delivery
from hub.fanout.resuming import unlike
from hub.fanout.views import Views
from hub.feed.history import History
from hub.identity.directory import Directory
from hub.live.follower import Follower
from hub.live.gate import Gate
from hub.live.session import Session
from hub.live.watch import Watching
from hub.live.wheel import FAREWELL, WARNING
from hub.rules.access import Audience, Everyone, Person, Principal
from hub.rules.cursor import Cursor, Snapshot, parse_cursor, visible
from hub.rules.event import Batch, Event
from hub.settings import Settings

ADMIN, STUDENT = (str(UUID(int=n)) for n in (1, 2))
KEYS = [str(UUID(int=n)) for n in range(100, 106)]
IDS = ["a", "b", "c"]
EPOCH = "e1"
AT = "2030-01-01T00:00:00.000Z"
FILTERS: list[dict[str, Any]] = [{}, {"status": ["AT_RISK"]}, {"aircraft_id": "N2"}]
KNOBS = Settings(
    max_watches=2,
    messages_per_second=20,
    ping_every=5,
    pong_timeout=2,
    hello_timeout=4,
    max_sockets_per_principal=2,
)


def user(id: str, role: str) -> dict[str, Any]:
    return {"id": id, "cognito_user_id": id, "role": role, "first_name": "A", "last_name": "B"}


def booking(key: str, owner: str, status: str, aircraft: str) -> dict[str, Any]:
    return {
        "id": key, "student_id": owner, "instructor_id": str(UUID(int=9)), "aircraft_id": aircraft,
        "departure_airport": "KPAO", "arrival_airport": "KSQL", "departure_latitude": 1.0,
        "departure_longitude": 1.0, "arrival_latitude": 1.0, "arrival_longitude": 1.0,
        "scheduled_datetime": "2030-01-01T10:00:00+00:00", "duration_minutes": 60, "status": status,
        "training_level": "STUDENT_PILOT", "original_booking_id": None,
        "rescheduled_to_datetime": None, "created_at": "2029-01-01T00:00:00+00:00",
        "updated_at": "2029-01-01T00:00:00+00:00",
    }  # fmt: skip


class Line:
    """A carrier that keeps what it was told to send, until its peer reads."""

    answers = True

    def __init__(self) -> None:
        self.closing = self.is_paused = False
        self.code: int | None = None
        self.sent: list[dict[str, Any]] = []
        self._ws = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN)
        self._user: Any = None

    def attach(self, user: Any) -> None:
        self._user = user

    def write(self, frames: bytes) -> None:
        if self.closing:
            return
        self._ws.receive_data(frames)
        for event in self._ws.events_received():
            assert isinstance(event, Frame)
            assert event.opcode is Opcode.TEXT
            self.sent.append(orjson.loads(event.data))

    def unsent(self) -> int:
        return 100_000 if self.is_paused else 0

    def close(self, code: int, reason: str) -> None:
        if not self.closing:
            self.closing, self.code = True, code
            self._user.closing()

    def abort(self) -> None:
        if self._user is not None:
            self.closing = True
            user, self._user = self._user, None
            user.lost()


class Table:
    """The feed and the rows, without a database: transactions one after another."""

    healthy = True

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.cursor = Cursor(EPOCH, Snapshot(10, 10))
        self.history = History(2**20)
        self.history.clear(self.cursor.snapshot)

    def since(self, snapshot: Snapshot) -> Any:
        return self.history.since(snapshot)

    def is_far(self, snapshot: Snapshot, most: float) -> bool:
        return self.history.is_far(snapshot, most)

    def batch(self, transactions: list[list[Event]]) -> Batch:
        end = self.cursor.snapshot.xmax + len(transactions)
        events = tuple(event for events in transactions for event in events)
        return Batch(self.cursor.snapshot, Cursor(EPOCH, Snapshot(end, end)), events, len(events))


class Paired:
    """The devices: one, which nobody revokes here."""

    def by_id(self, id: str) -> Principal:
        return Principal("device", id, None, "K", id)


class Errand:
    """A command that waits for its answer."""

    def __init__(self, answer: Callable[..., None]) -> None:
        self.answer = answer
        self.over = False

    def cancel(self) -> None:
        self.over = True


class Hands:
    """Where the hub has tasks: what a session has asked for and was not answered yet."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.verdicts: list[tuple[Session, str]] = []
        self.starts: list[Errand] = []

    def identify(self, session: Session, token: str) -> None:
        self.verdicts.append((session, token))

    def begin(
        self, session: Follower, watch: Watching, cursor: str | None, reason: str | None
    ) -> Errand:
        def answer(rows: list[Any], refused: str | None = None) -> None:
            if session.socket.is_paused:
                return  # nothing goes on before its peer reads
            self.starts.remove(errand)
            errand.over = True
            why = reason
            if cursor is not None:
                # As ``watching`` judges who comes back, or what the feed says of its cursor.
                since = parse_cursor(cursor).snapshot
                assert session.principal is not None
                why = refused or unlike(watch.view, session.principal, self.hub.table.since(since))
                if why is None:
                    assert session.arrived(watch, since, resumed=True)
                    return
            if why is not None:
                session.reset(watch, why)
            session.page(watch, orjson.dumps(rows), more=False)
            assert session.arrived(watch, self.hub.table.cursor.snapshot, resumed=False)

        errand = Errand(answer)
        errand.watch, errand.resumes = watch, cursor is not None  # type: ignore[attr-defined]
        self.starts.append(errand)
        return errand


class Hub(Gate):
    """The gate with a clock that is told, and hands instead of tasks."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.is_one_turn = False
        self.alarms: dict[Errand, float] = {}
        self.later: list[Callable[[], None]] = []
        self.table = Table()
        views, directory = Views(), Directory()
        nobody: Any = None  # asked only by errands, which are hands here
        super().__init__(
            settings=KNOBS,
            pool=nobody,
            feed=self.table,  # type: ignore[arg-type]
            directory=directory,
            keyring=nobody,
            devices=Paired(),  # type: ignore[arg-type]
            verifier=nobody,
            views=views,
            delivery=Delivery(views, directory),
            pictures=nobody,
        )
        self.hands = self.errands = Hands(self)  # type: ignore[assignment]

    def now(self) -> float:
        return self.time

    def clock(self) -> float:
        return self.time

    def alarm(self, when: float, call: Callable[[], None]) -> Any:
        errand = Errand(call)
        self.alarms[errand] = when
        return errand

    def soon(self, call: Callable[[], None]) -> None:
        self.later.append(call)

    def turn(self) -> None:
        """What the loop does between two turns; several things may happen in one."""
        if self.is_one_turn:
            return
        later, self.later = self.later, []
        for call in later:
            call()

    def pass_time(self, seconds: float) -> None:
        end = self.time + seconds
        while True:
            due = [(at, n) for n, (one, at) in enumerate(self.alarms.items()) if not one.over]
            at = min(due)[0] if due else end
            if at > end:
                break
            self.time = max(self.time, at)
            if not due:
                break
            for errand in [one for one, when in self.alarms.items() if when <= at]:
                del self.alarms[errand]
                if not errand.over:
                    errand.answer()
                self.turn()
            assert sum(not one.over for one in self.alarms) <= 1, "one alarm for all"
        self.time = end

    def commit(self, *transactions: list[Event]) -> None:
        batch = self.table.batch(list(transactions))
        self.table.cursor = batch.end
        self.table.history.append(batch)
        for event in batch.events:
            self.directory.apply(event)
            if event.entity == "bookings":
                assert event.key is not None
                if event.row is None:
                    self.table.rows.pop(event.key, None)
                else:
                    self.table.rows[event.key] = dict(event.row)
        self.delivery.deliver(batch)
        self.turn()


class Sessions(RuleBasedStateMachine):
    """One session under test, and a quiet neighbour on whom nothing may rub off."""

    @initialize(
        kind=st.sampled_from(["user", "device"]),
        said=st.sampled_from([*["good"] * 8, "short", "nothing"]),
        watched=st.integers(0, 2),
    )
    def begin(self, kind: str, said: str, watched: int) -> None:
        self.hub = Hub()
        self.kind = kind
        self.xids = itertools.count(10)
        self.hub.commit(
            [self._event("users", ADMIN, user(ADMIN, "ADMIN"), None)],
            [self._event("users", STUDENT, user(STUDENT, "STUDENT"), None)],
        )
        self.line = Line()
        self.session = Session(self.hub, self.line)
        self.heard: list[dict[str, Any]] = []
        # The client's side.
        self.rows: dict[str, dict[str, Any]] = {}
        self.views: dict[str, str] = {}
        #: Views whose watch it has ended, which the hub may not have heard yet.
        self.leaving: set[str] = set()
        self.asked: dict[str, dict[str, Any]] = {}
        self.cursors: dict[str, str] = {}
        self.changes = 0
        self.expires: float | None = None
        self.unanswered, self.polite = False, said != "short"
        self.frame_times: list[float] = []
        self.live_times: list[float] = []
        # Most have come in and watch something: it is then that there is most to break.
        if said != "nothing":
            self.hello(said)
            self.judge()
            for id in IDS[:watched]:
                self.watch(id, {}, "bookings" if kind == "user" else "board", False)
                self._answer(self.hub.hands.starts[-1])

    def _event(
        self, entity: str, key: str, row: dict[str, Any] | None, old: dict[str, Any] | None
    ) -> Event:
        if old is None:
            return Event(next(self.xids), AT, entity, "I", key, row, None)
        if row is None:
            return Event(next(self.xids), AT, entity, "D", key, None, old)
        was = {name: value for name, value in old.items() if row[name] != value}
        return Event(next(self.xids), AT, entity, "U", key, row, was)

    # What the world does.

    @rule(
        key=st.sampled_from(KEYS),
        owner=st.sampled_from([ADMIN, STUDENT]),
        status=st.sampled_from(["CONFIRMED", "AT_RISK", None]),
        aircraft=st.sampled_from(["N1", "N2"]),
    )
    def write(self, key: str, owner: str, status: str | None, aircraft: str) -> None:
        old = self.hub.table.rows.get(key)
        row = booking(key, owner, status, aircraft) if status is not None else None
        if (row or old) is not None and row != old:
            self.hub.commit([self._event("bookings", key, row, old)])
        self._listen()

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 3.0]))
    def wait(self, seconds: float) -> None:
        before = int(self.hub.time)
        self.hub.pass_time(seconds)
        for second in range(before, int(self.hub.time)):
            self.hub.wheel.tick(float(second + 1), float(second + 1))
            self._listen()
            if self.unanswered and self.polite:
                self.unanswered = False
                self._say({"type": "pong"})
        self._listen()

    @rule()
    def pause(self) -> None:
        if not self.line.is_paused and not self.line.closing:
            self.line.is_paused = True
            self.session.paused()

    @rule()
    def drain(self) -> None:
        if self.line.is_paused:
            self.line.is_paused = False
            self.session.resumed()
            self.hub.turn()
            self._listen()

    @rule(yes=st.booleans())
    def crowd_into_one_turn(self, yes: bool) -> None:
        self.hub.is_one_turn = yes
        self.hub.turn()

    @rule()
    def lose_rights(self) -> None:
        if self.kind == "user":
            before = self.hub.directory.by_id(ADMIN)
            assert before is not None
            other = "STUDENT" if before.role == "ADMIN" else "ADMIN"
            row = user(ADMIN, other)
            self.hub.commit([self._event("users", ADMIN, row, user(ADMIN, before.role))])
            self._listen()

    @rule()
    @precondition(lambda self: len(self.heard) % 5 == 0)
    def break_off(self) -> None:
        self.hub.delivery.restart("flood")
        self.hub.turn()
        self._listen()

    # What the client does.

    @rule(token=st.sampled_from([*["good", "short"] * 4, "bad", "down"]))
    def hello(self, token: str) -> None:
        if self.session.principal is None:
            self._say({"type": "hello", "token": token})

    @rule(token=st.sampled_from([*["good", "short"] * 4, "bad"]))
    @precondition(lambda self: self.session.principal is not None)
    def auth(self, token: str) -> None:
        self._say({"type": "auth", "token": token})

    @rule()
    @precondition(lambda self: self.session.principal is not None)
    def hello_again(self) -> None:
        self._say({"type": "hello", "token": "good"})

    @rule(
        id=st.sampled_from(IDS),
        within=st.sampled_from(FILTERS),
        topic=st.sampled_from(["bookings", "board"]),
        resume=st.booleans(),
    )
    def watch(self, id: str, within: dict[str, Any], topic: str, resume: bool) -> None:
        if self.line.is_paused or self.line.closing:
            return
        within = {} if topic == "board" and "aircraft_id" in within else within
        message: dict[str, Any] = {"type": "watch", "id": id, "topic": topic, "filter": within}
        known = self.asked.get(id)
        if resume and id in self.cursors and known is not None and id not in self.session.watches:
            message |= {"topic": known["topic"], "filter": known["filter"]}
            message["cursor"] = self.cursors[id]
        elif id not in self.session.watches:
            self.rows.pop(id, None)
        if id not in self.session.watches:
            self.asked[id] = message
            self.views.pop(id, None)
        self._say(message)

    @rule(id=st.sampled_from(IDS))
    def unwatch(self, id: str) -> None:
        if not self.line.is_paused and not self.line.closing:
            if id in self.views and self.hub.hands.verdicts:
                self.leaving.add(self.views[id])  # heard once the token is judged
            self.views.pop(id, None)
            self._say({"type": "unwatch", "id": id})

    @rule()
    def pong(self) -> None:
        self._say({"type": "pong"})

    @rule(junk=st.sampled_from([b'{"type":"watch","id":"a"}'] * 9 + [b"[]"]))
    def babble(self, junk: bytes) -> None:
        self._say(junk)

    def _say(self, message: dict[str, Any] | bytes) -> None:
        if not self.line.is_paused and not self.line.closing:
            text = message if isinstance(message, bytes) else orjson.dumps(message)
            self.session.received(text)
            self.hub.turn()
            self._listen()

    # What the session asked for is answered, or not yet.

    @rule()
    @precondition(lambda self: self.hub.hands.verdicts)
    def judge(self) -> None:
        session, token = self.hub.hands.verdicts.pop(0)
        person = self.hub.directory.by_id(ADMIN)
        assert person is not None
        expires = self.hub.time + (WARNING + 1 if token == "short" else 100_000)
        if token == "bad":
            session.identified(Unauthenticated("no"))
        elif token == "down":
            session.identified(Unavailable("not now"))
        elif self.kind == "user":
            session.identified(Principal("user", ADMIN, person.role, "A", ADMIN, expires=expires))
        else:
            session.identified(self.hub.devices.by_id(STUDENT))
        self.hub.turn()
        self._listen()
        if not self.hub.hands.verdicts:
            self.leaving.clear()

    @rule(data=st.data())
    @precondition(lambda self: any(not one.over for one in self.hub.hands.starts))
    def start(self, data: st.DataObject) -> None:
        self.hub.hands.starts = [one for one in self.hub.hands.starts if not one.over]
        errand: Any = data.draw(st.sampled_from(self.hub.hands.starts))
        refused = "retention" if errand.resumes and data.draw(st.booleans()) else None
        self._answer(errand, refused)

    def _answer(self, errand: Any, refused: str | None = None) -> None:
        view, table = errand.watch.view, self.hub.table
        rows = [
            view.topic.show(view.topic.named(row, self.hub.directory))
            for row in table.rows.values()
            if view.matches(row)
        ]
        errand.answer(rows, refused)
        self.hub.turn()
        self._listen()

    # The client of the protocol's document.

    def _listen(self) -> None:
        told, self.line.sent = self.line.sent, []
        for one in told:
            assert not any(before["type"] == "bye" for before in self.heard), "after goodbye"
            if not any(before["type"] == "welcome" for before in self.heard):
                assert one["type"] in ("welcome", "bye"), f"{one} before welcome"
            else:
                assert one["type"] != "welcome", "twice"
            self.heard.append(one)
            getattr(self, f"_on_{one['type']}", lambda one: None)(one)

    def _on_rows(self, one: dict[str, Any]) -> None:
        self.rows[one["id"]] = {row["id"]: row for row in one["rows"]}

    def _on_reset(self, one: dict[str, Any]) -> None:
        self.rows[one["id"]] = {}
        self.views.pop(one["id"], None)

    def _on_live(self, one: dict[str, Any]) -> None:
        assert one["id"] in self.session.watches, "live after its end"
        self.views[one["id"]] = one["view"]
        self.cursors[one["id"]] = one["cursor"]
        self.live_times.append(self.hub.time)
        self.rows.setdefault(one["id"], {})

    def _on_change(self, one: dict[str, Any]) -> None:
        self.changes += 1
        self.frame_times.append(self.hub.time)
        concerned = (
            [one["id"]]
            if "id" in one
            else [id for id, view in self.views.items() if view == one["view"]]
        )
        assert concerned or one["view"] in self.leaving, f"a change of nobody's: {one}"
        for id in concerned:
            if id in self.cursors and id in self.views:
                # Nothing twice: what this watch has been told of is behind its cursor.
                seen = parse_cursor(self.cursors[id]).snapshot
                assert all(not visible(int(one["tx"]), seen) for one in one["transactions"])
            apply(self.rows.setdefault(id, {}), one)
            self.cursors[id] = one["cursor"]

    def _on_ping(self, one: dict[str, Any]) -> None:
        assert one["sent"] == self.changes
        self.unanswered = True
        for id in self.views:
            self.cursors[id] = one["cursor"]

    def _on_expiring(self, one: dict[str, Any]) -> None:
        who = self.session.principal
        assert who is not None
        assert who.expires != self.expires, "told twice of one expiry"
        self.expires = who.expires
        assert who.expires is not None
        assert who.expires - self.hub.time <= WARNING + 1

    # What is so at every moment.

    @invariant()
    def sent_is_what_arrived(self) -> None:
        if hasattr(self, "session"):
            assert self.session.sent == self.changes

    @invariant()
    def a_closed_one_holds_nothing(self) -> None:
        if hasattr(self, "session") and self.line.closing:
            assert not self.session.watches
            assert len(self.hub.views) == 0
            assert not self.hub.pacer.holds(self.session)
            byes = [one for one in self.heard if one["type"] == "bye"]
            assert len(byes) == 1
            assert byes[0]["code"] == self.line.code

    @invariant()
    def whoever_is_behind_is_in_no_live_set(self) -> None:
        if hasattr(self, "session"):
            for watch in self.session.watches.values():
                assert (self.session in watch.view.live) <= (self.session.behind is None)
                twins = [one for one in self.session.watches.values() if one.view is watch.view]
                if any(one.is_live for one in twins) and self.session.behind is None:
                    assert self.session in watch.view.live
            assert len(self.session.watches) <= KNOBS.max_watches

    @invariant()
    def a_kiosk_is_not_hurried(self) -> None:
        if hasattr(self, "session") and self.session.is_paced:
            recent = [at for at in self.frame_times if at > self.hub.time - 1]
            # A watch that begins may bring a frame of its own, and the others' with it.
            begun = [at for at in self.live_times if at > self.hub.time - 1]
            assert len(recent) <= 4 + 3 * len(begun)

    def _sees(self, topic: str) -> Audience:
        """As which class of readers the client may see a topic today, whatever the session thinks."""
        if self.kind == "device":
            return Everyone()
        person = self.hub.directory.by_id(ADMIN)
        assert person is not None
        return Everyone() if person.role == "ADMIN" else Person(ADMIN)

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        # All is answered, and quiet: what is on the client's screen is what is in the table.
        self.drain()
        for _ in range(40):
            while self.hub.hands.verdicts:
                self.judge()
            live = [one for one in self.hub.hands.starts if not one.over]
            if not live and self.session.behind is None:
                break
            for errand in live:
                if not errand.over:
                    self._answer(errand)
            self.hub.pass_time(0.5)
            self._listen()
        if not self.line.closing:
            for id, watch in self.session.watches.items():
                assert watch.is_live
                view = watch.view
                true = {
                    row["id"]: orjson.loads(
                        orjson.dumps(view.topic.show(view.topic.named(row, self.hub.directory)))
                    )
                    for row in self.hub.table.rows.values()
                    if view.topic.matches(row, self._sees(view.topic.name), view.window)
                }
                assert self.rows[id] == true, id
        # And it ends: by itself or by the wheel, with nothing left behind.
        self.session.close(4200, "over")  # type: ignore[arg-type]
        self._listen()
        self.hub.time += FAREWELL + 100
        self.hub.wheel.tick(self.hub.time, self.hub.time)
        assert not self.hub.sessions
        assert not self.hub.arriving
        assert not self.hub.troubled
        assert not self.hub.addresses
        assert len(self.hub.views) == 0


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("gone", ["pending", "told"])
def test_who_comes_back_after_a_change_of_rights_keeps_nothing_of_before(gone: str) -> None:
    """The watch's end comes before the ``reset`` it was owed, or after; its old cursor is as good."""
    machine = Sessions()
    machine.begin(kind="user", said="good", watched=1)
    machine.write(key=KEYS[0], owner=STUDENT, status="CONFIRMED", aircraft="N1")
    assert machine.rows["a"].keys() == {KEYS[0]}
    cursor = machine.cursors["a"]
    machine.lose_rights()
    if gone == "told":
        [errand] = [one for one in machine.hub.hands.starts if not one.over]
        machine._answer(errand)
        assert machine.rows["a"] == {}
        machine.cursors["a"], machine.rows["a"] = cursor, {KEYS[0]: {}}  # as an older copy of it
    machine.unwatch(id="a")
    machine.watch(id="a", within={}, topic="bookings", resume=True)
    assert machine.asked["a"]["cursor"] == cursor
    [errand] = [one for one in machine.hub.hands.starts if not one.over]
    machine._answer(errand)
    told = [one for one in machine.heard if one["type"] == "reset"]
    assert told[-1] == {"type": "reset", "id": "a", "reason": "rights"}
    assert machine.rows["a"] == {}
    machine.teardown()


def test_a_watch_that_is_ended_while_a_token_is_judged_is_told_changes_until_then() -> None:
    machine = Sessions()
    machine.begin(kind="user", said="good", watched=1)
    machine.auth(token="good")
    machine.unwatch(id="a")
    machine.write(key=KEYS[0], owner=ADMIN, status="CONFIRMED", aircraft="N1")
    assert machine.heard[-1]["type"] == "change"
    machine.judge()
    heard = len(machine.heard)
    machine.write(key=KEYS[0], owner=ADMIN, status="CONFIRMED", aircraft="N2")
    assert len(machine.heard) == heard
    machine.teardown()


def test_a_socket_that_fills_while_rights_are_judged_misses_nothing_of_that_batch() -> None:
    hub = Hub()
    one = user(ADMIN, "ADMIN")
    hub.commit([Event(10, AT, "users", "I", ADMIN, one, None)])
    line = Line()
    session = Session(hub, line)
    session.enter(Principal("user", ADMIN, "ADMIN", "A B", ADMIN))
    for topic in ("board", "notifications"):
        said = {"type": "watch", "id": topic, "topic": topic}
        session.received(orjson.dumps(said))
        hub.hands.starts[-1].answer([])
    write = line.write

    def filling(frames: bytes) -> None:
        write(frames)
        if b'"reset"' in frames:
            line.is_paused = True
            session.paused()

    line.write = filling  # type: ignore[method-assign]
    notice = {
        "id": KEYS[0], "user_id": ADMIN, "booking_id": None, "type": "ESCALATION", "title": "t",
        "message": "m", "read": False, "created_at": AT,
    }  # fmt: skip
    hub.commit(
        [Event(11, AT, "users", "U", ADMIN, one | {"role": "STUDENT"}, {"role": "ADMIN"})],
        [Event(12, AT, "notifications", "I", KEYS[0], notice, None)],
    )
    assert line.is_paused
    line.is_paused = False
    session.resumed()
    # With another role all is read anew, what is still hers as well: the notice is in that picture, or
    # told beyond it.
    [errand] = [one for one in hub.hands.starts if not one.over]
    errand.answer([notice])
    rows = [row["id"] for said in line.sent if said["type"] == "rows" for row in said["rows"]]
    told = [item for said in line.sent if said["type"] == "change" for item in said["transactions"]]
    assert rows + [one["items"][0]["key"] for one in told] == [KEYS[0]]
    assert line.sent[-1]["type"] == "live"
    assert [said["code"] for said in line.sent if said["type"] == "error"] == ["forbidden"]
