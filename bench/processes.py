"""Child processes of a measurement: where they run, what they cost, and that they end.

Linux only: costs come from /proc. Invariant: whatever was spawned here is ended by its own
process id when the block that spawned it is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

TOP = Path(__file__).resolve().parents[1]
if str(TOP) not in sys.path:  # this checkout's ``hub``, installed or not
    sys.path.insert(0, str(TOP))


def cores() -> tuple[int | None, int | None]:
    """The core for the server and the one for its clients; None where there is only one to have."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)


@contextlib.contextmanager
def spawned(
    command: Sequence[str | Path], *, core: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """A child with pipes on its stdin and stdout, pinned to a core from its first instruction."""

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    paths = os.pathsep.join(filter(None, (str(TOP), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=pin,
        cwd=TOP,  # where ``python -m`` looks first
        env=os.environ | {"PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"} | (env or {}),
    )
    child = Child(process)
    try:
        yield child
    finally:
        child.end()


class Server(Protocol):
    """Whatever serves: what it costs, and how it is told to publish."""

    def say(self, line: str) -> None:
        """One line to it."""

    def hear(self, word: str) -> str:
        """The rest of its next line that begins with a word."""

    def cpu(self) -> float:
        """Seconds of processor time so far."""

    def resident(self) -> int:
        """Resident bytes."""


class Child:
    """A running child that is spoken with in lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._process = process
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def say(self, line: str) -> None:
        """Write one line to its stdin."""
        self._in.write(line + "\n")
        self._in.flush()

    def hear(self, word: str) -> str:
        """The rest of its next line that begins with ``word``. Raises RuntimeError at its end."""
        for line in self._out:
            if line.startswith(word):
                return line[len(word) :].strip()
        raise RuntimeError(f"{self._process.args!r} ended while it was waited for")

    def cpu(self) -> float:
        """Seconds of processor time so far, all its threads, from the scheduler's nanoseconds."""
        spent = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                spent += int((task / "schedstat").read_text().split()[0])
        return spent / 1e9

    def resident(self) -> int:
        """Resident bytes of the process (the kernel's socket buffers are not in it)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024

    def end(self) -> None:
        """Ask it to stop, and make sure."""
        with contextlib.suppress(OSError):
            self._in.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._out.close()


def compiled(source: str, into: Path, *options: str) -> Path:
    """Compile one of bench's C files. Raises SystemExit where there is no compiler."""
    target = into / Path(source).stem
    command = ["cc", "-O2", *options, "-o", str(target), str(Path(__file__).parent / source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit(f"bench/{source} needs a C compiler called cc") from None
    if done.returncode:
        raise SystemExit(done.stderr)
    return target
