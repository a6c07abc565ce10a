"""What was measured on what, and how it is told: facts of the machine, and Markdown tables.

Nothing is measured here but the disk's flush. Invariant: every table comes with the load average at
which it was taken, since a figure from a busy machine is no figure.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def facts(*packages: str) -> str:
    """One line: processor, cores, kernel, Python, the packages' versions, load average."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    parts = [
        f"{cpu}, {len(os.sched_getaffinity(0))} cores",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in packages),
        f"load average {load():.1f}",
    ]
    return ", ".join(parts)


def flush_time(folder: Path, times: int = 100) -> float:
    """Seconds (the median) that writing 8 KiB and ``fdatasync`` takes on that folder's disk."""
    path = folder / "flush"
    taken = []
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for _ in range(times):
            os.pwrite(file, os.urandom(8192), 0)
            begun = time.perf_counter()
            os.fdatasync(file)
            taken.append(time.perf_counter() - begun)
    finally:
        os.close(file)
        path.unlink()
    return sorted(taken)[len(taken) // 2]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    widths = [max(len(str(line[i])) for line in [head, *rows]) for i in range(len(head))]

    def row(cells: Sequence[str]) -> str:
        padded = [
            str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([row(head), row(rule), *map(row, rows)])
