"""Draw the score of a take: in the terminal, or as a picture."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lofigen_kit.cli.common import to_printable
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.music.chords import Bar
    from lofigen_kit.music.roll_text import Line
    from lofigen_kit.music.score import Score
    from lofigen_kit.preset.schema import Preset

COLOURS = {"bass": "yellow", "keys": "cyan", "lead": "red", "drums": None}
OTHER_COLOURS = ("green", "magenta", "blue")


def write_picture(path: Path, score: Score, *, title: str, chords: Sequence[Bar]) -> None:
    """Write the piano roll of a score as an SVG file.

    Raises:
        InputError: if the place cannot be written to.
    """
    from lofigen_kit.music.roll_svg import draw_svg
    from lofigen_kit.runtime.files import explain_write_errors, write_atomic

    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, draw_svg(score, title=title, chords=chords).encode())


def compose(preset: Preset, number: int) -> tuple[Score, tuple[Bar, ...], str]:
    """Return the score of a take as it is heard after the effects, its chords and its title.

    Raises:
        LofigenError: if the source cannot give a take.
    """
    from lofigen_kit.render.chain import Chain, transform_chords, transform_score

    take = Chain(preset, "cpu", network=None).make_take(number)
    title = to_printable(f"{preset.name}, take {number}: {take.title}")
    return transform_score(preset, take.score), transform_chords(preset, take.chords), title


def check_picture(path: Path) -> None:
    """Check the name of a picture, before any slow work.

    Raises:
        InputError: if it is not that of an SVG file.
    """
    if path.suffix.lower() != ".svg":
        raise InputError(
            "the picture of a score is an SVG file",
            where=path,
            remedy=f"name it {path.with_suffix('.svg').name}",
        )


def draw_lines(score: Score, *, title: str, chords: Sequence[Bar]) -> Iterator[str]:
    """Yield the piano roll as this terminal can show it: its width, its letters, its colours."""
    from lofigen_kit.music.roll_text import ASCII, UNICODE, draw_text

    encoding = sys.stdout.encoding or "ascii"
    signs = UNICODE if _can_print("".join((*UNICODE.strokes, *UNICODE[1:])), encoding) else ASCII
    width = shutil.get_terminal_size().columns
    lines = draw_text(score, width, title=title, chords=chords, signs=signs)
    shown = _colour(lines, score.part_names) if _has_colours() else (line.text for line in lines)
    yield from (text.encode(encoding, "replace").decode(encoding) for text in shown)


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _can_print(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _colour(lines: Iterable[Line], parts: Sequence[str]) -> Iterator[str]:
    """Yield lines in the colours of their parts."""
    others = [part for part in parts if part not in COLOURS]
    colours = {part: OTHER_COLOURS[n % len(OTHER_COLOURS)] for n, part in enumerate(others)}
    for line in lines:
        yield typer.style(line.text, fg=(COLOURS | colours).get(line.part))
