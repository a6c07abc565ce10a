"""Pages: a place in a list as opaque text, and the link to what comes after it.

Pure. Invariant: a page begins right behind the row its place names, whatever was written in
between, so nothing is shown twice and nothing that stayed is skipped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, WithJsonSchema
from yarl import URL

from hub.rest.registry import Answer
from hub.schedule.fields import UUID_TEXT, Digits
from hub.schedule.reading import Page, Place, Shown, WrittenPage
from hub.schedule.users import NamePlace
from hub.schedule.version import encode

#: ``to_jsonb``'s times: PostgreSQL's years go from 4714 BC to 294276 (manual, 8.5).
_TIME = re.compile(r"(\d{4,6})(-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?(?:Z|\+00:00)( BC)?", re.ASCII)
_FOREIGN = "is not from an earlier page"


def _is_time(text: str) -> bool:
    if text.removeprefix("-") == "infinity":
        return True
    if (found := _TIME.fullmatch(text)) is None:
        return False
    year, rest, _, before_christ = found.groups()
    if not 0 < int(year) <= (4714 if before_christ else 294_276):
        return False
    # The calendar comes round every 400 years, and that is as far as Python's goes.
    alike = 2000 + (1 - int(year) if before_christ else int(year)) % 400
    try:
        datetime.fromisoformat(f"{alike}{rest}")
    except ValueError:
        return False
    return True


def _read(text: Any) -> tuple[str, str]:
    """The id, and where it stands."""
    try:
        decoded = base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (ValueError, TypeError):
        raise ValueError(_FOREIGN) from None
    id, _, where = decoded.partition(" ")
    if not UUID_TEXT.fullmatch(id):
        raise ValueError(_FOREIGN)
    return id, where


def _place(text: Any) -> Place:
    id, time = _read(text)
    if not _is_time(time):
        raise ValueError(_FOREIGN)
    return Place(time, id)


def _name_place(text: Any) -> NamePlace:
    id, names = _read(text)
    match _json(names):
        case [str(last), str(first)] if "\0" not in last + first:
            return NamePlace(last, first, id)
    raise ValueError(_FOREIGN)


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


Limit = Annotated[int, Digits, Field(ge=1, le=100)]
#: What an earlier page's ``next`` said.
After = Annotated[Place, BeforeValidator(_place), WithJsonSchema({"type": "string"})]
#: The same where a list is in order of names.
AfterName = Annotated[NamePlace, BeforeValidator(_name_place), WithJsonSchema({"type": "string"})]


def answer(page: Page | WrittenPage, time: str | Callable[[Shown], str], url: URL) -> Answer:
    """A page as it is answered; ``time`` names the member it is ordered by, or makes it of a row."""
    after, headers = further(page, time, url)
    told = {"items": page.rows, "next": after}
    return Answer(encode(told), snapshot=page.snapshot, headers=headers)


def further(
    page: Page | WrittenPage, time: str | Callable[[Shown], str], url: URL
) -> tuple[str | None, dict[str, str]]:
    """What ``next`` says behind a page, and the header that links to ``url`` from there on."""
    if not page.more:
        return None, {}
    last = page.last
    when = last[time] if isinstance(time, str) else time(last)
    after = base64.urlsafe_b64encode(f"{last['id']} {when}".encode()).decode()
    return after, {"Link": f'<{url.update_query(after=after).raw_path_qs}>; rel="next"'}
