"""A hub that stops: two thousand sockets told when to come back, and not one that lost a change."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from hubprocess import environment, free_port
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from hub.identity.issuer import Issuer

MANY = 2000
DRAIN = 4.0
#: Followed to the last row; of the others the cursor is enough.
SAMPLE = 40


class Follower(asyncio.Protocol):
    """A client that costs little: it keeps its cursor, its farewell and, if it is of the sample, all."""

    def __init__(self, port: int, token: str, keeps: bool) -> None:
        self._port, self._token, self._keeps = port, token, keeps
        self.rows: dict[str, Any] = {}
        self.cursor: str | None = None
        self.seen: list[str] = []
        self.bye: dict[str, Any] | None = None

    async def open(self) -> None:
        self.live = asyncio.get_running_loop().create_future()
        self.gone = asyncio.get_running_loop().create_future()
        self.resets = 0
        self._ws = ClientProtocol(parse_uri(f"ws://127.0.0.1:{self._port}/api/v1/ws"))
        self._ws.send_request(self._ws.connect())
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._flush()

    def _say(self, **message: Any) -> None:
        self._ws.send_text(orjson.dumps(message))
        self._flush()

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if not isinstance(event, Frame):
                self._say(type="hello", token=self._token)
                watch = {"type": "watch", "id": "1", "topic": "bookings"}
                filter = {"aircraft_id": "NDRAIN"}
                self._say(**watch, filter=filter, cursor=self.cursor)
            elif event.opcode is Opcode.TEXT:
                self._hear(orjson.loads(event.data))
        self._flush()

    def _hear(self, told: dict[str, Any]) -> None:
        match told["type"]:
            case "ping":
                self._say(type="pong")
            case "rows" if self._keeps:
                self.rows |= {row["id"]: row for row in told["rows"]}
            case "change":
                self.cursor = told["cursor"]
                for transaction in told["transactions"]:
                    self.seen.append(transaction["tx"])
                    for item in transaction["items"] if self._keeps else ():
                        self.rows[item["key"]] = item["row"]
            case "live":
                self.cursor = told["cursor"]
                self.live.set_result(told)
            case "reset":
                self.resets += 1
            case "bye":
                self.bye = told | {"at": monotonic()}

    def connection_lost(self, exc: Exception | None) -> None:
        said = self._ws.close_rcvd
        self.gone.set_result(said.code if said is not None else None)

    def close(self) -> None:
        self._transport.abort()


async def _hub(folder: Path, port: int, dsn: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "serve", cwd=folder,
        env=environment(
            HUB_ENV="dev", HUB_PORT=str(port), HUB_STATE=str(folder / "state"), DATABASE_URL=dsn,
            HUB_DRAIN_SECONDS=str(DRAIN), HUB_MAX_SOCKETS_PER_PRINCIPAL=str(MANY),
            HUB_MAX_SOCKETS_PER_ADDRESS=str(MANY + 10), HUB_LOG_LEVEL="warning",
        ),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(30), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return process
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


async def _all_open(clients: list[Follower]) -> None:
    for at in range(0, len(clients), 100):
        await asyncio.gather(*(client.open() for client in clients[at : at + 100]))
    async with asyncio.timeout(60):
        await asyncio.gather(*(client.live for client in clients))


@pytest.mark.timeout(150)
async def test_two_thousand_are_sent_away_paced_and_come_back_without_a_gap(
    tmp_path: Path, seeded_dsn: str
) -> None:
    asyncio.get_running_loop().set_debug(False)  # two thousand clients live in it
    port = free_port()
    conn = await asyncpg.connect(seeded_dsn)
    subs = [row[0] for row in await conn.fetch("SELECT cognito_user_id FROM users")]
    ids = [row[0] for row in await conn.fetch("SELECT id FROM bookings WHERE status = 'COMPLETED'")]
    await conn.execute("UPDATE bookings SET aircraft_id = 'NDRAIN' WHERE id = ANY ($1)", ids)
    mark = 1000

    async def change() -> str:
        nonlocal mark
        mark += 1
        sql = """UPDATE bookings SET duration_minutes = $1 WHERE id = ANY ($2)
                 RETURNING pg_current_xact_id()::text"""
        return str(await conn.fetchval(sql, mark, ids))

    process = await _hub(tmp_path, port, seeded_dsn)
    try:
        issuer = Issuer.load(tmp_path / "state")
        admin = await conn.fetchval("SELECT cognito_user_id FROM users WHERE role = 'ADMIN'")
        tokens = [issuer.issue(sub) for sub in [admin, *subs]]
        clients = [
            Follower(port, tokens[0 if n < SAMPLE else n % len(tokens)], n < SAMPLE)
            for n in range(MANY)
        ]
        await _all_open(clients)
        before = [await change() for _ in range(3)]
        async with asyncio.timeout(30):
            while any(client.seen != before for client in clients[:SAMPLE]):
                await asyncio.sleep(0.05)

        began = monotonic()
        process.send_signal(signal.SIGTERM)
        during, refused = [], None
        async with aiohttp.ClientSession() as http:
            while monotonic() - began < DRAIN * 0.6:
                during.append(await change())
                with_upgrade = http.ws_connect(f"http://127.0.0.1:{port}/api/v1/ws")
                try:
                    await (await with_upgrade).close()
                except aiohttp.WSServerHandshakeError as wrong:
                    refused = wrong
                await asyncio.sleep(0.3)
        async with asyncio.timeout(20):
            codes = await asyncio.gather(*(client.gone for client in clients))
            assert await process.wait() == 0
        assert refused is not None
        assert refused.status == 503
        assert refused.headers is not None
        assert int(refused.headers["Retry-After"]) > 0
        byes = [client.bye for client in clients if client.bye is not None]
        assert len(byes) == MANY
        assert set(codes) == {4200}
        told = sorted(bye["at"] - began for bye in byes)
        assert told[-1] < DRAIN + 5, "not in the configured time"
        assert told[MANY * 9 // 10] - told[MANY // 10] > DRAIN * 0.3, "not paced"
        assert len({bye["retry_after"] for bye in byes}) > 100, "not spread"
        assert max(bye["retry_after"] for bye in byes) > 2

        while_away = [await change() for _ in range(3)]
        process = await _hub(tmp_path, port, seeded_dsn)
        cursors = [client.cursor for client in clients]
        assert all(cursors)
        await _all_open(clients)
        after = [await change() for _ in range(3)]
        everything = [*before, *during, *while_away, *after]
        everyone = clients[:SAMPLE]
        async with asyncio.timeout(30):
            while any(client.seen[-1:] != after[-1:] for client in everyone):
                await asyncio.sleep(0.05)
        for client in clients:
            assert client.resets == 0
            assert client.live.result()["resumed"] is True
            # Each once, in order; what came while it was away may be folded into the last of it.
            assert client.seen == sorted(set(client.seen), key=everything.index)
        for client in everyone:
            assert client.seen[:3] == before
            assert client.seen[-3:] == after
            assert {row["duration_minutes"] for row in client.rows.values()} == {mark}
            assert set(client.rows) == {str(id) for id in ids}
        assert len({client.cursor for client in everyone}) == 1
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        for client in clients:
            client.close()
        await conn.close()
