"""The frames of ``hub.v1``: JSON text in, WebSocket frames out (RFC 6455, section 5.2).

Pure encoding and decoding; nothing is sent from here. Invariant: what many receive is encoded
once and framed once, and the same bytes go to every socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from websockets.frames import Frame, Opcode

SUBPROTOCOL = "hub.v1"

#: Faults told at once: a client can send many, and what it is told should not outgrow that.
_MOST_FAULTS = 10

Id = Annotated[str, Field(min_length=1, max_length=64, examples=["1"])]
Token = Annotated[str, Field(min_length=1, examples=["eyJhbGciOiJSUzI1NiJ9.e30.c2ln"])]


class Message(BaseModel):
    """A frame from a client."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Hello(Message):
    """Who is asking: the first message on every socket. Either a token or a one-time ticket."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "hello", "token": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"}],
        }
    )

    type: Literal["hello"]
    token: Token | None = None
    """A user's token, an integration's key or a device's credential."""
    ticket: Annotated[str, Field(min_length=1)] | None = None
    """Of ``POST /api/v1/tickets``."""

    @model_validator(mode="after")
    def _either(self) -> Hello:
        if (self.token is None) == (self.ticket is None):
            raise ValueError("needs either a token or a ticket")
        return self


class Watch(Message):
    """Watch a topic under an id of the client's choosing; with a cursor, only what changed since."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "watch",
                    "id": "1",
                    "topic": "bookings",
                    "filter": {"from": "today", "to": "today+7", "status": ["AT_RISK"]},
                }
            ]
        }
    )

    type: Literal["watch"]
    id: Id
    """What this watch is called in this session."""
    topic: str
    filter: dict[str, Any] = Field(default_factory=dict)
    """What narrows it, by topic; all that are given must hold."""
    cursor: str | None = None
    """Where to go on: of any frame, of ``Hub-Cursor``, of another session."""


class Unwatch(Message):
    """Stop a watch."""

    type: Literal["unwatch"]
    id: Id


class Auth(Message):
    """Renew the token in place."""

    type: Literal["auth"]
    token: Token


class Pong(Message):
    """The answer to ``ping``."""

    type: Literal["pong"]


Incoming = Annotated[Hello | Watch | Unwatch | Auth | Pong, Field(discriminator="type")]
_incoming: TypeAdapter[Hello | Watch | Unwatch | Auth | Pong] = TypeAdapter(Incoming)


class Malformed(Exception):
    """A message that is not ``hub.v1``: ``str()`` says what is wrong with which member."""

    def __init__(self, text: str, watch: str | None = None) -> None:
        super().__init__(text)
        self.watch = watch


def read(text: bytes | str) -> Hello | Watch | Unwatch | Auth | Pong:
    """Parse one client message. Raises Malformed, naming the member at fault."""
    try:
        value = orjson.loads(text)
    except ValueError:
        raise Malformed("not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    try:
        return _incoming.validate_python(value)
    except ValidationError as wrong:
        named = value.get("id")
        raise Malformed(
            faults(wrong, skip=1), named if isinstance(named, str) and len(named) <= 64 else None
        ) from None


def faults(wrong: ValidationError, *, skip: int = 0, under: str = "") -> str:
    """Every fault in one line, each with its member's JSON Pointer (RFC 6901) below ``under``."""
    return "; ".join(
        f"{under}/{'/'.join(map(str, fault['loc'][skip:]))}: {fault['msg']}"
        for fault in wrong.errors(include_url=False, include_context=False, include_input=False)[
            :_MOST_FAULTS
        ]
    )


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def dump(message: dict[str, Any]) -> bytes:
    """A message as JSON text."""
    return orjson.dumps(message)


def now_z(unix: float) -> str:
    """Unix seconds as RFC 3339 with milliseconds and ``Z``."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


@dataclass(frozen=True, slots=True)
class Item:
    """One row's fate in a view. ``row`` is encoded JSON, shared by every view that shows it alike.

    ``late``: it was read anew for another row's sake, as it is at the end, wherever it stands.
    """

    tx: int
    at: str
    key: str
    row: orjson.Fragment | None
    changed: Sequence[str] = ()
    late: bool = False


def grouped(items: Iterable[Item]) -> list[list[Item]]:
    """Items by transaction, in the order in which the transactions ended."""
    transactions: dict[int, list[Item]] = {}
    for item in items:
        group = transactions.get(item.tx)
        if group is None:
            group = transactions[item.tx] = []
        elif not item.late:
            # Whoever changes a row that another transaction has changed does so only once that one
            # has committed: what comes last was the later one's to the end.
            transactions[item.tx] = transactions.pop(item.tx)
        group.append(item)
    return list(transactions.values())


def change(
    view: str,
    cursor: str,
    transactions: Iterable[Sequence[Item]],
    *,
    watch: str | None = None,
    more: bool = False,
) -> bytes:
    """A ``change``: everything new in one view up to ``cursor``, transaction by transaction.

    ``watch`` addresses a catch-up to one watch; without it, it is for every watch of the view.
    ``more``: the catch-up goes on in the next frame, and ``cursor`` is still where it began.
    """
    message: dict[str, Any] = {"type": "change"}
    if watch is not None:
        message["id"] = watch
    message |= {"view": view, "cursor": cursor}
    if more:
        message["more"] = True
    message["transactions"] = [
        {"tx": str(group[0].tx), "at": group[0].at, "items": [_told(item) for item in group]}
        for group in transactions
    ]
    return orjson.dumps(message)


def _told(item: Item) -> dict[str, Any]:
    if item.row is None:
        return {"op": "remove", "key": item.key}
    told: dict[str, Any] = {"op": "upsert", "key": item.key, "row": item.row}
    if item.changed:
        told["changed"] = item.changed
    return told


def rows(watch: str, page: bytes, *, more: bool) -> bytes:
    """A ``rows`` page around rows already encoded (a JSON array), so that a picture is encoded once."""
    tail = b',"more":true}' if more else b',"more":false}'
    return b'{"type":"rows","id":' + orjson.dumps(watch) + b',"rows":' + page + tail
