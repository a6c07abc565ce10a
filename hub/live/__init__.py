"""Floor 4, the live doors: WebSocket sessions of ``hub.v1``.

``door`` judges the upgrade and takes the socket over from aiohttp, ``socket`` carries its bytes;
``stream`` carries the same session over server-sent events, and ``tickets`` let browsers open it;
``session`` speaks the protocol and ``follower``, its other half, keeps up with the feed: machines
without I/O, whose commands ``errands`` runs. ``watching`` brings one watch from its start to live,
``news`` says what was missed, ``pacer`` spaces what kiosks are told, ``turns`` lets nobody's asking keep
others waiting, ``wheel`` keeps time for all. Every limit stands in ``closing``. No SQL text, and
nothing here writes a row.
"""

from aiohttp import web

from hub.live import door, stream
from hub.live.gate import Gate
from hub.live.wheel import drain

__all__ = ["Gate", "drain", "setup"]


def setup(app: web.Application, gate: Gate) -> None:
    """Add the live doors to the application."""
    door.setup(app, gate)
    stream.setup(app, gate)
