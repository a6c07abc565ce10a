"""What a stream is asked to watch: its query, read whole before anything is answered.

``topic`` with the members of its filter, or ``watch``, a JSON object, as often as there are watches.
No rights are judged here. Invariants: only the hub's errors come out, every fault with the name of its
parameter; no secret is repeated, and a token in a URL is refused wherever it might have worked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin
from urllib.parse import unquote_plus

import orjson
from pydantic import BaseModel, ValidationError

from hub.errors import Fault, Invalid, Unparsable
from hub.rules import wire
from hub.rules.topics import TOPICS, Topic, read_filter

#: Where people put tokens that have no business in a URL.
_SECRETS = frozenset({"token", "access_token", "id_token", "api_key", "key", "authorization"})
_OURS = frozenset({"topic", "watch", "ticket", "last_event_id"})
#: In a query a plus sign is a space, and who types ``today+7`` means the sign.
_DAY = re.compile(r"^(yesterday|today|tomorrow) (?=[0-9])")
#: The id of a stream's only watch.
ONLY = "1"


@dataclass(frozen=True, slots=True)
class Asked:
    """The watches, each with the cursor it resumes from, and the ticket that came instead of a header."""

    watches: tuple[wire.Watch, ...]
    ticket: str | None


def read(query: str, last_event_id: str | None, most: int) -> Asked:
    """Read a raw query; ``last_event_id`` is the header's, and wins. At most ``most`` watches.

    Raises Unparsable (not UTF-8, not JSON) and Invalid, each naming its parameters.
    """
    faults: list[Fault] = []
    given: dict[str, list[str]] = {}
    for name, text in _pairs(query):
        if name.lower() in _SECRETS:
            faults.append(
                Fault(f"?{name}", "never goes into a URL: send Authorization, or a ticket")
            )
        else:
            given.setdefault(name, []).append(text)
    single = {}
    for name in _OURS - {"watch"}:
        texts = given.pop(name, None)
        if texts is not None and len(texts) > 1:
            faults.append(Fault(f"?{name}", "is given twice"))
        single[name] = texts[0] if texts else None
    resume = last_event_id or single["last_event_id"] or None
    listed, topic = given.pop("watch", None), single["topic"]
    if listed is None:
        watches = _flat(topic, given, faults)
    else:
        if topic is not None:
            faults.append(Fault("?topic", "goes without watch, which names its own"))
        faults += [Fault(f"?{name}", "is not known here") for name in given]
        watches = _listed(listed, faults, most)
    if faults:
        raise Invalid("The query asks for what cannot be.", faults=faults)
    if resume is not None:
        watches = [watch.model_copy(update={"cursor": resume}) for watch in watches]
    return Asked(tuple(watches), single["ticket"])


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&"):
        if part:
            name, _, text = part.partition("=")
            try:
                yield unquote_plus(name, errors="strict"), unquote_plus(text, errors="strict")
            except UnicodeError:
                raise Unparsable("The query is not UTF-8.") from None


def _flat(topic: str | None, given: dict[str, list[str]], faults: list[Fault]) -> list[wire.Watch]:
    """The one watch of ``topic=…`` and its filter's members."""
    known = TOPICS.get(topic) if topic is not None else None
    if known is None:
        said = "is needed, or watch" if topic is None else f"is none of: {', '.join(TOPICS)}"
        faults.append(Fault("?topic", said))
        return []
    many = _lists(known.filter)
    within: dict[str, Any] = {}
    for name, texts in given.items():
        if name in many:
            within[name] = [one for text in texts for one in text.split(",")]
        elif len(texts) > 1:
            faults.append(Fault(f"?{name}", "is given twice"))
        else:
            within[name] = _DAY.sub(r"\1+", texts[0])
    faults += _filter_faults(known, within)
    return [wire.Watch(type="watch", id=ONLY, topic=known.name, filter=within)]


def _lists(model: type[BaseModel]) -> set[str]:
    """The members of a filter that hold several values."""

    def holds(annotation: Any) -> bool:
        return get_origin(annotation) is tuple or any(map(holds, get_args(annotation)))

    return {
        field.alias or name for name, field in model.model_fields.items() if holds(field.annotation)
    }


def _listed(texts: list[str], faults: list[Fault], most: int) -> list[wire.Watch]:
    """The watches of ``watch={…}``."""
    if len(texts) > most:
        faults.append(Fault("?watch", f"may be given {most} times"))
        return []
    watches: list[wire.Watch] = []
    for number, text in enumerate(texts, 1):
        try:
            value = orjson.loads(text)
        except ValueError:
            raise Unparsable(
                "A watch is not JSON.", faults=[Fault("?watch", f"number {number} is not JSON")]
            ) from None
        try:
            watch = wire.Watch.model_validate(
                {"type": "watch", **value} if isinstance(value, dict) else value
            )
        except ValidationError as wrong:
            faults.append(Fault("?watch", f"number {number}: {wire.faults(wrong)}"))
            continue
        if watch.topic not in TOPICS:
            known = ", ".join(TOPICS)
            faults.append(Fault("?watch", f"number {number}: /topic: is none of: {known}"))
            continue
        if any(other.id == watch.id for other in watches):
            faults.append(Fault("?watch", f"number {number}: /id: is another's already"))
        try:
            read_filter(TOPICS[watch.topic], watch.filter)
        except ValidationError as wrong:
            told = wire.faults(wrong, under="/filter")
            faults.append(Fault("?watch", f"number {number}: {told}"))
        watches.append(watch)
    return watches


def _filter_faults(topic: Topic, within: dict[str, Any]) -> Iterator[Fault]:
    try:
        read_filter(topic, within)
    except ValidationError as wrong:
        for told in wrong.errors(include_url=False, include_context=False, include_input=False):
            if told["type"] == "dataclass_type":
                continue  # of a member that may be a moment or a day: said of the moment, too
            said = "is not known here" if told["type"] == "extra_forbidden" else told["msg"]
            # What is wrong between members is the topic's.
            yield Fault(f"?{told['loc'][0]}" if told["loc"] else "?topic", said)
