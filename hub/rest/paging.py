"""Pages: a place in a list as opaque text, and the link to what comes after it.

Pure. Invariant: a page begins right behind the row its place names, whatever was written in
between, so nothing is shown twice and nothing that stayed is skipped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, WithJsonSchema
from yarl import URL

from hub.rest.registry import Answer
from hub.schedule.fields import UUID_TEXT
from hub.schedule.reading import Page, Place, Shown
from hub.schedule.users import NamePlace
from hub.schedule.version import encode

#: ``to_jsonb``'s times, the wide range of PostgreSQL included.
_TIME = re.compile(
    r"-?infinity|\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)( BC)?", re.ASCII
)


def _place(text: Any) -> Place:
    try:
        id, _, time = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition(" ")
    except (ValueError, TypeError):
        id = time = ""
    if not _TIME.fullmatch(time) or not UUID_TEXT.fullmatch(id):
        raise ValueError("is not from an earlier page")
    return Place(time, id)


def _name_place(text: Any) -> NamePlace:
    try:
        decoded = base64.b64decode(text, altchars=b"-_", validate=True).decode()
        id, _, names = decoded.partition(" ")
        last, first = orjson.loads(names)
    except (ValueError, TypeError):
        raise ValueError("is not from an earlier page") from None
    if not (isinstance(last, str) and isinstance(first, str) and UUID_TEXT.fullmatch(id)):
        raise ValueError("is not from an earlier page")
    return NamePlace(last, first, id)


Limit = Annotated[int, Field(ge=1, le=100)]
#: What an earlier page's ``next`` said.
After = Annotated[Place, BeforeValidator(_place), WithJsonSchema({"type": "string"})]
#: The same where a list is in order of names.
AfterName = Annotated[NamePlace, BeforeValidator(_name_place), WithJsonSchema({"type": "string"})]


def answer(page: Page, time: str | Callable[[Shown], str], url: URL) -> Answer:
    """A page as it is answered; ``time`` names the member it is ordered by, or makes it of a row."""
    told: dict[str, Any] = {"items": page.rows, "next": None}
    headers = {}
    if page.more:
        last = page.rows[-1]
        when = last[time] if isinstance(time, str) else time(last)
        place = f"{last['id']} {when}".encode()
        told["next"] = base64.urlsafe_b64encode(place).decode()
        headers["Link"] = f'<{url.update_query(after=told["next"]).raw_path_qs}>; rel="next"'
    return Answer(encode(told), snapshot=page.snapshot, headers=headers)
