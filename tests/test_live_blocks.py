"""Frames as events: every frame once, whole, with an id only where that is true."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st
from streaming import Parser

from hub.live.blocks import VOID, Blocks, blocks
from hub.rules import wire
from hub.rules.wire import Item

_TEXT = st.text(max_size=40) | st.sampled_from(
    [
        '","cursor":"x',
        "\n\nid: 7\n\n",
        "\r",
        "\u2028",
        "\0",
        '{"type":"rows"',
        "x" * 125,
        "y" * 70_000,
    ]
)
_FRAMES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("error"), "id": _TEXT, "message": _TEXT, "temporary": st.booleans()}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("rows"),
            "id": _TEXT,
            "rows": st.lists(st.fixed_dictionaries({"cursor": _TEXT})),
        }
    ),
    st.fixed_dictionaries({"type": st.just("reset"), "id": _TEXT, "reason": st.just("size")}),
    st.fixed_dictionaries({"type": st.just("live"), "id": _TEXT, "cursor": st.just("e.5:9:7")}),
    st.fixed_dictionaries(
        {"type": st.just("change"), "id": _TEXT, "view": st.just("v"), "cursor": st.just("e.1:1:")},
        optional={"more": st.just(True)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("ping"), "cursor": st.just("e.3:3:"), "sent": st.just(3)}
    ),
    st.fixed_dictionaries({"type": st.just("welcome"), "session": _TEXT}),
    st.fixed_dictionaries(
        {"type": st.just("bye"), "code": st.just(4200), "retry_after": st.floats(0, 100)}
    ),
)


def _frames(messages: list[dict[str, object]]) -> bytes:
    # As the hub writes them: the type first, whose it is next.
    order = ("type", "id", "view", "cursor", "more")
    messages = [
        {name: message[name] for name in order if name in message} | message for message in messages
    ]
    return b"".join(wire.text_frame(wire.dump(message)) for message in messages)


@given(st.lists(_FRAMES, min_size=1, max_size=5), st.booleans())
def test_every_frame_is_an_event_and_only_a_true_cursor_an_id(
    messages: list[dict[str, object]], whole: bool
) -> None:
    parser = Parser()
    events = parser.feed(blocks(_frames(messages), whole=whole))
    assert [event.told for event in events] == messages
    for number, (event, message) in enumerate(zip(events, messages, strict=True)):
        is_last = number == len(messages) - 1
        if event.type in ("rows", "reset", "error"):
            assert event.id == VOID.decode()
        elif whole and is_last and "cursor" in message:
            assert event.id == message["cursor"]
        elif event.type == "change":
            # Applied, it is newer than any id before; unless it goes on, and is not applied yet.
            assert event.id == (None if message.get("more") else VOID.decode())
        else:
            assert event.id is None
    if messages[-1]["type"] == "bye":
        assert parser.retry == round(messages[-1]["retry_after"] * 1000)  # type: ignore[operator]


def test_a_cursor_too_long_for_a_header_leaves_the_id_where_it_was() -> None:
    long = "e.5:9000:" + ",".join(map(str, range(5, 2000)))
    [event] = Parser().feed(blocks(_frames([{"type": "ping", "cursor": long}]), whole=True))
    assert event.id is None
    # A change that is applied makes the id before it a lie.
    change = {"type": "change", "view": "v1", "cursor": long, "transactions": []}
    [event] = Parser().feed(blocks(_frames([change]), whole=True))
    assert event.id == VOID.decode()


def _change(n: int, size: int) -> bytes:
    row = orjson.Fragment(orjson.dumps({"text": "x" * size}))
    return wire.text_frame(wire.change("v1", f"e.{n}:{n}:", [[Item(1, "z", "k", row)]]))


def test_what_many_are_handed_is_converted_once_and_not_kept_for_ever() -> None:
    shared = Blocks()
    for size in (1, 1000, 100_000):
        frame = _change(1, size)
        made = shared.made
        first = shared.of(frame, whole=True)
        # The same object, and an equal one that was joined anew.
        again = bytes(bytearray(frame))
        assert again is not frame
        assert shared.of(frame, whole=True) is first
        assert shared.of(again, whole=True) is first
        assert shared.made == made + 1
        assert shared.of(frame, whole=False) != first
    for n in range(1000):
        shared.of(_change(n, 10_000), whole=True)
    kept = sum(len(key[0]) + len(text) for key, text in shared._kept.items())
    assert kept < 3 * 1024 * 1024
    # What one is told is nobody else's: it pushes nothing out.
    before = list(shared._kept)
    shared.of(_frames([{"type": "ping", "cursor": "e.1:1:", "sent": 3}]), whole=True)
    assert list(shared._kept) == before
