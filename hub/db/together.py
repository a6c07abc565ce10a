"""Reads that are answered together: many who ask, one statement, one snapshot.

What is asked while reads are under way goes into the next, so under load reads batch by themselves;
one that comes alone is sent at once. Nothing is judged here: what each asks is a row of parameters,
and the statement gives a row for each. Invariants: an answer is of a statement that was sent after
it was asked for, so whoever has written reads what they wrote; who goes away takes nothing from the
others; what a statement asks for is bounded, and so is how many are under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import asyncpg

from hub.db.pool import reading

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: Answered by one statement at most.
MOST = 100
#: Statements of one kind under way. Two, so that PostgreSQL reads one while the hub answers another,
#: and one connection that hangs holds up nobody but those it answers.
AT_ONCE = 2

#: What one asks for, and those who do.
_Asked = dict[tuple[Any, ...], list[asyncio.Future[asyncpg.Record]]]


class Together:
    """Reads by one statement, whose parameters are columns: for each of them what everybody gives.

    It gives a row for each row of parameters, in their order. Parameters must be such that
    PostgreSQL takes them, as what one gives would fail for all.
    """

    def __init__(self, pool: Pool, text: str) -> None:
        self._pool, self._text = pool, text
        self._waiting: _Asked = {}
        self._readers: set[asyncio.Task[None]] = set()
        #: Statements sent, for tests.
        self.reads = 0

    async def ask(self, *given: Any) -> asyncpg.Record:
        """The row for these parameters. Raises as ``reading`` does."""
        loop = asyncio.get_running_loop()
        # One's own, as whoever is cancelled cancels what they wait for.
        answer: asyncio.Future[asyncpg.Record] = loop.create_future()
        self._waiting.setdefault(given, []).append(answer)
        if len(self._readers) < AT_ONCE:
            # It begins when everyone who is ready to ask has asked.
            self._readers.add(loop.create_task(self._read()))
        return await answer

    async def _read(self) -> None:
        """Read until nobody waits."""
        asked: _Asked = {}
        try:
            while self._waiting:
                asked = {}
                try:
                    async with reading(self._pool) as conn:
                        # Only now: what was asked while a connection was waited for goes with it.
                        if asked := self._next():
                            self.reads += 1
                            rows = await conn.fetch(self._text, *zip(*asked, strict=True))
                            _answer(asked, rows)
                except Exception as wrong:
                    _fail(asked or self._next(), wrong)
        finally:
            reader = asyncio.current_task()
            assert reader is not None
            self._readers.discard(reader)
            for answer in chain.from_iterable(asked.values()):
                answer.cancel()  # if this was: who is answered stays so

    def _next(self) -> _Asked:
        """What the next statement is to answer: those who have waited longest, and are still there."""
        found: _Asked = {}
        while self._waiting and len(found) < MOST:
            given = next(iter(self._waiting))
            answers = self._waiting.pop(given)
            if not all(answer.done() for answer in answers):
                found[given] = answers
        return found


def _answer(asked: _Asked, rows: Sequence[asyncpg.Record]) -> None:
    for row, answers in zip(rows, asked.values(), strict=True):
        for answer in answers:
            if not answer.done():
                answer.set_result(row)


def _fail(asked: _Asked, wrong: Exception) -> None:
    for answer in chain.from_iterable(asked.values()):
        if not answer.done():
            answer.set_exception(wrong)


def together(pool: Pool, text: str) -> Together:
    """The reads of a pool by one statement."""
    if (found := pool.together.get(text)) is None:
        found = pool.together[text] = Together(pool, text)
    return found
