"""Signing in with the school's provider, in a real Chromium: a hub in production, a stand-in of Cognito."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hosted import Hosted
from playwright.async_api import Page, expect
from running import Hub
from test_page_unkept import deny
from visiting import ADMIN, PATIENCE, STUDENT, Visit, Visitors, book

STRANGER = "stranger@example.com"


@pytest.fixture
async def school(start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str, hosted: Hosted) -> Hub:
    """A hub whose people sign in with the provider, and a stranger with them."""
    hub = await start_hub(seeded_dsn, **hosted.settings(), log_level="debug")
    hosted.admit(hub.url)
    for email in (ADMIN, STUDENT):
        rows = await hub.house.pool.fetch(
            "SELECT cognito_user_id FROM users WHERE email = $1", email
        )
        hosted.people[rows[0][0]] = email
    hosted.people["0dd5-stranger"] = STRANGER
    return hub


@pytest.fixture
async def hub(school: Hub) -> Hub:
    """What ``sql`` speaks to."""
    return school


async def sign_in(visit: Visit, url: str, email: str = ADMIN, path: str = "") -> None:
    await visit.page.goto(f"{url}/{path}")
    await begin(visit.page)
    await visit.page.get_by_role("button", name=email).click()


async def begin(page: Page) -> None:
    """From the door to the provider's page."""
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE)


async def tab(visit: Visit) -> Visit:
    """Another tab of the same browser."""
    page = await visit.page.context.new_page()
    page.set_default_timeout(PATIENCE)
    return Visit(page)


async def at_the_door(visit: Visit, words: str) -> None:
    await expect(visit.page.locator("#door-error")).to_contain_text(words, timeout=PATIENCE)
    await expect(visit.page.get_by_role("button", name="Sign in")).to_be_enabled()
    await expect(visit.page.locator("#app")).to_be_hidden()


async def kept(visit: Visit) -> dict[str, Any]:
    """The record that the tabs share."""
    text = await visit.page.evaluate("localStorage.getItem('hub.signin')")
    return orjson.loads(text) if text else {}


async def shift(visit: Visit, *, asked: float, tick: float) -> None:
    """Move the moments at which the kept token was asked for, by either clock, by seconds."""
    await visit.page.evaluate(
        """([asked, tick]) => { const held = JSON.parse(localStorage.getItem("hub.signin"));
                   held.askedAt += asked * 1000; held.tick += tick * 1000;
                   localStorage.setItem("hub.signin", JSON.stringify(held)); }""",
        [asked, tick],
    )


def codes(visit: Visit) -> list[str]:
    """The codes that came back to the hub's page, as addresses."""
    return [url for url in visit.addresses if "code=" in url and "127.0.0.1" in url]


async def renewed_once(hosted: Hosted, before: int) -> bool:
    """Wait until the token endpoint was asked for a renewal; whether it was but once."""
    await until(lambda: hosted.count("refresh_token") > before)
    return hosted.count("refresh_token") == before + 1


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE / 1000):
        while not true():
            await asyncio.sleep(0.02)


async def test_signing_in_leads_to_live_rows_and_to_where_one_was_going(
    hub: Hub, hosted: Hosted, visit: Visit, sql: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    key = await book(sql)
    referers: list[str] = []
    visit.page.on("request", lambda asked: referers.append(asked.headers.get("referer", "")))
    await visit.page.goto(f"{hub.url}/#/day")
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await sign_in(visit, hub.url, path="#/notifications")
    await visit.says("Live")
    assert visit.page.url == f"{hub.url}/#/notifications"
    await expect(visit.page.locator("#me")).to_contain_text("Administrator")
    await visit.go("day")
    await visit.shows(key, "CONFIRMED")

    (came,) = codes(visit)
    asked = parse_qs(urlsplit(came).query)
    code, state = asked["code"][0], asked["state"][0]
    (authorize,) = [path for _, path, *_ in hosted.asked if path.startswith("/oauth2/authorize")]
    begun = parse_qs(urlsplit(authorize).query)
    assert begun["code_challenge_method"] == ["S256"]
    assert len(begun["nonce"][0]) == len(begun["state"][0]) == 43
    assert begun["scope"] == ["openid email profile"]
    # Once it is used nothing of it is left, in any storage or in the tab's history.
    record = await kept(visit)
    left = await visit.page.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}, location.href, history.state])"
    )
    assert code not in left
    assert state not in left
    await visit.page.reload()
    await visit.says("Live")
    await visit.shows(key, "CONFIRMED")
    assert hosted.count("authorization_code") == 1
    # What came with whom: no address told anybody the code or a token; the log knows neither.
    secrets = (code, record["access"], record["refresh"])
    referers += [headers.get("Referer", "") for _, _, headers, _ in hosted.asked]
    assert not any(code in referer for referer in referers)
    for url in visit.addresses:
        assert not any(secret in url for secret in secrets[1:])
    heard = capfd.readouterr()
    assert "/api/v1/bookings" in heard.out + heard.err
    for secret in secrets:
        assert secret not in heard.out + heard.err

    # A new tab needs no sign-in.
    other = await tab(visit)
    await other.page.goto(hub.url)
    await other.says("Live")
    assert hosted.count("authorization_code") == 1
    assert other.complaints == []


async def test_what_was_not_begun_here_or_is_used_is_refused_in_words(
    hub: Hub, hosted: Hosted, visit: Visit, visitors: Visitors
) -> None:
    visit.refusals.add(400)
    page = visit.page
    # Nobody asked.
    await page.goto(f"{hub.url}/?code=0e3b&state=forged")
    await at_the_door(visit, "was not begun on this page")
    assert page.url == f"{hub.url}/"
    # Asked, but another state came back.
    await begin(page)
    await page.goto(f"{hub.url}/?code=0e3b&state=forged")
    await at_the_door(visit, "was not begun on this page")
    assert hosted.count("authorization_code") == 0
    # The provider's refusals: with state and, as some of Cognito's come, without.
    await begin(page)
    await page.get_by_role("button", name="Cancel").click()
    await at_the_door(visit, "did not let you in")
    await page.goto(f"{hub.url}/?error=invalid_scope&error_description=Call+1-800-EVIL")
    await at_the_door(visit, "refused (invalid_scope)")
    await expect(page.locator("body")).not_to_contain_text("EVIL")
    # A code that is too old.
    hosted.code_lifetime = -1
    await begin(page)
    await page.get_by_role("button", name=ADMIN).click()
    await at_the_door(visit, "took too long or was used before")
    assert hosted.count("authorization_code") == 1
    # Tokens that answer another attempt.
    hosted.code_lifetime, hosted.nonce = 300, "another's"
    await page.get_by_role("button", name="Sign in").click()
    await at_the_door(visit, "refused (nonce)")
    assert await kept(visit) == {}
    # Nobody answers; the provider still knows the person, so one button is enough when it is back.
    hosted.nonce, hosted.failing = None, 503
    visit.refusals.add(503)
    await page.get_by_role("button", name="Sign in").click()
    await at_the_door(visit, "could not be reached")
    hosted.failing = None
    await page.get_by_role("button", name="Sign in").click()
    await visit.says("Live")

    # The address that worked works no second time, and disturbs nobody who is in.
    again = codes(visit)[-1]
    asked = hosted.count("authorization_code")
    await page.goto(again)
    await visit.says("Live")
    assert page.url == f"{hub.url}/"
    thief = await visitors()
    await thief.page.goto(again)
    await at_the_door(thief, "was not begun on this page")
    assert hosted.count("authorization_code") == asked


async def test_a_token_is_renewed_in_place_and_tabs_renew_as_one(
    hub: Hub, hosted: Hosted, visit: Visit, sql: Any
) -> None:
    key = await book(sql)
    hosted.lifetime = 66  # the hub says "expiring" a minute before the end
    await sign_in(visit, hub.url, path="#/day")
    await visit.shows(key, "CONFIRMED")
    others = [await tab(visit) for _ in range(3)]
    for one in others:
        await one.page.goto(f"{hub.url}/#/day")
        await one.says("Live")
    before = await kept(visit)
    await visit.hears('"expiring"')
    await visit.hears('"renewed"')
    after = await kept(visit)
    assert after["access"] != before["access"]
    assert after["refresh"] != before["refresh"]
    sockets = [url for url in visit.addresses if url.startswith("ws")]
    assert len(sockets) == 1
    renewals = hosted.count("refresh_token")
    assert renewals == 1

    # Asked for at once by four tabs: one renewal, and nobody uses a rotated token twice.
    hosted.lifetime = 3600
    everybody = (visit, *others)
    await shift(visit, asked=-65, tick=-65)
    await asyncio.gather(*(one.go("day/2031-01-31") for one in everybody))
    for one in everybody:
        await expect(one.page.locator("#day")).to_contain_text("No flights", timeout=PATIENCE)
        await one.says("Live")
    assert hosted.count("refresh_token") == renewals + 1
    # A clock that was set is no reason to believe in an old token: one set back by an hour; and one set
    # back by as much as the token's age.
    for day, asked, tick in ((1, 3600.0, 3600.0), (2, 0.0, -3590.0)):
        renewals = hosted.count("refresh_token")
        await shift(visit, asked=asked, tick=tick)
        await visit.go(f"day/2031-02-0{day}")
        assert await renewed_once(hosted, renewals)
        await expect(visit.page.locator(".page h1")).to_contain_text(f"February {day}")
        await expect(visit.page.locator("#day")).to_contain_text("No flights", timeout=PATIENCE)
    # A renewal that a reload cuts off is asked for again, within the provider's time of grace.
    hosted.grace = 60
    await shift(visit, asked=-3590, tick=-3590)
    await asyncio.gather(*(one.page.reload() for one in everybody))
    for one in everybody:
        await one.says("Live")
    assert hosted.count("authorization_code") == 1
    assert [one.complaints for one in others] == [[], [], []]


async def test_silence_ends_no_session_but_a_refusal_does(
    hub: Hub, hosted: Hosted, visit: Visit
) -> None:
    visit.refusals |= {400, 503}
    # As pools are unless told otherwise: the one refresh token serves to its end.
    hosted.lifetime, hosted.rotates = 66, False
    await sign_in(visit, hub.url)
    await visit.says("Live")
    hosted.failing = 503
    held = await kept(visit)
    await until(lambda: hosted.count("refresh_token") >= 1)
    assert await kept(visit) == held
    await visit.page.reload()
    await visit.says("Live")
    # Over by the clock, and still nobody answers: it waits, and comes back by itself.
    await shift(visit, asked=-70, tick=-70)
    await visit.page.reload()
    await expect(visit.page.locator("#banner")).to_contain_text("Try now", timeout=PATIENCE)
    hosted.failing = None
    await visit.says("Live")
    assert (await kept(visit))["access"] != held["access"]

    # Revoked: said at the door of every tab, and the way on works.
    other = await tab(visit)
    other.refusals.add(400)
    await other.page.goto(hub.url)
    await other.says("Live")
    hosted.grants.clear()
    for one in (visit, other):
        await at_the_door(one, "Your sign-in has ended")
    assert await kept(visit) == {}
    asked = hosted.count("refresh_token")
    await visit.page.get_by_role("button", name="Sign in").click()
    await visit.says("Live")
    # The other one comes in with it.
    await other.says("Live")
    assert hosted.count("refresh_token") == asked
    assert other.complaints == []


async def test_signing_out_in_one_tab_signs_out_all_and_the_provider(
    hub: Hub, hosted: Hosted, visit: Visit, sql: Any
) -> None:
    key = await book(sql)
    await sign_in(visit, hub.url, path="#/day")
    await visit.shows(key, "CONFIRMED")
    refresh = (await kept(visit))["refresh"]
    other = await tab(visit)
    await other.page.goto(f"{hub.url}/#/day")
    await other.shows(key, "CONFIRMED")
    # One that was left for another page, and may come back from the browser's cache.
    gone = await tab(visit)
    await gone.page.goto(hub.url)
    await gone.says("Live")
    await gone.page.goto("about:blank")

    await visit.page.locator("#me").click()
    await visit.page.locator("#sign-out").click()
    await at_the_door(other, "Your sign-in has ended")
    await expect(other.page.locator(".page")).to_have_count(0)
    await visit.page.wait_for_url(f"{hub.url}/")
    await at_the_door(visit, "")
    await until(lambda: hosted.revoked == [refresh])
    assert hosted.sessions == {}
    assert await kept(visit) == {}
    await gone.page.go_back()
    await expect(gone.page.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)

    # Whoever is next is asked who they are, and nothing of the last is left.
    await begin(visit.page)
    await visit.page.get_by_role("button", name=STUDENT).click()
    await visit.says("Live")
    await expect(visit.page.locator("#me")).to_contain_text("Student")
    await expect(other.page.locator("#me")).to_contain_text("Student", timeout=PATIENCE)
    assert other.complaints == []


async def test_whom_the_school_does_not_know_is_told_so_once(
    hub: Hub, hosted: Hosted, visit: Visit
) -> None:
    visit.refusals.add(403)
    await sign_in(visit, hub.url, STRANGER)
    await expect(visit.page.locator("#banner")).to_contain_text(
        "this school has no account for you", timeout=PATIENCE
    )
    sockets = [url for url in visit.addresses if url.startswith("ws")]
    assert len(sockets) == 1
    assert hosted.count("refresh_token") == 0
    # The way on: the provider forgets them, so that they can be somebody else.
    await visit.page.get_by_role("button", name="Sign in again").click()
    await begin(visit.page)
    await visit.page.get_by_role("button", name=ADMIN).click()
    await visit.says("Live")


async def test_two_tabs_may_sign_in_at_once(hub: Hub, hosted: Hosted, visit: Visit) -> None:
    other = await tab(visit)
    for one in (visit, other):
        await one.page.goto(hub.url)
        await begin(one.page)
    for one in (visit, other):
        await one.page.get_by_role("button", name=ADMIN).click()
    for one in (visit, other):
        await one.says("Live")
    assert hosted.count("authorization_code") == 2
    # One grant is left; the other was given back.
    await until(lambda: len(hosted.revoked) == 1)
    assert list(hosted.grants) == [(await kept(visit))["refresh"]]
    assert other.complaints == []


async def test_who_keeps_nothing_is_told_before_they_leave(
    hub: Hub, hosted: Hosted, visit: Visit
) -> None:
    """Whoever comes back with a code could not be told from somebody else."""
    await deny(visit, "localStorage", "sessionStorage")
    await visit.page.goto(hub.url)
    await visit.page.get_by_role("button", name="Sign in").click()
    await at_the_door(visit, "keeps no data for this site")
    assert hosted.asked == []
    # Somebody's link: it is taken out of the address all the same.
    await visit.page.goto(f"{hub.url}/?code=c0de&state=none")
    await expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert visit.page.url == f"{hub.url}/"


async def test_where_no_record_is_kept_the_session_is_the_pages_own(
    hub: Hub, hosted: Hosted, visit: Visit, sql: Any
) -> None:
    hosted.lifetime = 66  # the hub says "expiring" a minute before the end
    key = await book(sql)
    await deny(visit, "localStorage")
    await visit.page.add_init_script(
        "LockManager.prototype.request = () => Promise.reject(new DOMException('', 'SecurityError'))"
    )
    await sign_in(visit, hub.url, path="#/day")
    await visit.shows(key, "CONFIRMED")
    await visit.hears('"renewed"')
    await visit.page.reload()
    await expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
