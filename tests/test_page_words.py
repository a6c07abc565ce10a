"""What the page says stands in one place: its words.js and what lies beside it in words/."""

from __future__ import annotations

import re
from pathlib import Path

from hub.web.pages import STATIC

JS = Path(STATIC) / "js"
#: A sentence or a name of several words; and one word, where an element is given it for a text.
_PHRASE = re.compile(r"""(["'`])([A-Z][a-zA-Z’']*\.? [^"'`]*?)\1""")
_ALONE = re.compile(r"""\b(?:word|name|"aria-label"): "([A-Z][a-z]+)"|[(,] "([A-Z][a-z]+) ?"[,)]""")
#: Not said to anybody: what a developer reads, or a protocol.
_UNSAID = re.compile(r"Could not import|^Bearer |^Content-")


def _said(text: str) -> list[str]:
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    code = re.sub(r"(?m)(^|\s)//.*$", "", code)
    found = [told for _, told in _PHRASE.findall(code)]
    found += [one or other for one, other in _ALONE.findall(code)]
    return [told for told in found if not _UNSAID.search(told)]


def test_every_word_the_page_says_is_in_words() -> None:
    spoken = {
        path.relative_to(JS).as_posix(): said
        for path in sorted(JS.rglob("*.js"))
        if path.name != "words.js"
        and path.parent.name != "words"
        and (said := _said(path.read_text()))
    }
    assert spoken == {}


def test_a_word_elsewhere_would_be_found() -> None:
    assert _said('h("p", {}, "Nothing to see")') == ["Nothing to see"]
    assert _said("setText(one, `Moved to ${at}.`)") == ["Moved to ${at}."]
    assert _said('h("span", { class: "unseen" }, "Close")') == ["Close"]
    assert _said('/** "Nothing to see" */ const a = "not this"; // "Nor this one"') == []


def test_no_file_of_words_is_a_heap() -> None:
    for path in [JS / "words.js", *(JS / "words").glob("*.js")]:
        assert len(path.read_text().splitlines()) <= 400, path.name
