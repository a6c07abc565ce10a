"""The house: everything put together, in one place.

No rules here, only which part gets which. Invariant: what is started is stopped, in reverse, and
a hub that stops tells its clients when to come back before it lets them go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import asyncpg
import structlog
from aiohttp import web

from hub import garbage, live, rest
from hub import web as pages
from hub.db import school
from hub.db.pool import connect, open_pool
from hub.errors import Unavailable
from hub.fanout.calendar import Calendar
from hub.fanout.delivery import Delivery
from hub.fanout.pictures import Pictures
from hub.fanout.views import Views
from hub.feed import Feed, retention
from hub.feed.doorbell import Pace
from hub.feed.feed import Limits, Replica
from hub.identity.api_keys import Keyring
from hub.identity.devices import Devices
from hub.identity.directory import Directory
from hub.identity.issuer import Issuer, own_jwks_url
from hub.identity.tokens import Verifier, verifier_for
from hub.schedule import once, pairing
from hub.schedule.clock import Clock
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.db.pool import Pool

log = structlog.get_logger("hub")

#: Seconds: for the head of a request, or between two of one connection; for what follows a refusal.
HEAD, LINGER = 30.0, 2.0
#: More than this, and asyncio accepts in bursts that fragment memory.
BACKLOG = 128
#: How long ``serve`` waits for the first sight of the database's history, seconds.
FIRST_SIGHT = 30.0


@dataclass
class House:
    """One running hub's parts; the doors see what their own Protocols name."""

    settings: Settings
    pool: Pool
    feed: Feed
    directory: Directory
    keyring: Keyring
    devices: Devices
    calendar: Calendar
    verifier: Verifier
    issuer: Issuer | None
    gate: live.Gate
    clock: Clock
    url: str
    #: Set when a task that should run as long as the hub has died: the hub must not pretend to live.
    died: asyncio.Event = field(default_factory=asyncio.Event)

    def noted(self, task: asyncio.Task[None]) -> None:
        """One of the hub's own tasks is over."""
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the hub died", task=task.get_name(), exc_info=task.exception())
            self.died.set()

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for ``stop``. Raises Unavailable if a task of the hub's own dies first."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self.died)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if self.died.is_set():
            raise Unavailable("a part of the hub died; its log says how")


@contextlib.asynccontextmanager
async def open_house(
    settings: Settings, *, issuer_dir: Path | None = None, pace: Pace | None = None
) -> AsyncIterator[House]:
    """A hub serving on ``settings.host`` and ``settings.port`` (0: any), until the block ends.

    ``issuer_dir`` holds the development issuer's key; None: tokens are another issuer's. Raises
    Unavailable, Misconfigured, or OSError for a port that is taken.
    """
    async with contextlib.AsyncExitStack() as stack:
        sock = _bind(settings.host, settings.port)
        stack.callback(sock.close)
        port = sock.getsockname()[1]
        pool = await open_pool(settings.dsn, settings=settings)
        stack.callback(pool.terminate)
        client = await stack.enter_async_context(aiohttp.ClientSession())
        issuer = Issuer.load(issuer_dir) if issuer_dir is not None else None
        verifier = verifier_for(
            settings, own_jwks_url=own_jwks_url(port) if issuer else None, session=client
        )
        stack.push_async_callback(verifier.close)
        # Not before: who is refused for other settings must not have set a clock for all.
        zone = await school.settle(pool, settings.timezone)
        settings = settings.model_copy(update={"timezone": zone})

        directory, calendar = Directory(), Calendar(settings.zone)
        keyring, devices = Keyring(pool), Devices(pool)
        views = Views(calendar)
        delivery = Delivery(views, directory)
        clock = Clock(
            {
                "events": lambda: retention.prune(pool, settings.retention_hours),
                "idempotency keys": lambda: once.prune(pool),
                "pairing codes": lambda: pairing.prune(pool),
            },
            settings.zone,
        )
        replicas = (directory, keyring, devices, calendar, clock)
        feed = _feed(settings, delivery, replicas, pace)
        directory.follow(feed.turned)
        keyring.follow(feed.turned)
        devices.follow(feed.turned)
        pictures = Pictures(pool)
        stack.push_async_callback(pictures.close)
        gate = live.Gate(
            settings, pool, feed, directory, keyring, devices, verifier, views, delivery, pictures
        )
        stack.push_async_callback(gate.close)
        host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        house = House(
            settings,
            pool,
            feed,
            directory,
            keyring,
            devices,
            calendar,
            verifier,
            issuer,
            gate,
            clock,
            url,
        )

        for name, work in (
            ("feed", feed.run()),
            ("wheel", gate.wheel.run()),
            ("clock", clock.run(pool)),
            ("keyring", keyring.note_uses()),
            ("devices", devices.note_uses(here=gate.devices_here)),
        ):
            task = asyncio.create_task(work, name=name)
            task.add_done_callback(house.noted)
            stack.push_async_callback(_stop, task)
        runner = rest.Runner(
            _doors(house),
            access_log=None,
            handle_signals=False,
            auto_decompress=False,  # the door does that itself, within its limit
            keepalive_timeout=HEAD,
            lingering_time=LINGER,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, sock, backlog=BACKLOG).start()
        stack.push_async_callback(live.drain, gate, settings.drain_seconds)
        yield house


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _feed(
    settings: Settings, delivery: Delivery, replicas: tuple[Replica, ...], pace: Pace | None
) -> Feed:
    async def dial() -> asyncpg.Connection[asyncpg.Record]:
        return await connect(settings.feed_dsn, settings=settings)

    return Feed(
        dial,
        delivery,
        replicas=replicas,
        pace=pace or Pace(probe=settings.probe_every),
        limits=Limits(history=settings.history_bytes),
    )


def _doors(house: House) -> web.Application:
    app = web.Application()
    rest.setup(app, house)  # first: its middleware answers for the others' refusals
    live.setup(app, house.gate)
    pages.setup(app, house)
    return app


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def serve(
    settings: Settings,
    *,
    issuer_dir: Path | None,
    stop: asyncio.Event,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until ``stop`` is set, then drain. ``on_ready`` gets the URL once the feed has begun.

    Raises as :func:`open_house`, and whatever a task of the hub's own died of.
    """
    async with open_house(settings, issuer_dir=issuer_dir) as house:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SIGHT):
                await house.feed.begun()
        # Here and not among the house's tasks: a process has one collector, however many houses.
        collecting = asyncio.create_task(garbage.run(), name="garbage")
        collecting.add_done_callback(house.noted)
        try:
            if on_ready is not None:
                on_ready(house.url)
            await house.until(stop)
        finally:
            await _stop(collecting)
