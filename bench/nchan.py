"""nchan (nginx): a subscriber location and a publisher location, and whoever publishes to it.

nginx is one process, so its whole cost is one pid's. Unlike the other peers it has no program of its
own that could publish, so this room does, by HTTP POST over one kept connection, each after the answer
to the one before; that costs the clients' core, and the POST is in the milliseconds told.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from peers import message
from processes import Child, spawned

MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CONFIG = """
load_module {module};
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/pid;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  {temporary}
  server {{
    listen 127.0.0.1:{port};
    location = / {{
      nchan_subscriber websocket;
      nchan_channel_id all;
      nchan_subscriber_first_message newest;
    }}
    location = /publish {{
      nchan_publisher http;
      nchan_channel_id all;
      nchan_message_buffer_length 0;
    }}
  }}
}}
"""


def missing() -> str | None:
    """What would have to be installed; None when nothing."""
    if shutil.which("nginx") and MODULE.exists():
        return None
    return "apt-get install nginx libnginx-mod-nchan"


class Nginx:
    """A running nginx, spoken with like the peers that publish themselves."""

    def __init__(self, child: Child, port: int) -> None:
        self._child = child
        self._publisher = http.client.HTTPConnection("127.0.0.1", port)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return self._child.cpu()

    def resident(self) -> int:
        """Resident bytes."""
        return self._child.resident()

    def say(self, line: str) -> None:
        """``publish FIRST COUNT PER_SECOND BYTES``: done when this returns."""
        first, count, per_second, size = map(int, line.split()[1:])
        begun = time.monotonic()
        for number in range(first, first + count):
            if per_second:
                due = begun + (number - first) / per_second
                time.sleep(max(0.0, due - time.monotonic()))
            head = {"Content-Type": "text/plain"}
            self._publisher.request("POST", "/publish", message(number, size), head)
            answer = self._publisher.getresponse()
            answer.read()
            if answer.status not in (201, 202):
                raise RuntimeError(f"nchan answered {answer.status}")

    def hear(self, word: str) -> str:
        """Nothing is left to be told."""
        return ""


@contextlib.contextmanager
def nginx(core: int | None) -> Iterator[tuple[Nginx, int]]:
    """An nginx with nchan, and its port."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="hub-bench-nchan-"))
    folder.chmod(0o755)
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    files = os.sysconf("SC_OPEN_MAX")
    config = CONFIG.format(
        module=MODULE, files=files, folder=folder, port=port, temporary=temporary
    )
    (folder / "nginx.conf").write_text(config)
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    try:
        with spawned(command, core=core) as child:
            deadline = time.monotonic() + 10
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                if time.monotonic() > deadline:
                    raise RuntimeError((folder / "errors").read_text())
                time.sleep(0.02)
            yield Nginx(child, port), port
    finally:
        shutil.rmtree(folder, ignore_errors=True)
