"""Names of files: safe on every system, in any script, and apart from each other."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container
from pathlib import Path

MAX_NAME_BYTES = 120
"""Of a part of a file's name, in UTF-8: two of them, a number and a suffix fit into the 255 bytes
that file systems allow."""

_FORBIDDEN = re.compile(r'[/\\:*?"<>|]+')
_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of a pair, by which Python holds what is no Unicode."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Characters without a shape of their own that some scripts need within words."""
_UNSEEN = ("Cc", "Cf", "Zl", "Zp")
"""Categories of controls, of marks that turn the direction of a text, and of line breaks."""
_DIGEST = 8


def make_safe_name(text: str) -> str:
    """Return a text as part of a file's name, as it is but for what some system forbids.

    Letters and digits of any script stay, in Unicode's composed form (NFC), and so do bytes that
    are no Unicode. A long name is cut, and ends in a hash of the whole. An empty one becomes
    `untitled`.
    """
    shown = "".join(c if _is_allowed(c) else " " for c in unicodedata.normalize("NFC", text))
    name = re.sub(" {2,}", " ", _FORBIDDEN.sub("-", shown))
    name = name.lstrip(".- ").rstrip(". ") or "untitled"
    if _RESERVED.match(name):
        name = f"_{name}"
    return _shorten(name)


def make_free_name(name: str, taken: Container[str]) -> str:
    """Return a name, or where it is taken the name with the first number from 2 that is free.

    Args:
        name: The name.
        taken: Names as `fold_name` returns them.
    """
    free, number = name, 1
    while fold_name(free) in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def fold_name(name: str) -> str:
    """Return what names have in common that some file system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def to_text(name: str | Path) -> str:
    """Return a file's name as Unicode, with a mark for each byte that is none."""
    return _HALVES.sub("\N{REPLACEMENT CHARACTER}", str(name))


def _is_allowed(character: str) -> bool:
    """Return whether a character may stand in a name: what is seen, joiners, and escaped bytes."""
    if _HALVES.match(character):
        return "\udc80" <= character <= "\udcff"
    return character in _JOINERS or unicodedata.category(character) not in _UNSEEN


def _shorten(name: str) -> str:
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:_DIGEST]
    kept = name
    while len(kept.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES - _DIGEST - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}-{digest}"
