"""Which modules a page needs, read from their imports, so that all are fetched at once.

Pure: text in, text out. Invariant: every module that is fetched before the first picture is named
in the page: for all, or in a template for those who open it at that place (``boot.js``).
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator, Mapping

_MARK = re.compile(r"\{\{preload ([^}]+)\}\}")
_IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?\bfrom\s*["'](\.[^"']+)["']""", re.MULTILINE)


@functools.cache
def _imports(script: bytes) -> list[str]:
    # Every page asks it of the same files.
    return _IMPORT.findall(script.decode())


def modules(first: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """``first`` and all it imports, near and far, each once. Raises KeyError for one that is not there."""
    ahead, seen = [first], {first}
    while ahead:
        name = ahead.pop(0)
        yield name
        for path in _imports(files[name]):
            found = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            if found not in seen:
                seen.add(found)
                ahead.append(found)


def links(page: str, files: Mapping[str, bytes]) -> str:
    """``page`` with each ``{{preload MODULES}}`` replaced by a link for every module that is needed.

    ``{{preload MODULES beyond OTHERS}}`` leaves out what the others need anyway. Modules are parted
    by spaces. Raises KeyError for one that is not there.
    """

    def needed(names: str) -> dict[str, None]:
        return {name: None for first in names.split() for name in modules(first, files)}

    def written(mark: re.Match[str]) -> str:
        wanted, _, others = mark[1].partition(" beyond ")
        beyond = needed(others)
        return "\n".join(
            f'<link rel="modulepreload" href="{{{{static}}}}/{name}">'
            for name in needed(wanted)
            if name not in beyond
        )

    return _MARK.sub(written, page)
