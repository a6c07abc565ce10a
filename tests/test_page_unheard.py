"""Writes whose answer never came: whoever presses again is not told that it was somebody else.

The hub has committed, and the wire was cut before it could say so.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from playwright.async_api import Locator, Page, Route, expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visit, book

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_UNREACHABLE = "The hub could not be reached."
_PATTERNS = "SELECT day_of_week, start_time::text, end_time::text FROM availability_patterns"


@asynccontextmanager
async def unheard(visit: Visit, pattern: str, *methods: str) -> AsyncIterator[list[str]]:
    """Let what is asked by these methods reach the hub, and no answer come back; what was asked."""
    asked: list[str] = []
    visit.hub_is_away = True

    async def lose(route: Route) -> None:
        if whole or route.request.method not in methods:
            await route.fallback()
            return
        asked.append(route.request.method)
        await route.fetch()
        await route.abort("connectionrefused")

    whole = False
    await visit.page.route(pattern, lose)
    yield asked
    whole = True


async def _week(hub: Hub, visit: Visit, sql: Any, chips: int) -> Locator:
    """A student's week with so many weekly hours; where its forms open."""
    await sql.execute("DELETE FROM availability_patterns; DELETE FROM availability_overrides")
    await sql.execute(
        """INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)
           SELECT id, 3, '09:00', '12:00' FROM users, generate_series(1, $2) WHERE email = $1""",
        STUDENT,
        chips,
    )
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    await expect(visit.page.locator(".week-day")).to_have_count(7, timeout=PATIENCE)
    await expect(visit.page.locator(".chip")).to_have_count(chips)
    return visit.page.locator("dialog[open]")


async def _saves(page: Page, word: str = "Saved") -> None:
    await expect(page.locator("dialog[open]")).to_have_count(0, timeout=PATIENCE)
    await expect(page.locator("#toasts")).to_contain_text(word)


async def test_what_was_made_unheard_is_made_once(hub: Hub, visit: Visit, sql: Any) -> None:
    dialog = await _week(hub, visit, sql, 0)
    page = visit.page
    for opens, made in (("Add weekly hours", "patterns"), ("Add an exception", "overrides")):
        await page.get_by_role("button", name=opens, exact=True).click()
        async with unheard(visit, f"**/availability/{made}", "POST") as asked:
            await dialog.get_by_role("button", name="Save").click()
            await expect(dialog.locator(".form-fault")).to_have_text(_UNREACHABLE, timeout=PATIENCE)
        assert len(asked) == 3
        assert await sql.fetchval(f"SELECT count(*) FROM availability_{made}") == 1
        await dialog.get_by_role("button", name="Save").click()
        await _saves(page)
        assert await sql.fetchval(f"SELECT count(*) FROM availability_{made}") == 1
    await expect(page.locator('[data-kind="weekly"], [data-kind="blocked"]')).to_have_count(2)

    # Another thing is asked for by itself.
    await page.get_by_role("button", name="Add weekly hours").click()
    async with unheard(visit, "**/availability/patterns", "POST"):
        await dialog.get_by_label("From").fill("18:00")
        await dialog.get_by_label("To").fill("19:00")
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog.locator(".form-fault")).to_have_text(_UNREACHABLE, timeout=PATIENCE)
    await dialog.get_by_label("To").fill("20:00")
    await dialog.get_by_role("button", name="Save").click()
    await _saves(page)
    assert await sql.fetchval("SELECT count(*) FROM availability_patterns") == 3


async def test_a_person_made_unheard_is_made_once(hub: Hub, visit: Visit, sql: Any) -> None:
    await visit.sign_in(hub.url, ADMIN, "#/admin/users")
    page = visit.page
    dialog = page.locator("dialog[open]")
    await page.get_by_role("button", name="New user").click()
    for label, text in (("First name", "Noa"), ("Last name", "Lindt"), ("E-mail", "noa@example.com"),
                        ("Sign-in subject", "noa-1")):  # fmt: skip
        await dialog.get_by_label(label).fill(text)
    save = dialog.get_by_role("button", name="New user")
    async with unheard(visit, "**/api/v1/users", "POST"):
        await save.click()
        await expect(dialog.locator(".form-fault")).to_have_text(_UNREACHABLE, timeout=PATIENCE)
    await save.click()
    await _saves(page, "Noa Lindt")


async def test_what_was_changed_unheard_is_saved(hub: Hub, visit: Visit, sql: Any) -> None:
    dialog = await _week(hub, visit, sql, 1)
    page = visit.page
    # It is looked at at once, and there it is.
    await page.locator(".chip").click()
    await dialog.get_by_label("From").fill("08:00")
    async with unheard(visit, "**/availability/patterns/*", "PATCH") as asked:
        await dialog.get_by_role("button", name="Save").click()
        await _saves(page)
    assert asked == ["PATCH"]
    # It cannot be looked at: whoever presses again, as it was or with more, is told of nobody else.
    for end in ("13:00", "14:00"):
        visit.refusals.add(412)
        async with page.expect_response("**/availability/patterns/*"):
            await page.locator(".chip").click()
        await dialog.get_by_label("To").fill("13:00")
        async with unheard(visit, "**/availability/patterns/*", "PATCH", "GET"):
            await dialog.get_by_role("button", name="Save").click()
            await expect(dialog.locator(".form-fault")).to_have_text(_UNREACHABLE, timeout=PATIENCE)
        await dialog.get_by_label("To").fill(end)
        await dialog.get_by_role("button", name="Save").click()
        await _saves(page)
        await expect(page.locator(".chip")).to_have_text(f"08:00–{end}")
        assert [tuple(row) for row in await sql.fetch(_PATTERNS)] == [(3, "08:00:00", f"{end}:00")]
        await sql.execute("UPDATE availability_patterns SET end_time = '12:00'")
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.locator(".chip")).to_have_text("08:00–12:00", timeout=PATIENCE)


async def test_what_another_changed_is_not_taken_back_by_saving_anew(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    dialog = await _week(hub, visit, sql, 1)
    page = visit.page
    visit.refusals.add(412)
    async with page.expect_response("**/availability/patterns/*"):
        await page.locator(".chip").click()
    await sql.execute("UPDATE availability_patterns SET start_time = '10:00'")
    await dialog.get_by_label("To").fill("13:00")
    save = dialog.get_by_role("button", name="Save")
    await save.click()
    await expect(dialog.locator(".form-fault")).to_contain_text("changed", timeout=PATIENCE)
    await save.click()
    await _saves(page)
    assert [tuple(row) for row in await sql.fetch(_PATTERNS)] == [(3, "10:00:00", "13:00:00")]


async def test_a_flight_changed_unheard_is_saved(hub: Hub, visit: Visit, sql: Any) -> None:
    key = await book(sql, at="now() + interval '2 hours'", minutes=60)
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day")
    page = visit.page
    visit.refusals.add(412)
    await visit.flight(key).locator("button").click()
    async with page.expect_response(f"**/api/v1/bookings/{key}"):
        await page.get_by_role("button", name="Change this flight").click()
    await page.get_by_label("Minutes").fill("45")
    save = page.get_by_role("button", name="Save", exact=True)
    async with unheard(visit, f"**/bookings/{key}", "PATCH", "GET"):
        await save.click()
        await expect(page.locator("dialog[open] .form-fault")).to_have_text(
            _UNREACHABLE, timeout=PATIENCE
        )
    await save.click()
    await _saves(page)


async def test_what_is_gone_is_deleted(hub: Hub, visit: Visit, sql: Any) -> None:
    dialog = await _week(hub, visit, sql, 1)
    page = visit.page
    visit.refusals.add(404)
    await page.locator(".chip").click()
    async with unheard(visit, "**/availability/patterns/*", "DELETE"):
        await dialog.get_by_role("button", name="Delete").click()
        await expect(dialog.locator(".form-fault")).to_have_text(_UNREACHABLE, timeout=PATIENCE)
    await dialog.get_by_role("button", name="Delete").click()
    await _saves(page, "Deleted")
    await expect(page.locator(".chip")).to_have_count(0)
