"""``hub`` as a user runs it: a process of its own, on a terminal of its own, in a folder of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TOP = Path(__file__).parents[1]
#: Makes the terminal on its standard input its controlling one, as a shell's is: then Ctrl-C there
#: reaches the whole foreground group, just as it does for a user.
ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'hub', *sys.argv[1:]])"
)
PATIENCE = 60.0


def environment(**settings: str) -> dict[str, str]:
    """Nothing of the caller's settings, and this checkout's ``hub``, from any folder."""
    return os.environ | {"PYTHONPATH": str(TOP), "PYTHONUNBUFFERED": "1"} | settings


def hub(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, run in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "hub", *arguments],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """An empty folder. Not pytest's: it closes the folders above its own anew at every run of
    any pytest here, and so takes from PostgreSQL's user the right to pass through them."""
    with tempfile.TemporaryDirectory(prefix="hub-test-") as folder:
        yield Path(folder).resolve()


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Up:
    """``hub up`` on a terminal. What it said is ``said``; use it as a context manager."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x28\0\xc8\0\0\0\0\0")  # 40 rows, 200 columns
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, "up", "--port", str(self.port), *arguments],
            cwd=folder,
            env=environment(**settings),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._said = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the last process on the terminal is gone
            while chunk := os.read(self._terminal, 65536):
                self._said += chunk

    @property
    def said(self) -> str:
        return self._said.decode(errors="replace").replace("\r\n", "\n")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def postgres(self) -> int:
        """The pid of its PostgreSQL."""
        lock = self.folder / ".hub" / "postgres" / "postmaster.pid"
        return int(lock.read_text().splitlines()[0])

    def ready(self) -> Up:
        """Wait for the banner."""
        return self.until(lambda: "Ctrl-C stops " in self.said)

    def until(self, happened: Callable[[], bool]) -> Up:
        """Wait for something, called again and again."""
        until = time.monotonic() + PATIENCE
        while not happened():
            assert self.process.poll() is None, f"it ended: {self.said}"
            assert time.monotonic() < until, f"it never came to it: {self.said}"
            time.sleep(0.01)
        return self

    def press(self, key: bytes) -> None:
        """Press a key on its terminal."""
        os.write(self._terminal, key)

    def ended(self) -> int:
        """Wait for its end; its exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(5)
        return status

    def __enter__(self) -> Up:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(1)
        os.close(self._terminal)
