"""Which servers the hub is measured beside, and which of them are here.

aiohttp and ``websockets`` come with the hub; the others take part where they are installed, and
whoever measures is told what is missing. Invariant: nothing is installed or fetched from here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nchan
from processes import Server, spawned

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Rival:
    """A server: what it is called, how it is started, and what its clients have to say.

    ``command``: a program that speaks as ``peers.py`` does; empty for nginx, which has none.
    ``clients``: more options of load.c.
    """

    title: str
    command: tuple[str, ...] = ()
    missing: Callable[[], str | None] = lambda: None
    clients: tuple[str, ...] = ()

    @contextlib.contextmanager
    def serving(self, core: int | None) -> Iterator[tuple[Server, int]]:
        """Its process and port."""
        if not self.command:
            with nchan.nginx(core) as served:
                yield served
            return
        with spawned(self.command, core=core) as child:
            yield child, int(child.hear("serving"))


def _module(name: str, package: str) -> Callable[[], str | None]:
    """Whether Python has a module."""
    return lambda: None if importlib.util.find_spec(name) else f"pip install {package}"


def _node() -> str | None:
    """Whether Node has ws, here or where NODE_PATH says."""
    asked = [shutil.which("node") or "", "-e", 'require("ws")']
    if asked[0] and not subprocess.run(asked, capture_output=True, cwd=HERE).returncode:
        return None
    return "node, npm install ws, NODE_PATH=…/node_modules"


RIVALS = {
    "uwebsockets": Rival(
        "µWebSockets (by socketify), `publish`",
        (sys.executable, str(HERE / "uwebsockets.py")),
        _module("socketify", "socketify"),
    ),
    "nchan": Rival("nchan (nginx), HTTP POST", missing=nchan.missing),
    "aiohttp": Rival(
        "aiohttp, `for ws in set: await ws.send_str(…)`",
        (sys.executable, str(HERE / "peers.py"), "aiohttp"),
    ),
    "websockets": Rival(
        "`websockets.broadcast`", (sys.executable, str(HERE / "peers.py"), "websockets")
    ),
    "ws": Rival(
        "ws (Node), `for (const c of clients) c.send(…)`",
        ("node", str(HERE / "ws.cjs")),
        _node,
    ),
    "socketio": Rival(
        "python-socketio, `emit`",
        (sys.executable, str(HERE / "peers.py"), "socketio"),
        _module("socketio", "python-socketio"),
        (
            *("-u", "/socket.io/?EIO=4&transport=websocket", "-s", "40"),
            *("-m", '"sid":', "-c", "2", "-x", '42["change",'),
        ),
    ),
}


def here(asked: list[str] | None) -> dict[str, Rival]:
    """Those asked for (None: all) that are installed; tells on stderr what the others would need."""
    found = {}
    for name, rival in RIVALS.items():
        if asked is not None and name not in asked:
            continue
        needed = rival.missing()
        if needed is None:
            found[name] = rival
        else:
            print(f"without {rival.title}: {needed}", file=sys.stderr)
    return found
