"""Beginning anew: a write that PostgreSQL broke off, so that another could go on.

Two who each hold what the other waits for are parted by the database; the loser has done nothing
yet and may try again, a moment later: at once it could be back before the winner has woken up.
Invariant: only what is undone whole is begun anew, so a function that is decorated here leaves no
trace but in the one transaction it opens.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from hub.errors import Unavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")
#: How often, in all. Among the hub's own writers a race for a slot does not end so (``slots``), but one
#: with another program may: the second look finds the winner's row and is an overlap.
_TRIES = 3
#: Seconds between two tries: some of it, drawn anew, so that two losers part as well.
_PAUSE = 0.05


def begun_anew(write: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """The same function, begun anew whenever it loses; the last time it raises Unavailable."""

    @functools.wraps(write)
    async def tried(*given: _P.args, **named: _P.kwargs) -> _T:
        for tries_left in reversed(range(_TRIES)):
            try:
                return await write(*given, **named)
            except Unavailable as error:
                if error.code != "contended" or not tries_left:
                    raise
            await asyncio.sleep(random.uniform(0.2, 1) * _PAUSE)
        raise AssertionError("unreachable")

    return tried
