"""Moments as clients write them: RFC 3339, and nothing that would have to be guessed at.

Pure. What PostgreSQL writes is another matter: ``rows.moment``. Invariant: what comes out is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: RFC 3339 section 5.6, its leap second and its lower case included.
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def rfc3339(text: str) -> datetime:
    """RFC 3339 with an offset, as UTC to the microsecond. Raises ValueError, saying why."""
    if (found := _MOMENT.fullmatch(text)) is None:
        if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?", text, re.ASCII):
            raise ValueError("has no offset from UTC; end it with Z or, say, +02:00")
        if re.search(r"\d \d\d:\d\d$", text):
            raise ValueError("is not RFC 3339; is that a + that should be %2B?")
        raise ValueError("is not an RFC 3339 time such as 2030-01-31T15:00:00Z")
    day, minute, second, fraction, offset = found.groups()
    leap = second == "60"
    try:
        when = datetime.fromisoformat(
            f"{day}T{minute}:{'59' if leap else second}{(fraction or '')[:7]}{offset.upper()}"
        ).astimezone(UTC)
        return when + timedelta(seconds=1) if leap else when
    except (ValueError, OverflowError):
        raise ValueError("is no moment of the calendar") from None
