"""µWebSockets, by way of ``socketify``, which wraps it: its own ``publish`` to a topic.

``python bench/uwebsockets.py`` speaks as ``peers.py`` does. The C library's loop runs as it is, so Python
costs one call for each event and nothing for a delivery; socketify's asyncio bridge, which polls, is not
used. Events published in one turn of the loop leave in one write: that is µWebSockets' doing.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any

from peers import message
from socketify import App, OpCode

#: A burst waits in memory for its readers rather than be dropped.
MOST = 1 << 30


class Peer:
    """An app whose every socket subscribes to one topic; stdin is looked at by a timer."""

    def __init__(self) -> None:
        self.app = App()
        self.app.ws(
            "/*",
            {
                "open": lambda ws: ws.subscribe("all"),
                "max_backpressure": MOST,
                "idle_timeout": 0,
                "compression": 0,
            },
        )
        self._loop = self.app.loop.uv_loop
        self._timer: Any = None
        self._later(0, self._obey)

    def _later(self, milliseconds: int, then: Callable[[object], None]) -> None:
        self._timer = self._loop.create_timer(milliseconds, 0, then, None)

    def _obey(self, _: object) -> None:
        """Look at stdin, 50 times a second while nothing is being published."""
        if not select.select([sys.stdin], [], [], 0)[0]:
            self._later(20, self._obey)
            return
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # an exception does not get out of the C loop
        self._first, count, self._pace, self._size = map(int, line.split()[1:])
        self._next, self._end = self._first, self._first + count
        self._begun = time.monotonic()
        self._step(None)

    def _step(self, _: object) -> None:
        """Publish what is due; come back when the next one is."""
        while self._next < self._end:
            if self._pace:
                due = self._begun + (self._next - self._first) / self._pace
                left = due - time.monotonic()
                if left > 0:
                    self._later(max(1, round(left * 1000)), self._step)
                    return
            self.app.publish("all", message(self._next, self._size), OpCode.TEXT)
            self._next += 1
        print("published", flush=True)
        self._later(20, self._obey)

    def serve(self) -> None:
        self.app.listen(0, lambda config: print(f"serving {config.port}", flush=True))
        self._loop.run()


if __name__ == "__main__":
    Peer().serve()
