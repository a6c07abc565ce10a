"""``/api/v1/board``: what hangs on the wall, for kiosks and for whoever builds a wall of their own.

Invariant: an answer holds what the topic ``board`` shows, so its Hub-Cursor starts that stream.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hub.model import BoardFlight, Role
from hub.rest import paging
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.rules.filters import BoardFilter
from hub.rules.window import Day
from hub.schedule import board
from hub.schedule.fields import Digits
from hub.schedule.reading import FIRST

routes = Routes("board")
PATH = "/api/v1/board"
ADMIN: frozenset[Role] = frozenset({"ADMIN"})
#: What is shown where nothing is asked for.
_TODAY = {"since": Day(0), "until": Day(1)}


class BoardQuery(BoardFilter):
    """Which flights: ``from`` is inclusive, ``to`` exclusive; ``airport`` is either end.

    Both take a moment or a day by the school's clock, such as ``today`` or ``tomorrow``; where
    neither is given it is today. A page has up to 1000 rows, unlike any other list's, which has up
    to 100: a screen shows a whole day or none of it, and so reads it at once.
    """

    model_config = ConfigDict(populate_by_name=False)

    limit: Annotated[int, Digits, Field(ge=1, le=1000)] = 1000
    after: paging.After | None = None


class Board(BaseModel):
    """A page of the board, in order of time; ``next`` is ``after`` for the next page."""

    items: list[BoardFlight]
    next: str | None


@routes.add(
    "GET",
    PATH,
    BoardQuery,
    Nothing,
    answers={200: Board, 304: None},
    who=ADMIN,
    many=frozenset({"status"}),
    scope="bookings:read",
    device=True,
)
async def list_board(ask: Ask[BoardQuery, Nothing]) -> Answer:
    """The flights on the board, masked. A kiosk that hangs at an airport is shown that airport's.

    Hub-Cursor is the snapshot that the page was read in: a watch of ``board`` that begins there is
    told exactly what changed since.
    """
    query = ask.query
    if query.since is None and query.until is None:
        query = query.model_copy(update=_TODAY)
    within = query.at(ask.house.calendar.midnight)
    page = await board.page(ask.house.pool, ask.who, within, query.after or FIRST, query.limit)
    return paging.answer(page, "departs", ask.url)
