"""Scripts and style sheets as they are sent to a page: without the comments that are for people.

Pure: text in, text out. Only comments that stand on lines of their own go, and what is indented by
nothing but layout; nothing is renamed or joined, so that a stack trace still names a line's words.
Invariant: no character of a string or template is touched. ``/client/`` serves the files as written.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"^[ \t]*(?:/\*.*?\*/[ \t]*|//[^\n]*)\n", re.DOTALL | re.MULTILINE)


def slim(name: str, content: bytes) -> bytes:
    """``content`` of a file called ``name`` without comment lines; what is no script or style, as it is."""
    if not name.endswith((".js", ".css")):
        return content
    text = content.decode()
    kept: list[str] = []
    at = quotes = 0
    for comment in _COMMENT.finditer(text):
        before = text[at : comment.start()]
        kept.append(before)
        quotes += before.count("`")
        # Within a template it may be no comment.
        if quotes % 2:
            kept.append(comment[0])
        at = comment.end()
    kept.append(text[at:])
    return "".join(kept).encode()
