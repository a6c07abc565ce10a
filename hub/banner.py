"""What ``hub up`` tells a newcomer: what runs, where to look, who to be, what to try, how to stop.

Text only; the one query is a named one. Invariant: no password is shown, and every line of the
banner that is a command can be pasted as it is.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from hub.db.pool import connect, whereabouts
from hub.db.programs import version
from hub.db.queries import load
from hub.identity.issuer import is_own_issuer
from hub.settings import Settings

EXAMPLE = (
    "UPDATE bookings SET status = 'AT_RISK' WHERE id = (SELECT id FROM bookings"
    " WHERE status = 'CONFIRMED' AND scheduled_datetime > now() ORDER BY scheduled_datetime LIMIT 1)"
)
#: A school has a dozen; a copy of a real database would fill the screen.
MOST_SIGN_INS = 20


def command_line() -> str:
    """How to type ``hub`` in another terminal in this folder."""
    typed = Path(sys.argv[0])
    found = shutil.which("hub")
    if typed.stem == "__main__":
        return f"{shlex.quote(sys.executable)} -m hub"
    if found and os.path.samefile(found, typed):
        return "hub"
    if typed.is_absolute() and typed.is_relative_to(Path.cwd()):
        typed = typed.relative_to(Path.cwd())
    return shlex.quote(str(typed))


async def banner(settings: Settings, command: str, *, embedded: bool) -> Callable[[str], str]:
    """The banner, but for the URL, which is known once the hub listens."""
    signs, someone = await _sign_ins(settings) if is_own_issuer(settings) else ([], None)
    kept = f"PostgreSQL {version()}, its data in {settings.state / 'postgres'}"
    where = kept if embedded else f"the one at {whereabouts(settings.dsn)}"
    lines = [
        "",
        "  The hub is up.",
        "",
        "  page      {url}",
        f"  database  {without_password(settings.dsn)[0]}",
        f"            ({where})",
        "",
    ]
    if signs:
        lines += ["  Sign in on the page as any of these:", "", *signs, ""]
    lines += ["  Try in another terminal, and watch the page:", ""]
    if settings.env == "dev":  # never suggest to change a school's real rows
        lines += [f"    {command} simulate", f'    {command} psql -c "{EXAMPLE}"']
    if someone:
        lines += [f"    {command} token {shlex.quote(someone)}"]
    lines += [f'    psql "$({command} dsn)"', ""]
    stop = "everything; the data stays for the next time." if embedded else "the hub."
    lines += [f"  Ctrl-C stops {stop}", ""]
    text = "\n".join(lines)
    return lambda url: text.replace("{url}", url)


async def _sign_ins(settings: Settings) -> tuple[list[str], str | None]:
    """A line for each user, and the address of the first."""
    queries: Any = load()
    conn = await connect(settings.dsn, settings=settings)
    try:
        found = await queries.users_to_sign_in(conn, most=MOST_SIGN_INS + 1)
    finally:
        await conn.close()
    every = [orjson.loads(row) for row in found["rows"]]
    users = every[:MOST_SIGN_INS]
    wide = max((len(user["email"]) for user in users), default=0)
    lines = [
        f"    {user['email']:{wide}}  {user['role']:10}  {user['first_name']} {user['last_name']}"
        for user in users
    ]
    if len(every) > len(users):
        lines.append("    and others")
    return lines, users[0]["email"] if users else None


def without_password(dsn: str) -> tuple[str, str | None]:
    """The DSN without its password, and the password as it is written there (percent-encoded)."""
    parts = urlsplit(dsn)
    who, at, where = parts.netloc.rpartition("@")
    name, colon, password = who.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}{at}{where}")), password if colon else None
