"""What comes in: moments, drafts, patches, versions and the table of moves, without a database."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from resthouse import draft

import hub
from hub.errors import Invalid, Stale, Unparsable
from hub.model import BookingStatus
from hub.rest import strict
from hub.rest.asked import _faults
from hub.rules.moments import rfc3339
from hub.rules.status import MOVES, may_move
from hub.schedule import fields
from hub.schedule.drafts import BookingDraft, BookingPatch
from hub.schedule.version import ANY, Expected, encode, version


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2030-01-31T15:00:00Z", "2030-01-31T15:00:00"),
        ("2030-01-31t15:00:00z", "2030-01-31T15:00:00"),
        ("2030-01-31 15:00:00+02:30", "2030-01-31T12:30:00"),
        ("2030-01-31T15:00:00.123456789-00:00", "2030-01-31T15:00:00.123456"),
        ("2030-01-31T15:00:00.5Z", "2030-01-31T15:00:00.5"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
    ],
)
def test_moments(text: str, when: str) -> None:
    found = rfc3339(text)
    assert found == datetime.fromisoformat(when).replace(tzinfo=UTC)
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2030-01-31", "2030-01-31T15:00:00", "2030-01-31T15:00Z", "2030-02-30T15:00:00Z",
     "2030-01-31T24:00:00Z", "2030-01-31T15:00:61Z", "2030-01-31T15:00:00 02:00",
     "2030-01-31T15:00:00+24:00", "2030-01-31T15:00:00+0200", "1700000000", "2030-1-31T15:00:00Z",
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:60Z", "٢٠٣٠-01-31T15:00:00Z",
     "2030-01-31T15:00:00Z\n", "20300131T150000Z"],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) "):
        rfc3339(text)


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
        timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_every_moment_comes_back(when: datetime) -> None:
    assert rfc3339(when.isoformat()) == when


def faults(model: type[Any], value: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return {str(error["loc"][0]) for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("student_id", "5d000000000040008000000000000001"),
        ("student_id", "{5d000000-0000-4000-8000-000000000001}"),
        ("student_id", 5),
        ("aircraft_id", ""),
        ("aircraft_id", "n512sp"),
        ("aircraft_id", "N512SP\n"),
        ("aircraft_id", "N" * 51),
        ("departure_airport", "K"),
        ("departure_airport", None),
        ("departure_airport", "KPAO "),
        ("departure_latitude", 90.1),
        ("departure_latitude", "37"),
        ("departure_latitude", True),
        ("arrival_longitude", float("nan")),
        ("arrival_longitude", -180.5),
        ("scheduled_datetime", 1_900_000_000),
        ("scheduled_datetime", "1999-12-31T23:59:59Z"),
        ("scheduled_datetime", "2200-01-01T00:00:00Z"),
        ("status", "AT_RISK"),
        ("training_level", "ASTRONAUT"),
        ("duration_minutes", 0),
        ("duration_minutes", 1441),
        ("duration_minutes", 60.5),
        ("duration_minutes", "60"),
        ("duration_minutes", True),
        ("duration_minutes", 1e300),
    ],
)
def test_what_a_draft_refuses(field: str, value: Any) -> None:
    assert faults(BookingDraft, draft(**{field: value})) == {field}
    if field != "status":
        assert faults(BookingPatch, {field: value}) == {field}


def test_what_a_patch_gives() -> None:
    patch = BookingPatch.model_validate(
        {
            "aircraft_id": None,
            "duration_minutes": 45.0,
            "scheduled_datetime": "2030-01-01T00:00:00+01:00",
        }
    )
    assert patch.given == {
        "aircraft_id": None,
        "duration_minutes": 45,
        "scheduled_datetime": "2029-12-31T23:00:00Z",
    }
    assert BookingPatch.model_validate({}).given == {}
    schema = BookingPatch.model_json_schema()
    assert "required" not in schema
    assert "null" not in str(schema["properties"]["student_id"])


def test_the_moves() -> None:
    """The table, written down once more: from each row's status to each column's."""
    statuses = ("CONFIRMED", "AT_RISK", "RESCHEDULING", "CANCELLED", "COMPLETED")
    assert statuses == get_args(BookingStatus)
    legal = {
        "CONFIRMED": (1, 1, 1, 1, 1),
        "AT_RISK": (1, 1, 1, 1, 1),
        "RESCHEDULING": (1, 0, 1, 1, 0),
        "CANCELLED": (0, 0, 0, 1, 0),
        "COMPLETED": (0, 0, 0, 0, 1),
    }
    for before, row in legal.items():
        assert tuple(int(may_move(before, after)) for after in statuses) == row, before


def test_the_page_offers_no_other_moves() -> None:
    """The admin's form all of them; the instructor's all that are not the weather's or the AI's to make."""
    static = Path(hub.__file__).parent / "web" / "static"
    for file, left_out in (
        ("admin/flight.js", frozenset()),
        ("js/flight-edit.js", frozenset({"AT_RISK", "RESCHEDULING"})),
    ):
        [table] = re.findall(r"const MOVES = {\n(.*?)\n};", (static / file).read_text(), re.DOTALL)
        offered = {
            before: frozenset(re.findall(r"[A-Z_]+", onward))
            for before, onward in re.findall(r"(\w+): \[(.*?)\]", table)
        }
        for before, onward in MOVES.items():
            assert offered.get(before, frozenset()) == onward - left_out, (file, before)


def test_versions() -> None:
    row = {"id": "1", "name": "Ina"}
    now = version(encode(row))
    ANY.check(row)
    Expected({now, "other"}).check(row)
    for expected in (Expected(()), Expected({"other"})):
        with pytest.raises(Stale):
            expected.check(row)
    with pytest.raises(Stale):
        Expected({now}).check({**row, "name": "Inge"})


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(JSON)
def test_good_json_is_read_as_it_is(value: Any) -> None:
    assert strict.loads(encode(value)) == value


@given(st.binary())
def test_only_refusals_come_out(data: bytes) -> None:
    with contextlib.suppress(Unparsable, Invalid):
        strict.loads(data)


def test_a_nul_is_pointed_at() -> None:
    with pytest.raises(Invalid) as caught:
        strict.loads(b'{"a/b":[0,"x\\u0000"],"c":"\\\\u0000"}')
    assert [fault.pointer for fault in caught.value.faults] == ["/a~1b/1"]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("departure_airport", "a b", "is not an airport's code such as KPAO"),
        ("aircraft_id", "zz !", "is not a registration such as N4821L"),
        ("duration_minutes", 0, "should be greater than or equal to 1"),
        ("duration_minutes", "x", "is not a whole number"),
        ("departure_latitude", "x", "is not a number"),
    ],
)
def test_a_misfit_is_told_in_words(field: str, value: object, told: str) -> None:
    """After the field's name, without a pattern: forms say it as it is."""
    with pytest.raises(ValidationError) as wrong:
        BookingPatch.model_validate({field: value})
    assert [fault.detail for fault in _faults(wrong.value, str)] == [told]


def test_every_pattern_has_its_words() -> None:
    patterns = {
        found.pattern
        for kind in vars(fields).values()
        for found in getattr(kind, "__metadata__", ())
        if getattr(found, "pattern", None) is not None
    }
    assert patterns == set(fields.MISFITS)
