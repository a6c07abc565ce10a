"""When garbage is collected, what is looked at then, and that none is kept for ever."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import garbage
from hub.app import serve
from hub.settings import Settings


class Knot:
    """Something that nothing but the collector takes away."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture
def pauses() -> Iterator[list[float]]:
    """How long each full collection took, in processor time."""
    taken: list[float] = []
    begun = 0.0

    def note(phase: str, about: dict[str, Any]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.thread_time()
        elif about["generation"] == 2:
            taken.append(time.thread_time() - begun)

    gc.callbacks.append(note)
    yield taken
    gc.callbacks.remove(note)


@contextlib.asynccontextmanager
async def collecting(monkeypatch: pytest.MonkeyPatch, **set: float) -> AsyncIterator[None]:
    """The room at work, quicker than usual, and nothing but it: Python itself collects nothing."""
    for name, value in {"EVERY": 0.05, "PATIENCE": 0.1, "MOMENT": 0.01, **set}.items():
        monkeypatch.setattr(garbage, name, value)
    gc.disable()
    task = asyncio.create_task(garbage.run())
    try:
        await asyncio.sleep(0)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gc.enable()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_what_is_new_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting(monkeypatch):
        for _ in range(3):
            knot = weakref.ref(Knot())
            await until(lambda knot=knot: knot() is None)


async def test_what_has_lived_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """Else each collection would take as long as the first, which looked at all this."""
    much = [[n] for n in range(500_000)]
    async with collecting(monkeypatch):
        looked = pauses[-1]
        for _ in range(3):
            before = len(pauses)
            more = [[n] for n in range(1000)]
            await until(lambda before=before: len(pauses) > before)
            assert pauses[-1] < looked / 5, (pauses, looked)
            much += more
        assert gc.get_freeze_count() > len(much)


async def test_garbage_among_what_has_lived_goes_once_there_is_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many as were alive may have come to lie there; and what is let go there goes at once."""
    async with collecting(monkeypatch, SPARE=0):
        alive = gc.get_freeze_count()
        lived, plain = Knot(), type("Plain", (), {})()
        knot, single = weakref.ref(lived), weakref.ref(plain)
        await until(lambda: gc.get_freeze_count() > alive)
        await asyncio.sleep(0.3)
        del lived, plain
        assert single() is None
        await asyncio.sleep(0.5)
        assert knot() is not None, "it was not frozen, and this tells nothing"
        much = [[n] for n in range(alive + 10_000)]
        await until(lambda: knot() is None)
        assert len(much) > alive


async def test_it_goes_after_a_day_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting(monkeypatch, LONGEST=1.0):
        lived = Knot()
        knot = weakref.ref(lived)
        frozen = gc.get_freeze_count()
        await until(lambda: gc.get_freeze_count() > frozen)
        del lived
        await until(lambda: knot() is None)


async def test_a_busy_loop_is_let_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    # On a machine that gives it no processor a busy process would look idle.
    monkeypatch.setattr(time, "process_time", time.monotonic)
    async with collecting(monkeypatch, PATIENCE=1.5):
        first, begun = len(pauses), time.monotonic()
        while time.monotonic() < begun + 1.0:
            sum(range(20_000))
            await asyncio.sleep(0)
        assert len(pauses) == first, "in the midst of work"
        while len(pauses) == first:
            assert time.monotonic() < begun + 20
            sum(range(20_000))
            await asyncio.sleep(0)
        # Not never: whoever is busy all day makes most garbage.


async def test_a_hub_that_serves_collects_so_and_leaves_all_as_it_was(
    dsn: str, tmp_path: Path
) -> None:
    found = gc.get_threshold()
    stop, ready = asyncio.Event(), asyncio.Event()
    settings = Settings(env="dev", port=0, state=tmp_path, database_url=dsn, drain_seconds=0.2)
    serving = asyncio.create_task(
        serve(settings, issuer_dir=tmp_path, stop=stop, on_ready=lambda url: ready.set())
    )
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        await until(lambda: gc.get_freeze_count() > 10_000)
        assert gc.get_threshold()[:2] == found[:2]
    finally:
        stop.set()
        await serving
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, found)
