"""The admin's rescheduling panel: what both have said, what is left of time, and a choice by hand."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Request, Route, expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visit, book, offer, person, status


async def _open(sql: Any) -> tuple[str, list[str]]:
    """The one flight that looks for a new time, and its options."""
    await sql.execute("UPDATE bookings SET status = 'CONFIRMED' WHERE status = 'RESCHEDULING'")
    await sql.execute("DELETE FROM preference_rankings")
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'", tail="N1MOVE")
    return key, await offer(sql, key)


async def test_an_escalation_is_settled_by_hand_with_all_that_was_said(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, ids = await _open(sql)
    await visit.sign_in(hub.url, ADMIN, "#/admin/escalations")
    page = visit.page
    card = page.locator(f'.offer[data-key="{key}"]')
    await expect(card).to_contain_text("Jonah Bright · Tomás Herrera", timeout=PATIENCE)
    await expect(card).to_contain_text("N1MOVE")
    await expect(card.locator(".offer-left")).to_contain_text("left")
    await expect(page.locator(".day-words")).to_contain_text(
        "0 flights need you, 1 waiting for answers"
    )
    # Running ones are folded: nothing is asked of the admin yet.
    await expect(card.locator(".option-line:visible")).to_have_count(0)
    await card.get_by_role("button", name="Show 3 times").click()
    await expect(card.locator(".option-line")).to_have_count(3)
    await expect(card.locator(".option-line").first).to_contain_text("93% confidence")
    await expect(card.locator(".option-line").first).to_contain_text("VFR")

    # One answers; then the deadline passes.
    await sql.execute(
        """UPDATE preference_rankings SET option1_id = $2::text::uuid, submitted_at = now(),
                  unavailable_option_ids = ARRAY[$3::text::uuid]
            WHERE booking_id = $1::text::uuid
              AND user_id = (SELECT student_id FROM bookings WHERE id = $1::text::uuid)""",
        key,
        ids[1],
        ids[0],
    )
    await expect(card).to_contain_text("Jonah Bright has answered", timeout=PATIENCE)
    await expect(card).to_contain_text("Tomás Herrera has not answered")
    lines = card.locator(".option-line")
    await expect(lines.nth(0)).to_contain_text("Jonah Bright: can’t make it", timeout=PATIENCE)
    await expect(lines.nth(1)).to_contain_text("Jonah Bright: 1st choice")
    await expect(lines.nth(2)).to_contain_text("Jonah Bright: no rank")
    await sql.execute(
        "UPDATE preference_rankings SET deadline = now() WHERE booking_id = $1::text::uuid", key
    )
    await expect(card).to_have_attribute("data-escalated", "yes", timeout=PATIENCE)
    await expect(page.locator(".day-words")).to_contain_text("1 flight needs you")

    # What somebody ruled out is asked about by name.
    await lines.nth(0).get_by_role("button", name="Choose this time").click()
    question = page.locator("#confirm")
    await expect(question).to_contain_text("Jonah Bright can’t make it then.")
    await expect(question).to_contain_text("Jonah Bright and Tomás Herrera are told")
    await question.get_by_role("button", name="Cancel").click()

    # The slot was taken since: said at that option, with the times; the next one is free.
    await book(
        sql,
        STUDENT,
        "kenji.watanabe@example.com",
        at="date_trunc('hour', now() + interval '30 hours') + interval '21 days'",
        tail="N2OTHER",
    )
    visit.refusals.add(409)
    await lines.nth(1).get_by_role("button", name="Choose this time").click()
    await page.locator("#confirm").get_by_role("button", name="Move it").click()
    await expect(lines.nth(1).get_by_role("alert")).to_contain_text(
        "the student is taken from", timeout=PATIENCE
    )
    take = lines.nth(2).get_by_role("button", name="Choose this time")
    await take.click()
    await page.locator("#confirm").get_by_role("button", name="Cancel").click()
    await expect(take).to_be_focused()
    await take.click()
    await page.locator("#confirm").get_by_role("button", name="Move it").click()
    await expect(page.locator(".empty")).to_contain_text(
        "Nobody is looking for a new time", timeout=PATIENCE
    )
    # The card had the focus, and is gone.
    await expect(page.locator("#main h1")).to_be_focused()
    new = await sql.fetchrow(
        "SELECT * FROM bookings WHERE original_booking_id = $1::text::uuid", key
    )
    assert new["status"] == "CONFIRMED"
    assert new["instructor_id"] == (
        await sql.fetchval("SELECT $1::text::uuid", await person(sql, INSTRUCTOR))
    )


async def test_the_old_time_is_kept_and_a_link_leads_from_the_flight(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, _ = await _open(sql)
    await visit.sign_in(hub.url, ADMIN, "#/admin/bookings")
    page = visit.page
    await visit.flight(key).locator("button").click()
    await page.get_by_role("dialog").get_by_role("link", name="New times").click()
    card = page.locator(f'.offer[data-key="{key}"]')
    await expect(card.locator(".option-line:visible")).to_have_count(3, timeout=PATIENCE)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Rescheduling")).to_be_focused()
    await card.get_by_role("button", name="Keep the old time").click()
    await page.locator("#confirm").get_by_role("button", name="Keep the old time").click()
    await expect(card).to_have_count(0, timeout=PATIENCE)
    await expect(page.locator("#main h1")).to_be_focused()
    assert (
        await sql.fetchval("SELECT status FROM bookings WHERE id = $1::text::uuid", key)
        == "CONFIRMED"
    )
    # What another program opens appears by itself, before there are times to choose from; and goes again.
    other = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '40 hours'", tail="N2MOVE")
    await status(sql, other, "RESCHEDULING")
    card = page.locator(f'.offer[data-key="{other}"]')
    await expect(card).to_contain_text("No times are offered", timeout=PATIENCE)
    await status(sql, other, "CANCELLED")
    await expect(card).to_have_count(0, timeout=PATIENCE)


async def test_ranks_that_were_changed_since_are_shown_before_a_choice_is_made(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, ids = await _open(sql)

    async def answers(order: list[str]) -> None:
        await sql.execute(
            """UPDATE preference_rankings SET option1_id = $2::text::uuid, option2_id = $3::text::uuid,
                      option3_id = $4::text::uuid, submitted_at = coalesce(submitted_at, now())
                WHERE booking_id = $1::text::uuid
                  AND user_id = (SELECT student_id FROM bookings WHERE id = $1::text::uuid)""",
            key,
            *order,
        )

    await answers(ids)
    await visit.sign_in(hub.url, ADMIN, f"#/admin/escalations/{key}")
    page = visit.page
    lines = page.locator(f'.offer[data-key="{key}"] .option-line')
    await expect(lines.nth(0)).to_contain_text("Jonah Bright: 1st choice", timeout=PATIENCE)
    await answers(ids[::-1])
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(lines.nth(2)).to_contain_text("Jonah Bright: 1st choice", timeout=PATIENCE)

    # Nobody looked up since: what was shown is not what is true, and nothing is moved by it.
    await answers(ids)
    take = lines.nth(2).get_by_role("button", name="Choose this time")
    await take.click()
    await page.locator("#confirm").get_by_role("button", name="Move it").click()
    await expect(lines.nth(2).get_by_role("alert")).to_contain_text("Look again", timeout=PATIENCE)
    await expect(lines.nth(0)).to_contain_text("Jonah Bright: 1st choice")
    found = await sql.fetchval("SELECT status FROM bookings WHERE id = $1::text::uuid", key)
    assert found == "RESCHEDULING"
    await take.click()
    await page.locator("#confirm").get_by_role("button", name="Move it").click()
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)


async def test_what_was_said_is_asked_for_again_until_it_is_told(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """A read that failed leaves a card without ranks, not without an end."""
    key, ids = await _open(sql)
    await sql.execute(
        """UPDATE preference_rankings SET option1_id = $2::text::uuid, submitted_at = now()
            WHERE booking_id = $1::text::uuid
              AND user_id = (SELECT student_id FROM bookings WHERE id = $1::text::uuid)""",
        key,
        ids[2],
    )
    visit.refusals.add(500)
    failed: list[str] = []

    async def fail_twice(route: Route, request: Request) -> None:
        if len(failed) == 2:
            await route.continue_()
            return
        failed.append(request.url)
        await route.fulfill(status=500, content_type="application/problem+json", body="{}")

    await visit.page.route("**/preferences?*", fail_twice)
    await visit.sign_in(hub.url, ADMIN, f"#/admin/escalations/{key}")
    last = visit.page.locator(f'.offer[data-key="{key}"] .option-line').nth(2)
    await expect(last).to_contain_text("Jonah Bright: 1st choice", timeout=PATIENCE)
    assert len(failed) == 2


async def test_a_hundred_open_flights_cost_the_reads_of_those_that_are_looked_at(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _open(sql)
    await sql.execute(
        """WITH pairs AS (
             SELECT s.id AS student, i.id AS instructor, n,
                    now() + make_interval(days => 30 + n) AS at
               FROM (SELECT id FROM users WHERE email = $1) s, (SELECT id FROM users WHERE email = $2) i,
                    generate_series(1, 60) AS n),
           made AS (
             INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
                    arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
                    arrival_longitude, scheduled_datetime, training_level, duration_minutes, status)
             SELECT student, instructor, 'N1MANY', 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2, at,
                    'STUDENT_PILOT', 60, 'RESCHEDULING' FROM pairs RETURNING id, student_id, instructor_id)
           INSERT INTO preference_rankings (booking_id, user_id, deadline, escalated_at,
                                            unavailable_option_ids)
           SELECT id, unnest(ARRAY[student_id, instructor_id]), now(), now(), ARRAY[id] FROM made""",
        STUDENT,
        INSTRUCTOR,
    )
    await visit.sign_in(hub.url, ADMIN, "#/admin/escalations")
    page = visit.page
    await expect(page.locator(".offer")).to_have_count(61, timeout=PATIENCE)
    await expect(page.locator(".offer").first).to_contain_text("none works", timeout=PATIENCE)

    def reads() -> set[str]:
        return {url for _, url in visit.asked if "/preferences" in url}

    assert 2 <= len(reads()) <= 30
    last = page.locator(".group").first.locator(".offer").last
    await expect(last).not_to_contain_text("none works")
    await last.scroll_into_view_if_needed()
    await expect(last).to_contain_text("none works", timeout=PATIENCE)
    assert len(reads()) <= 60
