"""Messages on a phone: one at a time with a count, heard once, over nothing that is needed."""

from __future__ import annotations

from playwright.async_api import expect
from running import Hub
from visiting import Visitors

SAY = """async (words) => {
  const { src } = document.querySelector('script[type=module]');
  const { toast } = await import(src.replace('app.js', 'toast.js'));
  for (const one of words) toast(one);
}"""
OVER = """(one) => {
  const [a, b] = [one, document.querySelector('.toast[data-front]')].map((it) => it.getBoundingClientRect());
  return a.top < b.bottom && a.bottom > b.top && a.left < b.right && a.right > b.left;
}"""


async def test_one_is_seen_on_a_phone_and_all_are_heard_once(hub: Hub, visitors: Visitors) -> None:
    visit = await visitors(viewport={"width": 360, "height": 740})
    page = visit.page
    await visit.sign_in(hub.url)
    await page.locator("#me").focus()
    await page.evaluate(SAY, ["first", "second", "third"])
    shown = page.locator(".toast").locator("visible=true")
    await expect(shown).to_have_count(1)
    await expect(shown).to_contain_text("third")
    await expect(shown).to_contain_text("2 more")
    voice = page.locator("#toasts [role=status]")
    await expect(voice.locator("p")).to_have_count(3)
    await expect(page.locator("#me")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(shown).to_contain_text("second")
    await expect(shown).to_contain_text("1 more")
    await expect(voice.locator("p")).to_have_count(2)  # nothing is said anew
    # Dismissed by its own button, the next one's has the focus, and what had it before gets it back.
    await shown.get_by_role("button", name="Dismiss").focus()
    await page.keyboard.press("Enter")
    await expect(shown.get_by_role("button", name="Dismiss")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(shown).to_have_count(0)
    await expect(page.locator("#me")).to_be_focused()


async def test_it_stands_over_neither_what_has_the_focus_nor_what_is_pressed_first(
    hub: Hub, visitors: Visitors
) -> None:
    visit = await visitors(viewport={"width": 390, "height": 844})
    page = visit.page
    await visit.sign_in(hub.url)
    await page.evaluate(
        """() => {
          const one = document.createElement('button');
          one.id = 'low';
          one.style = 'position: fixed; bottom: 80px; left: 100px; width: 90px; height: 44px';
          document.getElementById('main').append(one);
        }"""
    )
    low, toasts = page.locator("#low"), page.locator("#toasts")
    await page.evaluate(SAY, ["first"])
    await expect(toasts).to_have_attribute("data-edge", "below")
    assert await low.evaluate(OVER)
    await low.focus()
    await expect(toasts).to_have_attribute("data-edge", "above")
    assert not await low.evaluate(OVER)
    await low.evaluate("one => { one.blur(); one.className = 'is-first'; }")
    await page.evaluate(SAY, ["second"])
    assert not await low.evaluate(OVER)
