"""A ranking that was made and not sent: kept for the tab, of that person and that offer, and said so."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect
from running import Hub
from visiting import INSTRUCTOR, PATIENCE, STUDENT, Visit, book, offer, stand

KEPT = "sessionStorage.getItem('hub.unsent')"
BEFORE = "this is the order you made before"


async def _ranked(hub: Hub, visit: Visit, sql: Any) -> tuple[str, list[str]]:
    """A flight of the student's, for which the last time was put first and the second marked impossible."""
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    best, fair, poor = await offer(sql, key)
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    page = visit.page
    await stand(page, best, fair, poor)
    await expect(page.locator(".sent")).to_have_text("")
    await page.locator(f'[data-key="{poor}"] .grip').press("Home")
    await page.locator(f'[data-key="{fair}"] .away-button').click()
    await stand(page, poor, best, fair)
    await expect(page.locator(".sent")).to_have_text("Not sent yet")
    return key, [best, fair, poor]


async def _again(visit: Visit, key: str) -> None:
    """Leave the page and come back to it."""
    await visit.go("mine")
    await expect(visit.page.locator('[data-page="mine"] h1')).to_be_visible(timeout=PATIENCE)
    await visit.go(f"reschedule/{key}")


async def test_it_is_there_again_until_it_is_sent(hub: Hub, visit: Visit, sql: Any) -> None:
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    page = visit.page
    before = page.get_by_text(BEFORE).locator("visible=true")
    await expect(before).to_have_count(0)
    await _again(visit, key)
    await stand(page, poor, best, fair)
    await expect(page.locator(f'[data-key="{fair}"]')).to_have_attribute("data-rank", "away")
    await expect(page.locator(".restored")).to_contain_text("Not sent yet")
    await expect(page.locator(".page [role=status].unseen")).to_contain_text("Not sent yet")
    await page.reload()
    await visit.says("Live")
    await stand(page, poor, best, fair)
    await expect(page.locator(".restored")).to_be_visible()
    await expect(page.locator(".sent")).to_have_text("Not sent yet")
    await page.get_by_role("button", name="Send my choice").click()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    await expect(page.locator(".restored")).to_be_hidden()
    assert await page.evaluate(KEPT) is None
    await page.reload()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    await stand(page, poor, best, fair)
    await expect(page.locator(".restored")).to_be_hidden()


async def test_what_was_changed_of_a_sent_one_is_kept_and_said(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    page = visit.page
    await page.get_by_role("button", name="Send my choice").click()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
    await page.locator(f'[data-key="{best}"] .grip').press("Home")
    await page.reload()
    await stand(page, best, poor, fair)
    await expect(page.locator(".sent")).to_have_text("Changed, not sent yet", timeout=PATIENCE)
    # What was said elsewhere since is newer than it.
    await sql.execute(
        """UPDATE preference_rankings SET submitted_at = now() + interval '1 second'
            WHERE booking_id = $1::text::uuid AND submitted_at IS NOT NULL""",
        key,
    )
    await page.goto("about:blank")
    await page.goto(f"{hub.url}/#/reschedule/{key}")
    await stand(page, poor, best, fair)
    await expect(page.locator(".sent")).to_contain_text("Sent")


async def test_it_is_nobody_elses_who_signs_in_in_the_same_tab(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    page = visit.page
    for email in (INSTRUCTOR, STUDENT):
        await page.locator("#me").click()
        await page.get_by_role("button", name="Sign out").click()
        await visit.sign_in(hub.url, email, f"#/reschedule/{key}")
        await stand(page, best, fair, poor)
        await expect(page.locator(".lead")).to_contain_text("with", timeout=PATIENCE)
        await expect(page.locator(".restored")).to_be_hidden()
        await expect(page.locator(".sent")).to_have_text("")


async def test_the_same_person_who_signs_in_anew_has_it_still(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """As when a sign-in has ended in the middle of it."""
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    page = visit.page
    await page.locator("#me").click()
    await page.get_by_role("button", name="Sign out").click()
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    await stand(page, poor, best, fair)
    await expect(page.locator(".restored")).to_be_visible()


async def test_other_times_are_another_offer(hub: Hub, visit: Visit, sql: Any) -> None:
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    page = visit.page
    await visit.go("mine")
    await expect(page.locator('[data-page="mine"] h1')).to_be_visible(timeout=PATIENCE)
    await sql.execute("DELETE FROM reschedule_options WHERE id = $1::text::uuid", fair)
    await visit.go(f"reschedule/{key}")
    await stand(page, best, poor)
    await expect(page.locator(".lead")).to_contain_text("with", timeout=PATIENCE)
    await expect(page.locator(".restored")).to_be_hidden()
    assert await page.evaluate(KEPT) is None


@pytest.mark.parametrize("what", ["deadline", "flight"])
async def test_what_can_no_longer_be_sent_is_not_shown_as_a_ranking(
    hub: Hub, visit: Visit, sql: Any, what: str
) -> None:
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    page = visit.page
    if what == "deadline":
        await sql.execute(
            "UPDATE preference_rankings SET deadline = now() WHERE booking_id = $1::text::uuid", key
        )
    else:
        await sql.execute("UPDATE bookings SET status = 'CANCELLED' WHERE id = $1::text::uuid", key)
    await expect(page.get_by_role("button", name="Send my choice")).to_be_hidden(timeout=PATIENCE)
    await stand(page, best, fair, poor)
    await expect(page.locator('.option[data-rank="away"]')).to_have_count(0)
    assert await page.evaluate(KEPT) is None


async def test_where_the_browser_keeps_nothing_it_lives_as_long_as_the_page(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    page = visit.page
    await page.add_init_script(
        """for (const name of ['getItem', 'setItem', 'removeItem']) {
             const kind = Storage.prototype[name];
             Storage.prototype[name] = function (key, ...rest) {
               if (key === 'hub.unsent') throw new DOMException('denied', 'SecurityError');
               return kind.call(this, key, ...rest);
             };
           }"""
    )
    key, (best, fair, poor) = await _ranked(hub, visit, sql)
    await _again(visit, key)
    await stand(page, poor, best, fair)
    await expect(page.locator(".restored")).to_contain_text(BEFORE)
    await page.reload()
    await stand(page, best, fair, poor)
    await expect(page.locator(".restored")).to_be_hidden()
    await page.get_by_role("button", name="Send my choice").click()
    await expect(page.locator(".sent")).to_contain_text("Sent", timeout=PATIENCE)
