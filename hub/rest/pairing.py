"""``/api/v1/pairings``: how a kiosk, which nobody has signed in, comes by a credential of its own.

Invariant: the device code and the credential are each in one answer, which nobody may cache, and in
no other; what is answered to a code that is not good does not say whether it ever was.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.model import OwnDevice
from hub.rest.limits import Share
from hub.rest.problem import Refused
from hub.rest.registry import PUBLIC, Answer, Ask, Nothing, Routes
from hub.schedule import pairing
from hub.schedule.drafts import Draft
from hub.schedule.pairing import Claimed, DeviceCode
from hub.schedule.version import encode

routes = Routes("pairings")
PATH = "/api/v1/pairings"
#: Pairings that one address may begin: a hangar full of kiosks, each of which begins six an hour.
OPENINGS = Share("pairings", burst=20, seconds=30.0)
_SECRET = {"Cache-Control": "no-store"}


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Pairing(_Told):
    """A pairing just begun: show ``user_code``, keep ``device_code``, and ask every ``interval``."""

    device_code: DeviceCode
    user_code: Annotated[str, Field(examples=["BCDF-GHJK"])]
    expires_in: Annotated[int, Field(description="Seconds from now.", examples=[pairing.GOOD_FOR])]
    interval: Annotated[int, Field(description="Seconds between claims.", examples=[5])]
    verification_uri: Annotated[
        str,
        Field(
            description="Where an admin types the code in.",
            examples=["https://hub.example/#devices"],
        ),
    ]


class PairingClaim(Draft):
    """The code that the kiosk has kept."""

    device_code: DeviceCode


class Pending(_Told):
    """No admin has approved it yet: ask again after ``interval`` seconds."""

    pending: Literal[True]
    interval: Annotated[int, Field(examples=[5])]


class Credential(_Told):
    """What the kiosk signs in with from now on. ``token`` is shown this once."""

    token: Annotated[str, Field(examples=["hubd_Pm3cP0lKm0x9xu3bWk2y0aXn7v5sRzq1dTgHfYjLc8E"])]
    device: OwnDevice


@routes.add("POST", PATH, Nothing, Nothing, answers={201: Pairing}, who=PUBLIC, share=OPENINGS)
async def begin_pairing(ask: Ask[Nothing, Nothing]) -> Answer:
    """Begin to pair a kiosk: what it shows, and what it keeps.

    As RFC 8628 has it: the kiosk shows ``user_code``; an admin types it in, in any case, with or
    without the hyphen (`POST /api/v1/devices`); the kiosk meanwhile asks for its credential with
    ``device_code``. Both codes are good for ten minutes and once. A kiosk whose answer was lost begins
    another pairing.
    """
    opened = await pairing.begin(ask.house.pool)
    told = Pairing(
        device_code=opened.device_code,
        user_code=opened.user_code,
        expires_in=pairing.GOOD_FOR,
        interval=pairing.ASK_EVERY,
        verification_uri=f"{ask.site}/#devices",
    )
    return Answer(encode(told.model_dump()), status=201, headers=dict(_SECRET))


@routes.add(
    "POST",
    f"{PATH}/claim",
    Nothing,
    PairingClaim,
    answers={200: Credential, 202: Pending},
    who=PUBLIC,
    refusals=frozenset({410}),
    headers=("Hub-Transaction",),
)
async def claim_pairing(ask: Ask[Nothing, PairingClaim]) -> Answer:
    """Fetch the credential, once an admin has approved; until then the answer is 202.

    The credential is made by this request and shown this once: it goes wherever a bearer token goes,
    here and on the WebSocket. A claim after that, or after the time is up, is 410: if the
    answer that had the credential was lost, begin another pairing; the device that this one made
    is for an admin to revoke.
    """
    claimed = await pairing.claim(ask.house.pool, ask.body.device_code)
    if isinstance(claimed, Claimed):
        told = encode({"token": claimed.token, "device": claimed.device})
        return Answer(told, transaction=claimed.transaction, headers=dict(_SECRET))
    if claimed:
        told = encode({"pending": True, "interval": pairing.ASK_EVERY})
        return Answer(told, status=202, headers=dict(_SECRET))
    raise Refused(410, "This pairing is over; begin another.", code="pairing-over")
