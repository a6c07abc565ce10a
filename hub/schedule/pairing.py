"""Pairing a kiosk: a code it shows, an admin's approval, a credential it fetches (as RFC 8628 does).

The kiosk gets two codes: one to show, which an admin types in, and one to keep, with which it alone
fetches what the approval made. No HTTP, no SQL text. Invariants: a pairing is good for ten minutes and
for one credential, made when it is fetched and kept as a digest; a kiosk whose answer was lost on the
way pairs anew, and the admin revokes the device that nobody became.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from hub.db.pool import writing
from hub.errors import Fault, Invalid, Unavailable
from hub.identity import devices
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.schedule import once
from hub.schedule.drafts import Draft
from hub.schedule.fields import Airport, Name
from hub.schedule.once import Key, Written
from hub.schedule.reading import Shown
from hub.schedule.statements import run, value
from hub.schedule.version import encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: How long a pairing may take, and how often a kiosk should ask whether it was approved; seconds.
GOOD_FOR = 600
ASK_EVERY = 5
#: Pairings open at once: a school has a handful, and nobody is to fill the table.
MOST_OPEN = 500
#: Tries to find a code that nobody has; with MOST_OPEN of 26 thousand million one is nearly enough.
_TRIES = 5


def _typed(value: Any) -> str:
    """A code as people type it: in any case, with the hyphen, with spaces, or without."""
    said = value.upper().replace("-", "").replace(" ", "") if isinstance(value, str) else ""
    if len(said) != devices.LENGTH or not set(said) <= set(devices.LETTERS):
        raise ValueError("is not a code such as BCDF-GHJK")
    return said


UserCode = Annotated[
    str,
    BeforeValidator(_typed),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^[{devices.LETTERS}]{{4}}-?[{devices.LETTERS}]{{4}}$",
            "examples": ["BCDF-GHJK"],
        }
    ),
]
DeviceCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class DeviceDraft(Draft):
    """A kiosk to be approved: the code it shows, what to call it, whose departures it is to show."""

    user_code: UserCode
    name: Annotated[Name, Field(examples=["Hangar 2"])]
    #: Absent or null: every airport's.
    airport: Airport | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A pairing just begun: ``device_code`` is told once; ``user_code`` is to be shown."""

    device_code: str = field(repr=False)
    user_code: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A device with its credential, which is told this once."""

    token: str = field(repr=False)
    device: Shown
    transaction: str | None


async def begin(pool: Pool) -> Opened:
    """Open a pairing. Raises Unavailable while too many are open."""
    device_code = devices.secret("")
    for _ in range(_TRIES):
        code = devices.user_code()
        async with writing(pool, None) as write:
            found = await run(
                write.conn,
                "pairing_open",
                hash=devices.digest(device_code),
                user_code=code,
                seconds=GOOD_FOR,
                most=MOST_OPEN,
            )
        if found["opened"]:
            half = devices.LENGTH // 2
            return Opened(device_code, f"{code[:half]}-{code[half:]}")
        if found["full"]:
            break
    raise Unavailable("Too many devices wait to be paired.", retry_after=60, code="pairings-full")


async def approve(pool: Pool, who: Principal, draft: DeviceDraft, key: Key | None) -> Written:
    """Make the device that waits behind a code. Raises Invalid, at the code, if none does."""
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        row = await value(
            write.conn,
            "pairing_approve",
            user_code=draft.user_code,
            name=draft.name,
            airport=draft.airport,
            created_by=who.id,
        )
        if row is None:
            why = "No device shows this code, or its time is up."
            raise Invalid(why, faults=[Fault("/user_code", why)], code="unknown-code")
        shown = encode(present("devices", orjson.loads(row)))
        await once.keep(write, key, shown)
    return Written(shown, write.transaction)


async def claim(pool: Pool, device_code: str) -> Claimed | bool:
    """Fetch the credential of an approved device; else whether it still waits for an approval."""
    token = devices.secret(devices.PREFIX)
    async with writing(pool, None) as write:
        found = await run(
            write.conn,
            "pairing_claim",
            hash=devices.digest(device_code),
            credential=devices.digest(token),
        )
    if found["row"] is None:
        return bool(found["waits"])
    return Claimed(token, present("devices_own", orjson.loads(found["row"])), write.transaction)


async def prune(pool: Pool) -> int:
    """Forget pairings whose time is up; how many."""
    async with writing(pool, None) as write:
        gone: int = await value(write.conn, "pairings_prune")
    return gone
