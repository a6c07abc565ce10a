"""Why a session is ended, told by a code: what is the hub's own trouble never says "stop"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import jwt
import pytest
from jwks_server import Publisher, jwk, rsa_key
from running import Client, Hub
from test_live_slow import ADMIN, MARK, Sluggish, sluggard  # noqa: F401  (a fixture)

from hub import errors
from hub.errors import HubError
from hub.live.closing import Code, verdict
from hub.rules.closing import MEANINGS

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ISSUER, CLIENT = "https://issuer.example.com/pool", "app"

VERDICTS: dict[type[HubError], Code] = {
    # Its token's fault, or the row's: to come back with the same would be in vain.
    errors.Unauthenticated: Code.BAD_TOKEN,
    errors.Forbidden: Code.FORBIDDEN,
    # Nobody knows yet.
    errors.Unavailable: Code.OVERLOADED,
    # Of these none can come of judging a token; if one does, it is the hub that is wrong.
    errors.HubError: Code.OVERLOADED,
    errors.Invalid: Code.OVERLOADED,
    errors.Unparsable: Code.OVERLOADED,
    errors.NotFound: Code.OVERLOADED,
    errors.Conflict: Code.OVERLOADED,
    errors.Stale: Code.OVERLOADED,
    errors.Misconfigured: Code.OVERLOADED,
}


@pytest.mark.parametrize("kind", VERDICTS, ids=lambda kind: kind.__name__)
def test_each_kind_of_refusal_has_its_code(kind: type[HubError]) -> None:
    assert verdict(kind("why")) is VERDICTS[kind]
    assert verdict(kind("why", code="another-word")) is VERDICTS[kind], "by kind, not by its word"


def test_no_kind_of_refusal_is_without_a_code() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, HubError)
    }
    assert kinds == VERDICTS.keys()


def test_only_who_was_judged_is_told_to_stop() -> None:
    stops = {kind for kind, code in VERDICTS.items() if code.verdict == "stop"}
    assert stops == {errors.Unauthenticated, errors.Forbidden}
    assert verdict(errors.Unavailable("the keys cannot be had")) == 4100
    # What a client that knows no codes does, by the range alone.
    assert {code: code.verdict for code in Code} == {
        Code.MALFORMED: "stop", Code.BAD_TOKEN: "stop", Code.FORBIDDEN: "stop",
        Code.NO_HELLO: "stop", Code.TOO_MANY: "stop", Code.OVERLOADED: "back off",
        Code.TOO_SLOW: "back off", Code.RATE: "back off", Code.DRAINING: "reconnect now",
        Code.NO_PONG: "reconnect now", Code.TOKEN_EXPIRED: "reconnect now",
    }  # fmt: skip
    assert MEANINGS.keys() == set(Code)


def _token(sub: str) -> str:
    now = int(time.time())
    said = {
        "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "sub": sub, "iat": now,
        "exp": now + 600,
    }  # fmt: skip
    return jwt.encode(said, rsa_key(1), algorithm="RS256", headers={"kid": "k1"})


async def test_while_the_issuer_is_away_nobody_is_told_to_stop(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    """A client that is told to stop asks its user to sign in again, a whole school's at once."""
    conn = await asyncpg.connect(seeded_dsn)
    sub = await conn.fetchval("SELECT cognito_user_id FROM users WHERE email = $1", ADMIN)
    await conn.close()
    publisher = Publisher()
    await publisher.start()
    try:
        publisher.status = 503
        hub = await start_hub(
            seeded_dsn, issuer=ISSUER, client_ids=(CLIENT,), jwks_url=publisher.url
        )
        token = _token(sub)
        early = [await connect(hub), await connect(hub, headers=_bearer(token))]
        await early[0].say(type="hello", token=token)
        for client in early:
            assert (await client.until("bye"))["code"] == Code.OVERLOADED
            assert (await client.hear())["code"] == Code.OVERLOADED
        async with (
            aiohttp.ClientSession(headers=_bearer(token)) as http,
            http.get(f"{hub.url}/api/v1/stream?topic=bookings") as answer,
        ):
            assert answer.status == 503
            assert float(answer.headers["Retry-After"]) > 0
        assert publisher.hits > 0
        # It is back, and the very same token is good.
        publisher.status = 200
        publisher.publish(jwk("k1", rsa_key(1)))
        async with asyncio.timeout(20):
            while True:
                client = await connect(hub)
                await client.say(type="hello", token=token)
                if (told := await client.hear())["type"] == "welcome":
                    break
                assert told["code"] == Code.OVERLOADED
                await asyncio.sleep(0.2)
        await client.watch("1", "bookings")
        assert client.rows["1"]
    finally:
        await publisher.stop()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_who_is_too_slow_can_read_so_if_it_reads_in_time(
    start_hub: Start,
    seeded_dsn: str,
    sluggard: Sluggish,  # noqa: F811
) -> None:
    """What it had unsent is still sent, then why it is let go, and the Close with the same code."""
    hub = await start_hub(seeded_dsn, slow_timeout=1, slow_after_bytes=4096)
    client = await sluggard(hub)
    await client.say(type="watch", id="1", topic="bookings")
    await client.read(10, until="live")
    [session] = hub.house.gate.sessions
    conn = await asyncpg.connect(hub.dsn)
    try:
        async with asyncio.timeout(20):
            number = 0
            while session.behind is None:
                number += 1
                await conn.execute(MARK, f"N{number}")
            while not session.socket.closing:
                await asyncio.sleep(0.02)
    finally:
        await conn.close()
    assert session.socket.unsent() > 0, "what it was told before is still on its way"
    await client.read(10, until="bye")
    async with asyncio.timeout(20):
        while client._ws.close_rcvd is None:  # it may be in the next segment
            await client.read(0.1)
    await client._flush()  # its own
    told: list[dict[str, Any]] = client.heard
    assert [one["type"] for one in told].count("bye") == 1
    assert (told[-1]["type"], told[-1]["code"]) == ("bye", Code.TOO_SLOW)
    assert client._ws.close_rcvd is not None
    assert client._ws.close_rcvd.code == Code.TOO_SLOW
    changes = [one for one in told if one["type"] == "change"]
    assert len(changes) == session.sent > 0, "and none of what it had been handed is lost"
    # Both have said Close: the hub ends the stream, and need not drop it.
    await client.read(10)
    assert client.closed is not None
    client.close()
    async with asyncio.timeout(10):
        while hub.house.gate.sessions:
            await asyncio.sleep(0.02)
