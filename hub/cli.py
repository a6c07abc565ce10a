"""The command ``hub``: words from the terminal to the rooms below, and errors back as one line.

No rules and no SQL. Invariant: what a command was asked for goes to stdout and nothing else does;
a refusal is one plain line on stderr and exit status 1, never a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import click

from hub import __version__
from hub.errors import HubError, Misconfigured

if (
    TYPE_CHECKING
):  # the rest is imported where it is used: `hub --help` and `hub dsn` answer at once
    from hub.settings import Settings

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])


class OneLine(click.Group):
    """Turns the hub's refusals into one line and exit status 1. Commands are listed as written."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        from pydantic import ValidationError

        try:
            return super().invoke(ctx)
        except HubError as error:
            raise click.ClickException(" ".join(error.detail.split())) from None
        except ValidationError as error:
            raise click.ClickException(_settings_line(error)) from None


def _settings_line(error: Any) -> str:
    """What is wrong with the settings, by the variables' names."""
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        name = "_".join(str(part) for part in fault["loc"]).upper()
        prefix = "" if name.startswith("DATABASE_") else "HUB_"
        lines.append(f"{prefix}{name}: {fault['msg']}")
    return "; ".join(lines)


def state_option(command: Command) -> Command:
    return click.option(
        "--state",
        type=click.Path(path_type=Path, readable=False),
        help="The folder of the embedded database and the development key. [default: .hub]",
    )(command)


def listen_options(command: Command) -> Command:
    port = click.option(
        "--port", type=click.IntRange(0, 65535), help="Listen here; 0 picks one. [default: 8080]"
    )
    host = click.option(
        "--host", help="Listen on this address; 0.0.0.0 is every one. [default: 127.0.0.1]"
    )
    return host(port(command))


def say(line: str) -> None:
    """One line of progress."""
    click.echo(f"hub: {line}", err=True)


@click.group(cls=OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hub")
def main() -> None:
    """A flight school's real-time hub: a committed row reaches everyone entitled to see it.

    Start with `hub up`. Settings come from the environment (README.md lists them): DATABASE_URL,
    or DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD, name a
    database; HUB_ENV is dev or prod.
    """


@main.command()
@listen_options
@state_option
def up(**given: Any) -> None:
    """Start everything: database, schema, seeds, server.

    Without a database in the environment it starts a PostgreSQL of its own, whose data stays in
    the folder .hub for the next start; development is then the default, with seeded users to sign
    in as. With DATABASE_URL, or DATABASE_HOST and its companions, it uses that database and starts
    none; it is seeded only if HUB_ENV=dev says so.

    Ctrl-C stops all that it started. A second Ctrl-C does not wait for clients to leave.

    \b
    Examples:
      hub up
      hub up --port 9000 --state /var/lib/hub
      DATABASE_URL=postgresql://me@db.example/flight_schedule_pro hub up
    """
    from hub.banner import command_line
    from hub.up import up

    _run(up(_chosen(given), command=command_line(), say=say, show=click.echo))


@main.command()
@listen_options
@state_option
@click.option("--migrate", is_flag=True, help="First apply the migrations that are missing.")
def serve(migrate: bool, **given: Any) -> None:
    """Serve on the configured database: what the Procfile runs.

    Nothing is embedded and nothing seeded. Any number of these may share a database; with none in
    the environment, this one joins the `hub up` of this folder (give it another --port).
    """
    from hub import logs
    from hub.up import serve

    settings = _target(given)
    logs.configure(settings)
    _run(serve(settings, migrate=migrate, say=say))


@main.command()
@state_option
@click.option("--status", is_flag=True, help="Only tell which are applied; change nothing.")
def migrate(status: bool, **given: Any) -> None:
    """Apply the migrations that are missing, each once, in order."""
    from hub.db import migrations

    dsn = _target(given).dsn
    if not status:
        applied = _run(migrations.migrate(dsn))
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")
        return
    steps = _run(migrations.status(dsn))
    for step in steps:
        when = f"{step.applied_at:%Y-%m-%d %H:%M:%S} UTC" if step.applied_at else "missing"
        note = "  CHANGED since" * step.changed + "  not of this version" * step.unknown
        click.echo(f"{when:23}  {step.name}{note}")


@main.command()
@state_option
def seed(**given: Any) -> None:
    """Load the development seeds. Refuses unless HUB_ENV=dev."""
    from hub.db import seeds

    settings = _target(given)
    for name in _run(seeds.seed(settings.dsn, settings.env, timezone=settings.timezone)):
        click.echo(f"seeded {name}")


@main.command()
@click.argument("email")
@state_option
def token(email: str, **given: Any) -> None:
    """Print a development token for a user, good for an hour.

    \b
    Example:
      curl -H "Authorization: Bearer $(hub token ada.okafor@example.com)" \\
        localhost:8080/api/v1/me
    """
    from hub.identity.issuer import Issuer, is_own_issuer
    from hub.target import subject

    settings = _target(given)
    if not is_own_issuer(settings):
        raise Misconfigured(
            "the hub issues tokens only in development (HUB_ENV=dev) and where HUB_ISSUER is unset"
        )
    sub = _run(subject(settings, email))
    click.echo(Issuer.load(settings.state).issue(sub))


@main.command()
@state_option
def dsn(**given: Any) -> None:
    """Print the running database's DSN: psql "$(hub dsn)"."""
    click.echo(_target(given).dsn)


@main.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],
    }
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@state_option
def psql(arguments: tuple[str, ...], **given: Any) -> None:
    """Open psql on the running database: your own psql, else the embedded one.

    \b
    Example:
      hub psql -c "SELECT status, count(*) FROM bookings GROUP BY status"
    """
    from hub.banner import without_password
    from hub.db.programs import program

    where, password = without_password(_target(given).dsn)
    if password is not None:  # not on the command line, where every user of the machine sees it
        os.environ["PGPASSWORD"] = unquote(password)
    found = shutil.which("psql") or str(program("psql"))
    os.execv(found, [found, where, *arguments])


@main.command()
@state_option
@click.option(
    "--pace",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="At 1 something happens every two seconds, at 100 every 20 ms.",
)
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop after so long.")
@click.option("--seed", type=int, help="The same seed over the same rows plays the same day.")
def simulate(pace: float, seconds: float | None, seed: int | None, **given: Any) -> None:
    """Play a day at the school until Ctrl-C: a front moves in, flights at risk, choices made.

    It writes rows as other programs would, and tells each happening. Refuses unless HUB_ENV=dev.
    """
    from hub.simulate import simulate

    settings = _target(given)
    play = simulate(
        settings.dsn, pace=pace, seconds=seconds, seed=seed, report=click.echo, settings=settings
    )
    with contextlib.suppress(KeyboardInterrupt):
        _run(play)


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _target(given: dict[str, Any]) -> Settings:
    from hub.target import target

    return target(_chosen(given))


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, on uvloop where there is one."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        from uvloop import new_event_loop as factory
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
