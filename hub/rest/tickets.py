"""``/api/v1/tickets``: how a page opens a session without a token in its URL.

Whoever is signed in may have one, for themselves. Invariants: a ticket is in this answer, which nobody
may cache, and in no other; it is in no database, since it is worth nothing in half a minute.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule.version import encode

routes = Routes("tickets")
PATH = "/api/v1/tickets"


class Ticket(BaseModel):
    """A ticket, and for how many seconds it is good."""

    ticket: Annotated[str, Field(examples=["hubt_c2hvd24gYXMgYW4gZXhhbXBsZSwgZ29vZCBmb3Igbm8"])]
    expires_in: Annotated[int, Field(ge=1, examples=[30])]


@routes.add(
    "POST",
    PATH,
    Nothing,
    Nothing,
    answers={201: Ticket},
    who=ANYBODY,
    device=True,
    any_key=True,
    of_rows=False,
)
async def create_ticket(ask: Ask[Nothing, Nothing]) -> Answer:
    """Make a ticket, which opens one session, once, within 30 s.

    Send it as ``ticket`` of ``GET /api/v1/stream``, or in place of the token in the WebSocket's
    ``hello``. The session is yours as if you had sent your token there: it has your rights as they
    then are, and ends when your token does. The ticket is known only to the node that made it.
    """
    tickets = ask.house.gate.tickets
    told = {"ticket": tickets.make(ask.who), "expires_in": tickets.life}
    return Answer(encode(told), status=201, headers={"Cache-Control": "no-store"})
