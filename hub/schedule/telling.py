"""What people are told of a flight, in words, and telling them: a row of ``notifications`` each.

Nothing is sent from here and nobody decides here whether to tell. Invariant: a message names no
person and nothing that one of the two said about the options, since the other reads it too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hub.db.pool import Write
from hub.model import NotificationType
from hub.rules.rows import moment
from hub.schedule.reading import Shown
from hub.schedule.statements import run

#: Why people have to settle it.
Why = Literal["deadline", "none-work", "no-common-option", "no-slot", "handed-over"]

_WHY: dict[Why, str] = {
    "deadline": "The deadline for {departs} has passed without a choice from both.",
    "none-work": "None of the new times for {departs} suits both.",
    "no-common-option": "None of the new times for {departs} suits both.",
    "no-slot": "None of the new times for {departs} that suit both is still free.",
    "handed-over": "The flight of {departs} became yours when no new time had been found for it.",
}


@dataclass(frozen=True, slots=True)
class Note:
    """A notification to be; ``title`` has at most 255 characters."""

    type: NotificationType
    title: str
    message: str


def when(time: str) -> str:
    """A row's time as pilots write it, as in ``Mon 04 May 17:30Z``."""
    return moment(time).astimezone(UTC).strftime("%a %d %b %H:%MZ")


def _route(flight: Shown) -> str:
    departs, arrives = flight["departure_airport"], flight["arrival_airport"]
    return f"{departs} local" if departs == arrives else f"{departs}–{arrives}"


def weather_alert(flight: Shown, detail: str | None) -> Note:
    """The weather is against a flight. ``detail`` is the weather monitor's own sentence."""
    departs = when(flight["scheduled_datetime"])
    about = detail or f"The forecast for your flight of {departs} is below its minimums."
    return Note(
        "WEATHER_ALERT", f"Weather conflict: {_route(flight)}", f"{about} We are watching it."
    )


def options_available(flight: Shown, count: int, deadline: str, *, past: bool) -> Note:
    """New times are offered, to be ranked until ``deadline``."""
    new = "A new time" if count == 1 else f"{count} new times"
    departs = when(flight["scheduled_datetime"])
    then = f"It was to be ranked by {when(deadline)}." if past else f"Rank by {when(deadline)}."
    return Note(
        "OPTIONS_AVAILABLE",
        f"New times for {_route(flight)}",
        f"{new} for your flight of {departs}. {then}",
    )


def reminder(flight: Shown, deadline: str) -> Note:
    """The deadline is near, and one has not submitted."""
    departs = when(flight["scheduled_datetime"])
    return Note(
        "DEADLINE_REMINDER",
        f"Still to choose: {_route(flight)}",
        f"Rank the new times for {departs} by {when(deadline)}.",
    )


def confirmation(flight: Shown, successor: Shown) -> Note:
    """A flight has a new time."""
    departed, departs = when(flight["scheduled_datetime"]), when(successor["scheduled_datetime"])
    return Note(
        "CONFIRMATION",
        f"Rescheduled: {_route(flight)}",
        f"Now {departs}, in place of {departed}.",
    )


def escalation(flight: Shown, why: Why) -> Note:
    """People have to settle it."""
    about = _WHY[why].format(departs=when(flight["scheduled_datetime"]))
    return Note(
        "ESCALATION",
        f"To be settled by hand: {_route(flight)}",
        f"{about} The school will settle it.",
    )


def both(flight: Shown) -> list[str]:
    """The two who fly."""
    return [flight["student_id"], flight["instructor_id"]]


async def tell(
    write: Write,
    about: Shown,
    note: Note,
    people: list[str],
    *,
    admins: bool = False,
    told: Collection[str] = (),
    at: datetime | None = None,
) -> None:
    """Notify these people, and every admin if ``admins``, each once, of the booking ``about``.

    Not those who were ``told`` already. It is dated ``at``; now, if that is None.
    """
    await run(
        write.conn,
        "tell",
        booking_id=about["id"],
        people=people,
        admins=admins,
        told=list(told),
        type=note.type,
        title=note.title,
        message=note.message,
        at=at,
    )
