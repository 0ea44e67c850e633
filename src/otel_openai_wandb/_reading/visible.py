"""Makes foreign text safe for a terminal: control characters are shown as escapes."""

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_KEPT: Final = frozenset("\n\t\u200c\u200d")  # the joiners are part of scripts, and of emoji


def visible(text: str) -> str:
    """`text` with control, bidirectional and other invisible characters as Python's escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(char) for char in text)


def visible_line(text: str) -> str:
    """As `visible`, with line breaks and tabs escaped too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _spelled(char: str) -> str:
    if char in _KEPT or unicodedata.category(char) not in _HIDDEN:
        return char
    return char.encode("unicode_escape").decode("ascii")
