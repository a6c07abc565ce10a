"""``hub up`` and ``hub serve``: what a hub needs, started in order and stopped in reverse.

No rules and no SQL here: the rooms below do the work. Invariant: a signal at any moment, and
any failure, stop everything that was started before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog

from hub import app, logs, state
from hub.banner import banner
from hub.db import embedded, migrations, seeds
from hub.db.programs import Aborted
from hub.errors import Misconfigured, Unavailable
from hub.identity.issuer import is_own_issuer
from hub.settings import Settings

log = structlog.get_logger("hub")

Say = Callable[[str], None]

#: How often, in seconds, to look whether the embedded PostgreSQL still lives.
WATCH_EVERY = 0.5


async def up(given: dict[str, Any], *, command: str, say: Say, show: Say) -> None:
    """Run a hub on its own database, or on the one the environment names, until a signal.

    ``given`` are settings from the command line, by name. ``command`` is how to type ``hub``;
    ``say`` gets progress, ``show`` the banner. Raises Misconfigured or Unavailable, in one line.
    """
    settings = Settings(**given)
    logs.configure(settings)
    signals = Signals(say)
    folder = state.make(settings.state)
    taken = f"another `hub up` (pid {{pid}}) runs in {folder}; stop it, or choose another --state"
    with state.hold(folder / "lock", taken):
        settings = settings.model_copy(update={"state": folder})
        _check_port(settings)
        with contextlib.suppress(Aborted):
            if settings.has_database:
                await _up(settings, signals, command, say, show, embedded=False)
                return
            async with _embedded(settings, signals, say) as server:
                update: dict[str, Any] = {"database_url": server.dsn, "state": folder}
                if "env" not in settings.model_fields_set:
                    update["env"] = "dev"
                await _up(Settings(**(given | update)), signals, command, say, show, embedded=True)


async def serve(settings: Settings, *, migrate: bool, say: Say) -> None:
    """Run a hub on the database the settings name, until a signal."""
    signals = Signals(say)
    _check_port(settings)
    if is_own_issuer(settings):
        # `hub up` shows whom to be; here it may have been implied by a hub that is up in this folder.
        log.warning("development sign-in is on: anybody may be anybody")
    with contextlib.suppress(Aborted):
        if migrate:
            await signals.unless_stopped(_migrate(settings, say))
        await _serve(settings, signals, lambda url: say(f"serving {url}"))


class Signals:
    """SIGINT, SIGTERM and SIGHUP: the first asks to stop, the second not to wait for clients."""

    def __init__(self, say: Say) -> None:
        self.stop = asyncio.Event()
        #: The same, for what runs in a thread.
        self.abort = threading.Event()
        self._say = say
        self._draining: asyncio.Task[None] | None = None
        self._install()

    def _install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._caught)

    def _caught(self) -> None:
        if self.stop.is_set():
            if self._draining is not None:
                self._draining.cancel()
            return
        self.stop.set()
        self.abort.set()
        with contextlib.suppress(OSError):  # the terminal may be what went away
            self._say("stopping")

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; a signal cancels it and raises Aborted."""
        task, stop = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Aborted
            await task
        finally:
            task.cancel()
            stop.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    async def until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that ends by itself once ``stop`` is set; a second signal cancels it."""
        task = self._draining = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
            if not task.cancelled():
                await task
        finally:
            self._draining = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._install()  # whatever the work did to the handlers: what follows is not cut short


async def _up(
    settings: Settings, signals: Signals, command: str, say: Say, show: Say, *, embedded: bool
) -> None:
    await signals.unless_stopped(_migrate(settings, say))
    if settings.env == "dev":
        await signals.unless_stopped(_seed(settings, say))
    lines = await banner(settings, command, embedded=embedded)

    def ready(url: str) -> None:
        found = state.Running(settings.dsn, url, os.getpid(), settings.env)
        state.announce(settings.state, found)
        show(lines(url))

    try:
        await _serve(settings, signals, ready)
    finally:
        state.withdraw(settings.state)


async def _serve(settings: Settings, signals: Signals, ready: Callable[[str], None]) -> None:
    own = settings.state if is_own_issuer(settings) else None
    work = app.serve(settings, issuer_dir=own, stop=signals.stop, on_ready=ready)
    try:
        await signals.until_stopped(work)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:  # since we looked, another took it
            raise _cannot_listen(settings, error) from None
        raise


async def _migrate(settings: Settings, say: Say) -> None:
    for name in await migrations.migrate(settings.dsn):
        say(f"applied {name}")


async def _seed(settings: Settings, say: Say) -> None:
    done = await seeds.seed(settings.dsn, settings.env, timezone=settings.timezone)
    say(f"seeded: {', '.join(done)}")


@contextlib.asynccontextmanager
async def _embedded(
    settings: Settings, signals: Signals, say: Say
) -> AsyncIterator[embedded.Embedded]:
    """The embedded PostgreSQL, stopped at the end; if it stops by itself, so does the hub."""
    server = await asyncio.to_thread(embedded.start, settings.state, log=say, abort=signals.abort)
    watch = asyncio.create_task(_watch(server, signals))
    try:
        yield server
    finally:
        watch.cancel()
        died = not server.running
        await asyncio.to_thread(server.stop)
        if died:
            raise Unavailable(f"PostgreSQL stopped by itself: {server.last_words}")


async def _watch(server: embedded.Embedded, signals: Signals) -> None:
    while server.running:  # noqa: ASYNC110 - a process has no event to wait for
        await asyncio.sleep(WATCH_EVERY)
    signals.stop.set()


def _check_port(settings: Settings) -> None:
    """Raise Misconfigured if the port cannot be had, before anything is started for it."""
    where = (settings.host, settings.port)
    try:
        family, kind, _, _, address = socket.getaddrinfo(*where, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _cannot_listen(settings, error) from None


def _cannot_listen(settings: Settings, error: OSError) -> Misconfigured:
    port, host = settings.port, settings.host
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(f"port {port} on {host} is taken; choose another with --port")
    if error.errno == errno.EACCES:
        return Misconfigured(f"port {port} needs root; choose one above 1023 with --port")
    return Misconfigured(f"cannot listen on {host}: {error.strerror}")
