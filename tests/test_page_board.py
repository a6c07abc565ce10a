"""The timeline: the status in a word that can be read, the focus that stays, and one stop for each lane."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visit, book, person

_STATUSES = ("CONFIRMED", "AT_RISK", "RESCHEDULING", "COMPLETED", "CANCELLED")

# What of a status's word can be seen: its widest line, cut by nothing around it.
_SEEN = """block => Math.max(...[...block.querySelectorAll('.block-word, .block-short')].map((word) => {
  const box = word.getBoundingClientRect(), around = block.getBoundingClientRect();
  const clipped = getComputedStyle(word).clipPath !== 'none' || getComputedStyle(word).display === 'none';
  const outside = box.right > around.right || box.bottom > around.bottom + 1 || box.top < around.top - 1;
  const cut = word.scrollWidth > word.clientWidth + 1 || outside;
  const range = document.createRange();
  range.selectNodeContents(word);
  return clipped || cut ? 0 : range.getBoundingClientRect().width;
}))"""


@pytest.mark.parametrize("hours", [9, 14, 24])
async def test_each_status_is_a_word_on_a_flight_of_an_hour(
    hub: Hub, visit: Visit, sql: Any, hours: int
) -> None:
    await sql.execute("DELETE FROM bookings")
    for hour in range(hours):
        for lane, status in enumerate(_STATUSES):
            await sql.execute(
                """INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
                     arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
                     arrival_longitude, scheduled_datetime, training_level, duration_minutes, status)
                   SELECT s.id, i.id, 'N' || $3::int, 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2,
                          timestamptz '2027-06-09T00:00Z' + $4::int * interval '60 minutes',
                          'STUDENT_PILOT', 60, $5
                     FROM users s, users i WHERE s.email = $1 AND i.email = $2""",
                STUDENT,
                INSTRUCTOR,
                100 + lane,
                hour,
                status if lane > 2 or hour % 3 == lane else "COMPLETED",
            )
    await visit.sign_in(hub.url, path="#/day/2027-06-09")
    blocks = visit.page.locator(".block")
    await expect(visit.page.locator("#day")).not_to_have_attribute("aria-busy", "true")
    await expect(blocks.first).to_be_visible(timeout=PATIENCE)
    if place := os.environ.get("PICTURES"):
        await visit.page.screenshot(path=Path(place) / f"board-{hours}.png")
    for status in _STATUSES:
        one = visit.page.locator(f'.block[data-status="{status}"]').first
        seen = await one.evaluate(_SEEN)
        assert seen > 20, (status, seen)


async def test_a_flight_that_moves_keeps_the_focus(hub: Hub, visit: Visit, sql: Any) -> None:
    await sql.execute("DELETE FROM bookings")
    day = "date_trunc('day', now(), 'UTC')"
    keys = [
        await book(sql, at=f"{day} + interval '{hour} hours'", tail="N5PAGE")
        for hour in (12, 14, 16)
    ]
    await visit.sign_in(hub.url)
    await expect(visit.flight(keys[2])).to_be_visible(timeout=PATIENCE)
    focused = "document.activeElement.closest('[data-key]')?.dataset.key"
    # Among its own, then to another lane.
    for change in (f"scheduled_datetime = {day} + interval '9 hours'", "aircraft_id = 'N4PAGE'"):
        await visit.flight(keys[2]).locator("button").focus()
        await sql.execute(f"UPDATE bookings SET {change} WHERE id = $1::text::uuid", keys[2])
        await visit.hears(change.split(" ")[-1].strip("'") if "N4" in change else "T09:00")
        lane = visit.page.locator(f'[data-lane="{"N4PAGE" if "N4" in change else "N5PAGE"}"]')
        await expect(lane.locator(".slot:not(.leaving)").first).to_have_attribute(
            "data-key", keys[2], timeout=PATIENCE
        )
        assert await visit.page.evaluate(focused) == keys[2]
    order = await visit.page.locator('[data-lane="N5PAGE"] .slot:not(.leaving)').evaluate_all(
        "all => all.map((one) => one.dataset.key)"
    )
    assert order == keys[:2]


async def test_hours_that_could_not_be_read_are_said_to_be_unknown(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await book(sql)
    await sql.execute("DELETE FROM availability_patterns")
    await sql.execute("DELETE FROM availability_overrides")
    visit.refusals.add(500)
    asked = "**/api/v1/availability/*"
    await visit.page.route(asked, lambda route, _: route.fulfill(status=500, body="{}"))
    await visit.sign_in(hub.url)
    await visit.page.get_by_role("button", name="Instructor").click()
    lane = visit.page.locator(f'[data-lane="{await person(sql, INSTRUCTOR)}"]')
    await expect(lane.get_by_text("Hours not known")).to_be_visible(timeout=PATIENCE)
    await visit.page.unroute(asked)
    # Looked at again, it is asked for again.
    await visit.page.wait_for_timeout(5_100)
    await visit.page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(lane.locator(".away")).to_have_count(1, timeout=PATIENCE)
    await expect(lane.get_by_text("Hours not known")).to_be_hidden()
    await sql.execute(
        """INSERT INTO availability_overrides (user_id, override_date, is_blocked)
           SELECT id, (now() AT TIME ZONE 'UTC')::date, false FROM users WHERE email = $1""",
        INSTRUCTOR,
    )
    await visit.page.wait_for_timeout(5_100)
    await visit.page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(lane.locator(".away")).to_have_count(0, timeout=PATIENCE)


async def test_nothing_is_kept_of_the_days_that_were_looked_at(hub: Hub, visit: Visit) -> None:
    await visit.page.add_init_script(
        """const kept = window.kept = new Set();
           const { addEventListener: add, removeEventListener: remove } = AbortSignal.prototype;
           AbortSignal.prototype.addEventListener = function (name, fn, ...how) {
             if (name === "abort") kept.add(fn);
             return add.call(this, name, fn, ...how);
           };
           AbortSignal.prototype.removeEventListener = function (name, fn, ...how) {
             kept.delete(fn);
             return remove.call(this, name, fn, ...how);
           };"""
    )
    await visit.sign_in(hub.url)
    counts = []
    for _ in range(8):
        await visit.page.get_by_role("button", name="Day after").click()
        await visit.says("Live")
        await expect(visit.page.locator("#day")).not_to_have_attribute("aria-busy", "true")
        await visit.page.wait_for_timeout(300)
        counts.append(await visit.page.evaluate("kept.size"))
    assert counts[-1] <= counts[1], counts


async def test_a_lane_is_one_stop_and_the_arrows_go_from_flight_to_flight(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await sql.execute("DELETE FROM bookings")
    day = "date_trunc('day', now(), 'UTC')"
    keys = [
        await book(sql, at=f"{day} + interval '{hour} hours'", tail=tail)
        for hour, tail in ((8, "N4PAGE"), (10, "N4PAGE"), (12, "N4PAGE"), (14, "N5PAGE"))
    ]
    await visit.sign_in(hub.url)
    await expect(visit.flight(keys[3])).to_be_visible(timeout=PATIENCE)
    press = visit.page.keyboard.press
    focused = "document.activeElement.closest('[data-key]')?.dataset.key"
    await visit.flight(keys[0]).locator("button").focus()
    for key, then in (
        ("ArrowRight", keys[1]),
        ("End", keys[2]),
        ("ArrowRight", keys[2]),
        ("ArrowLeft", keys[1]),
        ("Tab", keys[3]),
        ("Shift+Tab", keys[1]),  # where one was
        ("Home", keys[0]),
    ):
        await press(key)
        assert await visit.page.evaluate(focused) == then, key
    # The stop goes with its flight; the lane keeps one.
    await sql.execute("DELETE FROM bookings WHERE id = $1::text::uuid", keys[0])
    await expect(visit.flight(keys[0])).to_have_count(0, timeout=PATIENCE)
    stops = visit.page.locator('[data-lane="N4PAGE"] button:not([tabindex="-1"])')
    await expect(stops).to_have_count(1)


async def test_a_flight_that_has_another_time_is_called_moved(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """In the table it is cancelled; nobody who looks for it would call it so."""
    key = await book(sql, at="now() + interval '5 minutes'")
    await visit.sign_in(hub.url, ADMIN, "#/day")
    await expect(visit.flight(key).locator(".block-word")).to_have_text("Confirmed")
    await sql.execute(
        """UPDATE bookings SET status = 'CANCELLED', rescheduled_to_datetime = now() + interval '2 days'
            WHERE id = $1::text::uuid""",
        key,
    )
    await expect(visit.flight(key).locator(".block-word")).to_have_text("Moved", timeout=PATIENCE)
    await expect(visit.page.locator(".story")).to_contain_text("Confirmed → Moved")
    await visit.page.get_by_role("button", name="List").click()
    await expect(visit.flight(key).locator(".pill")).to_have_text("Moved", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("place", "begins"), [("day", "date_trunc('day', now(), 'UTC')"), ("mine", "now()")]
)
async def test_who_was_at_a_flight_that_is_gone_is_not_nowhere(
    hub: Hub, visit: Visit, sql: Any, place: str, begins: str
) -> None:
    """By the keyboard one would begin anew at the top of the document: the page's heading has the focus."""
    one = await book(sql, STUDENT, INSTRUCTOR, at=f"{begins} + interval '5 minutes'")
    two = await book(sql, STUDENT, INSTRUCTOR, at=f"{begins} + interval '2 hours'")
    await visit.sign_in(hub.url, STUDENT, f"#/{place}")
    heading = visit.page.locator(".page h1")
    await visit.flight(one).locator("button").focus()
    await sql.execute("DELETE FROM bookings WHERE id = $1::text::uuid", one)
    await expect(heading).to_be_focused(timeout=PATIENCE)
    # And where its card was open.
    await visit.flight(two).locator("button").click()
    await expect(visit.page.locator(".flight-card")).to_be_visible()
    await sql.execute("DELETE FROM bookings WHERE id = $1::text::uuid", two)
    await expect(visit.page.locator(".flight-card")).to_be_hidden(timeout=PATIENCE)
    await expect(heading).to_be_focused(timeout=PATIENCE)


async def test_who_was_at_the_next_flight_when_it_went_is_not_nowhere(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await sql.execute("DELETE FROM bookings")
    key = await book(sql, STUDENT, at="now() + interval '5 minutes'")
    await visit.sign_in(hub.url, STUDENT, "#/mine")
    details = visit.page.get_by_role("button", name="Details")
    await details.focus()
    await sql.execute("UPDATE bookings SET status = 'CANCELLED' WHERE id = $1::text::uuid", key)
    await expect(details).to_be_hidden(timeout=PATIENCE)
    await expect(visit.page.locator(".page h1")).to_be_focused(timeout=PATIENCE)


@pytest.mark.parametrize("ago", ["5 days", "50 days"])
async def test_who_asked_for_the_weeks_behind_is_where_they_are(
    hub: Hub, visit: Visit, sql: Any, ago: str
) -> None:
    await sql.execute("DELETE FROM bookings")
    await book(sql, STUDENT, at=f"now() - interval '{ago}'")
    await visit.sign_in(hub.url, STUDENT, "#/mine")
    await visit.page.get_by_role("button", name="Show the last").focus()
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.locator(".mine-past").locator("h2, b").first).to_be_focused(
        timeout=PATIENCE
    )
