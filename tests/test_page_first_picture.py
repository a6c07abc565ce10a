"""Each page's first picture: one REST read, whose cursor starts the stream. All else is read after it.

Here every read but the first is held back: what a page shows then is what it shows by one.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Request, Route, expect
from running import Hub
from visiting import (
    ADMIN,
    INSTRUCTOR,
    OTHER_STUDENT,
    PATIENCE,
    STUDENT,
    Visit,
    Visitors,
    book,
    offer,
    person,
)


class OneRead:
    """Lets one GET of the API through, and holds those that follow until ``release``."""

    def __init__(self) -> None:
        self.let: list[str] = []
        self.held: list[Route] = []
        self._open = False

    async def __call__(self, route: Route, request: Request) -> None:
        if self._open:
            await route.continue_()
        elif self.let:
            self.held.append(route)
        else:
            self.let.append(request.url)
            await route.continue_()

    async def release(self) -> None:
        # What is asked from now on goes through as well: a page may come to it only now.
        self._open = True
        for route in self.held:
            await route.continue_()


async def _opened(hub: Hub, visit: Visit, email: str, place: str) -> OneRead:
    """``place`` opened by its address, with one read."""
    await visit.sign_in(hub.url, email, "#/notifications")
    await visit.page.goto("about:blank")
    visit.frames.clear()
    one = OneRead()
    await visit.page.route("**/api/v1/**", one)
    await visit.page.goto(f"{hub.url}/#/{place}")
    return one


@pytest.mark.parametrize(
    ("email", "place", "read", "shown"),
    [
        (ADMIN, "", "/bookings?", '[data-key="{key}"]'),
        (STUDENT, "", "/bookings?", '[data-key="{key}"]'),
        (INSTRUCTOR, "day", "/bookings?", '[data-key="{key}"]'),
        (ADMIN, "admin", "/bookings?", '.ledger [data-key="{key}"]'),
        (
            ADMIN,
            "admin/bookings/student%3D{student}",
            "/bookings?",
            '.ledger [data-key="{key}"]',
        ),
        (ADMIN, "admin/devices", "/devices?", ".device"),
    ],
)
async def test_one_read_shows_it_and_its_cursor_starts_the_stream(
    hub: Hub, visit: Visit, sql: Any, email: str, place: str, read: str, shown: str
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '5 minutes'")
    await sql.execute(
        "INSERT INTO devices (name, hash, paired_at) VALUES ('Hangar 1', sha256('a'), now())"
    )
    names = {"key": key, "student": await person(sql, STUDENT)}
    one = await _opened(hub, visit, email, place.format(**names))
    await expect(visit.page.locator(shown.format(**names)).first).to_be_visible(timeout=PATIENCE)
    assert read in one.let[0]
    await visit.hears('"resumed":true')
    await visit.says("Live")
    await one.release()


async def test_an_escalation_is_shown_whole_by_one_read(hub: Hub, visit: Visit, sql: Any) -> None:
    """Its names and aircraft; its times come with the topic. What the two said is added."""
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'", tail="N77ONE")
    await offer(sql, key, deadline="now()")
    await sql.execute(
        "UPDATE preference_rankings SET escalated_at = now() WHERE booking_id = $1::text::uuid", key
    )
    one = await _opened(hub, visit, ADMIN, "admin/escalations")
    card = visit.flight(key)
    await expect(card.locator("h3")).to_have_text("Jonah Bright · Tomás Herrera", timeout=PATIENCE)
    await expect(card).to_contain_text("N77ONE")
    await expect(card.locator(".option-line")).to_have_count(3)
    assert "/bookings?status=RESCHEDULING" in one.let[0]
    await visit.hears('"resumed":true')
    await one.release()
    # Another instructor takes the flight over: the card names them, without a read.
    await sql.execute(
        """UPDATE bookings SET instructor_id = (SELECT id FROM users
                                                 WHERE role = 'INSTRUCTOR' AND email <> $2 LIMIT 1)
            WHERE id = $1::text::uuid""",
        key,
        INSTRUCTOR,
    )
    await expect(card.locator("h3")).not_to_contain_text("Herrera", timeout=PATIENCE)
    await expect(card.locator("h3")).not_to_contain_text("…", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("email", "place", "read", "shown"),
    [
        (ADMIN, "admin/users", "/users?", ".card-row"),
        (ADMIN, "admin/keys", "/keys?", ".device"),
        (ADMIN, "admin/audit", "/audit?", ".entry"),
        (ADMIN, "admin/online", "/presence", ".presence"),
        (OTHER_STUDENT, "reschedule/{key}", "/options", ".option-time"),
        (STUDENT, "availability", "/availability?", ".week-day .chip"),
    ],
)
async def test_what_no_topic_tells_of_is_shown_by_one_read_too(
    hub: Hub,
    visit: Visit,
    visitors: Visitors,
    sql: Any,
    email: str,
    place: str,
    read: str,
    shown: str,
) -> None:
    key = await book(sql, OTHER_STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    await offer(sql, key)
    await sql.execute(
        """INSERT INTO api_keys (name, prefix, hash, scopes)
           VALUES ('Weather', 'hub_aaaa', sha256('a'), '{bookings:read}')"""
    )
    # Who is online at the first read: somebody else, for one's own socket comes after it.
    await (await visitors()).sign_in(hub.url, INSTRUCTOR)
    one = await _opened(hub, visit, email, place.format(key=key))
    await expect(visit.page.locator(shown).first).to_be_visible(timeout=PATIENCE)
    assert read in one.let[0]
    await one.release()


async def test_names_that_are_not_known_yet_are_added(hub: Hub, visit: Visit, sql: Any) -> None:
    """The person a list is narrowed to is chosen from the start, and named once the roster is read."""
    student = await person(sql, STUDENT)
    one = await _opened(hub, visit, ADMIN, f"admin/bookings/student%3D{student}")
    chosen = visit.page.get_by_label("Person")
    await expect(chosen).to_have_value(student, timeout=PATIENCE)
    said = chosen.locator("option:checked")
    await expect(said).to_contain_text("…")
    await visit.hears('"resumed":true')
    await one.release()
    await expect(said).to_have_text("Jonah Bright", timeout=PATIENCE)
    await expect(chosen).to_have_value(student)


async def test_a_read_that_hangs_is_not_waited_for(hub: Hub, visit: Visit, sql: Any) -> None:
    """The watch brings the picture itself."""
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '5 minutes'")
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await visit.page.route("**/api/v1/**", hold)
    await visit.go("mine")
    await expect(visit.flight(key)).to_be_visible(timeout=PATIENCE)
    assert len(held) == 1
    await held[0].abort()
