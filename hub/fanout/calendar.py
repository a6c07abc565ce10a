"""What day it is at the school, as the feed tells: midnight is a row of ``days``.

Every node's days begin at the same place in the stream, so a client that comes back is told of a
midnight it slept through like of any other change. Nothing is decided here. Invariant: ``today`` is
the last day that the feed has handed on; before the hub's clock has ever written one, it is what
this node's own clock says.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.db.queries import text
from hub.rules.event import Event
from hub.rules.rows import moment
from hub.rules.window import Day


class Calendar:
    """A feed's Replica. ``zone`` is the school's clock."""

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self._zone = zone or ZoneInfo("UTC")
        self._days: dict[str, date] = {}
        self._guess = datetime.now(UTC).astimezone(self._zone).date()

    @property
    def today(self) -> date:
        """The school's day at the feed's cursor."""
        return max(self._days.values(), default=self._guess)

    def midnight(self, day: Day) -> datetime:
        """When a day begins, in UTC."""
        return day.begins(self.today, self._zone)

    async def load(self, conn: Any) -> None:
        """Read the days there are, in the caller's transaction."""
        self._days = {record["id"]: record["day"] for record in await conn.fetch(text("days"))}
        self._guess = datetime.now(UTC).astimezone(self._zone).date()

    def apply(self, event: Event) -> None:
        """Follow one event of ``days``; others are none of its business."""
        if event.entity != "days":
            return
        if event.key is None:
            self._days.clear()
            return
        self._days.pop(event.key, None)
        if event.row is not None:
            self._days[event.key] = moment(event.row["day"]).date()
