"""What is answered, alike for every resource: a row that was read, made or changed.

No rule is here; what was written, the floors below have said. Invariant: an answer that was kept
under an Idempotency-Key says that it is one.
"""

from __future__ import annotations

import orjson

from hub.rest.registry import Answer
from hub.schedule.once import Written
from hub.schedule.reading import One
from hub.schedule.version import encode


def read(found: One) -> Answer:
    """200: a row as it was in its snapshot."""
    return Answer(encode(found.row), snapshot=found.snapshot)


def made(done: Written, path: str, *, secret: bool = False) -> Answer:
    """201: a new row, and where it is from now on. With a ``secret`` in it, it is no version of
    the row, and nobody may keep it.
    """
    answer = changed(done)
    answer.status = 201
    answer.headers["Location"] = f"{path}/{orjson.loads(done.shown)['id']}"
    if secret:
        answer.tagged = False
        answer.headers["Cache-Control"] = "no-store"
    return answer


def changed(done: Written, shown_at: str | None = None) -> Answer:
    """200: a row as it is now. ``shown_at`` is where to read it, if that is elsewhere."""
    headers = {} if shown_at is None else {"Content-Location": shown_at}
    return Answer(
        done.shown, transaction=done.transaction, headers=headers | _replayed(done), tagged=True
    )


def counted(done: Written) -> Answer:
    """200: what was done, which is no row."""
    return Answer(done.shown, transaction=done.transaction, headers=_replayed(done))


def done(done: Written) -> Answer:
    """204: there is nothing to show."""
    return Answer(status=204, transaction=done.transaction, headers=_replayed(done))


def _replayed(done: Written) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if done.replayed else {}
