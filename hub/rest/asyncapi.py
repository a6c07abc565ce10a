"""The AsyncAPI 3.0 document of ``hub.v1``, drawn from the models that its frames are read and told by.

Nothing of a single frame stands here but which channel it goes over and who says it. Invariant: a
frame is described by its own model, a limit by the setting in force and a close code by its own table,
so the document cannot say what a session does not do.
"""

from __future__ import annotations

import inspect
from typing import Any, get_args

from pydantic import BaseModel

import hub
from hub.rest import shapes
from hub.rest.examples import example
from hub.rest.socketwords import ABOUT, QUERY, SECURITY, SOCKET, STREAM
from hub.rules import closing, frames, wire
from hub.rules.limits import LIMITS
from hub.rules.topics import TOPICS
from hub.settings import Settings

VERSION = "3.0.0"
Json = dict[str, Any]
_JSON = "application/json"
_COMPONENTS = "#/components"

#: What a client says, and what it is answered on the same channel.
_SAID: dict[type[BaseModel], tuple[type[BaseModel], ...]] = {
    wire.Hello: (frames.Welcome, frames.Bye),
    wire.Watch: (frames.Rows, frames.Change, frames.Live, frames.Reset, frames.Error),
    wire.Unwatch: (frames.Error,),
    wire.Auth: (frames.Renewed, frames.Bye),
    wire.Pong: (),
}
#: What the hub says of its own accord.
_TOLD: dict[str, tuple[str, tuple[type[BaseModel], ...]]] = {
    "tell": ("What has happened to a view.", (frames.Change, frames.Reset, frames.Rows, frames.Live)),
    "keepAlive": ("That it is there, and how far it is.", (frames.Ping,)),
    "warn": ("That the token ends soon.", (frames.Expiring,)),
    "refuse": ("That a watch is over.", (frames.Error,)),
    "leave": ("That the session ends, why, and when to come back.", (frames.Bye,)),
}  # fmt: skip
_INCOMING = tuple(_SAID)
#: What a day that slides is held as; on the wire it is a word.
_UNSEEN = "Day"
_OUTGOING: tuple[type[BaseModel], ...] = get_args(get_args(frames.Outgoing)[0])


def document(settings: Settings) -> Json:
    """The document of a hub with these settings."""
    filters = [topic.filter for topic in TOPICS.values()]
    models: list[tuple[type[BaseModel], shapes.Mode]] = [
        (model, "validation") for model in (*_INCOMING, *filters)
    ]
    models += [(model, "serialization") for model in _OUTGOING]
    of, drawn = shapes.drawn(models)
    schemas = {name: _without_mappings(schema) for name, schema in drawn.items() if name != _UNSEEN}
    schemas["Watch"]["properties"]["topic"] |= {"enum": list(TOPICS)}
    schemas["Watch"]["properties"]["filter"] = {
        "description": schemas["Watch"]["properties"]["filter"]["description"],
        "anyOf": [of[model, "validation"] for model in dict.fromkeys(filters)],
        "default": {},
    }

    def resolve(reference: str) -> Json:
        schema: Json = schemas[reference.rpartition("/")[2]]
        return schema

    messages = {
        _name(model): _message(model, of[model, mode], resolve)
        for model, mode in models
        if model not in filters
    }
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Flight hub, in real time",
            "version": hub.__version__,
            "description": ABOUT,
        },
        "defaultContentType": _JSON,
        "servers": _servers(),
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "schemas": schemas,
            "messages": messages,
            "securitySchemes": SECURITY,
        },
        "x-hub-topics": _topics(of),
        "x-hub-close-codes": _closes(),
        "x-hub-limits": _limits(settings),
    }


def _without_mappings(schema: Any) -> Any:
    """OpenAPI's ``discriminator``, which AsyncAPI means otherwise; ``const`` says it as well."""
    if isinstance(schema, list):
        return [_without_mappings(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_mappings(one)
        for name, one in schema.items()
        if name != "discriminator" or not isinstance(one, dict) or "mapping" not in one
    }


def _name(model: type[BaseModel]) -> str:
    """A frame's ``type``."""
    return str(get_args(model.model_fields["type"].annotation)[0])


def _message(model: type[BaseModel], schema: Json, resolve: Any) -> Json:
    told = shapes.markdown(inspect.getdoc(model) or "")
    return {
        "name": _name(model),
        "title": _name(model),
        "summary": told.partition("\n")[0],
        "contentType": _JSON,
        "payload": schema,
        "examples": [{"name": _name(model), "payload": example(schema, resolve)}],
    }


def _servers() -> Json:
    host = {"default": "127.0.0.1:8080", "description": "Where this hub is."}
    return {
        "websocket": {
            "host": "{host}",
            "protocol": "wss",
            "description": "WebSocket (RFC 6455), plain or over TLS.",
            "variables": {"host": host},
        },
        "http": {
            "host": "{host}",
            "protocol": "https",
            "description": "Server-sent events (HTML standard, 9.2), plain or over TLS.",
            "variables": {"host": host},
        },
    }


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"{_COMPONENTS}/{kind}/{name}"}


def _channels() -> Json:
    sends = {_name(model): _reference("messages", _name(model)) for model in _OUTGOING}
    hears = {_name(model): _reference("messages", _name(model)) for model in _INCOMING}
    return {
        "socket": {
            "address": "/api/v1/ws",
            "title": "WebSocket",
            "description": SOCKET,
            "servers": [{"$ref": "#/servers/websocket"}],
            "messages": hears | sends,
            "bindings": {
                "ws": {
                    "method": "GET",
                    "headers": {
                        "type": "object",
                        "properties": {
                            "Sec-WebSocket-Protocol": {"type": "string", "const": wire.SUBPROTOCOL},
                            "Authorization": {"type": "string", "pattern": "^[Bb]earer "},
                        },
                    },
                }
            },
        },
        "stream": {
            "address": "/api/v1/stream",
            "title": "Server-sent events",
            "description": STREAM,
            "servers": [{"$ref": "#/servers/http"}],
            "messages": sends,
        },
    }  # fmt: skip


def _operations() -> Json:
    found: Json = {}
    for model, answers in _SAID.items():
        name = _name(model)
        found[name] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/socket"},
            "title": name,
            "summary": shapes.markdown(inspect.getdoc(model) or "").partition("\n")[0],
            "messages": [_on("socket", model)],
        }
        if answers:
            found[name]["reply"] = {
                "channel": {"$ref": "#/channels/socket"},
                "messages": [_on("socket", answer) for answer in answers],
            }
        if model is wire.Hello:
            found[name]["security"] = [_reference("securitySchemes", name) for name in SECURITY]
    for name, (said, models) in _TOLD.items():
        found[name] = {
            "action": "send",
            "channel": {"$ref": "#/channels/socket"},
            "title": name,
            "summary": said,
            "messages": [_on("socket", model) for model in models],
        }
    found["stream"] = {
        "action": "send",
        "channel": {"$ref": "#/channels/stream"},
        "title": "stream",
        "summary": "All frames of a session, as events.",
        "security": [_reference("securitySchemes", name) for name in SECURITY],
        "messages": [_on("stream", model) for model in _OUTGOING],
        "bindings": {"http": {"method": "GET", "query": QUERY}},
    }
    return found


def _on(channel: str, model: type[BaseModel]) -> Json:
    return {"$ref": f"#/channels/{channel}/messages/{_name(model)}"}


def _topics(of: dict[tuple[Any, shapes.Mode], Json]) -> Json:
    return {
        topic.name: {
            "description": shapes.markdown(inspect.getdoc(type(topic)) or ""),
            "filter": of[topic.filter, "validation"],
        }
        for topic in TOPICS.values()
    }


def _closes() -> list[Json]:
    return [
        {
            "code": int(code),
            "name": code.name.lower().replace("_", "-"),
            "verdict": code.verdict,
            "description": closing.MEANINGS[code],
        }
        for code in closing.Code
    ]


def _limits(settings: Settings) -> list[Json]:
    return [
        {
            "setting": f"HUB_{limit.setting.upper()}",
            "value": getattr(settings, limit.setting),
            "unit": limit.unit,
            "bounds": limit.bounds,
            "beyond": limit.beyond,
        }
        for limit in LIMITS
    ]
