"""The audit log over REST: who changed what, found by each of its handles, and by its index."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from resthouse import ID, Rest, opened

from hub.schedule.reading import NEWEST
from hub.schedule.statements import text_and_parameters

Connection = asyncpg.Connection
PATH = "/api/v1/audit"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def listed(door: Rest, query: str = "", who: str = "admin") -> list[dict[str, Any]]:
    said = await door.ask(who, "GET", f"{PATH}?{query}")
    assert said.status == 200, said.body
    assert "Hub-Cursor" in said.headers
    return list(said.json["items"])


async def test_who_changed_what(door: Rest) -> None:
    booking = await door.booking()
    robot = await door.key("bookings:write")
    path = f"/api/v1/bookings/{booking['id']}"
    await door.ask("ina", "PATCH", path, {"duration_minutes": 90})
    await door.ask("robot", "PATCH", path, {"status": "AT_RISK"})
    await door.ask("robot", "PATCH", path, {"status": "AT_RISK"})
    await door.ask("admin", "DELETE", path)
    deleted, flagged, changed, made = await listed(door, f"entity_id={booking['id']}")
    assert [entry["action"] for entry in (made, changed, flagged, deleted)] == [
        "create",
        "update",
        "update",
        "delete",
    ]
    assert {entry["entity_type"] for entry in (made, changed, flagged, deleted)} == {"booking"}
    assert (made["user_id"], made["metadata"]["row"]["duration_minutes"]) == (None, 60)
    assert changed["user_id"] == ID["ina"]
    assert changed["metadata"] == {"changed": {"duration_minutes": [60, 90]}}
    assert flagged["user_id"] is None
    assert flagged["metadata"] == {
        "changed": {"status": ["CONFIRMED", "AT_RISK"]},
        "actor": robot,
    }
    assert deleted["user_id"] == ID["admin"]
    assert deleted["metadata"]["row"]["status"] == "AT_RISK"
    assert deleted["created_at"].endswith("Z")


async def test_filters_narrow(door: Rest) -> None:
    booking = await door.booking()
    robot = await door.key("bookings:write", "audit:read")
    path = f"/api/v1/bookings/{booking['id']}"
    before = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    await door.ask("ina", "PATCH", path, {"duration_minutes": 90})
    await door.ask("robot", "PATCH", path, {"status": "AT_RISK"})
    everything = await listed(door, "limit=100")
    for query, matches in {
        "entity_type=user": lambda entry: entry["entity_type"] == "user",
        "entity_type=booking&action=update": lambda entry: (
            (entry["entity_type"], entry["action"]) == ("booking", "update")
        ),
        "action=create": lambda entry: entry["action"] == "create",
        f"actor={ID['ina']}": lambda entry: entry["user_id"] == ID["ina"],
        f"actor={robot}": lambda entry: entry["metadata"].get("actor") == robot,
        f"actor={ID['sue']}": lambda entry: False,
        f"from={before}": lambda entry: entry["created_at"] >= before,
        f"to={before}": lambda entry: entry["created_at"] < before,
        f"entity_id={booking['id']}": lambda entry: entry["entity_id"] == booking["id"],
        f"entity_id={ID['ina']}&entity_type=booking": lambda entry: False,
    }.items():
        found = await listed(door, f"limit=100&{query}")
        assert found == [entry for entry in everything if matches(entry)], query
    assert await listed(door, "limit=100", who="robot") == everything
    for query, where in {
        "entity_id=x": ["entity_id"],
        "actor=me": ["actor"],
        "from=2030-01-01": ["from"],
        "from=2031-01-01T00:00:00Z&to=2030-01-01T00:00:00Z": ["to"],
        "action=": ["action"],
        "since=2030-01-01T00:00:00Z": ["since"],
    }.items():
        said = await door.ask("admin", "GET", f"{PATH}?{query}")
        assert (said.status, said.where) == (422, where), query


async def test_pages_hold_every_entry_once(door: Rest) -> None:
    await door.conn.execute(
        "INSERT INTO audit_log (entity_type, entity_id, action, created_at)"
        " SELECT 'flight', uuid_generate_v4(), 'note', now() - n / 5 * interval '1 hour'"
        "   FROM generate_series(1, 30) AS n"
    )
    whole = await listed(door, "entity_type=flight&limit=100")
    assert len(whole) == 30
    assert whole[0]["metadata"] is None
    for limit in (1, 7, 30):
        rows: list[Any] = []
        path = f"{PATH}?entity_type=flight&limit={limit}"
        while path:
            said = await door.ask("admin", "GET", path)
            rows += said.json["items"]
            path = said.headers.get("Link", "").removesuffix('; rel="next"').strip("<>")
        assert rows == whole


async def test_nobody_writes_it(door: Rest) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        said = await door.ask("admin", method, PATH)
        assert (said.status, said.headers["Allow"]) == (405, "GET,HEAD,OPTIONS")


async def test_each_handle_has_its_index(conn: Connection) -> None:
    """Over 20,000 entries, asked of PostgreSQL itself."""
    await conn.execute(
        """
        INSERT INTO users (id, cognito_user_id, email, first_name, last_name, role)
        SELECT lpad(to_hex(n), 32, '0')::uuid, n, n, 'A', 'B', 'STUDENT' FROM generate_series(1, 20) AS n;
        INSERT INTO audit_log (entity_type, entity_id, action, user_id, metadata, created_at)
        SELECT (ARRAY['booking', 'user'])[n % 2 + 1], lpad(to_hex(n % 500), 32, '0')::uuid,
               CASE n % 1000 WHEN 0 THEN 'truncate' ELSE 'update' END,
               CASE WHEN n % 100 = 1 THEN lpad(to_hex(n % 20 + 1), 32, '0')::uuid END,
               CASE WHEN n % 100 = 2 THEN '{"actor": "00000000-0000-0000-0000-0000000000ff"}'::jsonb
                    ELSE '{}' END,
               now() - n * interval '1 minute'
          FROM generate_series(1, 20000) AS n;
        ANALYZE audit_log;
        """
    )
    nothing = dict.fromkeys(
        ("entity_type", "entity_id", "action", "actor", "since", "until"), None
    ) | {"after_time": NEWEST.time, "after_id": NEWEST.id, "most": 51}
    entity = {"entity_type": "user", "entity_id": UUID(int=7)}
    now = datetime.now(UTC)
    later = {"after_time": str(now - timedelta(days=5)), "after_id": UUID(int=7)}
    for given, index in (
        (entity, "idx_audit_log_entity_timestamp"),
        (entity | {"action": "update"}, "idx_audit_log_entity_timestamp"),
        (entity | later, "idx_audit_log_entity_timestamp"),
        ({}, "idx_audit_log_created_at"),
        (later, "idx_audit_log_created_at"),
        ({"since": now - timedelta(hours=2), "until": now}, "idx_audit_log_created_at"),
        ({"action": "truncate"}, "idx_audit_log_action"),
        ({"actor": UUID(int=2)}, "idx_audit_log_user"),
    ):
        text, parameters = text_and_parameters("audit_page")
        values = nothing | given
        found = await conn.fetchval(
            "EXPLAIN (FORMAT JSON) " + text.rstrip(";"), *[values[name] for name in parameters]
        )
        used = set()
        left = [json.loads(found)[0]["Plan"]]
        while left:
            node = left.pop()
            used.add(node.get("Index Name"))
            assert node["Node Type"] != "Seq Scan", (given, found)
            left += node.get("Plans", [])
        assert index in used, (given, used)
