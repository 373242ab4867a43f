"""Chords as musicians write them: `Dm9 | G13 | Cmaj9 | A7alt`.

A chart is bars with `|` or a new line between them. A bar has one to four chords, which share its
beats: two chords two beats each, three chords two, one and one. A slash on its own holds a chord
for one more beat (`Dm7 / / G7`). `%` repeats the bar, or the chord, before it. `N.C.` is no chord.

A chord is a root, a quality, and a bass after a slash: `Ebmaj7#11/G`. These spellings are read:

- major: nothing, `maj`, `M`; minor: `m`, `min`, `mi`, `-`
- sevenths: `7`, `maj7`, `M7`, `Δ`, `Δ7`, `m7`, `-7`, `mMaj7`, `m(maj7)`, `-Δ7`
- diminished: `dim`, `o`, `°`, `dim7`, `o7`; half-diminished: `m7b5`, `ø`, `ø7`
- augmented: `aug`, `+`
- `5`, `6`, `m6`, `6/9`, `69`, `9`, `11`, `13` and each with `m` or `maj`
- `sus2`, `sus4`, `sus`, `7sus4`, `9sus`, `13sus4`
- `add9`, `add2`, `add11`, `add4`, `add13`; `no3`, `no5`
- `b5`, `#5`, `b9`, `#9`, `#11`, `b13`, alone or in a row, with or without brackets: `7(b9,#5)`
- `7alt`, `alt`: the fifth raised, the ninth lowered and raised

`11` leaves the third out, which clashes with the eleventh, and so is the same chord as `9sus4`;
`m11` keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lofigen_kit.music.keys import MAX_DETUNE, Key, Mode, NotationError, name_key, name_tonic

BEATS_PER_BAR = 4
MAX_BARS = 256
"""How many bars a chart may have."""

_SPLIT_BEATS = {1: (4,), 2: (2, 2), 3: (2, 1, 1), 4: (1, 1, 1, 1)}
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"": 0, "#": 1, "b": -1}
_EQUIVALENTS = str.maketrans(
    {
        "\u266f": "#",
        "\u266d": "b",
        "\u2212": "-",
        "\u2013": "-",
        "\u25b3": "\u0394",
        "\u2206": "\u0394",
    }
)
_THIRDS = {"major": 4, "minor": 3, "sus2": 2, "sus4": 5}

_MINOR = re.compile(r"(?:min|mi|m(?!aj|a7|a9)|-)")
_MAJOR = re.compile(r"(?:maj|Maj|MAJ|ma|M|\u0394|\^)")
_NUMBER = re.compile(r"6/9|69|13|11|9|7|6|5")
_SUSPENDED = re.compile(r"sus(2|4)?")
_ADDED = re.compile(r"add(b9|#9|#11|b13|9|2|11|4|13|6)")
_OMITTED = re.compile(r"(?:no|omit)(3|5)")
_ALTERED = re.compile(r"(b5|#5|b9|#9|#11|b13|\+5|-5|\+9|-9|\+11)")
_ALTERATIONS = {"b9": 13, "#9": 15, "#11": 18, "b13": 20, "+9": 15, "-9": 13, "+11": 18}
_ADDITIONS = {"9": 14, "2": 14, "11": 17, "4": 17, "13": 21, "6": 21, **_ALTERATIONS}
_TENSION_NAMES = {13: "b9", 14: "9", 15: "#9", 17: "11", 18: "#11", 20: "b13", 21: "13"}
_QUALITIES = "a quality such as m7, maj9, 7alt, m7b5, sus4 or 6/9"
_ROOT = re.compile(r"([A-G])([#b]?)")
_WORD = re.compile(r"[^\s|]+")
_NO_CHORD = ("N.C.", "NC", "N.C", "n.c.")


@dataclass(frozen=True)
class Chord:
    """A chord; its text is one of the spellings that `parse_chord` reads.

    Attributes:
        root: Semitones above C.
        third: `major`, `minor`, `sus2`, `sus4`, or nothing.
        fifth: 6, 7 or 8 semitones above the root, or None where it is left out.
        seventh: 9 (a sixth, or the seventh of `dim7`), 10 or 11 semitones, or None.
        tensions: Semitones above the root, 13 to 21, ascending.
        bass: The lowest note in semitones above C, where it is not the root.
    """

    root: int
    third: str = "major"
    fifth: int | None = 7
    seventh: int | None = None
    tensions: tuple[int, ...] = ()
    bass: int | None = None

    @property
    def intervals(self) -> tuple[int, ...]:
        """All its tones in semitones above the root, ascending, the bass note not among them."""
        inner = (0, _THIRDS.get(self.third), self.fifth, self.seventh, *self.tensions)
        return tuple(sorted({tone for tone in inner if tone is not None}))

    @property
    def pitch_classes(self) -> frozenset[int]:
        """All its tones in semitones above C, within one octave."""
        return frozenset((self.root + interval) % 12 for interval in self.intervals)

    @property
    def lowest(self) -> int:
        """The bass note in semitones above C."""
        return self.root if self.bass is None else self.bass

    @property
    def is_dominant(self) -> bool:
        """Whether it has the tritone that leads on."""
        return self.third == "major" and self.seventh == 10

    def transpose(self, semitones: int) -> Chord:
        """Return the chord some semitones higher."""
        bass = None if self.bass is None else (self.bass + semitones) % 12
        return replace(self, root=(self.root + semitones) % 12, bass=bass)

    def spell(self, key: Key | None = None) -> str:
        """Return the chord as text, its roots spelt as the key has them: Db in Ab major."""
        name = name_tonic if key is None else _name_sharp if key.has_sharps else _name_flat
        bass = "" if self.bass is None else f"/{name(self.bass)}"
        return f"{name(self.root)}{_print_quality(self)}{bass}"

    def __str__(self) -> str:
        return self.spell()


@dataclass(frozen=True)
class Span:
    """A chord and for how many beats it sounds; None is no chord."""

    chord: Chord | None
    beats: int


Bar = tuple[Span, ...]
"""What sounds in a bar: its beats add up to four."""


def parse_chord(text: str) -> Chord:
    """Return the chord that a text names.

    Raises:
        NotationError: with the column, and what was expected there.
    """
    word = text.translate(_EQUIVALENTS)
    stripped = word.strip()
    return _ChordReader(stripped, word.find(stripped), text).read()


def parse_chart(text: str) -> tuple[Bar, ...]:
    """Return the bars of a chart such as `Dm9 | G13 | Cmaj9 | A7alt`.

    Raises:
        NotationError: with the column, counted from 1, and what was expected there.
    """
    bars: list[Bar] = []
    for column, piece in _split_bars(text.translate(_EQUIVALENTS)):
        if len(bars) == MAX_BARS:
            raise _make_error(text, column, f"too many bars: the limit is {MAX_BARS}")
        bars.append(_read_bar(text, column, piece, bars))
    if not bars:
        raise _make_error(text, 0, "no chord; expected one such as Dm7")
    return tuple(bars)


def format_chart(bars: Sequence[Bar], key: Key | None = None) -> str:
    """Return bars as text that `parse_chart` reads back, spelt as a key has it if one is given."""
    return " | ".join(" ".join(_print_bar(bar, key)) for bar in bars)


def transpose_chart(bars: Sequence[Bar], semitones: float) -> tuple[Bar, ...]:
    """Return bars some semitones higher; none where they come to lie between two keys."""
    steps = round(semitones)
    if abs(semitones - steps) > MAX_DETUNE:
        return ()
    return tuple(
        tuple(
            Span(None if span.chord is None else span.chord.transpose(steps), span.beats)
            for span in bar
        )
        for bar in bars
    )


def infer_key(bars: Sequence[Bar]) -> Key:
    """Return the major or minor key that a chart fits best.

    A key gains by every tone of its scale, by its own tonic chord, most of all in the first and the
    last bar, and by a dominant that leads there. What is no tone of the scale costs more.
    """
    spans = [span for bar in bars for span in bar if span.chord is not None]
    if not spans:
        return name_key(0, "major")
    modes: tuple[Mode, ...] = ("major", "minor")
    keys = [name_key(tonic, mode) for mode in modes for tonic in range(12)]
    return max(keys, key=lambda key: _judge_key(key, spans))


def _judge_key(key: Key, spans: Sequence[Span]) -> float:
    scale = set(key.scale)
    total = 0.0
    for number, span in enumerate(spans):
        chord = span.chord
        if chord is None:
            continue
        tones = [(chord.root + tone) % 12 for tone in chord.intervals]
        total += span.beats * sum(1.0 if tone in scale else -1.5 for tone in tones) / len(tones)
        if _is_tonic(key, chord):
            total += 0.35 * span.beats + (number == 0) + 2.0 * (number == len(spans) - 1)
            before = spans[number - 1].chord if number else None
            if before is not None and before.is_dominant and (before.root - chord.root) % 12 == 7:
                total += 2.5
    return total


def _is_tonic(key: Key, chord: Chord) -> bool:
    return chord.root == key.pitch_class and (
        chord.third == key.mode and not chord.is_dominant and chord.fifth != 6
    )


def _split_bars(text: str) -> Iterator[tuple[int, str]]:
    """Yield each bar with the column in which it begins, from 0."""
    for line in re.finditer(r"[^\r\n]+", text):
        if not line.group().strip():
            continue
        edges = [-1, *(m.start() for m in re.finditer(r"\|+", line.group())), len(line.group())]
        pieces = [(left + 1, line.group()[left + 1 : right]) for left, right in pairwise(edges)]
        pieces = [(at, piece.replace("|", " ")) for at, piece in pieces]
        if not pieces[0][1].strip():
            pieces.pop(0)
        if pieces and not pieces[-1][1].strip():
            pieces.pop()
        yield from ((line.start() + at, piece) for at, piece in pieces)


def _read_bar(text: str, column: int, piece: str, bars: Sequence[Bar]) -> Bar:
    words = [(column + match.start(), match.group()) for match in _WORD.finditer(piece)]
    if not words:
        raise _make_error(text, column, "an empty bar; expected a chord, % or N.C.")
    if len(words) > BEATS_PER_BAR:
        raise _make_error(text, words[4][0], "more than four chords in a bar; expected |")
    if [word for _, word in words] == ["%"]:
        if not bars:
            raise _make_error(text, words[0][0], "nothing to repeat; expected a chord")
        return bars[-1]
    chords: list[Chord | None] = []
    held: list[int] = []
    before = bars[-1][-1].chord if bars else None
    for at, word in words:
        if word == "/":
            if not held:
                raise _make_error(text, at, "a beat without a chord before it; expected a chord")
            held[-1] += 1
            continue
        if word == "%" and not bars and not chords:
            raise _make_error(text, at, "nothing to repeat; expected a chord")
        chord = before if word == "%" else _read_word(text, at, word)
        chords.append(chord)
        held.append(1)
        before = chord
    return _share_beats(text, words, chords, held)


def _share_beats(
    text: str, words: Sequence[tuple[int, str]], chords: Sequence[Chord | None], held: list[int]
) -> Bar:
    if any(word == "/" for _, word in words):
        if sum(held) != BEATS_PER_BAR:
            raise _make_error(
                text, words[-1][0], f"{sum(held)} beats; with / for a beat a bar has four"
            )
        beats: Sequence[int] = held
    else:
        beats = _SPLIT_BEATS[len(chords)]
    return tuple(Span(chord, count) for chord, count in zip(chords, beats, strict=True))


def _read_word(text: str, column: int, word: str) -> Chord | None:
    return None if word in _NO_CHORD else _ChordReader(word, column, text).read()


def _print_bar(bar: Bar, key: Key | None) -> Iterator[str]:
    beats = tuple(span.beats for span in bar)
    slashes = beats != _SPLIT_BEATS.get(len(bar))
    for span in bar:
        yield "N.C." if span.chord is None else span.chord.spell(key)
        if slashes:
            yield from "/" * (span.beats - 1)


def _name_sharp(pitch_class: int) -> str:
    return ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")[pitch_class]


def _name_flat(pitch_class: int) -> str:
    return ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")[pitch_class]


def _make_error(text: str, column: int, message: str) -> NotationError:
    return NotationError(f"column {column + 1}: {message}", where=f"chords {_excerpt(text)!r}")


def _excerpt(text: str) -> str:
    return text if len(text) <= 48 else text[:45] + "..."


class _ChordReader:
    """Reads one chord from left to right, each piece by the first pattern that fits.

    Args:
        word: The chord's text.
        column: Where it begins in the whole text, from 0.
        text: The whole text, for errors.
    """

    def __init__(self, word: str, column: int, text: str) -> None:
        self._word = word
        self._column = column
        self._text = text
        self._at = 0

    def read(self) -> Chord:
        self._check_brackets()
        root = self._read_note("a root (A to G), %, N.C. or |")
        chord = self._read_details(self._read_quality(Chord(root)))
        if self._take(re.compile("/")):
            bass = self._read_note("a bass note (A to G) after the slash")
            chord = replace(chord, bass=None if bass == chord.root else bass)
        if self._at < len(self._word):
            rest = self._word[self._at :]
            raise self._error(f"{rest[:20]!r} is not known; expected {_QUALITIES}")
        return chord

    def _check_brackets(self) -> None:
        """Refuse brackets that do not match or have nothing in them, and commas outside."""
        inside = False
        for place, sign in enumerate(self._word):
            before = self._word[place - 1 : place]
            if sign == "(" and inside:
                raise self._error_at(place, "a bracket within a bracket")
            if sign in ")," and not inside:
                raise self._error_at(place, f"{sign!r} without a bracket before it")
            if sign in ")," and before in ("(", ","):
                raise self._error_at(place, "nothing in the brackets; expected one of b9, #9, #11")
            inside = sign == "(" or (inside and sign != ")")
        if inside:
            raise self._error_at(len(self._word), "expected )")

    def _error_at(self, place: int, message: str) -> NotationError:
        return _make_error(self._text, self._column + place, message)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._word, self._at)
        if match:
            self._at = match.end()
        return match

    def _error(self, message: str) -> NotationError:
        return self._error_at(self._at, message)

    def _read_note(self, expected: str) -> int:
        match = self._take(_ROOT)
        if match is None:
            rest = self._word[self._at :]
            hint = ""
            if rest[:1] in "hH" and rest:
                hint = "; H is B here"
            elif rest[:1] in "abcdefg" and rest:
                hint = f"; did you mean {rest[0].upper()}{rest[1:20]}?"
            raise self._error(f"{rest[:20]!r}; expected {expected}{hint}")
        return (_LETTERS[match[1]] + _SIGNS[match[2]]) % 12

    def _read_quality(self, chord: Chord) -> Chord:
        """Read what comes first: the triad and the number."""
        if self._take(re.compile(r"(?:dim|o|\u00b0)")):
            seventh = 9 if self._take(re.compile("7")) else None
            return replace(chord, third="minor", fifth=6, seventh=seventh)
        if self._take(re.compile(r"(?:\u00f8|\u00d8)7?")):
            return replace(chord, third="minor", fifth=6, seventh=10)
        if self._take(re.compile(r"(?:aug|\+(?![59]|11))")):
            chord = replace(chord, fifth=8)
        elif self._take(re.compile(r"(?:7?alt)")):
            return replace(chord, fifth=8, seventh=10, tensions=(13, 15))
        elif self._take(re.compile(r"m(?=M|aj|a7|a9)(?!aj|a7|a9)")) or self._take(_MINOR):
            chord = replace(chord, third="minor")
        bracket = self._word.startswith("(ma", self._at) or self._word.startswith("(M", self._at)
        self._at += bracket
        major = self._take(_MAJOR)
        chord = self._read_number(chord, major.group() if major else "")
        if bracket and self._take(re.compile(r"\)")) is None:
            raise self._error("expected )")
        return chord

    def _read_number(self, chord: Chord, major: str) -> Chord:
        number = self._take(_NUMBER)
        if number is None:
            implied = major in ("\u0394", "^") or (major and chord.third == "minor")
            return replace(chord, seventh=11) if implied else chord
        name = number.group()
        if name == "5":
            return replace(chord, third="")
        if name in ("6", "6/9", "69"):
            return replace(chord, seventh=9, tensions=() if name == "6" else (14,))
        tensions = {"7": (), "9": (14,), "11": (14, 17), "13": (14, 21)}[name]
        if name == "11" and chord.third == "major":
            return replace(chord, seventh=11 if major else 10, tensions=(14,), third="sus4")
        return replace(chord, seventh=11 if major else 10, tensions=tensions)

    def _read_details(self, chord: Chord) -> Chord:
        """Read suspensions, additions, omissions and alterations, in any order."""
        while True:
            if self._take(re.compile(r"[(),]")):
                continue
            if found := self._take(_SUSPENDED):
                chord = replace(chord, third=f"sus{found[1] or 4}")
            elif self._take(re.compile("alt")):
                chord = replace(chord, fifth=8, tensions=(13, 15))
            elif found := self._take(_ADDED):
                chord = _add_tension(chord, _ADDITIONS[found[1]])
            elif found := self._take(_OMITTED):
                omitted = {"third": ""} if found[1] == "3" else {"fifth": None}
                chord = replace(chord, **omitted)
            elif found := self._take(_ALTERED):
                chord = _alter(chord, found[1])
            else:
                return chord


def _add_tension(chord: Chord, tension: int) -> Chord:
    return replace(chord, tensions=tuple(sorted({*chord.tensions, tension})))


def _alter(chord: Chord, name: str) -> Chord:
    if name in ("b5", "-5"):
        return replace(chord, fifth=6)
    if name in ("#5", "+5"):
        return replace(chord, fifth=8)
    plain = 14 if name in ("b9", "#9", "+9", "-9") else None
    kept = tuple(tension for tension in chord.tensions if tension != plain)
    return _add_tension(replace(chord, tensions=kept), _ALTERATIONS[name])


def _print_quality(chord: Chord) -> str:
    """Return a quality in the spelling that is read back as the same chord."""
    tensions = list(chord.tensions)
    third, fifth = chord.third, chord.fifth
    if third == "minor" and fifth == 6 and chord.seventh in (None, 9, 10):
        head = {None: "dim", 9: "dim7", 10: "m7b5"}[chord.seventh]
        return head + _print_details(tensions, stacked=True)
    if (third, fifth, chord.seventh, tensions) == ("major", 8, 10, [13, 15]):
        return "7alt"
    head = "m" if third == "minor" else ""
    head += _print_number(chord, tensions)
    head += third if third in ("sus2", "sus4") else ""
    if third == "":
        head = "5" if head == "" and fifth == 7 else head + "(no3)"
    return head + _print_fifth(fifth) + _print_details(tensions, stacked=chord.seventh is not None)


def _print_number(chord: Chord, tensions: list[int]) -> str:
    """Return the number of a chord, and take the tensions that it means from the list."""
    if chord.seventh is None:
        return ""
    if chord.seventh == 9:
        if 14 in tensions and not {13, 15} & set(tensions):
            tensions.remove(14)
            return "6/9"
        return "6"
    major = "maj" if chord.seventh == 11 else ""
    if chord.third == "minor" and major:
        major = "Maj"
    for number, meant in (("13", (14, 21)), ("11", (14, 17)), ("9", (14,))):
        fits = number != "11" or chord.third == "minor"
        plain = not {13, 15} & set(tensions)  # `b9` takes the place of the plain ninth
        if fits and plain and all(tension in tensions for tension in meant):
            for tension in meant:
                tensions.remove(tension)
            return major + number
    return major + "7"


def _print_fifth(fifth: int | None) -> str:
    return {6: "(b5)", 7: "", 8: "(#5)", None: "(no5)"}[fifth]


def _print_details(tensions: Sequence[int], *, stacked: bool) -> str:
    altered = [t for t in tensions if stacked and t in (13, 15, 18, 20)]
    added = [t for t in tensions if t not in altered]
    return "".join(
        [
            *(f"({_TENSION_NAMES[t]})" for t in altered),
            *(f"(add{_TENSION_NAMES[t]})" for t in added),
        ]
    )
