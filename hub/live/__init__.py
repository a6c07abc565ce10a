"""Floor 4, the live doors: WebSocket sessions of ``hub.v1``.

``door`` judges the upgrade and takes the socket over from aiohttp, ``socket`` carries its bytes,
``session`` speaks the protocol, ``watching`` brings one watch from its start to live, ``wheel``
keeps time for all of them. No SQL text, and nothing here writes a row.
"""

from hub.live.door import setup
from hub.live.gate import Gate
from hub.live.wheel import drain

__all__ = ["Gate", "drain", "setup"]
