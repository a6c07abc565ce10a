"""Rows with what another program may have written and no form would take: a time that never comes.

A page draws all else, and says nothing false of it.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from kiosking import hang, morning
from playwright.async_api import expect
from running import Hub
from visiting import (
    ADMIN,
    INSTRUCTOR,
    PATIENCE,
    STUDENT,
    Visit,
    Visitors,
    book,
    offer,
    person,
)


@pytest.mark.parametrize("email", [STUDENT, INSTRUCTOR])
async def test_a_flight_at_no_time_hides_no_other(
    hub: Hub, visit: Visit, sql: Any, email: str
) -> None:
    never = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '9 hours'", tail="N9NEVER")
    soon = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '5 minutes'")
    await sql.execute(
        "UPDATE bookings SET scheduled_datetime = 'infinity' WHERE id = $1::text::uuid", never
    )
    await visit.sign_in(hub.url, email, "#/mine")
    await expect(visit.flight(soon)).to_be_visible(timeout=PATIENCE)
    await visit.go("day")
    await expect(visit.page.locator(".page[data-page=day] h1")).to_be_visible(timeout=PATIENCE)


async def test_a_deadline_that_never_comes_is_no_countdown(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    await offer(sql, key, deadline="'infinity'")
    student, admin = await visitors(), await visitors()
    await student.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    await expect(student.page.locator(".option")).to_have_count(3, timeout=PATIENCE)
    await admin.sign_in(hub.url, ADMIN, "#/admin/escalations")
    await expect(admin.flight(key)).to_be_visible(timeout=PATIENCE)
    for visit in (student, admin):
        await expect(visit.page.locator("#main")).not_to_contain_text("NaN")
        await expect(visit.page.locator("#main")).not_to_contain_text("Less than")


async def test_a_note_of_no_time_is_shown_with_the_others(hub: Hub, visit: Visit, sql: Any) -> None:
    who = await person(sql, STUDENT)
    await sql.execute(
        """INSERT INTO notifications (user_id, type, title, message, created_at)
           SELECT $1::text::uuid, 'CONFIRMATION', title, 'm', at
             FROM (VALUES ('Of old', now() - interval '1 hour'), ('Of never', 'infinity'::timestamptz))
               AS told (title, at)""",
        who,
    )
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    for title in ("Of old", "Of never"):
        await expect(visit.page.get_by_role("heading", name=title)).to_be_visible(timeout=PATIENCE)


async def test_a_kiosk_draws_all_its_rows(start_hub: Any, seeded_dsn: str, visit: Visit) -> None:
    hub = await start_hub(seeded_dsn, timezone=morning())
    sql = await asyncpg.connect(hub.dsn)
    try:
        await sql.execute("DELETE FROM bookings")
        odd = await book(sql, at="now() + interval '1 hour'", tail="N1ODD")
        late = await book(
            sql, STUDENT, "maya.lindqvist@example.com", at="now() + interval '3 hours'"
        )
        kiosk = await hang(hub, visit)
        await expect(kiosk.flight(late)).to_be_visible(timeout=PATIENCE)
        await sql.execute(
            "UPDATE bookings SET status = 'CANCELLED', rescheduled_to_datetime = 'infinity'"
            " WHERE id = $1::text::uuid",
            odd,
        )
        await expect(kiosk.flight(odd)).to_contain_text("Moved to", timeout=PATIENCE)
        await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1::text::uuid", late)
        await expect(kiosk.flight(late)).to_contain_text("At risk", timeout=PATIENCE)
    finally:
        await sql.close()
