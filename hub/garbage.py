"""Garbage is collected when nobody waits for it: a full collection stops the loop for as long as it looks.

Python's own looks at all there is, whenever much was made: with five thousand sessions 130 ms, in the
midst of whatever goes on. Here what has outlived one collection is frozen, that is, looked at no more,
so the next has only to look at what is new; and it waits for a moment in which the process does next to
nothing. What is frozen still goes with its last reference, as a session does; only cycles among it stay,
until there is so much of it that all is looked through. Nothing of the hub's is known here. Invariants:
what frozen garbage there may be is bounded by what is alive; when :func:`run` ends, all is as Python has
it.
"""

from __future__ import annotations

import asyncio
import gc
import time

#: How often what is new is looked through, and how long an idle moment is waited for; seconds.
EVERY, PATIENCE = 10.0, 10.0
#: An idle moment: so many seconds with no more than this share of them in use.
MOMENT, QUIET = 0.05, 0.1
#: All is looked through once so many objects more than twice those that were alive are frozen, and after
#: so many seconds even so: few objects may hold much.
SPARE, LONGEST = 100_000, 24 * 3600.0
#: How seldom Python itself does it (of what is not frozen), in collections of its middle generation: only
#: if this room does not come to it. Ten is its own; the incremental collector of 3.14 has no use for it.
SELDOM = 1000


async def run() -> None:
    """Collect until cancelled. One in a process."""
    found = gc.get_threshold()
    gc.set_threshold(*found[:2], SELDOM)
    try:
        most, at = _all(), time.monotonic()
        while True:
            await asyncio.sleep(EVERY)
            await _idle()
            if gc.get_freeze_count() > most or time.monotonic() - at > LONGEST:
                most, at = _all(), time.monotonic()
            else:
                _new()
    finally:
        gc.set_threshold(*found)
        gc.unfreeze()


def _new() -> None:
    """Look through what is not frozen, and freeze what is left of it."""
    gc.collect()
    gc.freeze()


def _all() -> int:
    """Look through everything; how much may be frozen before that is done again."""
    gc.unfreeze()
    _new()
    return 2 * gc.get_freeze_count() + SPARE


async def _idle() -> None:
    """Wait for an idle moment, but not for ever."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        before = time.process_time()
        await asyncio.sleep(MOMENT)
        if time.process_time() - before <= MOMENT * QUIET:
            return
