"""The admin's users, keys and audit trail at the page."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, Route, expect
from running import Client, Hub
from visiting import (
    ADMIN,
    INSTRUCTOR,
    OTHER_STUDENT,
    PATIENCE,
    STUDENT,
    Visit,
    Visitors,
    book,
    person,
)


async def _open(visit: Visit, key: str) -> Locator:
    await visit.flight(key).locator("button").first.click()
    dialog = visit.page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Save")).to_be_visible(timeout=PATIENCE)
    return dialog


async def test_users_are_found_made_changed_and_deleted(hub: Hub, visit: Visit, sql: Any) -> None:
    visit.refusals |= {409, 422}
    await visit.sign_in(hub.url, ADMIN, "#/admin/users")
    page = visit.page
    new = page.get_by_role("button", name="New user")
    await new.click()
    dialog = page.get_by_role("dialog", name="New user")
    await dialog.get_by_label("First name").fill("Ottilie")
    await dialog.get_by_label("Last name").fill("Lilienthal")
    await dialog.get_by_label("E-mail").fill(STUDENT)
    await dialog.get_by_label("Sign-in subject").fill("sub-ottilie")
    await dialog.get_by_label("Phone").fill("no number")
    await dialog.get_by_role("button", name="New user").click()
    await expect(dialog.locator("[data-field=phone_number] .fault")).not_to_be_empty(
        timeout=PATIENCE
    )
    await expect(dialog.get_by_label("Phone")).to_be_focused()
    await dialog.get_by_label("Phone").fill("")
    await dialog.get_by_role("button", name="New user").click()
    await expect(dialog.locator("[data-field=email] .fault")).not_to_be_empty(timeout=PATIENCE)
    await dialog.get_by_label("E-mail").fill("ottilie@example.com")
    await dialog.get_by_role("button", name="New user").click()
    await expect(dialog).to_be_hidden(timeout=PATIENCE)
    key = await person(sql, "ottilie@example.com")
    await expect(visit.flight(key)).to_contain_text("Ottilie Lilienthal", timeout=PATIENCE)

    await page.get_by_label("Find by name").fill("lilien")
    await expect(page.locator(".cards > li")).to_have_count(1)
    dialog = await _open(visit, key)
    await dialog.get_by_label("Training").select_option("PRIVATE_PILOT")
    # Enter saves, as in every form.
    await dialog.get_by_label("First name").press("Enter")
    await expect(dialog).to_be_hidden(timeout=PATIENCE)
    await expect(visit.flight(key)).to_contain_text("Private pilot")
    assert (
        await sql.fetchval("SELECT training_level FROM users WHERE id = $1::text::uuid", key)
        == "PRIVATE_PILOT"
    )

    # What goes along is said with the question, and counted by the hub.
    dialog = await _open(visit, key)
    question = page.locator("#confirm")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(question).to_contain_text("They have no flights.", timeout=PATIENCE)
    await question.get_by_role("button", name="Cancel").click()
    for days in (3, 4, 5):
        await book(sql, "ottilie@example.com", at=f"now() + interval '{days} days'")
    await sql.execute(
        """UPDATE bookings SET status = 'CANCELLED' WHERE student_id = $1::text::uuid
              AND scheduled_datetime > now() + interval '80 hours'""",
        key,
    )
    await dialog.get_by_role("button", name="Delete").click()
    await expect(question).to_contain_text(
        "3 flights of theirs are deleted with them, for whoever flies with them too (1 still to be flown).",
        timeout=PATIENCE,
    )
    await question.get_by_role("button", name="Delete").click()
    await expect(page.locator(".empty")).to_contain_text("Nobody found", timeout=PATIENCE)
    await expect(page.locator("#main h1")).to_be_focused()
    assert await sql.fetchval("SELECT count(*) FROM users WHERE id = $1::text::uuid", key) == 0

    # Who has acted stays on record, and the form says so.
    acted = await person(sql, INSTRUCTOR)
    async with sql.transaction():
        await sql.execute("SELECT set_config('hub.actor', $1, true)", acted)
        await sql.execute(
            "UPDATE users SET phone_number = '+1 650 555 0199' WHERE email = $1", STUDENT
        )
    await page.get_by_label("Find by name").fill("herrera")
    dialog = await _open(visit, acted)
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog.get_by_role("alert")).to_contain_text(
        "Tomás Herrera has changed something here", timeout=PATIENCE
    )
    await expect(question).to_be_hidden()
    await expect(visit.flight(acted)).to_be_visible()


async def test_who_is_renamed_is_called_so_at_once(hub: Hub, visitors: Visitors, sql: Any) -> None:
    """By the form an admin renames themself in, and by a flight of one's own that somebody else renamed."""
    await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '2 hours'")
    student = await visitors()
    await student.sign_in(hub.url, STUDENT, "#/mine")
    await expect(student.page.locator("#me-name")).to_have_text("Jonah Bright")
    admin = await visitors()
    await admin.sign_in(hub.url, ADMIN, "#/admin/users")
    for email, name, shown in ((ADMIN, "Gracie", admin), (STUDENT, "Jonas", student)):
        dialog = await _open(admin, await person(sql, email))
        await dialog.get_by_label("First name").fill(name)
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_be_hidden(timeout=PATIENCE)
        await expect(shown.page.locator("#me-name")).to_contain_text(name, timeout=PATIENCE)


async def test_a_key_is_shown_once_used_and_revoked(
    hub: Hub, visit: Visit, sql: Any, connect: Any
) -> None:
    visit.refusals.add(422)
    await visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visit.sign_in(hub.url, ADMIN, "#/admin/keys")
    page = visit.page
    await expect(page.locator(".empty")).to_contain_text("No keys yet", timeout=PATIENCE)
    await page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Whose it is").fill("Weather monitor")
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(dialog.locator("[data-field=scopes] .fault")).not_to_be_empty(timeout=PATIENCE)
    await expect(dialog.get_by_label("Read flights")).to_be_focused()
    await dialog.get_by_label("Read flights").check()
    await dialog.get_by_role("button", name="Make the key").click()

    dialog = page.get_by_role("dialog", name="The new key")
    field = dialog.get_by_label("Key: Weather monitor")
    await expect(field).to_be_visible(timeout=PATIENCE)
    secret = await field.input_value()
    assert secret.startswith("hub_")
    # An Escape would lose it for good, so the first one asks.
    await page.keyboard.press("Escape")
    await expect(dialog).to_contain_text("not been copied yet")
    await dialog.get_by_role("button", name="Copy").click()
    await expect(dialog).to_contain_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    await dialog.get_by_role("button", name="I have stored it").click()
    await expect(page.locator("dialog.is-wide")).to_have_count(0)
    assert secret not in await page.content()

    card = page.locator(".cards > li", has_text="Weather monitor")
    await expect(card).to_contain_text("Read flights")
    await expect(card).to_contain_text("made ")
    client: Client = await connect(hub, secret)
    await card.get_by_role("button", name="Revoke").click()
    await page.locator("#confirm").get_by_role("button", name="Revoke").click()
    await expect(page.locator(".empty")).to_contain_text("No keys yet", timeout=PATIENCE)
    await expect(page.get_by_text("1 revoked")).to_be_visible()
    assert (await client.until("bye"))["code"] == 4003


async def test_the_trail_says_who_changed_what_from_what_to_what(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '2 days'")
    actor = await person(sql, INSTRUCTOR)
    async with sql.transaction():
        await sql.execute("SELECT set_config('hub.actor', $1, true)", actor)
        await sql.execute(
            "UPDATE bookings SET status = 'AT_RISK', aircraft_id = 'N77TRAIL'"
            " WHERE id = $1::text::uuid",
            key,
        )
    await sql.execute(
        """INSERT INTO availability_overrides (user_id, override_date, reason)
           SELECT $1::text::uuid, current_date + n, 'Away ' || n FROM generate_series(1, 60) n""",
        actor,
    )
    await visit.sign_in(hub.url, ADMIN, "#/admin/audit")
    page = visit.page
    await expect(page.locator(".entry")).to_have_count(30, timeout=PATIENCE)
    await page.get_by_role("button", name="Show older").click()
    await expect(page.locator(".entry")).not_to_have_count(30, timeout=PATIENCE)
    seen = await page.locator(".entry").count()
    assert seen > 30
    ids = await page.locator(".entry").evaluate_all("all => all.map((one) => one.dataset.key)")
    assert len(set(ids)) == len(ids)

    await page.get_by_label("What", exact=True).select_option(label="Flight")
    await page.get_by_label("Action").select_option("update")
    await page.get_by_label("Who", exact=True).select_option(label="Tomás Herrera")
    entry = page.locator(".entry")
    await expect(entry).to_have_count(1, timeout=PATIENCE)
    await expect(entry).to_contain_text("Bright changed by Tomás Herrera", timeout=PATIENCE)
    await expect(entry.locator(".changes")).to_contain_text("Status Confirmed→At risk")
    await expect(entry.locator(".changes")).to_contain_text("N77TRAIL")
    await entry.get_by_role("link", name="Only this one").click()
    await expect(page.locator(".entry")).to_have_count(2, timeout=PATIENCE)
    await expect(page.locator(".entry").last).to_contain_text("made by The system")
    await page.get_by_label("Who", exact=True).select_option(label="Wei Chen")
    await expect(page.locator(".empty")).to_contain_text("Nothing recorded", timeout=PATIENCE)

    visit.refusals.add(422)
    await page.get_by_label("Its id").fill("no-id")
    await page.get_by_label("Its id").blur()
    await expect(page.locator(".empty")).to_contain_text("could not be read", timeout=PATIENCE)


async def test_a_past_that_is_not_there_is_asked_for_once(hub: Hub, visit: Visit, sql: Any) -> None:
    """And a date that is none is no reason to stop drawing."""
    who = await person(sql, INSTRUCTOR)
    for day in ("infinity", "2027-03-09"):
        await sql.execute(
            """INSERT INTO availability_overrides (user_id, override_date)
               VALUES ($1::text::uuid, $2::text::date)""",
            who,
            day,
        )
    await sql.execute(
        "UPDATE availability_overrides SET reason = 'Away' WHERE user_id::text = $1", who
    )
    asked: list[str] = []

    async def nothing(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(json={"items": [], "next": None})

    page = visit.page
    await page.route("**/audit?*entity_id=*", nothing)
    await visit.sign_in(hub.url, ADMIN, "#/admin/audit")
    await expect(page.locator(".entry")).to_have_count(30, timeout=PATIENCE)
    await page.wait_for_load_state("networkidle")
    assert asked
    assert len(asked) == len(set(asked))


async def test_what_people_say_is_named_in_the_trail_as_people_would(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """By whose it is, day and hours, as they were before what the entry tells; its id is a link away."""
    who = await person(sql, INSTRUCTOR)
    key = await sql.fetchval(
        """INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)
           VALUES ($1::text::uuid, 1, '09:10', '12:00') RETURNING id""",
        who,
    )
    for end in ("13:00", "14:00"):
        await sql.execute(
            "UPDATE availability_patterns SET end_time = $2::text::time WHERE id = $1", key, end
        )
    await sql.execute(
        """INSERT INTO availability_overrides (user_id, override_date)
           VALUES ($1::text::uuid, '2027-03-09')""",
        who,
    )
    await visit.sign_in(hub.url, ADMIN, "#/admin/audit")
    entries = visit.page.locator(".entry")
    await expect(entries.nth(0)).to_contain_text(
        "Exception Tomás Herrera, Mar 9 whole day made", timeout=PATIENCE
    )
    for place, said in enumerate(
        ("09:10–13:00 changed", "09:10–12:00 changed", "09:10–12:00 made"), start=1
    ):
        await expect(entries.nth(place)).to_contain_text(
            f"Weekly hours Tomás Herrera, Monday {said}", timeout=PATIENCE
        )
    # Narrowed to what was changed, there is nothing here that tells the rest: it is asked for.
    await visit.page.get_by_label("Action").select_option("update")
    await visit.page.get_by_label("What", exact=True).select_option(label="Weekly hours")
    await expect(entries).to_have_count(2, timeout=PATIENCE)
    await expect(entries.nth(0)).to_contain_text("Tomás Herrera, Monday 09:10–13:00")
    await entries.nth(0).get_by_role("link", name="Only this one").click()
    await expect(visit.page.get_by_label("Its id")).to_have_value(str(key))


async def test_names_that_could_not_be_read_are_asked_for_again(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await visit.sign_in(hub.url, ADMIN, "#/notifications")
    page = visit.page
    await visit.refuse("**/api/v1/users?*")
    await visit.go("admin/audit")
    await expect(page.locator(".entry").first).to_be_visible(timeout=PATIENCE)
    options = page.get_by_label("Who").locator("option")
    await expect(options).to_have_count(1)
    await page.unroute("**/api/v1/users?*")
    await page.get_by_role("button", name="Read again").click()
    await expect(page.get_by_label("Who").locator("optgroup option").first).to_be_attached(
        timeout=PATIENCE
    )


async def test_explain_answers_the_question_that_was_asked_last(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """Its choices may take long to read; a link that is followed meanwhile is the question."""
    one = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '2 hours'")
    two = await book(sql, OTHER_STUDENT, INSTRUCTOR, at="now() + interval '5 hours'")
    student, instructor = await person(sql, STUDENT), await person(sql, INSTRUCTOR)
    await visit.sign_in(hub.url, ADMIN, "#/notifications")
    page = visit.page
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await page.route("**/api/v1/users?*", hold)
    await visit.go(f"admin/explain/{one}/{student}")
    await expect(page.get_by_label("Flight")).to_be_visible(timeout=PATIENCE)
    await visit.go(f"admin/explain/{two}/{instructor}")
    while not held:
        await page.wait_for_timeout(50)
    await held[0].continue_()
    await page.unroute("**/api/v1/users?*")
    await expect(page.locator(".verdict")).to_contain_text("Tomás Herrera", timeout=PATIENCE)
    await expect(page.get_by_label("Flight")).to_have_value(re.compile("Wei Chen"))
    assert f"{two}/{instructor}" in page.url


async def test_what_changed_while_the_hub_was_away_is_read_when_it_is_back(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """No topic tells of users: what was shown before is not to stand under "Live"."""
    await visit.sign_in(hub.url, ADMIN, "#/admin/users")
    key = await person(sql, STUDENT)
    await expect(visit.flight(key)).to_contain_text("Jonah Bright", timeout=PATIENCE)
    visit.hub_is_away = True
    await hub.stop()
    await visit.says("Reconnecting")
    await sql.execute("UPDATE users SET first_name = 'Jonas' WHERE id = $1::text::uuid", key)
    await hub.start()
    await visit.says("Live")
    await expect(visit.flight(key)).to_contain_text("Jonas Bright", timeout=PATIENCE)
