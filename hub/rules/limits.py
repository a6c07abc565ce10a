"""The limits of a session, as documents tell them: what each bounds, and what happens beyond it.

Words only: each is kept where its thing is done. Invariant: a limit that is a setting is named here by
the setting's own name, so that what is told is what is in force.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """``setting`` is a name of :class:`hub.settings.Settings`; ``HUB_`` and capitals make its variable."""

    setting: str
    unit: str
    bounds: str
    beyond: str


LIMITS = (
    Limit("hello_timeout", "s", "until hello was said and judged", "4008"),
    Limit("max_message", "bytes", "of a frame, and of a message", "1009"),
    Limit("messages_per_second", "messages", "a second, twice as many at once; ten frames count one", "4103"),
    Limit("max_watches", "watches", "of a session", "error too_many_watches"),
    Limit("max_views_per_principal", "different watches", "of one user, key or device", "error too_many_watches"),  # noqa: E501
    Limit("reads_per_principal", "reads", "under way for one principal", "the next wait their turn"),
    Limit("max_sockets_per_principal", "sessions", "of one user, key or device", "4009"),
    Limit("max_sockets_per_address", "sessions", "of one address (IPv6: of a /64)", "429 before the session"),
    Limit("max_sockets", "sessions", "of a node", "503 before the session"),
    Limit("slow_after_bytes", "bytes", "unsent", "behind: told later, folded"),
    Limit("slow_timeout", "s", "in which nothing is read of what is unsent", "4101"),
    Limit("kiosk_frames_per_second", "changes", "a second to a device", "told later, folded"),
    Limit("ping_every", "s", "between two pings", "the hub's to keep"),
    Limit("pong_timeout", "s", "until a ping is answered", "4201"),
    Limit("retention_hours", "h", "for which a cursor is good", "reset retention"),
    Limit("drain_seconds", "s", "in which a hub that stops says goodbye to all", "dropped"),
)  # fmt: skip
