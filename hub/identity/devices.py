"""Devices, which are paired kiosks: how their credentials and codes are made, and which are good.

How credentials are kept and found is ``credentials``'; what a device may see is ``access``'.
Invariant: no credential, no device code and no digest leaves these rooms or reaches a log.
"""

from __future__ import annotations

from secrets import choice
from typing import TYPE_CHECKING

from hub.identity.credentials import Credentials, digest, secret
from hub.rules.access import Principal
from hub.rules.event import Columns

if TYPE_CHECKING:
    import asyncpg

PREFIX = "hubd_"
#: What a code to be typed is made of (RFC 8628, section 6.1): no vowels, so no words; eight of
#: twenty letters are 34 bits.
LETTERS, LENGTH = "BCDFGHJKLMNPQRSTVWXZ", 8

__all__ = ["LENGTH", "LETTERS", "PREFIX", "Devices", "digest", "is_device", "secret", "user_code"]


def is_device(token: str) -> bool:
    """Whether this claims to be a device's credential."""
    return token.startswith(PREFIX)


def user_code() -> str:
    """A code for a kiosk to show, without its hyphen."""
    return "".join(choice(LETTERS) for _ in range(LENGTH))


class Devices(Credentials):
    """The devices that have fetched their credentials and were not revoked."""

    entity = "devices"
    live, digests, used = "devices_live", "device_digests", "devices_seen"
    prefix, word = PREFIX, "device"

    def principal(self, row: Columns | asyncpg.Record) -> Principal:
        """The device of a row of ``devices``."""
        return Principal(
            kind="device",
            id=row["id"],
            role=None,
            name=row["name"],
            sub=row["id"],
            airport=row["airport"],
        )

    def is_good(self, row: Columns) -> bool:
        """Whether it has fetched its credential and was not revoked."""
        return row["paired_at"] is not None and row["revoked_at"] is None
