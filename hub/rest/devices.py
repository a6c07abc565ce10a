"""``/api/v1/devices``: the kiosks of the school. An admin's business; ``me`` is the kiosk's own.

Invariant: no answer here has a credential: that is for the kiosk to fetch (``pairing``).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hub.model import Device, OwnDevice, Role, SeenDevice
from hub.rest import answers, paging
from hub.rest.asked import JSON, MERGE_PATCH
from hub.rest.limits import Share
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.schedule import devices, pairing
from hub.schedule.devices import DevicePatch
from hub.schedule.fields import Flag
from hub.schedule.pairing import DeviceDraft
from hub.schedule.reading import NEWEST

routes = Routes("devices")
PATH = "/api/v1/devices"
ADMIN: frozenset[Role] = frozenset({"ADMIN"})
#: No role: a device only.
NO_ROLE: frozenset[Role] = frozenset()
#: Wrong codes that an admin, and everybody at one address together, may try. Counted on each node:
#: ten times as many nodes would still need ages for one of 26 thousand million codes.
WRONG_CODES = Share("codes", burst=10, seconds=60.0, only_faults=True)


class DevicesQuery(BaseModel):
    """Which devices: ``revoked=false`` for those that are good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    revoked: Flag | None = None
    limit: paging.Limit = 50
    after: paging.After | None = None


class Devices(BaseModel):
    """A page of devices, the newest first; ``next`` is ``after`` for the next page."""

    items: list[SeenDevice]
    next: str | None


@routes.add("GET", PATH, DevicesQuery, Nothing, answers={200: Devices, 304: None}, who=ADMIN)
async def list_devices(ask: Ask[DevicesQuery, Nothing]) -> Answer:
    """All devices, the newest first, the revoked ones included, with when each was last here."""
    after = ask.query.after or NEWEST
    page = await devices.page(ask.house.pool, ask.query.revoked, after, ask.query.limit)
    return paging.answer(page, "created_at", ask.url)


@routes.add(
    "GET",
    f"{PATH}/me",
    Nothing,
    Nothing,
    answers={200: OwnDevice, 304: None},
    who=NO_ROLE,
    device=True,
)
async def own_device(ask: Ask[Nothing, Nothing]) -> Answer:
    """The device that asks: what it is called, and whose departures it shows."""
    found = await devices.own(ask.house.pool, ask.who)
    return answers.read(found)


@routes.add("GET", f"{PATH}/{{id}}", Nothing, Nothing, answers={200: Device, 304: None}, who=ADMIN)
async def get_device(ask: Ask[Nothing, Nothing]) -> Answer:
    """One device. When it was last here is in the list: a version lasts longer than a minute."""
    found = await devices.one(ask.house.pool, ask.id)
    return answers.read(found)


@routes.add(
    "POST",
    PATH,
    Nothing,
    DeviceDraft,
    answers={201: Device},
    who=ADMIN,
    once=True,
    share=WRONG_CODES,
)
async def approve_device(ask: Ask[Nothing, DeviceDraft]) -> Answer:
    """Approve the kiosk that shows this code; it fetches its credential within seconds.

    ``paired_at`` is null until it has. A code that no kiosk shows, or that is over ten minutes
    old, is 422 at ``/user_code``; after ten such there is one more try a minute (429).
    """
    made = await pairing.approve(ask.house.pool, ask.who, ask.body, ask.key)
    return answers.made(made, PATH)


@routes.add(
    "PATCH",
    f"{PATH}/{{id}}",
    Nothing,
    DevicePatch,
    answers={200: Device},
    who=ADMIN,
    types=(MERGE_PATCH, JSON),
    conditional=True,
)
async def change_device(ask: Ask[Nothing, DevicePatch]) -> Answer:
    """Rename a device, or have it show another airport's departures (null: every airport's).

    It need do nothing for that: what it watches begins anew with its rights as they are then.
    """
    made = await devices.change(ask.house.pool, ask.who, ask.id, ask.body, ask.expected)
    return answers.changed(made)


@routes.add(
    "DELETE",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={204: None},
    who=ADMIN,
    conditional=True,
)
async def revoke_device(ask: Ask[Nothing, Nothing]) -> Answer:
    """Revoke a device, for good: it is refused from now on and its open sockets are closed.

    The record of it stays. Again is harmless, writes nothing and has no Hub-Transaction.
    """
    transaction = await devices.revoke(ask.house.pool, ask.who, ask.id, ask.expected)
    # What is answered is so: on this node the device is out. The others hear of it as fast.
    await ask.house.devices.settle()
    return Answer(status=204, transaction=transaction)


@routes.add(
    "POST",
    f"{PATH}/{{id}}/identify",
    Nothing,
    Nothing,
    answers={204: None},
    who=ADMIN,
    refusals=frozenset({409}),
    once=True,
)
async def identify_device(ask: Ask[Nothing, Nothing]) -> Answer:
    """Have a device show which one it is: ``identify_at`` on its row, which it watches, is now."""
    done = await devices.call(ask.house.pool, ask.who, ask.id, "identify", ask.key)
    return answers.done(done)


@routes.add(
    "POST",
    f"{PATH}/{{id}}/reload",
    Nothing,
    Nothing,
    answers={204: None},
    who=ADMIN,
    refusals=frozenset({409}),
    once=True,
)
async def reload_device(ask: Ask[Nothing, Nothing]) -> Answer:
    """Have a device load its page anew: ``reload_at`` on its row, which it watches, is now."""
    done = await devices.call(ask.house.pool, ask.who, ask.id, "reload", ask.key)
    return answers.done(done)
