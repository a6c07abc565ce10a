"""Which modules a page needs, read from their imports, so that all are fetched at once.

Pure: text in, text out. Invariant: every module that is fetched before the first picture is named
in the page; what is imported later, by ``import()``, is not.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

_MARK = re.compile(r"\{\{preload ([^}]+)\}\}")
_IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?\bfrom\s*["'](\.[^"']+)["']""", re.MULTILINE)


def modules(first: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """``first`` and all it imports, near and far, each once. Raises KeyError for one that is not there."""
    ahead, seen = [first], {first}
    while ahead:
        name = ahead.pop(0)
        yield name
        for path in _IMPORT.findall(files[name].decode()):
            found = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            if found not in seen:
                seen.add(found)
                ahead.append(found)


def links(page: str, files: Mapping[str, bytes]) -> str:
    """``page`` with each ``{{preload MODULE}}`` replaced by a link for every module that is needed."""

    def written(mark: re.Match[str]) -> str:
        names = modules(mark[1], files)
        return "\n".join(
            f'<link rel="modulepreload" href="{{{{static}}}}/{name}">' for name in names
        )

    return _MARK.sub(written, page)
