"""Questions that are asked before something is done: they go with the page that asked, unanswered."""

from __future__ import annotations

from playwright.async_api import Page, expect
from running import Hub
from visiting import STUDENT, Visit

_ASK = """async () => {
  const { confirm } = await import(new URL('toast.js', document.querySelector(
    'link[rel=modulepreload][href$="/js/app.js"]').href));
  window.leave = new AbortController();
  confirm({ title: 'Sure?', signal: window.leave.signal })
    .then((sure) => (document.body.dataset.sure = sure));
}"""


async def _asked(hub: Hub, visit: Visit) -> Page:
    """A page with a question over it."""
    await visit.sign_in(hub.url, STUDENT)
    page = visit.page
    await page.evaluate(_ASK)
    await expect(page.locator("#confirm")).to_be_visible()
    return visit.page


async def test_a_question_closes_at_the_next_address(hub: Hub, visit: Visit) -> None:
    page = await _asked(hub, visit)
    await visit.go("notifications")
    await expect(page.locator(".page h1")).to_have_text("Notifications")
    await expect(page.locator("#confirm")).to_be_hidden()
    await expect(page.locator("body")).to_have_attribute("data-sure", "false")
    await expect(page.locator(".page h1")).to_be_focused()


async def test_a_question_closes_with_what_asked(hub: Hub, visit: Visit) -> None:
    page = await _asked(hub, visit)
    await page.evaluate("window.leave.abort()")
    await expect(page.locator("body")).to_have_attribute("data-sure", "false")
    await expect(page.locator("#confirm")).to_be_hidden()
