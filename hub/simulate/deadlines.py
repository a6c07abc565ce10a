"""The deadline's part: a reminder two hours before it, and the office called in after it.

It tells people and changes no booking. Invariant: whoever sends them, each goes out once: a
reminder for each ranking, an escalation for each offer.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hub.model import NotificationType
from hub.simulate.rescheduling import by_booking, offer_of
from hub.simulate.stage import GiveWay, Note, Record, Stage, route, zulu


async def reminder_sent(stage: Stage) -> str | None:
    """Who has not chosen two hours before the deadline is reminded, unless it is all but past."""
    for ranking in await stage.look("simulate_rankings"):
        left = ranking["deadline"] - stage.now
        if ranking["submitted_at"] or ranking["id"] in stage.reminded:
            continue
        if not timedelta(minutes=15) <= left <= timedelta(hours=2):
            continue
        stage.reminded.add(ranking["id"])
        if await _told(stage, ranking, ranking["user_id"], "DEADLINE_REMINDER"):
            continue
        departs, due = zulu(ranking["scheduled_datetime"]), zulu(ranking["deadline"])
        async with stage.change() as change:
            held = await change.rows("simulate_still_awaited", ids=[ranking["id"]])
            if not held or held[0]["reminded_at"]:
                raise GiveWay
            title = f"Two hours left to choose: {route(ranking)}"
            message = f"Rank the new times for {departs} by {due}."
            note = Note(ranking["user_id"], ranking["booking_id"], title, message)
            await change.tell("DEADLINE_REMINDER", [note])
        return f"{ranking['name']} is reminded to choose a time for {route(ranking)}"
    return None


async def office_called(stage: Stage) -> str | None:
    """A deadline passed without a choice from both: escalated to both and to the office."""
    for both in by_booking(await stage.look("simulate_rankings")):
        one, offer = both[0], offer_of(both)
        missing = [ranking["id"] for ranking in both if ranking["submitted_at"] is None]
        if not missing or one["deadline"] > stage.now or offer in stage.escalated:
            continue
        stage.escalated.add(offer)
        if await _told(stage, one, one["instructor_id"], "ESCALATION"):
            continue
        people = [one["student_id"], one["instructor_id"], *(admin.id for admin in stage.admins)]
        async with stage.change() as change:
            held = await change.rows("simulate_still_awaited", ids=missing)
            if not held or any(ranking["escalated_at"] for ranking in held):
                raise GiveWay
            title = f"To be settled by hand: {route(one)}"
            message = (
                f"The deadline for {zulu(one['scheduled_datetime'])} has passed without a choice "
                "from both. The school will settle it."
            )
            notes = [Note(person, one["booking_id"], title, message) for person in people]
            await change.tell("ESCALATION", notes)
        return f"The deadline for {route(one)} has passed: the office is called in"
    return None


async def _told(stage: Stage, ranking: Record, person: UUID, kind: NotificationType) -> bool:
    """Whether that went out already, by whatever program."""
    found = await stage.look(
        "simulate_told",
        booking=ranking["booking_id"],
        user=person,
        type=kind,
        since=ranking["created_at"],
    )
    return bool(found)
