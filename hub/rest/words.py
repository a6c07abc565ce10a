"""What the OpenAPI document says of all operations alike: conventions, common parameters, tables.

Words only. Invariant: what is a table here is the code's own table.
"""

from __future__ import annotations

from typing import Any

from hub.rules.status import MOVES

ABOUT = """\
A flight school's schedule, and how programs change it. What is committed here, or by any other program,
reaches everybody entitled to see it over the WebSocket `/api/v1/ws` (subprotocol `hub.v1`), which
`/api/v1/asyncapi.json` describes.

**Signing in.** Send `Authorization: Bearer` and a person's JWT, an integration's key, or a kiosk's
credential. The role is that of the person's row as it is now; a key is good for its scopes.

**Reading and going on live.** Every read says the snapshot it was read in, `Hub-Cursor`. A watch that
begins there is told exactly what changed since: no gap, no overlap. A write says its transaction,
`Hub-Transaction`, and the change that comes round bears the same number.

**Lists** come in pages of at most `limit` rows; what `next` says is `after` of the next page, and so says
`Link`. A page begins right behind the last row of the one before, whatever was written in between.

**Versions.** A read's `ETag` is the version of what is shown. Send it as `If-None-Match` and an unchanged
answer is 304; send it as `If-Match` with a change and a row that somebody changed meanwhile is 412
instead of overwritten. A school may demand that (428); `If-Match: *` overwrites whatever is there.

**Trying again.** What takes an `Idempotency-Key` is done once under it, however often it is sent; the
answer is kept a day, in the transaction of the write itself. Where none is taken, one is refused (422),
not ignored: a change to a row is guarded by `If-Match`, and a ticket or a pairing is made for nobody twice.

**Values.** Times are RFC 3339: with any offset in, `Z` out; one without an offset is refused. Bodies are
JSON in UTF-8, of up to 256 KiB, no member named twice, nothing nested deeper than 32; a change is a merge
patch (RFC 7396). A member or parameter that is not known is refused, not ignored. `gzip` and `deflate`
are understood; long answers are gzipped for whoever takes that.

**How fast.** Each person and each key has a share of requests, and whoever is not signed in one an address:
`RateLimit-Policy` says how large it is and `RateLimit` what is left of it, on every answer. Beyond it the
answer is 429 with `Retry-After`, and nothing was done.

**Refusals** are `application/problem+json` (RFC 9457), all of them: branch on `code`, which is stable,
and read `errors` for each fault and where it is. Besides what each operation lists, an address that is
none is 404 and a method that it does not have 405, with `Allow`. HEAD is answered wherever GET is, and
OPTIONS everywhere.
"""


def _moves() -> str:
    rows = [
        f"| `{before}` | {', '.join(f'`{after}`' for after in sorted(after_all)) or 'final'} |"
        for before, after_all in MOVES.items()
    ]
    return "\n".join(["A status moves only so:", "", "| from | to |", "| --- | --- |", *rows])


#: What is said of a resource besides the first words of its file.
TAGS = {"bookings": _moves()}

_TAG = '(W/)?"[!#-~\x80-\xff]*"'
#: RFC 9110, 5.6.1: any number of elements, and readers pass over empty ones.
_TAGS = {"type": "string", "pattern": f"^(\\*|({_TAG})?(, ?({_TAG})?)*)$"}
PARAMETERS: dict[str, Any] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Only if the row is still one of these versions (RFC 9110), else 412. "
        "Where nothing has a version that could be meant, only `*` is taken.",
        "schema": _TAGS,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Only if what would be shown is none of these versions, else 304.",
        "schema": _TAGS,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A text of your choice, a UUID say, that stands for this one request.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[\\x20-\\x7e]+$",
        },
    },
}
