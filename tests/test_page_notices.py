"""Notifications at the page: told without taking the focus, read here and so read everywhere."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Request, Route, WebSocketRoute, expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visit, Visitors, book, offer, status


async def _tell(sql: Any, title: str, message: str = "28 <b>knots</b>") -> str:
    return str(
        await sql.fetchval(
            """INSERT INTO notifications (user_id, type, title, message)
               SELECT id, 'WEATHER_ALERT', $2, $3 FROM users WHERE email = $1 RETURNING id::text""",
            STUDENT,
            title,
            message,
        )
    )


async def test_told_on_two_devices_and_read_on_one(hub: Hub, visitors: Visitors, sql: Any) -> None:
    await sql.execute("UPDATE notifications SET read = true")
    phone, desk = await visitors(), await visitors()
    for visit in (phone, desk):
        await visit.sign_in(hub.url, STUDENT)
    link = phone.page.locator('.nav a[href="#/notifications"]')
    await expect(link.locator(".badge")).to_be_hidden()
    await phone.page.locator("#me").focus()
    for visit in (phone, desk):
        await visit.hears(
            '"type":"live","id":"1"'
        )  # what comes before is part of the first picture

    key = await _tell(sql, "Gusts at KSQL")
    for visit in (phone, desk):
        toast = visit.page.locator(".toast")
        await expect(toast).to_contain_text("Gusts at KSQL", timeout=PATIENCE)
        await expect(toast).to_contain_text("28 <b>knots</b>")
        await expect(visit.page).to_have_title(re.compile(r"^\(1\) "))
    # Said in a live region; the focus stays where it was.
    assert await phone.page.evaluate("document.activeElement.id") == "me"
    voice = phone.page.locator("#toasts [role=status]")
    await expect(voice).to_have_text(re.compile("Gusts at KSQL"))
    await expect(link).to_have_accessible_name("Notifications 1 unread")

    await link.click()
    await expect(phone.page.locator(".page h1")).to_be_focused()
    notice = phone.page.locator(f'[data-key="{key}"]')
    await notice.get_by_role("button", name="Mark read").click()
    for visit in (phone, desk):
        await expect(visit.page.locator(".nav .badge:visible")).to_have_count(0, timeout=PATIENCE)
    assert await sql.fetchval("SELECT read FROM notifications WHERE id = $1::text::uuid", key)

    keys = [await _tell(sql, f"Ceiling {n}") for n in range(4)]
    await desk.go("notifications")
    await expect(desk.page.locator('.notice[data-read="no"]')).to_have_count(4, timeout=PATIENCE)
    await desk.page.get_by_role("button", name="Mark all read").click()
    await expect(phone.page.locator('.notice[data-read="no"]')).to_have_count(0, timeout=PATIENCE)
    await expect(desk.page.locator("#toasts")).to_contain_text("4 notifications marked read")
    left = await sql.fetchval(
        "SELECT count(*) FROM notifications WHERE NOT read AND id = ANY ($1::text[]::uuid[])", keys
    )
    assert left == 0


async def test_a_mark_whose_answer_was_lost_is_asked_for_again(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """On bad Wi-Fi the hub may have done what it could not say: the same key, and it is said."""
    key = await _tell(sql, "Gusts at KSQL")
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    notice = visit.page.locator(f'[data-key="{key}"]')
    asked: list[str] = []
    visit.hub_is_away = True

    async def lose_the_first_answer(route: Route, request: Request) -> None:
        asked.append(request.headers["idempotency-key"])
        if len(asked) > 1:
            await route.continue_()
            return
        await route.fetch()
        await route.abort("connectionrefused")

    await visit.page.route("**/read", lose_the_first_answer)
    await notice.get_by_role("button", name="Mark read").click()
    await expect(notice).to_have_attribute("data-read", "yes", timeout=PATIENCE)
    await expect(notice.locator(".form-fault")).to_be_empty()
    async with asyncio.timeout(10):
        while len(asked) < 2:
            await asyncio.sleep(0.05)
    assert len(set(asked)) == 1
    await expect(notice.locator(".form-fault")).to_be_empty()


async def test_a_mark_that_is_refused_is_taken_back(hub: Hub, visit: Visit, sql: Any) -> None:
    key = await _tell(sql, "Gusts at KSQL")
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    notice = visit.page.locator(f'[data-key="{key}"]')
    await expect(notice).to_have_attribute("data-read", "no")
    visit.refusals.add(404)

    async def vanish(route: Any) -> None:
        await route.continue_(url=f"{hub.url}/api/v1/notifications/{key[:-4]}0000/read")

    await visit.page.route("**/read", vanish)
    await notice.get_by_role("button", name="Mark read").click()
    await expect(notice.locator(".form-fault")).to_contain_text(
        "Not marked as read.", timeout=PATIENCE
    )
    await expect(notice).to_have_attribute("data-read", "no")


@pytest.mark.parametrize(
    ("shown", "button"), [("All", "Mark read"), ("Unread", "Mark read"), ("All", "Mark all read")]
)
async def test_what_is_read_elsewhere_leaves_nobody_nowhere(
    hub: Hub, visit: Visit, sql: Any, shown: str, button: str
) -> None:
    """What had the focus is gone or does nothing any more: the page's heading has it then."""
    await sql.execute("UPDATE notifications SET read = true")
    key = await _tell(sql, "Gusts at KSQL")
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    await visit.page.get_by_role("button", name=shown, exact=True).click()
    await expect(visit.flight(key)).to_have_attribute("data-read", "no", timeout=PATIENCE)
    await visit.page.get_by_role("button", name=button).focus()
    await sql.execute("UPDATE notifications SET read = true WHERE id = $1::text::uuid", key)
    await expect(visit.page.locator(".page h1")).to_be_focused(timeout=PATIENCE)


async def test_zulu_in_a_message_is_told_by_the_readers_clock_too(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    """Of a year that is not said, the nearest; in Zulu itself once is enough."""
    here = await visitors(timezone_id="America/Los_Angeles")
    zulu = await visitors()
    key = await _tell(sql, "Rescheduled", "")
    await sql.execute(
        """UPDATE notifications SET created_at = '2026-12-30T12:00:00Z',
                  message = 'Now Fri 01 Jan 06:30Z, in place of Thu 31 Dec 09:00Z.'
            WHERE id = $1::text::uuid""",
        key,
    )
    for visit, said in (
        (here, "Now Thu, Dec 31, 22:30 (06:30Z), in place of Thu, Dec 31, 01:00 (09:00Z)."),
        (zulu, "Now Fri 01 Jan 06:30Z, in place of Thu 31 Dec 09:00Z."),
    ):
        await visit.sign_in(hub.url, STUDENT, "#/notifications")
        await expect(visit.flight(key)).to_contain_text(said, timeout=PATIENCE)


async def test_the_schools_clock_is_shown_where_the_readers_is_another(
    hub: Hub, visitors: Visitors
) -> None:
    """Weekly hours and the kiosks go by it (here UTC)."""
    there = await visitors(timezone_id="America/Los_Angeles")
    await there.sign_in(hub.url, STUDENT)
    school, zulu = there.page.locator("#clock-school"), there.page.locator("#clock-zulu")
    await expect(school).to_be_visible(timeout=PATIENCE)
    told = (await zulu.inner_text()).removesuffix("Z")
    await expect(school).to_have_text(re.compile(rf"^School ({told}|\d\d:\d\d) UTC$"))
    same = await visitors()
    await same.sign_in(hub.url, STUDENT)
    await expect(same.page.locator("#clock-zulu")).not_to_be_empty()
    await expect(same.page.locator("#clock-school")).to_be_hidden()


#: What flights look for a new time is known.
_LIVE = '"type":"live","id":"2"'


async def _ask(sql: Any, key: str, email: str, type: str) -> str:
    """A notification that asks for an answer, as the hub's own does; read before."""
    return str(
        await sql.fetchval(
            """INSERT INTO notifications (user_id, type, title, message, booking_id, read)
               SELECT id, $2, 'New times', 'Rank them.', $3::text::uuid, true
                 FROM users WHERE email = $1 RETURNING id::text""",
            email,
            type,
            key,
        )
    )


@pytest.mark.parametrize("email", [STUDENT, INSTRUCTOR])
async def test_what_asks_for_nothing_any_more_says_so(
    hub: Hub, visit: Visit, sql: Any, email: str
) -> None:
    """It leads to the flight then, wherever that stands; while it is open, to the answer."""
    page = visit.page
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    await offer(sql, key)
    notice = visit.flight(await _ask(sql, key, email, "DEADLINE_REMINDER"))
    top = notice.locator(".notice-top")
    await visit.sign_in(hub.url, email, "#/notifications")
    answer = notice.get_by_role("link", name="Choose a time")
    await expect(answer).to_have_attribute("href", f"#/reschedule/{key}", timeout=PATIENCE)
    await expect(notice.get_by_role("button", name="Show flight")).to_be_hidden()
    await visit.hears(_LIVE)
    await expect(top).not_to_contain_text("Settled")
    await expect(notice).to_have_attribute("data-urgent", "")

    # Too late: nothing is to be answered, though the school has still to settle it.
    await answer.focus()
    await sql.execute(
        "UPDATE preference_rankings SET deadline = now() WHERE booking_id = $1::text::uuid", key
    )
    await expect(top).to_contain_text("The deadline has passed", timeout=PATIENCE)
    await expect(answer).to_be_hidden()
    await expect(page.locator(".page h1")).to_be_focused()

    await status(sql, key, "CONFIRMED")
    await expect(top).to_contain_text("Settled", timeout=PATIENCE)
    assert await notice.get_attribute("data-urgent") is None
    await notice.get_by_role("button", name="Show flight").click()
    await expect(page).to_have_url(re.compile(rf"#/day/\d{{4}}-\d\d-\d\d/{key}$"))


async def test_nothing_is_called_settled_that_is_not_known_to_be(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    """Not before the topic is live, nor when it is stale; an admin has nothing to answer anyway."""
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    notes = {email: await _ask(sql, key, email, "OPTIONS_AVAILABLE") for email in (STUDENT, ADMIN)}
    student, admin = await visitors(), await visitors()
    await admin.sign_in(hub.url, ADMIN, "#/notifications")
    top = admin.flight(notes[ADMIN]).locator(".notice-top")
    await expect(top).to_contain_text("New times", timeout=PATIENCE)
    await admin.hears(_LIVE)
    await expect(top).not_to_contain_text("Settled")

    early = await visitors()

    def between(page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda frame: None if _LIVE in str(frame) else page.send(frame))

    await early.page.route_web_socket("**/api/v1/ws", between)
    await early.page.goto(f"{hub.url}/#/notifications")
    await early.page.locator(f'[data-email="{STUDENT}"]').click()
    notice = early.flight(notes[STUDENT])
    await expect(notice.get_by_role("link", name="Choose a time")).to_be_visible(timeout=PATIENCE)
    await expect(notice).not_to_contain_text("Settled")

    await student.sign_in(hub.url, STUDENT, "#/notifications")
    notice = student.flight(notes[STUDENT])
    await expect(notice).to_contain_text("Settled", timeout=PATIENCE)
    early.hub_is_away = student.hub_is_away = admin.hub_is_away = True
    await hub.stop()
    await expect(notice).not_to_contain_text("Settled", timeout=PATIENCE)
    await expect(notice.get_by_role("link", name="Choose a time")).to_be_visible()
