"""Whether what a client kept is still the picture it would be shown: asked when it comes back.

What changed in the rows is told as changes. What changed in the reader or in the day cannot be: then
the client begins anew. Pure. Invariant: nobody resumes with rows that another role, another airport
or another day showed them.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.fanout.views import View
from hub.rules.access import Principal
from hub.rules.event import Event

#: What of a principal's row decides what is before them.
_RIGHTS = {"users": "role", "api_keys": "scopes", "devices": "airport"}


def unlike(view: View, who: Principal, missed: Iterable[Event]) -> str | None:
    """Why a view is another one than before these events; None if it is the same.

    ``rights``: who is asking may see other rows now. ``window``: the filter's days are others.
    """
    for event in missed:
        if event.entity == "days" and view.within.slides:
            return "window"
        column = _RIGHTS.get(event.entity)
        if column is not None and (
            event.key is None or (event.key == who.id and column in event.changed)
        ):
            return "rights"
    return None
