"""Who is here: the sessions open on this node, as an admin is shown them.

Pure reading of what the sessions keep; one walk over them, for one request. Invariant: nothing that
a session could be taken over with, or that its topics say of the schedule, is in it.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from hub.rules import wire

if TYPE_CHECKING:
    from hub.live.gate import Gate
    from hub.live.session import Session


def present(gate: Gate) -> list[dict[str, Any]]:
    """Every welcomed session, the longest here first. ``lag`` is in seconds, 0 for one that is live."""
    here = [
        (session.since, session.id, session)
        for session in gate.sessions
        if session.principal is not None and not session.socket.closing
    ]
    return [_shown(gate, session) for _, _, session in sorted(here, key=itemgetter(0, 1))]


def _shown(gate: Gate, session: Session) -> dict[str, Any]:
    who = session.principal
    assert who is not None
    # A paced session waits for its turn; that is not falling behind.
    behind = session.behind is not None and session.socket.is_paused
    return {
        "session": session.id,
        "node": gate.settings.node,
        "transport": "websocket" if session.socket.answers else "sse",
        "since": wire.now_z(session.since),
        "principal": {"kind": who.kind, "id": who.id, "role": who.role, "name": who.name},
        "airport": who.airport,
        "watches": [
            {"id": watch.id, "topic": watch.view.topic.name, "live": watch.is_live}
            for watch in session.watches.values()
        ],
        "behind": behind,
        "lag": round(max(0.0, gate.now() - session.left_at), 1) if behind else 0.0,
    }
