"""A new time at the page: ranked by keys, by buttons and by dragging, sent, replaced, refused, over."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Route, expect
from running import Hub
from visiting import (
    INSTRUCTOR,
    PATIENCE,
    PHONE,
    STUDENT,
    Visit,
    Visitors,
    book,
    offer,
    stand,
    still,
)

_SOON = "now() + interval '30 hours'"


async def _one(hub: Hub, visit: Visit, sql: Any) -> tuple[str, list[str]]:
    """A flight of the student's with the times offered for it; the page is at it."""
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    offered = await offer(sql, key)
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    return key, offered


async def _two(hub: Hub, visit: Visit, sql: Any) -> list[tuple[str, list[str]]]:
    """Two of them; the page is at the first."""
    second = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '50 hours'", tail="N2PAGE")
    offered = await offer(sql, second)
    return [await _one(hub, visit, sql), (second, offered)]


async def _said(sql: Any, key: str, email: str) -> dict[str, Any]:
    row = await sql.fetchrow(
        """SELECT p.option1_id::text, p.option2_id::text, p.option3_id::text, p.submitted_at,
                  p.unavailable_option_ids::text[] AS away
             FROM preference_rankings p JOIN users u ON u.id = p.user_id
            WHERE p.booking_id = $1::text::uuid AND u.email = $2""",
        key,
        email,
    )
    return dict(row)


async def _until_said(sql: Any, key: str, email: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE / 1000):
        while not (said := await _said(sql, key, email))["submitted_at"]:
            await asyncio.sleep(0.05)
    return said


async def _better(sql: Any, key: str, *, deadline: str = "now() + interval '5 hours'") -> str:
    """Offer one time more, and let there be another deadline; the option's id."""
    async with sql.transaction():
        await sql.execute(
            f"""UPDATE preference_rankings SET deadline = {deadline}
                 WHERE booking_id = $1::text::uuid""",
            key,
        )
        return str(
            await sql.fetchval(
                """INSERT INTO reschedule_options
                     (booking_id, suggested_datetime, weather_forecast, ai_confidence_score)
                   SELECT id, date_trunc('hour', scheduled_datetime) + interval '19 days',
                          '{}', 0.99
                     FROM bookings WHERE id = $1::text::uuid RETURNING id::text""",
                key,
            )
        )


async def _lose(route: Route) -> None:
    """Let the hub do it, and its answer not arrive."""
    await route.fetch()
    await route.abort("connectionrefused")


async def test_three_are_ranked_by_keyboard_alone_and_the_other_sees_only_that(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    best, fair, poor = await offer(sql, key)
    instructor, student = await visitors(), await visitors()
    await instructor.sign_in(hub.url, INSTRUCTOR, f"#/reschedule/{key}")
    await student.sign_in(hub.url, STUDENT)
    page = student.page
    await expect(page.locator(".answer")).to_contain_text("4 h 59 min", timeout=PATIENCE)
    await page.locator(".answer").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".page h1")).to_have_text("Choose a new time")
    await expect(page.locator(".option")).to_have_count(3)
    await stand(page, best, fair, poor)
    first = page.locator(f'[data-key="{best}"]')
    await expect(first).to_contain_text("VFR")
    await expect(first).to_contain_text("93% confidence (high)")
    await expect(first).to_contain_text("310° 12 kt, gusts 19")
    await expect(page.locator(".other")).to_contain_text("Tomás Herrera has not answered yet.")

    # Tab to the handle of the last, and up twice.
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate(
            "id => document.activeElement.matches(`[data-key='${id}'] .grip`)", poor
        ):
            break
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    await stand(page, poor, best, fair)
    await expect(page.locator(".page [role=status].unseen")).to_contain_text("1st choice")
    grip = page.locator(f'[data-key="{poor}"] .grip')
    await expect(grip).to_be_focused()
    send = page.get_by_role("button", name="Send my choice")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await send.evaluate("one => one === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    said = await _until_said(sql, key, STUDENT)
    assert [said[f"option{n}_id"] for n in (1, 2, 3)] == [poor, best, fair]
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    await expect(page.get_by_role("button", name="Replace my choice")).to_be_disabled()

    other = instructor.page.locator(".other")
    await expect(other).to_contain_text("Jonah Bright has answered.", timeout=PATIENCE)
    await stand(instructor.page, best, fair, poor)  # never the other's ranks

    # Replaced by buttons, with one impossible.
    await page.get_by_role("button", name="Move down").first.click()
    await page.locator(f'[data-key="{fair}"] .away-button').click()
    await stand(page, best, poor, fair)
    await expect(page.locator(".sent")).to_contain_text("Changed, not sent yet")
    await page.get_by_role("button", name="Replace my choice").click()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    said = await _said(sql, key, STUDENT)
    assert [said[f"option{n}_id"] for n in (1, 2, 3)] == [best, poor, None]
    assert said["away"] == [fair]

    # The instructor answers too, by a key, and is not lost with the button; both are told what was chosen.
    await instructor.page.get_by_role("button", name="Send my choice").focus()
    await instructor.page.keyboard.press("Enter")
    await expect(instructor.page.locator(".sent")).to_be_focused()
    for visit in (student, instructor):
        outcome = visit.page.locator(".outcome")
        await expect(outcome).to_contain_text("Moved to", timeout=PATIENCE)
        await expect(visit.page.get_by_role("button", name="Send my choice")).to_have_count(0)
        taken = visit.page.locator(f'[data-key="{best}"]')
        await expect(taken.locator(".ranking-place")).to_have_text("Taken", timeout=PATIENCE)
        await expect(visit.page.locator(".option[data-chosen]")).to_have_count(1)
    await page.get_by_role("link", name="Show flight").click()
    await expect(page.locator(".flight-card")).to_contain_text("Confirmed", timeout=PATIENCE)


async def test_an_option_is_dragged_by_a_finger_on_a_phone(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    best, fair, poor = await offer(sql, key)
    visit = await visitors(viewport={"width": 800, "height": 1400})
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    page = visit.page
    await expect(page.locator(".option")).to_have_count(3)
    grip = await still(page.locator(f'[data-key="{best}"] .grip'))
    target = await still(page.locator(f'[data-key="{poor}"]'))
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    for step in range(1, 11):
        await page.mouse.move(x, y + (target["y"] + target["height"] * 0.7 - y) * step / 10)
    await page.mouse.up()
    await stand(page, fair, poor, best)
    await expect(page.locator(f'[data-key="{best}"]')).to_contain_text("3rd choice")


async def test_an_option_is_dragged_by_touch_on_a_small_screen(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    """A real touch: where the browser took it for scrolling, it would cancel the drag."""
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    best, fair, poor = await offer(sql, key)
    visit = await visitors(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    page = visit.page
    grip = page.locator(f'[data-key="{best}"] .grip')
    await grip.scroll_into_view_if_needed()
    await page.evaluate("scrollBy(0, 60)")
    box, other = await still(grip), await still(page.locator(f'[data-key="{fair}"]'))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    far = other["height"] + 40
    before = await page.evaluate("scrollY")
    session = await page.context.new_cdp_session(page)

    async def touch(type: str, *points: tuple[float, float]) -> None:
        touches = [{"x": left, "y": top, "id": 1} for left, top in points]
        await session.send("Input.dispatchTouchEvent", {"type": type, "touchPoints": touches})

    await touch("touchStart", (x, y))
    for step in range(1, 16):
        await touch("touchMove", (x, y + far * step / 15))
        await page.wait_for_timeout(16)
    await touch("touchEnd")
    await session.detach()
    await stand(page, fair, best, poor)
    assert await page.evaluate("scrollY") == before
    await expect(page.locator(".is-dragged")).to_have_count(0)
    await expect(page.locator(f'[data-key="{best}"]')).to_contain_text("2nd choice")

    # A word of the drag's end that comes late changes nothing of what was sent.
    await page.get_by_role("button", name="Send my choice").click()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    await page.locator(f'[data-key="{best}"] .grip').evaluate(
        """grip => ['pointercancel', 'lostpointercapture']
             .forEach((name) => grip.dispatchEvent(new Event(name)))"""
    )
    await expect(page.locator(".sent")).not_to_contain_text("Changed")


async def test_none_works_calls_the_school_and_may_still_be_replaced(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    await offer(sql, key)
    visit = await visitors(viewport=PHONE)
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    page = visit.page
    await page.get_by_role("button", name="None works").click()
    dialog = page.locator("dialog[open]")
    await expect(dialog).to_contain_text("None of these times works?")
    await dialog.get_by_role("button", name="None works").click()
    await expect(page.locator(".outcome")).to_contain_text(
        "none of these times works", timeout=PATIENCE
    )
    await expect(page.locator(".outcome")).to_contain_text("Until the deadline")
    await expect(page.locator("#toasts")).to_contain_text("The school knows", timeout=PATIENCE)
    assert len((await _said(sql, key, STUDENT))["away"]) == 3
    await page.locator(".away-button").first.click()
    await page.get_by_role("button", name="Replace my choice").click()
    assert (await _until_said(sql, key, STUDENT))["option1_id"] is not None


async def test_the_countdown_is_the_servers_and_says_when_it_is_short(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    await offer(sql, key, deadline="now() + interval '100 minutes'")
    await visit.page.clock.install()
    await visit.page.clock.pause_at("2029-05-05T05:05:05Z")  # a machine whose clock is wrong
    await visit.page.clock.resume()
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    left = visit.page.locator(".left")
    await expect(left).to_contain_text("1 h 39 min left", timeout=PATIENCE)
    await expect(left).to_contain_text("Less than 2 hours")
    await expect(left).to_have_attribute("data-left", "soon")
    await sql.execute(
        """UPDATE preference_rankings SET deadline = now() + interval '29 minutes'
            WHERE booking_id = $1::text::uuid""",
        key,
    )
    await expect(left).to_have_attribute("data-left", "last", timeout=PATIENCE)
    await expect(left).to_contain_text("Less than 30 minutes")
    await expect(visit.page.locator(".page [role=status].unseen")).to_have_text(
        "Less than 30 minutes"
    )


async def test_past_the_deadline_nothing_is_taken_and_it_says_so(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, _ = await _one(hub, visit, sql)
    page = visit.page
    send = page.get_by_role("button", name="Send my choice")
    await expect(send).to_be_enabled()
    visit.refusals.add(403)

    async def hold(route: Any) -> None:
        # While the answer is on its way, the deadline passes.
        await sql.execute(
            "UPDATE preference_rankings SET deadline = now() WHERE booking_id = $1::text::uuid", key
        )
        await route.continue_()

    await page.route("**/preferences", hold)
    await send.click()
    # The hub's clock escalates at that moment: whichever the page hears of first.
    over = re.compile("deadline has passed|settles this by hand")
    await expect(page.locator(".outcome")).to_contain_text(over, timeout=PATIENCE)
    await expect(send).to_be_hidden()
    await expect(page.locator(".left")).to_contain_text("The deadline has passed")
    assert (await _said(sql, key, STUDENT))["submitted_at"] is None


async def test_a_refusal_is_said_at_the_option_and_nothing_is_lost(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, (best, fair, poor) = await _one(hub, visit, sql)
    page = visit.page
    visit.refusals.add(422)
    await page.locator(f'[data-key="{poor}"] .grip').press("Home")

    async def refuse(route: Any) -> None:
        await route.fulfill(
            status=422,
            content_type="application/problem+json",
            body='{"status":422,"code":"invalid","detail":"That is no ranking of these options.",'
            '"errors":[{"pointer":"/option2_id","detail":"is not an option of this booking"}]}',
        )

    await page.route("**/preferences", refuse)
    await page.get_by_role("button", name="Send my choice").click()
    fault = page.locator(f'[data-key="{best}"] .form-fault')
    await expect(fault).to_have_text("This one is not an option of this booking.", timeout=PATIENCE)
    await expect(page.locator(".answer-foot .form-fault")).to_contain_text("Not sent.")
    await stand(page, poor, best, fair)
    await page.unroute("**/preferences")
    await page.get_by_role("button", name="Send my choice").click()
    said = await _until_said(sql, key, STUDENT)
    assert said["option1_id"] == poor
    await expect(fault).to_have_text("")


async def test_another_flight_is_drawn_while_an_answer_is_on_its_way(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    (first, _), (second, theirs) = await _two(hub, visit, sql)
    page = visit.page
    arrived, release = asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        arrived.set()
        await release.wait()
        await route.continue_()

    await page.route("**/preferences", hold)
    await page.get_by_role("button", name="Send my choice").click()
    async with asyncio.timeout(PATIENCE / 1000):
        await arrived.wait()
    await visit.go(f"reschedule/{second}")
    await expect(page.locator(f'[data-key="{theirs[0]}"]')).to_be_visible(timeout=PATIENCE)
    send = page.get_by_role("button", name="Send my choice")
    await expect(send).to_be_enabled()
    release.set()
    assert (await _until_said(sql, first, STUDENT))["option1_id"] is not None
    await send.click()
    assert (await _until_said(sql, second, STUDENT))["option1_id"] == theirs[0]


async def test_a_question_goes_with_the_flight_it_was_asked_of(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    (first, mine), (second, theirs) = await _two(hub, visit, sql)
    page = visit.page
    await expect(page.locator(f'[data-key="{mine[0]}"]')).to_be_visible(timeout=PATIENCE)
    await visit.go(f"reschedule/{second}")
    await expect(page.locator(f'[data-key="{theirs[0]}"]')).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("button", name="None works").click()
    await expect(page.locator("#confirm")).to_be_visible()
    await page.go_back()
    await expect(page.locator(f'[data-key="{mine[0]}"]')).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#confirm")).to_be_hidden()
    # The question was answered by nobody: asked anew it is this flight's.
    await page.get_by_role("button", name="None works").click()
    await page.locator("#confirm").get_by_role("button", name="None works").click()
    await expect(page.locator(".outcome")).to_contain_text("none of these", timeout=PATIENCE)
    puts = [url for method, url in visit.asked if method == "PUT"]
    assert [first in url for url in puts] == [True]
    assert (await _said(sql, second, STUDENT))["away"] in (None, [])


async def test_none_works_is_not_said_of_times_that_came_while_it_was_asked(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, _ = await _one(hub, visit, sql)
    page = visit.page
    await page.get_by_role("button", name="None works").click()
    await _better(sql, key)
    await expect(page.locator(".option")).to_have_count(4, timeout=PATIENCE)
    await page.locator("#confirm").get_by_role("button", name="None works").click()
    await expect(page.locator(".answer-foot .form-fault")).to_contain_text(
        "Not sent. Somebody changed this meanwhile"
    )
    assert not [url for method, url in visit.asked if method == "PUT"]


async def test_what_was_refused_of_one_flight_is_not_said_at_another(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    _, (second, theirs) = await _two(hub, visit, sql)
    page = visit.page
    await visit.refuse("**/preferences")
    await page.get_by_role("button", name="Send my choice").click()
    fault = page.locator(".answer-foot .form-fault")
    await expect(fault).to_have_text("Not sent. Not now.", timeout=PATIENCE)
    await visit.go(f"reschedule/{second}")
    await expect(page.locator(f'[data-key="{theirs[0]}"]')).to_be_visible(timeout=PATIENCE)
    await expect(fault).to_have_text("")


async def test_what_was_refused_after_one_has_left_is_told_all_the_same(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _two(hub, visit, sql)
    page = visit.page
    visit.refusals.add(500)
    left = asyncio.Event()

    async def refuse(route: Route) -> None:
        await left.wait()
        await route.fulfill(
            status=500, content_type="application/problem+json", json={"detail": "Not now."}
        )

    await page.route("**/preferences", refuse)
    async with page.expect_request("**/preferences"):
        await page.get_by_role("button", name="Send my choice").click()
    await visit.go("mine")
    await expect(page.locator(".page h1")).to_have_text("My flights", timeout=PATIENCE)
    left.set()
    await expect(page.locator("#toasts")).to_contain_text("Not sent. Not now.", timeout=PATIENCE)


@pytest.mark.parametrize("what", [".grip", "[aria-pressed=true]", ".answer-foot .is-first"])
async def test_what_the_deadline_takes_away_gives_the_focus_to_the_heading(
    hub: Hub, visit: Visit, sql: Any, what: str
) -> None:
    key, _ = await _one(hub, visit, sql)
    page = visit.page
    await page.locator(".away-button").last.click()
    control = page.locator(f".page {what}").first
    await control.focus()
    await expect(control).to_be_focused()
    await sql.execute(
        "UPDATE preference_rankings SET deadline = now() WHERE booking_id = $1::text::uuid", key
    )
    await expect(page.locator(".left")).to_contain_text("has passed", timeout=PATIENCE)
    await expect(page.locator(".page h1")).to_be_focused()


async def test_an_option_that_is_withdrawn_gives_the_focus_to_the_heading(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    _, (best, fair, poor) = await _one(hub, visit, sql)
    page = visit.page
    await page.locator(f'[data-key="{best}"] .grip').focus()
    await sql.execute("DELETE FROM reschedule_options WHERE id = $1::text::uuid", best)
    await stand(page, fair, poor)
    await expect(page.locator(".page h1")).to_be_focused()


async def test_what_cannot_be_read_is_said_to_be_old_and_read_again(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, _ = await _one(hub, visit, sql)
    page = visit.page
    left, old = page.locator(".left"), page.get_by_text("You see what was known at")
    await expect(left).to_contain_text("4 h 59 min", timeout=PATIENCE)
    await visit.refuse("**/options")
    await _better(sql, key, deadline="now() + interval '40 minutes'")
    # The deadline is told by the topic, too.
    await expect(left).to_contain_text("39 min left", timeout=PATIENCE)
    await expect(old).to_contain_text("Not now.", timeout=PATIENCE)
    await expect(page.locator(".option")).to_have_count(3)
    await page.wait_for_timeout(2500)
    await page.unroute("**/options")
    await expect(page.locator(".option")).to_have_count(4, timeout=PATIENCE)
    await expect(old).to_have_count(0)


@pytest.mark.parametrize("what", ["options", ""])
async def test_a_first_reading_that_failed_is_tried_again(
    hub: Hub, visit: Visit, sql: Any, what: str
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at=_SOON)
    await offer(sql, key)
    await visit.sign_in(hub.url, STUDENT)
    page = visit.page
    await visit.refuse(f"**/api/v1/bookings/{key}{what and f'/{what}'}")
    await visit.go(f"reschedule/{key}")
    await expect(page.get_by_text("Not now.")).to_be_visible(timeout=PATIENCE)
    await page.unroute_all()
    await expect(page.get_by_text("Not now.")).to_have_count(0, timeout=PATIENCE)
    await expect(page.locator(".option")).to_have_count(3)
    await expect(page.locator(".lead")).to_contain_text("with Tomás Herrera")


async def test_what_is_gone_is_no_longer_shown(hub: Hub, visit: Visit, sql: Any) -> None:
    key, _ = await _one(hub, visit, sql)
    page = visit.page
    await expect(page.locator(".option")).to_have_count(3, timeout=PATIENCE)
    visit.refusals.add(404)
    await sql.execute("DELETE FROM bookings WHERE id = $1::text::uuid", key)
    await expect(page.locator(".page")).to_contain_text("There is no such page", timeout=PATIENCE)
    await expect(page.get_by_role("button", name="Send my choice")).to_be_hidden()


@pytest.mark.parametrize("what", ["Send my choice", "None works"])
async def test_an_answer_that_arrived_unheard_counts_as_sent(
    hub: Hub, visit: Visit, sql: Any, what: str
) -> None:
    await _one(hub, visit, sql)
    page = visit.page
    visit.hub_is_away = True
    await page.route("**/preferences", _lose)
    await page.get_by_role("button", name=what).click()
    if what == "None works":
        await page.locator("#confirm").get_by_role("button", name=what).click()
    await expect(page.locator("#toasts")).to_contain_text(
        re.compile("Your choice is sent|The school knows"), timeout=PATIENCE
    )
    await expect(page.locator(".answer-foot .form-fault")).to_have_text("")
    await expect(page.locator(".sent")).not_to_contain_text("Changed")
    await page.unroute("**/preferences")
    # Replaced, it is not refused for what was not heard.
    await page.locator(".away-button").first.click()
    await page.get_by_role("button", name="Replace my choice").click()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)


async def test_an_answer_of_which_nothing_is_known_counts_once_it_is_read(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    _, (_, _, poor) = await _one(hub, visit, sql)
    page = visit.page
    await page.locator(f'[data-key="{poor}"] .grip').press("Home")
    visit.hub_is_away = True
    await page.route("**/preferences", _lose)
    await visit.refuse("**/options")
    await page.get_by_role("button", name="Send my choice").click()
    fault = page.locator(".answer-foot .form-fault")
    await expect(fault).to_contain_text("Not sent.", timeout=PATIENCE)
    await expect(page.locator(".sent")).to_have_text("")
    await page.unroute("**/options")
    await expect(fault).to_have_text("", timeout=PATIENCE)
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    await expect(page.locator(".option").first).to_have_attribute("data-key", poor)


async def test_an_answer_that_never_arrived_is_not_sent(hub: Hub, visit: Visit, sql: Any) -> None:
    key, (best, fair, poor) = await _one(hub, visit, sql)
    page = visit.page
    await page.locator(f'[data-key="{poor}"] .grip').press("Home")
    visit.hub_is_away = True
    await page.route("**/preferences", lambda route: route.abort("connectionrefused"))
    await page.get_by_role("button", name="Send my choice").click()
    fault = page.locator(".answer-foot .form-fault")
    await expect(fault).to_contain_text("Not sent. The hub could not be reached.", timeout=PATIENCE)
    await stand(page, poor, best, fair)
    await page.unroute("**/preferences")
    await page.get_by_role("button", name="Send my choice").click()
    assert (await _until_said(sql, key, STUDENT))["option1_id"] == poor


async def test_what_could_not_be_read_is_read_at_once_when_the_hub_is_back(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, _ = await _one(hub, visit, sql)
    page = visit.page
    await expect(page.locator(".option")).to_have_count(3, timeout=PATIENCE)
    # The pause, and nothing else, becomes a quarter of an hour.
    await page.evaluate("window.chance = Math.random; Math.random = () => 1000")
    await visit.refuse("**/options")
    await _better(sql, key)
    old = page.get_by_text("You see what was known at")
    await expect(old).to_contain_text("Not now.", timeout=PATIENCE)
    await page.evaluate("Math.random = window.chance")
    await page.unroute("**/options")
    visit.hub_is_away = True
    await hub.stop()
    await visit.says("Reconnecting")
    await hub.start()
    await expect(page.locator(".option")).to_have_count(4, timeout=PATIENCE)
    await expect(page.locator(".form-fault:not(:empty)")).to_have_count(0)
