"""``/api/v1/availability/patterns`` and ``overrides``: what people say about when they can fly.

Clock times are the school's (``HUB_TIMEZONE``). What may be done is decided on the floors below;
here it is only asked for and answered.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from hub.model import AvailabilityOverride, AvailabilityPattern
from hub.rest import answers, paging
from hub.rest.asked import JSON, MERGE_PATCH
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import availability
from hub.schedule.availability import OVERRIDES, PATTERNS
from hub.schedule.availability_drafts import (
    OverrideDraft,
    OverridePatch,
    PatternDraft,
    PatternPatch,
)
from hub.schedule.fields import Day, Id
from hub.schedule.reading import FIRST, Shown
from hub.schedule.version import encode

routes = Routes("availability")
PATH = "/api/v1/availability"
WEEKLY = f"{PATH}/patterns"
DATED = f"{PATH}/overrides"


class Query(BaseModel):
    """Parameters: none but the named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PatternsQuery(Query):
    """Whose week: one's own unless an admin names another."""

    user_id: Id | None = None


class Patterns(BaseModel):
    """Somebody's week, all of it, by day and time."""

    items: list[AvailabilityPattern]


class SaidQuery(Query):
    """Whose, and overrides of which dates: ``from`` is inclusive, ``to`` exclusive."""

    user_id: Id | None = None
    first: Day | None = Field(None, alias="from")
    before: Day | None = Field(None, alias="to")
    limit: paging.Limit = 50


class OverridesQuery(SaidQuery):
    """Whose overrides, on which dates: ``from`` is inclusive, ``to`` exclusive."""

    after: paging.After | None = None


class Overrides(BaseModel):
    """A page of overrides, in order of time; ``next`` is ``after`` for the next page."""

    items: list[AvailabilityOverride]
    next: str | None


class Said(BaseModel):
    """A week, all of it, and a page of overrides; ``next`` is ``after`` for the list of overrides."""

    patterns: list[AvailabilityPattern]
    overrides: list[AvailabilityOverride]
    next: str | None


@routes.add("GET", PATH, SaidQuery, Nothing, answers={200: Said, 304: None}, who=ANYBODY)
async def read_said(ask: Ask[SaidQuery, Nothing]) -> Answer:
    """All that you said, or for an admin anybody: patterns and overrides, of one moment."""
    query = ask.query
    week, page = await availability.said(
        ask.house.pool, ask.who, _text(query.user_id), query.first, query.before, query.limit
    )
    after, headers = paging.further(page, _begins, ask.url.with_path(DATED, keep_query=True))
    told = {"patterns": week, "overrides": page.rows, "next": after}
    return Answer(encode(told), snapshot=page.snapshot, headers=headers)


@routes.add("GET", WEEKLY, PatternsQuery, Nothing, answers={200: Patterns, 304: None}, who=ANYBODY)
async def list_patterns(ask: Ask[PatternsQuery, Nothing]) -> Answer:
    """Your weekly patterns, or for an admin anybody's. Those that rest (``is_active``) are among them."""
    page = await availability.patterns(ask.house.pool, ask.who, _text(ask.query.user_id))
    return Answer(encode({"items": page.rows}), snapshot=page.snapshot)


@routes.add("GET", DATED, OverridesQuery, Nothing, answers={200: Overrides, 304: None}, who=ANYBODY)
async def list_overrides(ask: Ask[OverridesQuery, Nothing]) -> Answer:
    """Your overrides of single dates, or for an admin anybody's."""
    query = ask.query
    page = await availability.overrides(
        ask.house.pool,
        ask.who,
        _text(query.user_id),
        query.first,
        query.before,
        query.after or FIRST,
        query.limit,
    )
    return paging.answer(page, _begins, ask.url)


@routes.add(
    "GET",
    f"{WEEKLY}/{{id}}",
    Nothing,
    Nothing,
    answers={200: AvailabilityPattern, 304: None},
    who=ANYBODY,
)
async def get_pattern(ask: Ask[Nothing, Nothing]) -> Answer:
    """One weekly pattern. Its ETag is what If-Match of PATCH and DELETE takes."""
    found = await availability.one(ask.house.pool, ask.who, PATTERNS, ask.id)
    return answers.read(found)


@routes.add(
    "GET",
    f"{DATED}/{{id}}",
    Nothing,
    Nothing,
    answers={200: AvailabilityOverride, 304: None},
    who=ANYBODY,
)
async def get_override(ask: Ask[Nothing, Nothing]) -> Answer:
    """One override. Its ETag is what If-Match of PATCH and DELETE takes."""
    found = await availability.one(ask.house.pool, ask.who, OVERRIDES, ask.id)
    return answers.read(found)


@routes.add(
    "POST",
    WEEKLY,
    Nothing,
    PatternDraft,
    answers={201: AvailabilityPattern},
    who=ANYBODY,
    refusals=frozenset({409}),
    once=True,
)
async def create_pattern(ask: Ask[Nothing, PatternDraft]) -> Answer:
    """Say when you can fly every week; an admin for anybody.

    Times are the school's clock, ``HH:MM``, up to ``24:00``; day 0 is Sunday. What goes over
    midnight is two patterns. 409 ``duplicate`` for one that is there, ``too-many`` beyond 24 a day.
    """
    made = await availability.create(ask.house.pool, ask.who, PATTERNS, ask.body, ask.key)
    return answers.made(made, WEEKLY)


@routes.add(
    "POST",
    DATED,
    Nothing,
    OverrideDraft,
    answers={201: AvailabilityOverride},
    who=ANYBODY,
    refusals=frozenset({409}),
    once=True,
)
async def create_override(ask: Ask[Nothing, OverrideDraft]) -> Answer:
    """Say what is different on one date; an admin for anybody.

    A block (``is_blocked``, the default) takes its hours away, an addition adds them; where both
    are, the block wins. No times: the whole day. 409 ``duplicate`` for hours of that date that have
    an override, ``too-many`` beyond 24 a date.
    """
    made = await availability.create(ask.house.pool, ask.who, OVERRIDES, ask.body, ask.key)
    return answers.made(made, DATED)


@routes.add(
    "PATCH",
    f"{WEEKLY}/{{id}}",
    Nothing,
    PatternPatch,
    answers={200: AvailabilityPattern},
    who=ANYBODY,
    types=(MERGE_PATCH, JSON),
    refusals=frozenset({409}),
    conditional=True,
)
async def change_pattern(ask: Ask[Nothing, PatternPatch]) -> Answer:
    """Change your weekly pattern, by merge patch (RFC 7396); an admin anybody's."""
    done = await availability.change(
        ask.house.pool, ask.who, PATTERNS, ask.id, ask.body, ask.expected
    )
    return answers.changed(done)


@routes.add(
    "PATCH",
    f"{DATED}/{{id}}",
    Nothing,
    OverridePatch,
    answers={200: AvailabilityOverride},
    who=ANYBODY,
    types=(MERGE_PATCH, JSON),
    refusals=frozenset({409}),
    conditional=True,
)
async def change_override(ask: Ask[Nothing, OverridePatch]) -> Answer:
    """Change your override, by merge patch (RFC 7396); an admin anybody's. Null times: the whole day."""
    done = await availability.change(
        ask.house.pool, ask.who, OVERRIDES, ask.id, ask.body, ask.expected
    )
    return answers.changed(done)


@routes.add(
    "DELETE",
    f"{WEEKLY}/{{id}}",
    Nothing,
    Nothing,
    answers={204: None},
    who=ANYBODY,
    conditional=True,
)
async def delete_pattern(ask: Ask[Nothing, Nothing]) -> Answer:
    """Delete your weekly pattern; an admin anybody's. To let it rest, PATCH ``is_active``."""
    transaction = await availability.delete(ask.house.pool, ask.who, PATTERNS, ask.id, ask.expected)
    return Answer(status=204, transaction=transaction)


@routes.add(
    "DELETE",
    f"{DATED}/{{id}}",
    Nothing,
    Nothing,
    answers={204: None},
    who=ANYBODY,
    conditional=True,
)
async def delete_override(ask: Ask[Nothing, Nothing]) -> Answer:
    """Delete your override; an admin anybody's."""
    transaction = await availability.delete(
        ask.house.pool, ask.who, OVERRIDES, ask.id, ask.expected
    )
    return Answer(status=204, transaction=transaction)


def _text(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def _begins(row: Shown) -> str:
    """Where an override is in the order of its list, as a place has it."""
    date, start = str(row["override_date"]), str(row["start_time"] or "00:00")
    day, _, era = date.partition(" ")
    if "infinity" in day:
        return day
    return f"{day}T{start}{':00' * (len(start) == 5)}Z{era and ' ' + era}"
