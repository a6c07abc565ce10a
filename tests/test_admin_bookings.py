"""The admin's bookings: made, changed and cancelled; two admins at one flight; what is refused."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Route, expect
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
    status,
)

from hub.rules.status import MOVES

_SOON = "date_trunc('hour', now(), 'UTC') + interval '3 days'"


async def _open(visit: Visit, key: str) -> Locator:
    """The form of a flight."""
    await visit.flight(key).locator("button").click()
    dialog = visit.page.get_by_role("dialog")
    await expect(dialog.get_by_label("Minutes")).to_be_visible(timeout=PATIENCE)
    return dialog


async def _row(sql: Any, key: str) -> Any:
    return await sql.fetchrow("SELECT * FROM bookings WHERE id = $1::text::uuid", key)


async def test_a_flight_is_booked_and_a_clash_is_said_at_its_field(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    at = noon + timedelta(days=3)
    soon = f"timestamptz '{at.isoformat()}'"
    await sql.execute("DELETE FROM bookings")
    await book(sql, OTHER_STUDENT, INSTRUCTOR, at=soon, tail="N1TAKEN", minutes=90)
    visit.refusals |= {409, 422}
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    await expect(page.get_by_role("heading", name="Bookings")).to_be_visible()
    new = page.get_by_role("button", name="New flight")
    await new.click()
    dialog = page.get_by_role("dialog", name="New flight")
    await expect(dialog.get_by_label("Student")).to_be_focused()

    # Every fault at once, each at its field, the first one in focus; nothing typed is lost.
    await dialog.get_by_role("button", name="New flight").click()
    await expect(dialog.locator("[data-field=student_id] .fault")).not_to_be_empty(timeout=PATIENCE)
    await expect(dialog.locator("[data-field=departure_airport] .fault")).not_to_be_empty()
    await expect(dialog.get_by_label("Student")).to_be_focused()

    await dialog.get_by_label("Student").select_option(label="Jonah Bright")
    await dialog.get_by_label("Instructor").select_option(label="Tomás Herrera")
    await dialog.get_by_label("Date").fill(at.date().isoformat())
    await dialog.get_by_label("Departs").fill((at + timedelta(minutes=30)).strftime("%H%M"))
    await dialog.get_by_label("Aircraft").fill("n1mine")
    await dialog.get_by_label("From", exact=True).fill("kpao")
    await dialog.get_by_label("To", exact=True).fill("KSQL")
    await dialog.get_by_role("button", name="New flight").click()
    clash = dialog.locator("[data-field=instructor_id] .fault")
    await expect(clash).to_contain_text("is taken from", timeout=PATIENCE)
    await expect(clash).to_contain_text(at.strftime("%H:%M"))
    await expect(clash).not_to_contain_text(re.compile(r"\dT\d"))
    await expect(dialog.get_by_label("Instructor")).to_be_focused()

    # What is outside of somebody's hours, or past, is said before it is saved, and not forbidden.
    await sql.execute("DELETE FROM availability_patterns")
    await dialog.get_by_label("Departs").fill((at + timedelta(hours=2)).strftime("%H:%M"))
    mind = dialog.locator(".caution")
    await expect(mind).to_have_text(
        "Jonah Bright and Tomás Herrera are not available then.", timeout=PATIENCE
    )
    await dialog.get_by_label("Date").fill((at - timedelta(days=9)).date().isoformat())
    await expect(mind).to_have_text("This is in the past.")
    await dialog.get_by_label("Date").fill(at.date().isoformat())
    await expect(mind).to_contain_text("not available")
    await dialog.get_by_role("button", name="New flight").click()
    await expect(dialog).to_be_hidden(timeout=PATIENCE)
    await expect(new).to_be_focused()
    made = await sql.fetchrow("SELECT * FROM bookings WHERE aircraft_id = 'N1MINE'")
    assert made["scheduled_datetime"] == at + timedelta(hours=2)
    assert made["departure_airport"] == "KPAO"
    assert float(made["departure_latitude"]) != 0
    await visit.shows(str(made["id"]), "CONFIRMED")


async def test_two_admins_at_one_flight_and_nobody_is_overwritten_unseen(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    one, two = await visitors(), await visitors()
    for visit in (one, two):
        await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    mine, theirs = await _open(one, key), await _open(two, key)
    await theirs.get_by_label("Aircraft").fill("N2THEIRS")
    await theirs.get_by_label("Minutes").fill("75")
    await theirs.get_by_role("button", name="Save").click()
    await expect(theirs).to_be_hidden(timeout=PATIENCE)
    # The list behind the other's form already shows it.
    await expect(one.flight(key)).to_contain_text("N2THEIRS", timeout=PATIENCE)

    one.refusals.add(412)
    await mine.get_by_label("Minutes").fill("45")
    await mine.get_by_role("button", name="Save").click()
    told = mine.get_by_role("group", name="Somebody changed this")
    await expect(told).to_contain_text("Aircraft", timeout=PATIENCE)
    await expect(told).to_contain_text("N2THEIRS")
    await expect(told).to_contain_text("60")
    await expect(told).to_contain_text("yours: 45")
    await expect(told).to_be_focused()
    assert (await _row(sql, key))["duration_minutes"] == 75
    # Two ways on, and no Save beside them that would do neither.
    await expect(mine.get_by_role("button", name="Save", exact=True)).to_be_hidden()
    await told.get_by_role("button", name="Save mine on top").click()
    await expect(mine).to_be_hidden(timeout=PATIENCE)
    after = await _row(sql, key)
    assert (after["duration_minutes"], after["aircraft_id"]) == (45, "N2THEIRS")
    await expect(two.flight(key)).to_contain_text("45 min", timeout=PATIENCE)

    # And the other way: what was typed is given up for what is there.
    mine, theirs = await _open(one, key), await _open(two, key)
    await theirs.get_by_label("Minutes").fill("30")
    await theirs.get_by_role("button", name="Save").click()
    await expect(theirs).to_be_hidden(timeout=PATIENCE)
    await mine.get_by_label("Minutes").fill("90")
    await mine.get_by_role("button", name="Save").click()
    await mine.get_by_role("button", name="Take theirs").click()
    await expect(mine.get_by_label("Minutes")).to_have_value("30")
    await mine.get_by_role("button", name="Save").click()
    await expect(mine).to_be_hidden(timeout=PATIENCE)
    assert (await _row(sql, key))["duration_minutes"] == 30


async def test_a_save_that_met_another_is_told_of_whatever_panel_one_is_on(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    mine = await _open(visit, key)
    await sql.execute("UPDATE bookings SET duration_minutes = 75 WHERE id = $1::text::uuid", key)
    visit.refusals.add(412)
    left = asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "GET":
            await left.wait()
        await route.continue_()

    await page.route(f"**/api/v1/bookings/{key}", hold)
    await mine.get_by_label("Minutes").fill("45")
    async with page.expect_request(
        lambda asked: asked.method == "GET" and asked.url.endswith(f"/bookings/{key}")
    ):
        await mine.get_by_role("button", name="Save").click()
    await visit.go("admin/users")
    await expect(page.locator(".page h1")).to_have_text("Users", timeout=PATIENCE)
    left.set()
    await expect(page.locator("#toasts")).to_contain_text("Not saved", timeout=PATIENCE)
    assert (await _row(sql, key))["duration_minutes"] == 75


async def test_a_status_moves_at_once_and_back_where_it_is_refused(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    dialog = await _open(visit, key)
    held: list[Any] = []

    async def hold(route: Any) -> None:
        held.append(route) if route.request.method == "PATCH" else await route.continue_()

    await page.route(f"**/bookings/{key}", hold)
    await dialog.get_by_role("button", name="Mark at risk").click()
    # Shown before the hub has answered, and marked as not settled.
    await visit.shows(key, "AT_RISK")
    await expect(visit.flight(key)).to_have_attribute("data-pending", "yes")
    assert (await _row(sql, key))["status"] == "CONFIRMED"
    # Meanwhile another program ends it.
    await status(sql, key, "COMPLETED")
    visit.refusals.add(412)
    await held[0].continue_()
    await expect(page.locator("#toasts")).to_contain_text(
        "Somebody else changed it", timeout=PATIENCE
    )
    await visit.shows(key, "COMPLETED")
    await expect(visit.flight(key)).not_to_have_attribute("data-pending", "yes")
    await page.unroute(f"**/bookings/{key}")

    dialog = await _open(visit, key)
    await expect(dialog).to_contain_text("that is final")
    await page.keyboard.press("Escape")
    await expect(visit.flight(key).locator("button")).to_be_focused()

    other = await book(sql, STUDENT, INSTRUCTOR, at=f"{_SOON} + interval '1 day'")
    dialog = await _open(visit, other)
    await dialog.get_by_role("button", name="Cancel flight").click()
    await page.locator("#confirm").get_by_role("button", name="Keep it").click()
    assert (await _row(sql, other))["status"] == "CONFIRMED"
    await dialog.get_by_role("button", name="Cancel flight").click()
    await page.locator("#confirm").get_by_role("button", name="Cancel flight").click()
    await visit.shows(other, "CANCELLED")
    await expect(page.locator("#toasts")).to_contain_text("The flight is cancelled")
    assert (await _row(sql, other))["status"] == "CANCELLED"


async def test_no_flight_is_made_in_an_hour_that_the_clocks_skip(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    visit = await visitors(timezone_id="America/New_York")
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    await page.get_by_role("button", name="New flight").click()
    dialog = page.get_by_role("dialog", name="New flight")
    await dialog.get_by_label("Student").select_option(label="Jonah Bright")
    await dialog.get_by_label("Instructor").select_option(label="Tomás Herrera")
    await dialog.get_by_label("Date").fill("2027-03-14")
    await dialog.get_by_label("Departs").fill("0230")
    await dialog.get_by_label("Aircraft").fill("n1skip")
    for end in ("From", "To"):
        await dialog.get_by_label(end, exact=True).fill("KPAO")
    await dialog.get_by_role("button", name="New flight").click()
    fault = dialog.locator("[data-field=scheduled_datetime] .fault")
    await expect(fault).to_contain_text("there is no 02:30 on Sun, Mar 14", timeout=PATIENCE)
    await expect(dialog.get_by_label("Departs")).to_be_focused()
    made = "SELECT scheduled_datetime FROM bookings WHERE aircraft_id = 'N1SKIP'"
    assert await sql.fetchval(made) is None
    await dialog.get_by_label("Date").fill("2027-11-07")
    await dialog.get_by_label("Departs").fill("0130")
    await dialog.get_by_label("This hour comes twice").select_option(index=1)
    await dialog.get_by_role("button", name="New flight").click()
    await expect(dialog).to_be_hidden(timeout=PATIENCE)
    assert (await sql.fetchval(made)).isoformat() == "2027-11-07T06:30:00+00:00"


async def test_a_list_is_narrowed_by_its_address_and_stays_live(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    mine = await book(sql, STUDENT, INSTRUCTOR, at=_SOON, tail="N1MINE")
    other = await book(sql, OTHER_STUDENT, INSTRUCTOR, at=f"{_SOON} + interval '2 hours'")
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    await expect(visit.flight(other)).to_be_visible(timeout=PATIENCE)
    await page.get_by_label("Person").select_option(label="Jonah Bright")
    await expect(visit.flight(other)).to_have_count(0, timeout=PATIENCE)
    await expect(visit.flight(mine)).to_be_visible()
    await page.get_by_role("button", name="At risk", exact=True).click()
    await expect(visit.flight(mine)).to_have_count(0, timeout=PATIENCE)
    await status(sql, mine, "AT_RISK")
    await visit.shows(mine, "AT_RISK")
    await page.reload()
    await visit.shows(mine, "AT_RISK")
    await expect(page.get_by_role("button", name="At risk", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    await status(sql, mine, "CONFIRMED")
    await expect(page.locator(".empty")).to_contain_text("No flights here", timeout=PATIENCE)
    await page.get_by_role("link", name="Show all").click()
    await expect(visit.flight(other)).to_be_visible(timeout=PATIENCE)


async def test_offline_the_list_stays_and_nothing_is_written(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    visit = await visitors(viewport=PHONE)
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    await expect(visit.flight(key)).to_be_visible(timeout=PATIENCE)
    visit.hub_is_away = True
    await hub.stop()
    await expect(visit.page.locator("#banner")).to_be_visible(timeout=PATIENCE)
    await expect(visit.flight(key)).to_be_visible()
    new = visit.page.get_by_role("button", name="New flight")
    await expect(new).to_have_attribute("aria-disabled", "true")
    await new.click(force=True)
    await expect(visit.page.locator("#toasts")).to_contain_text("Nothing can be changed")
    await expect(visit.page.get_by_role("dialog")).to_have_count(0)
    await hub.start()
    await visit.says("Live")
    await expect(new).not_to_have_attribute("aria-disabled", "true")


async def test_the_page_offers_the_moves_that_are_legal_and_no_other(
    hub: Hub, visit: Visit
) -> None:
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    moves = await visit.page.evaluate(
        """async () => {
          const base = document.querySelector('script[type=module]').src.replace(/js\\/app\\.js$/, '');
          return (await import(`${base}admin/flight.js`)).MOVES;
        }"""
    )
    assert {before: set(after) for before, after in moves.items()} == {
        before: set(after) for before, after in MOVES.items()
    }


async def test_a_list_that_was_given_no_day_goes_along_at_midnight(hub: Hub, visit: Visit) -> None:
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=2)
    await visit.at(midnight - timedelta(seconds=12))
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    first = visit.page.get_by_label("From day")
    await expect(first).to_have_value(midnight.date().isoformat(), timeout=PATIENCE)
    last = visit.page.get_by_label("To day")
    await expect(last).to_have_value((midnight + timedelta(days=7)).date().isoformat())


async def test_a_day_is_typed_key_by_key_and_counts_when_it_is_whole(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """The browser tells of a typed date at every key; none of them is taken out of one's hands."""
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    await expect(page.locator(".ledger .row").first).to_be_visible(timeout=PATIENCE)
    visit.asked.clear()
    await page.get_by_label("From").focus()
    await page.keyboard.type("02032027", delay=30)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("From")).to_have_value("2027-02-03")
    await page.wait_for_url("**from%3D2027-02-03**")
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)
    asked = [url for _, url in visit.asked if "/api/v1/bookings?" in url]
    assert len(asked) == 1, asked
    # And the day's own page, by leaving the field.
    await visit.go("day")
    day = page.get_by_label("Go to a day").and_(page.locator("input"))
    await day.focus()
    await page.keyboard.type("02042027", delay=30)
    await page.locator(".page h1").click()
    await page.wait_for_url("**#/day/2027-02-04")
    await expect(page.locator(".page h1")).to_contain_text("February 4")
    assert not any("/0002-" in url or "from=00" in url for url in visit.addresses)


async def test_a_new_flight_waits_for_its_people_and_opens_once_or_not_at_all(
    hub: Hub, visit: Visit
) -> None:
    await visit.sign_in(hub.url, ADMIN, "#/notifications")
    page = visit.page
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await page.route("**/api/v1/users?*", hold)
    await visit.go("admin/bookings")
    new = page.get_by_role("button", name="New flight")
    for _ in range(2):
        await new.click()
    await expect(new).to_have_attribute("aria-busy", "true")
    assert await page.get_by_role("dialog").count() == 0
    await asyncio.gather(*(route.continue_() for route in held))
    await page.unroute("**/api/v1/users?*")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_have_count(1, timeout=PATIENCE)
    assert await dialog.get_by_label("Student").locator("option").count() > 5
    await page.keyboard.press("Escape")

    # Whoever has gone on to another page finds no form there, and is told of no failure.
    held.clear()
    await page.reload()
    await visit.says("Live")
    await page.route("**/api/v1/users?*", hold)
    await visit.go("day")
    await visit.go("admin/bookings")
    await new.click()
    await visit.go("day")
    await expect(page.locator(".board")).to_be_visible(timeout=PATIENCE)
    await asyncio.gather(*(route.abort() for route in held))
    await page.unroute("**/api/v1/users?*")
    await page.wait_for_timeout(500)
    assert await dialog.count() == 0
    assert await page.locator(".toast").count() == 0

    # Where nobody can be read, there is nobody to choose: said, and no form.
    await page.reload()
    await visit.says("Live")
    await visit.refuse("**/api/v1/users?*")
    await visit.go("admin/bookings")
    await new.click()
    await expect(page.locator("#toasts")).to_contain_text("Not now.", timeout=PATIENCE)
    assert await dialog.count() == 0


async def test_a_days_sum_is_of_all_its_flights(hub: Hub, visit: Visit, sql: Any) -> None:
    """Of a busy week not every row is drawn at once; what is told of a day is the whole of it."""
    await sql.execute("DELETE FROM bookings")
    await sql.execute(
        """INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                  departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                  scheduled_datetime, training_level, duration_minutes, status)
           SELECT s.id, i.id, 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2,
                  date_trunc('day', now(), 'UTC') + make_interval(mins => 5 * n), 'STUDENT_PILOT', 5,
                  CASE WHEN n < 150 THEN 'COMPLETED' ELSE 'CANCELLED' END
             FROM (SELECT id FROM users WHERE email = $1) s, (SELECT id FROM users WHERE email = $2) i,
                  generate_series(0, 199) AS n""",
        STUDENT,
        INSTRUCTOR,
    )
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    await expect(page.locator(".day-words")).to_contain_text("200 flights", timeout=PATIENCE)
    await expect(page.locator(".ledger .row")).to_have_count(150)
    await expect(page.locator(".ledger-day .tally")).to_have_text(
        re.compile(r"150 completed\s*50 cancelled")
    )
