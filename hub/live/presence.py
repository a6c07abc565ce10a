"""Who is here: the sessions open on this node, as an admin is shown them.

Pure reading of what the sessions keep; one walk over them, for one request. Invariant: nothing that
a session could be taken over with, or that its topics say of the schedule, is in it.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from hub.fanout.watched import Following, Watched
from hub.rules import wire

if TYPE_CHECKING:
    from hub.live.gate import Gate
    from hub.live.session import Session


def present(gate: Gate) -> list[dict[str, Any]]:
    """Every welcomed session, the longest here first. ``lag`` is in seconds, 0 for one that is live."""
    return [shown for shown, _ in _here(gate)]


def _here(gate: Gate) -> list[tuple[dict[str, Any], Session]]:
    here = [
        (session.since, session.id, session)
        for session in gate.sessions
        if session.principal is not None and not session.socket.closing
    ]
    return [
        (_shown(gate, session), session) for _, _, session in sorted(here, key=itemgetter(0, 1))
    ]


def following(gate: Gate, principal: str) -> list[Following]:
    """The welcomed sessions of one principal, with the very views that their changes come by."""
    return [
        Following(
            {name: shown[name] for name in _OF_A_SESSION},
            session.behind,
            session.caught_up,
            tuple(
                Watched(watch.id, watch.view, watch.is_live, watch.since, watch.told)
                for watch in session.watches.values()
            ),
        )
        for shown, session in _here(gate)
        if session.principal is not None and session.principal.id == principal
    ]


_OF_A_SESSION = ("session", "node", "transport", "since", "behind", "lag")


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
