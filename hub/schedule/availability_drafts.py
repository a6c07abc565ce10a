"""What may be asked of somebody's hours: new ones, and a change of them.

Shapes only, as in ``drafts``. Invariants: hours end after they begin, within one day; an override
has both times, or neither and then means the whole day.
"""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from hub.schedule.drafts import Draft, Patch, if_given
from hub.schedule.fields import Closing, Day, Id, Opening, Reason, Weekday


def misfit(start: str | None, end: str | None) -> str | None:
    """What is wrong with a pair of clock times, said of the end; None if nothing is."""
    if (start is None) != (end is None):
        return "is given without the other: give both times, or neither for the whole day"
    if start is not None and end is not None and not start < end:
        return "is not after the start; midnight is 24:00, and hours over midnight are two rows"
    return None


def _fits(end: str | None, info: ValidationInfo) -> str | None:
    # A start that is not in data has a fault of its own.
    if "start_time" in info.data and (why := misfit(info.data["start_time"], end)) is not None:
        raise ValueError(why)
    return end


class PatternDraft(Draft):
    """A weekly pattern to be made. Absent or null ``user_id``: one's own."""

    user_id: Id | None = None
    day_of_week: Weekday
    start_time: Opening
    end_time: Closing
    is_active: bool = True

    _end = field_validator("end_time")(_fits)


class OverrideDraft(Draft):
    """An override to be made: a block unless it says otherwise. Absent or null ``user_id``: one's own."""

    user_id: Id | None = None
    override_date: Day
    start_time: Opening | None = None
    end_time: Closing | None = Field(None, validate_default=True)
    is_blocked: bool = True
    reason: Reason | None = None

    _end = field_validator("end_time")(_fits)


class PatternPatch(Patch):
    """A merge patch of a weekly pattern; whose it is stays."""

    day_of_week: Weekday = if_given()
    start_time: Opening = if_given()
    end_time: Closing = if_given()
    is_active: bool = if_given()


class OverridePatch(Patch):
    """A merge patch of an override; whose it is stays. Null clears a time or the reason."""

    override_date: Day = if_given()
    start_time: Opening | None = None
    end_time: Closing | None = None
    is_blocked: bool = if_given()
    reason: Reason | None = None
