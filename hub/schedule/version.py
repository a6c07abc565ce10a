"""A row's version: a digest of exactly what is shown of it.

Invariant: two readers who were shown the same bytes hold the same version, and a row whose shown
bytes differ in anything, the people's names included, is another version.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

import orjson

from hub.errors import Stale
from hub.schedule.reading import Shown


def encode(shown: object) -> bytes:
    """The bytes that are shown."""
    return orjson.dumps(shown)


def version(shown: bytes) -> str:
    """Twenty URL-safe characters that stand for these bytes."""
    # Of the strong digests the one that processors have instructions for: of a page half of blake2b's time.
    return base64.urlsafe_b64encode(sha256(shown).digest()[:15]).decode()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a writer believes the row to be: one of ``versions``, or anything if None."""

    versions: Collection[str] | None = None

    def check(self, row: Shown) -> None:
        """Raise Stale unless the row, as it is now, is what was expected."""
        if self.versions is not None and version(encode(row)) not in self.versions:
            raise Stale("The row has changed since you read it; read it again.")


ANY = Expected()
