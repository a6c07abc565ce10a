"""What the AsyncAPI document says of all frames alike: the protocol in short, its two ways, who may.

Words only. Invariant: no frame, no topic and no limit is described here.
"""

from __future__ import annotations

from typing import Any

from hub.rules.topics import TOPICS
from hub.rules.wire import SUBPROTOCOL

Json = dict[str, Any]

ABOUT = """\
What happens to the schedule, as it happens: the protocol `hub.v1` over WebSocket, and the same frames
as server-sent events. `docs/protocol.md` tells it to whoever writes a client.

**A session** says `hello`, is told `welcome`, and then watches topics. A watch begins with its rows, in
pages, or, given a cursor, with only what changed since; `live` ends that. What happens from there on
comes as `change`.

**A cursor** is where a client stands: of `live`, `change` and `ping`, or of any REST read's
`Hub-Cursor`. It is good for any watch of the same rows, on any node, after any interruption. One that
cannot be honoured is answered by `reset` and the rows anew, never by a guess.

**A view** is a topic and a filter as one class of readers may see it. A `change` names the view; `live`
told which watches are of it.

**Rights** are those of now. What a role, a scope or an airport no longer shows is taken away within a
turn of the feed.
"""

SOCKET = f"""\
Subprotocol `{SUBPROTOCOL}`; a message is one JSON object, as text. A program may send `Authorization`
with the upgrade instead of `hello`; a browser's `Origin` must be one the hub knows."""
STREAM = """\
The same session for networks that block WebSocket, for `EventSource` and for `curl -N`: `event` is the
frame's type, `data` the frame, `id` a cursor that is good for every watch of the stream. `Last-Event-ID`
resumes. Nothing can be said: what is watched is in the query, a token is not renewed, a ping not answered."""

_TEXT: Json = {"type": "string"}
QUERY: Json = {
    "type": "object",
    "properties": {
        "topic": {
            **_TEXT,
            "enum": list(TOPICS),
            "description": "The one topic to watch; its filter's members beside it.",
        },
        "watch": {
            "type": "array",
            "items": {"type": "string", "contentMediaType": "application/json"},
            "description": "Several, each the members of a `watch` frame as JSON; instead of `topic`.",
        },
        "ticket": {
            **_TEXT,
            "description": "Of `POST /api/v1/tickets`, where no header can be sent.",
        },
        "last_event_id": {**_TEXT, "description": "As the header `Last-Event-ID`, which wins."},
    },
}

SECURITY: Json = {
    "user": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's token: in `hello`, or in `Authorization`; never in a URL.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hub_…",
        "description": "An integration's key, likewise.",
    },
    "device": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hubd_…",
        "description": "A kiosk's credential, likewise.",
    },
    "ticket": {
        "type": "httpApiKey",
        "name": "ticket",
        "in": "query",
        "description": "Of `POST /api/v1/tickets`: 30 s, for one session. Or a member of `hello`.",
    },
}
