"""Integrations' keys: how one is made, and which are good.

How they are kept and found is ``credentials``'; nothing here judges what a key may do. Invariant: no
key and no digest leaves these rooms or reaches a log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.identity.credentials import Credentials, digest, secret
from hub.rules.access import Principal, effective
from hub.rules.event import Columns

if TYPE_CHECKING:
    import asyncpg

PREFIX = "hub_"
#: Characters of a key that are kept to tell it from others; 36 of its 256 bits.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: ``secret`` is shown once; ``prefix`` and ``digest`` are kept."""

    secret: str = field(repr=False)
    prefix: str
    digest: bytes = field(repr=False)


def make() -> NewKey:
    """A key that nobody has."""
    made = secret(PREFIX)
    return NewKey(made, made[:_SHOWN], digest(made))


def is_key(token: str) -> bool:
    """Whether this claims to be a key rather than a user's token."""
    return token.startswith(PREFIX)


class Keyring(Credentials):
    """The integrations and their keys."""

    entity = "api_keys"
    live, digests, used = "keys_live", "key_digests", "keys_used"
    prefix, word = PREFIX, "key"

    def principal(self, row: Columns | asyncpg.Record) -> Principal:
        """The integration of a row of ``api_keys``."""
        return Principal(
            kind="integration",
            id=row["id"],
            role=None,
            name=row["name"],
            sub=row["id"],
            scopes=effective(row["scopes"]),
        )
