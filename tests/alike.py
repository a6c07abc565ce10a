"""What every hub of a session would make alike is made once: a key, the files of the pages.

Nothing here changes what a hub does: the same bytes come of the same bytes. ``asyncio``'s debug mode
stays on; only its asking the disk, at every call that is put off, whether the sources have changed, goes.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives import serialization

from hub.identity.issuer import Issuer
from hub.web.pages import Asset

KEY = "issuer.pem"


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linecache, "checkcache", lambda filename=None: None)
        patch.setattr(Asset, "of", functools.cache(Asset.of))
        load = functools.lru_cache(64)(serialization.load_pem_private_key)
        patch.setattr(serialization, "load_pem_private_key", load)
        yield


@functools.cache
def _key() -> bytes:
    with TemporaryDirectory() as state:
        Issuer.load(Path(state))
        return (Path(state) / KEY).read_bytes()


def lend_key(state: Path) -> None:
    """Give a state folder the session's issuer's key, unless it has one."""
    path = state / KEY
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(_key())
