"""The timeline: the status in a word that can be read, the focus that stays, and one stop for each lane."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect
from running import Hub
from visiting import INSTRUCTOR, PATIENCE, STUDENT, Visit, book

_STATUSES = ("CONFIRMED", "AT_RISK", "RESCHEDULING", "COMPLETED", "CANCELLED")

# What of a status's word can be seen: its widest line, cut by nothing around it.
_SEEN = """block => Math.max(...[...block.querySelectorAll('.block-word, .block-short')].map((word) => {
  const box = word.getBoundingClientRect(), around = block.getBoundingClientRect();
  const clipped = getComputedStyle(word).clipPath !== 'none' || getComputedStyle(word).display === 'none';
  const cut = word.scrollWidth > word.clientWidth + 1 || box.right > around.right || box.bottom > around.bottom + 1 || box.top < around.top - 1;
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
