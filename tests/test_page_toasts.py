"""Messages on a phone: one at a time with a count, heard once, over nothing that is needed."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect
from running import Hub
from visiting import PATIENCE, STUDENT, Visit, Visitors, person

SAY = """async (words) => {
  const { src } = document.querySelector('script[type=module]');
  const { toast } = await import(src.replace('app.js', 'toast.js'));
  for (const one of words) toast(one);
}"""
ASK = """async (words) => {
  const { src } = document.querySelector('script[type=module]');
  const { toast } = await import(src.replace('app.js', 'toast.js'));
  const how = { text: 'Until Mon, May 4, 10:30 (17:30Z).', action: { word: 'Choose a time', run() {} } };
  for (const one of words) toast(one, how);
}"""
#: What waits for as long as notifications are gathered waits until `gathered()` says so.
HOLD = """
const held = [], { setTimeout: real } = window;
window.setTimeout = (run, time, ...more) => (time === 800 ? (held.push(run), -1) : real(run, time, ...more));
window.gathered = () => held.splice(0).map((run) => run()).length;
"""
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
    await low.evaluate("one => one.blur()")
    await page.keyboard.press("Escape")
    await expect(toasts).to_have_attribute("data-edge", "below")
    await low.evaluate("one => { one.className = 'is-first'; }")
    await page.evaluate(SAY, ["second"])
    await expect(toasts).to_have_attribute("data-edge", "above")
    assert not await low.evaluate(OVER)


async def test_what_is_said_can_be_read_beside_what_is_offered(
    hub: Hub, visitors: Visitors
) -> None:
    """On the narrowest phone, too; and a question around it does not make a text of its title."""
    visit = await visitors(viewport={"width": 360, "height": 640})
    page = visit.page
    await visit.sign_in(hub.url)
    await page.evaluate(ASK, ["A deadline is near"])
    title, text = page.locator(".toast b"), page.locator(".toast p > span").first
    assert await title.evaluate("one => one.getClientRects().length") == 1
    assert await text.evaluate("one => one.scrollHeight <= one.clientHeight")
    looks = "one => { const { color, margin } = getComputedStyle(one.parentNode); return [color, margin]; }"
    before = await title.evaluate(looks)
    await page.evaluate(
        """async () => {
          const { src } = document.querySelector('script[type=module]');
          const { confirm } = await import(src.replace('app.js', 'toast.js'));
          confirm({ title: 'Sure?' });
        }"""
    )
    await expect(page.locator("#confirm .toast")).to_be_visible()
    assert await title.evaluate(looks) == before


async def test_whoever_scrolls_does_not_keep_it(hub: Hub, visit: Visit) -> None:
    page = visit.page
    await page.add_init_script(
        """const { setTimeout: real } = window;
        window.waits = 0;
        window.setTimeout = (run, time, ...more) => {
          window.waits += time === 7000;
          return real(run, time, ...more);
        };"""
    )
    await visit.sign_in(hub.url, STUDENT)
    await page.evaluate(SAY, ["one"])
    await expect(page.locator(".toast")).to_be_visible()
    begun = await page.evaluate("waits")
    assert begun > 0
    await page.evaluate(
        """async () => {
          for (let n = 0; n < 5; n += 1) {
            dispatchEvent(new Event("scroll"));
            await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
          }
        }"""
    )
    assert await page.evaluate("waits") == begun


async def test_with_room_all_are_seen_and_none_is_counted(hub: Hub, visit: Visit) -> None:
    page = visit.page
    await visit.sign_in(hub.url)
    await page.evaluate(SAY, ["first", "second", "third"])
    await expect(page.locator(".toast").locator("visible=true")).to_have_count(3)
    await expect(page.locator(".toast-more").locator("visible=true")).to_have_count(0)


async def _three(visit: Visit, hub: Hub, sql: Any) -> None:
    """Three notifications arrive, each of a transaction of its own."""
    await sql.execute("UPDATE notifications SET read = true")
    await visit.page.add_init_script(HOLD)
    await visit.sign_in(hub.url, STUDENT)
    await visit.hears('"type":"live","id":"1"')  # what comes before is part of the first picture
    for title in ("one", "two", "three"):
        await sql.execute(
            """INSERT INTO notifications (user_id, type, title, message)
               VALUES ($1::text::uuid, 'CONFIRMATION', $2, 'Something')""",
            await person(sql, STUDENT),
            title,
        )
    badge = visit.page.locator('.nav a[href="#/notifications"] .badge')
    await expect(badge).to_have_text("3", timeout=PATIENCE)
    await expect(visit.page.locator(".toast")).to_have_count(0)


async def test_what_arrives_within_a_moment_is_one_message(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _three(visit, hub, sql)
    assert await visit.page.evaluate("gathered()") == 1
    toast = visit.page.locator(".toast")
    await expect(toast).to_have_count(1)
    await expect(toast).to_contain_text("3 new notifications")
    await expect(visit.page.locator("#toasts [role=status]")).to_have_text("3 new notifications")


async def test_what_was_read_meanwhile_is_not_called_out(hub: Hub, visit: Visit, sql: Any) -> None:
    await _three(visit, hub, sql)
    await sql.execute("UPDATE notifications SET read = true WHERE title = 'two'")
    badge = visit.page.locator('.nav a[href="#/notifications"] .badge')
    await expect(badge).to_have_text("2", timeout=PATIENCE)
    assert await visit.page.evaluate("gathered()") == 1
    await expect(visit.page.locator(".toast b")).to_have_text(["one", "three"])
