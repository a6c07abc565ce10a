"""The byte sequences of Autobahn's sections 6.5 to 6.23, numbered as there: (case, bytes, valid).

They are Markus Kuhn's UTF-8 decoder stress test, with the non-characters that RFC 3629 allows.
"""

from __future__ import annotations


def _hex(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


_WORD = bytes.fromhex("ceba e1bdb9 cf83 cebc ceb5")
_MISSING = _hex(
    *("c0", "e080", "f08080", "f8808080", "fc80808080"),
    *("df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"),
)
_STARTS = ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))

#: By section, from 6.5 on: each sequence, and whether it is valid.
_SECTIONS: list[list[tuple[bytes, bool]]] = [
    # 6.5 some valid text
    [
        *((f"hello{sign}world".encode(), True) for sign in "\u0024\u00a2\u20ac\U00024b62"),
        (_WORD, True),
    ],
    # 6.6 every prefix of a text: valid where a character ends
    [(_WORD[:size], size in (2, 5, 7, 9, 11)) for size in range(1, 12)],
    # 6.7 the first of each length; 6.8 those of five and six bytes
    [(one, True) for one in _hex("00", "c280", "e0a080", "f0908080")],
    [(one, False) for one in _hex("f888808080", "fc8480808080")],
    # 6.9 the last of each length; 6.10 those beyond U+10FFFF
    [(one, True) for one in _hex("7f", "dfbf", "efbfbf", "f48fbfbf")],
    [(one, False) for one in _hex("f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf")],
    # 6.11 other boundaries
    [
        (one, one < b"\xf4\x90")
        for one in _hex("ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080")
    ],
    # 6.12 continuation bytes alone
    [(one, False) for one in _hex("80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80")]
    + [(bytes.fromhex("80bf80bf80bf"), False), (bytes(range(0x80, 0xBF)), False)],
    # 6.13 starts alone, 6.14 a last byte missing, 6.15 all those together
    [(b"".join(bytes([at, 0x20]) for at in range(*span)), False) for span in _STARTS],
    [(one, False) for one in _MISSING],
    [(b"".join(_MISSING), False)],
    # 6.16 impossible bytes
    [(one, False) for one in _hex("fe", "ff", "fefeffff")],
    # 6.17 to 6.19 overlong: a slash, the most, NUL
    [(one, False) for one in _hex("c0af", "e080af", "f08080af", "f8808080af", "fc80808080af")],
    [(one, False) for one in _hex("c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf")],
    [(one, False) for one in _hex("c080", "e08080", "f0808080", "f880808080", "fc8080808080")],
    # 6.20 and 6.21 surrogates, alone and in pairs
    [
        (one, False)
        for one in _hex("eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf")
    ],
    [
        (high + low, False)
        for high in _hex("eda080", "edadbf", "edae80", "edafbf")
        for low in _hex("edb080", "edbfbf")
    ],
    # 6.22 non-characters, 6.23 the specials: all valid
    [
        (chr((plane << 16) + last).encode(), True)
        for plane in range(17)
        for last in (0xFFFE, 0xFFFF)
    ],
    [(chr(point).encode(), True) for point in range(0xFFF9, 0x10000)],
]

UTF8 = [
    (f"6.{section}.{number}", text, valid)
    for section, tests in enumerate(_SECTIONS, start=5)
    for number, (text, valid) in enumerate(tests, start=1)
]
