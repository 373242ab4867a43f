"""The kinds of sections, named plans of a song, and sections as a text names them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lofigen_kit.api import Bar, parse_chart
from lofigen_kit_plugins.band.choices import PlanName

PartName = Literal["drums", "bass", "keys", "lead"]
ALL_PARTS: tuple[PartName, ...] = ("drums", "bass", "keys", "lead")
LEAST_SONG_BARS, MOST_BARS = 8, 256


@dataclass(frozen=True)
class SectionKind:
    """What a kind of section is like.

    Attributes:
        parts: Who may play, in one of these ways; the seed chooses.
        harmony: Which of the song's progressions, from 0.
        groove: Which of the song's grooves, from 0.
        density: How much the parts play, from 0 to 1.
    """

    parts: tuple[tuple[PartName, ...], ...]
    harmony: int = 0
    groove: int = 0
    density: float = 0.7


KINDS: dict[str, SectionKind] = {
    "intro": SectionKind((("keys",), ("keys", "drums"), ("keys", "bass")), density=0.4),
    "a": SectionKind((ALL_PARTS,)),
    "b": SectionKind((ALL_PARTS,), harmony=1, groove=1, density=0.9),
    "c": SectionKind((ALL_PARTS, ("drums", "bass", "keys")), harmony=2, groove=2, density=0.6),
    "break": SectionKind(
        (("keys", "lead"), ("keys", "bass"), ("keys", "bass", "lead")), density=0.4
    ),
    "outro": SectionKind((("drums", "bass", "keys"), ("bass", "keys", "lead")), density=0.5),
}
_ALIASES = {
    "verse": "a", "chorus": "b", "hook": "b", "refrain": "b", "bridge": "c", "interlude": "break",
    "breakdown": "break", "start": "intro", "ending": "outro", "end": "outro",
}  # fmt: skip
_OWN_HARMONY = ("a", "b", "c")
"""The sections that have chords of their own, in the order of their `harmony`."""
SECTION_WORDS = (*KINDS, *_ALIASES)

PLANS: dict[PlanName, tuple[int, str]] = {
    "short": (125, "intro 4, a 8, b 8, a 8, outro 4"),
    "standard": (165, "intro 4, a 8, b 8, a 8, break 4, b 8, a 8, outro 4"),
    "long": (225, "intro 8, a 16, b 8, a 8, break 4, c 8, b 8, a 8, outro 8"),
    "drift": (195, "intro 8, a 16, break 8, a 16, outro 8"),
    "cold-open": (150, "a 8, break 4, b 8, a 8, b 8, outro 4"),
}
"""Named plans: about how long they are, in seconds, and their sections at about 75 BPM."""
_ITEM = re.compile(r"([a-z]+)'* +(\d{1,3})(?: +bars?)?")

SectionItem = tuple[str, int]
"""A kind of section and its bars."""


def parse_sections(text: str | Sequence[str]) -> tuple[SectionItem, ...]:
    """Read `intro 4, a 8, b 8, break 4, a 8, outro 4`, as one text or as a list of its items.

    Raises:
        ValueError: with the number of the item that is wrong, and what was expected.
    """
    items = re.split(r"[,\n]", text) if isinstance(text, str) else list(text)
    items = [item.strip().lower() for item in items]
    if items and not items[-1]:
        items.pop()
    found = tuple(_read_item(number, item) for number, item in enumerate(items, 1))
    total = sum(bars for _, bars in found)
    if not found:
        raise ValueError("no section; write them as in 'intro 4, a 8, b 8, outro 4'")
    if total > MOST_BARS:
        raise ValueError(f"the sections have {total} bars; the limit is {MOST_BARS}")
    return found


def find_kind(word: str) -> str:
    """Return the kind of section that a word means.

    Raises:
        ValueError: where there is none, with the nearest.
    """
    kind = _ALIASES.get(word, word)
    if kind in KINDS:
        return kind
    near = difflib.get_close_matches(word, SECTION_WORDS, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]!r}?" if near else f"sections are {', '.join(KINDS)}"
    raise ValueError(f"there is no section {word!r}; {remedy}")


def parse_charts(chords: str | Mapping[str, str]) -> tuple[tuple[Bar, ...], ...]:
    """Read the chords of sections a, b and c: one chart for all, or one by section.

    A section of which no chart is given plays that of a.

    Raises:
        ValueError: naming the section and the column that cannot be read.
    """
    if isinstance(chords, str):
        return (parse_chart(chords),)
    charts: dict[str, tuple[str, str]] = {}
    for word, text in chords.items():
        kind = find_kind(word.lower())
        if kind in charts:
            raise ValueError(f"{charts[kind][0]!r} and {word!r} are one section; keep one of them")
        charts[kind] = word, text
    if other := [word for kind, (word, _) in charts.items() if kind not in _OWN_HARMONY]:
        raise ValueError(f"{other[0]!r} plays the chords of a; give chords for a, b and c alone")
    if "a" not in charts:
        raise ValueError("chords by section need those of a, which all others fall back on")
    read = {}
    for kind, (word, text) in charts.items():
        try:
            read[kind] = parse_chart(text)
        except ValueError as error:
            raise ValueError(f"{word}: {error}") from None
    return tuple(read.get(kind, read["a"]) for kind in _OWN_HARMONY)


def describe_unplayed_charts(
    chords: str | Mapping[str, str] | None, played: Sequence[tuple[str, int]], *, loop: bool
) -> str | None:
    """Return which charts no section plays, and what is played; None where all are.

    Args:
        chords: As they were asked for.
        played: The sections of the piece, by name, and which of the harmonies each has.
        loop: Whether the piece is a loop, whose one section is an A.
    """
    harmonies = {harmony for _, harmony in played}
    needed = {_OWN_HARMONY[harmony] for harmony in harmonies | {0}}
    words = [] if chords is None or isinstance(chords, str) else [*chords]
    unplayed = [word for word in words if find_kind(word.lower()) not in needed]
    if not unplayed:
        return None
    sections = ", ".join(name for name, _ in played)
    what = "a loop plays those of a; for more, set form: song" if loop else f"it has {sections}"
    return f"source.chords: nothing plays the chords of {' and '.join(unplayed)}: {what}"


def _read_item(number: int, item: str) -> SectionItem:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(
            f"item {number}, {item[:30]!r}: expected a section and its bars, as in 'a 8'"
        )
    word, bars = match[1], int(match[2])
    try:
        kind = find_kind(word)
    except ValueError as error:
        raise ValueError(f"item {number}, {item[:30]!r}: {error}") from None
    if not bars:
        raise ValueError(f"item {number}, {item!r}: a section has at least one bar")
    return kind, bars
