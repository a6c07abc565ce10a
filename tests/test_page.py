"""A day at the page, in a real Chromium against a real hub: what a person sees when a row is committed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Route, expect
from running import Hub
from visiting import (
    ADMIN,
    INSTRUCTOR,
    OTHER_STUDENT,
    PATIENCE,
    PHONE,
    STUDENT,
    Visit,
    Visitors,
    book,
    person,
    status,
)

from hub.web.pages import STATIC, Shelf


async def test_a_committed_row_appears_without_reload(hub: Hub, visit: Visit, sql: Any) -> None:
    await visit.sign_in(hub.url)
    await expect(visit.page.locator("#me")).to_contain_text("Administrator")
    await visit.page.evaluate("document.body.dataset.same = 'yes'")

    key = await book(sql)
    await visit.shows(key, "CONFIRMED")
    await expect(visit.flight(key)).to_contain_text("Chen · Herrera")

    await status(sql, key, "AT_RISK")
    await visit.shows(key, "AT_RISK")
    await expect(visit.flight(key).locator("button")).to_have_class("block is-changed")
    await expect(visit.flight(key)).to_contain_text("At risk")
    await expect(visit.page.locator(".story-list")).to_contain_text("Confirmed → At risk")

    # The same rows as a list, kept up to date by the same frames.
    await visit.page.get_by_role("button", name="List").click()
    await visit.shows(key, "AT_RISK")
    await sql.execute("UPDATE users SET first_name = 'Weiming' WHERE email = $1", OTHER_STUDENT)
    await expect(visit.flight(key)).to_contain_text("Weiming Chen", timeout=PATIENCE)

    await sql.execute(
        "UPDATE bookings SET scheduled_datetime = now() + interval '90 days' WHERE id = $1::text::uuid",
        key,
    )
    await expect(visit.flight(key)).to_have_count(0, timeout=PATIENCE)
    assert await visit.page.evaluate("document.body.dataset.same") == "yes"


async def test_the_first_picture_is_one_read_and_its_cursor_starts_the_stream(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql)
    await visit.sign_in(hub.url)
    await visit.shows(key, "CONFIRMED")
    reads = [url for _, url in visit.asked if "/api/v1/" in url]
    assert len(reads) == 1, reads
    assert "/api/v1/bookings?" in reads[0]
    await status(sql, key, "AT_RISK")
    await visit.shows(key, "AT_RISK")
    # Of the bookings no picture came over the socket: the watch was resumed from the read's cursor.
    assert any('"change"' in frame and key in frame for frame in visit.frames)
    assert not any('"rows"' in frame and key in frame for frame in visit.frames)


async def _busy_day(sql: Any) -> None:
    """120 flights today, and none on any other day."""
    await sql.execute("DELETE FROM bookings")
    await sql.execute(
        """INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
             arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
             arrival_longitude, scheduled_datetime, training_level, duration_minutes, status)
           SELECT s.id, i.id, 'N' || 100 + n % 10, 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2,
                  date_trunc('day', now(), 'UTC') + (n / 10) * interval '100 minutes', 'STUDENT_PILOT', 90,
                  'COMPLETED'
             FROM generate_series(0, 119) AS n, users s, users i WHERE s.email = $1 AND i.email = $2""",
        STUDENT,
        INSTRUCTOR,
    )


async def test_a_busy_day_of_more_than_a_page_is_whole_and_live(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _busy_day(sql)
    await visit.sign_in(hub.url)
    blocks = visit.page.locator(".slot")
    await expect(blocks).to_have_count(120, timeout=PATIENCE)
    for key in (
        await sql.fetchval("SELECT id::text FROM bookings ORDER BY scheduled_datetime LIMIT 1"),
        await sql.fetchval(
            "SELECT id::text FROM bookings ORDER BY scheduled_datetime DESC LIMIT 1"
        ),
    ):
        await status(sql, key, "CANCELLED")
        await visit.shows(key, "CANCELLED")
    await expect(blocks).to_have_count(120)


@pytest.mark.parametrize("shape", ["Aircraft", "List"])
async def test_half_a_day_is_not_live_and_has_no_sum(
    hub: Hub, visit: Visit, sql: Any, shape: str
) -> None:
    await _busy_day(sql)
    await visit.sign_in(hub.url, path="#/day/2031-01-31")
    await visit.page.get_by_role("button", name=shape, exact=True).click()
    reads: list[Route] = []

    async def hold_the_second(route: Route) -> None:
        reads.append(route)
        if len(reads) == 1:
            await route.continue_()

    await visit.page.route("**/api/v1/bookings?*", hold_the_second)
    await visit.page.get_by_role("button", name="Today").click()
    flights = visit.page.locator("#day [data-key]")
    await expect(flights).to_have_count(100, timeout=PATIENCE)
    link, tally = visit.page.locator("#link"), visit.page.locator(".tally")
    assert await link.inner_text() == "Catching up"
    await expect(tally).to_be_empty()
    if shape == "List":
        assert not any(await visit.page.locator(".part h2 .quiet").all_inner_texts())
    await visit.page.wait_for_timeout(1_600)
    await expect(link).to_have_text("Catching up")
    await reads[1].continue_()
    await expect(flights).to_have_count(120, timeout=PATIENCE)
    await expect(tally).to_have_text("120 completed")
    await visit.says("Live")


async def test_days_are_stepped_and_come_back_at_once(hub: Hub, visit: Visit, sql: Any) -> None:
    key = await book(sql)
    await visit.sign_in(hub.url)
    await visit.shows(key, "CONFIRMED")
    await visit.page.get_by_role("button", name="Day after").click()
    await expect(visit.page.locator(".page h1")).to_contain_text("tomorrow")
    await visit.page.get_by_role("button", name="Day after").click()
    await expect(visit.flight(key)).to_have_count(0, timeout=PATIENCE)
    await status(sql, key, "AT_RISK")
    await visit.page.get_by_role("button", name="Today").click()
    await visit.shows(key, "AT_RISK")
    await visit.page.get_by_label("Go to a day").last.fill("2031-01-31")
    await expect(visit.page.locator(".page h1")).to_contain_text("Friday January 31")
    await expect(visit.page.locator("#day")).to_contain_text("No flights on this day")
    await visit.page.go_back()
    await visit.shows(key, "AT_RISK")
    await visit.says("Live")


async def test_instructors_are_lanes_with_the_hours_they_cannot_fly(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql)
    await sql.execute("DELETE FROM availability_patterns")
    await sql.execute("DELETE FROM availability_overrides")
    await visit.sign_in(hub.url)
    await visit.page.get_by_role("button", name="Instructor").click()
    lane = visit.page.locator(f'[data-lane="{await person(sql, INSTRUCTOR)}"]')
    await expect(lane).to_contain_text("Tomás Herrera")
    await expect(lane.locator(f'[data-key="{key}"]')).to_be_visible()
    await expect(lane.locator(".away")).to_have_count(1, timeout=PATIENCE)
    await expect(lane).to_contain_text("Not available all day")
    await expect(visit.page.locator(".now")).to_be_visible()


async def test_a_student_sees_their_own_next_flight_and_no_others(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    mine = await book(sql, STUDENT, at="now() + interval '50 minutes'")
    other = await book(
        sql,
        OTHER_STUDENT,
        "maya.lindqvist@example.com",
        at="now() + interval '50 minutes'",
        tail="N2",
    )
    visit = await visitors(viewport=PHONE)
    await visit.sign_in(hub.url, STUDENT)
    await expect(visit.page.locator(".page h1")).to_have_text("My flights")
    await expect(visit.page.locator(".hero")).to_contain_text("in 50 min", timeout=PATIENCE)
    await visit.shows(mine, "CONFIRMED")
    await expect(visit.flight(other)).to_have_count(0)
    await status(sql, mine, "AT_RISK")
    await expect(visit.page.locator(".hero")).to_contain_text("At risk", timeout=PATIENCE)
    await visit.flight(mine).locator("button").click()
    await expect(visit.page.locator(".flight-card")).to_contain_text("Tomás Herrera")
    # Whose page it is not, it says so.
    await visit.page.keyboard.press("Escape")
    await visit.go("admin")
    await expect(visit.page.locator(".page h1")).to_have_text("There is no such page")
    assert await visit.page.evaluate("document.activeElement.tagName") == "H1"


async def test_a_lost_right_ends_it_with_the_reason(hub: Hub, visit: Visit, sql: Any) -> None:
    await visit.sign_in(hub.url)
    await sql.execute("UPDATE users SET cognito_user_id = 'somebody-else' WHERE email = $1", ADMIN)
    await visit.says("Disconnected")
    await expect(visit.page.locator("#banner")).to_contain_text("You no longer have access.")
    await visit.page.get_by_role("button", name="Sign in again").click()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await visit.page.evaluate("sessionStorage.getItem('hub.session')") is None


async def test_another_role_is_another_page_at_once(hub: Hub, visit: Visit, sql: Any) -> None:
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day")
    menu, role = visit.page.locator("#nav"), visit.page.locator("#me-role")
    await expect(menu).to_contain_text("My flights")
    await expect(visit.page.locator("body")).to_have_attribute("data-link", "live")
    assert not any(url.endswith("/api/v1/me") for _, url in visit.asked)
    await sql.execute("UPDATE users SET role = 'ADMIN' WHERE email = $1", INSTRUCTOR)
    await expect(role).to_have_text("Administrator", timeout=PATIENCE)
    await expect(menu).to_contain_text("Admin")
    await expect(menu).not_to_contain_text("My flights")
    await visit.go("admin/users")
    await expect(visit.page.get_by_role("heading", name="Users")).to_be_visible(timeout=PATIENCE)
    await sql.execute("UPDATE users SET role = 'INSTRUCTOR' WHERE email = $1", INSTRUCTOR)
    gone = visit.page.get_by_role("heading", name="There is no such page")
    await expect(gone).to_be_visible(timeout=PATIENCE)


async def test_an_edit_that_could_not_be_read_at_first_is_saved_later(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql)
    visit.refusals.add(503)
    await visit.sign_in(hub.url)
    answer = {"status": 503, "headers": {"Retry-After": "9"}, "body": "{}"}
    path = f"**/api/v1/bookings/{key}"
    await visit.page.route(path, lambda route, _: route.fulfill(**answer))
    await visit.flight(key).locator("button").click()
    async with visit.page.expect_response(path):
        await visit.page.get_by_role("button", name="Change this flight").click()
    await visit.page.unroute(path)
    dialog = visit.page.get_by_role("dialog", name="Flight of")
    await dialog.get_by_label("Minutes").fill("50")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden(timeout=PATIENCE)
    assert (
        await sql.fetchval("SELECT duration_minutes FROM bookings WHERE id::text = $1", key) == 50
    )


async def test_a_question_does_not_outlive_its_page(hub: Hub, visit: Visit, sql: Any) -> None:
    key = await book(sql)
    await visit.sign_in(hub.url)
    await visit.go("notifications")
    await visit.go("day")
    await visit.flight(key).locator("button").click()
    await visit.page.get_by_role("button", name="Change this flight").click()
    dialog = visit.page.locator("dialog[open]")
    await expect(dialog).to_be_visible()
    await visit.page.go_back()
    await expect(dialog).to_have_count(0)
    # Nor does it keep anybody from the door.
    await visit.go("day")
    await visit.flight(key).locator("button").click()
    await visit.page.get_by_role("button", name="Change this flight").click()
    await expect(dialog).to_be_visible()
    await sql.execute("UPDATE users SET cognito_user_id = 'somebody-else' WHERE email = $1", ADMIN)
    await visit.says("Disconnected")
    await visit.page.evaluate("document.querySelector('#banner button:last-of-type').click()")
    await visit.page.locator(f'[data-email="{INSTRUCTOR}"]').click()
    await visit.says("Live")


async def test_without_a_development_issuer_it_says_where_to_sign_in() -> None:
    told = Shelf.of(STATIC, development_sign_in=False).files["index.html"].plain.decode()
    assert 'name="hub:sign-in" content="provider"' in told


async def test_a_flight_is_changed_and_a_refusal_is_said_at_its_field(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    hour = "date_trunc('hour', now(), 'UTC')"
    key = await book(sql, at=f"{hour} + interval '15 minutes'", minutes=90)
    maya = "maya.lindqvist@example.com"
    other = await book(sql, STUDENT, maya, at=hour, tail="N2PAGE", minutes=120)
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day")
    page = visit.page
    visit.refusals |= {409, 412}
    await expect(visit.flight(other)).to_have_count(0)

    async def change(tail: str) -> None:
        await visit.flight(key).locator("button").click()
        await page.get_by_role("button", name="Change this flight").click()
        await page.get_by_label("Aircraft", exact=True).fill(tail)
        await page.get_by_role("button", name="Save").click()

    # Taken by a flight of others: as it was, and said at the aircraft.
    await change("n2page")
    tail = page.get_by_label("Aircraft", exact=True)
    await expect(tail).to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
    await expect(page.locator('[data-field="aircraft_id"]')).to_contain_text("is taken from")
    await expect(visit.flight(key)).to_contain_text("Wei Chen")
    assert (
        await sql.fetchval("SELECT aircraft_id FROM bookings WHERE id = $1::text::uuid", key)
        == "N1PAGE"
    )
    await tail.fill("N3PAGE")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator('[data-lane="N3PAGE"]')).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("dialog[open]")).to_have_count(0, timeout=PATIENCE)
    assert (
        await sql.fetchval("SELECT aircraft_id FROM bookings WHERE id = $1::text::uuid", key)
        == "N3PAGE"
    )

    # Changed by somebody else while the form is open: not overwritten.
    await visit.flight(key).locator("button").click()
    async with page.expect_response(f"**/api/v1/bookings/{key}"):
        await page.get_by_role("button", name="Change this flight").click()
    await sql.execute("UPDATE bookings SET duration_minutes = 75 WHERE id = $1::text::uuid", key)
    await page.get_by_label("Minutes").fill("45")
    await page.get_by_role("button", name="Save").click()
    clash = page.get_by_role("group", name="Somebody changed this")
    await expect(clash).to_contain_text("75 yours: 45", timeout=PATIENCE)
    length = "SELECT duration_minutes FROM bookings WHERE id = $1::text::uuid"
    assert await sql.fetchval(length, key) == 75


async def test_who_tried_again_is_not_nowhere_when_the_hub_is_back(hub: Hub, visit: Visit) -> None:
    await visit.sign_in(hub.url)
    visit.hub_is_away = True
    await hub.stop()
    retry = visit.page.get_by_role("button", name="Try now")
    await expect(retry).to_be_visible(timeout=PATIENCE)
    await retry.focus()
    # As often as one likes: while it is tried, the button stays.
    for _ in range(2):
        await visit.page.keyboard.press("Enter")
        await visit.page.wait_for_timeout(1_100)
        await expect(retry).to_be_focused()
    await hub.start()
    await visit.page.keyboard.press("Enter")
    await visit.says("Live")
    await expect(visit.page.locator("#banner")).to_be_hidden()
    await expect(visit.page.locator(".page h1")).to_be_focused()


async def test_an_address_that_is_not_ones_own_costs_no_warning(hub: Hub, visit: Visit) -> None:
    """A style sheet that is fetched ahead and not used is warned of on the console, seconds later."""
    await visit.page.goto(f"{hub.url}/#/admin/users")
    await expect(visit.page.locator("#door")).to_be_visible(timeout=PATIENCE)
    await visit.sign_in(hub.url, STUDENT, "#/admin/users")
    await expect(visit.page.locator(".page h1")).to_have_text("There is no such page")
    assert await visit.page.locator("link[rel=preload]").count() == 0
    assert not [url for url in visit.addresses if url.endswith("admin.css")]
