"""Draws the piano rolls of docs/arranger.md: what the arranger writes, as a picture.

python -m tools.make_arranger
python -m tools.make_arranger --seed 7 --set feel=bossa --set bars=16 -o roll.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from lofigen_kit.music.chords import format_chart
from lofigen_kit.music.keys import parse_key
from lofigen_kit.music.score import DRUMS
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band.arranger import Arrangement, Brief, arrange
from tools.pages import DOCS

mpl.use("Agg")
from matplotlib import pyplot as plt

IMAGES = DOCS / "images"
COLOURS = {"bass": "#7a4a2b", "keys": "#4b7a8c", "lead": "#c8512e"}
PICTURES: dict[str, tuple[int, dict[str, Any]]] = {
    "arranger-loop": (11, {"feel": "dilla", "key": "D minor", "bars": 8}),
    "arranger-song": (5, {"feel": "boom-bap", "form": "song", "plan": "standard"}),
}
"""By the image's name: the seed, and what was asked for."""


def draw_roll(arrangement: Arrangement, path: Path) -> None:
    """Write the piano roll of an arrangement: notes above, strokes below, chords and sections."""
    score = arrangement.score
    bar_s = 4 * score.grid.beat_s
    long = score.bars > 16
    figure, (notes, strokes) = plt.subplots(
        2, 1, figsize=(11, 5.6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    for note in score.notes:
        left, width = note.onset_s / bar_s, note.duration_s / bar_s
        notes.barh(
            note.midi, width, left=left, height=0.8, color=COLOURS[note.part],
            alpha=0.35 + 0.6 * note.velocity,
        )  # fmt: skip
    rows = {drum: row for row, drum in enumerate(reversed(DRUMS))}
    times = [hit.onset_s / bar_s for hit in score.hits]
    sizes = [(3 if long else 12) * (0.3 + 3 * hit.velocity**2) for hit in score.hits]
    strokes.scatter(times, [rows[hit.drum] for hit in score.hits], s=sizes, c="#333333", lw=0)
    strokes.set_yticks(list(rows.values()), list(rows))
    strokes.set_ylim(-0.7, len(DRUMS) - 0.3)
    strokes.set_xlabel("bar")
    notes.set_ylabel("MIDI note")
    notes.set_yticks(range(24, 97, 12), [f"C{octave}" for octave in range(1, 8)])
    notes.set_ylim(25, 92)
    for axes in (notes, strokes):
        axes.set_xlim(0, score.bars)
        axes.set_xticks(np.arange(0, score.bars, 4 if long else 1))
        axes.grid(axis="x", color="#dddddd", lw=0.8)
        axes.set_axisbelow(True)
    _label(arrangement, notes, long=long)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def _label(arrangement: Arrangement, axes: Any, *, long: bool) -> None:
    """Write the chords of a loop, or the sections of a song, over the notes."""
    score = arrangement.score
    if long:
        for section in score.sections:
            axes.axvline(section.first_bar, color="#888888", lw=1)
            axes.text(section.first_bar + 0.3, 92.4, section.name, fontsize=9)
    else:
        for bar, text in enumerate(
            format_chart(arrangement.chords, parse_key(score.key)).split(" | ")
        ):
            axes.text(bar + 0.03, 92.4, text, fontsize=7 if len(text) > 8 else 8)
    title = (
        f"{score.key}, {score.tempo_bpm:g} BPM, swing {score.swing_pct:g} %, {arrangement.feel}, "
        f"{arrangement.progression}, keys: {arrangement.keys}"
    )
    axes.set_title(title, fontsize=9, pad=18, loc="left")


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the pictures of the page, or one that is asked for."""
    parser = argparse.ArgumentParser(description="Draw what the arranger writes.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args(arguments)
    if given.output is None:
        for name, (seed, asked) in PICTURES.items():
            rng = rng_for(seed, 0, "source")
            draw_roll(arrange(Brief(**asked), rng), IMAGES / f"{name}.png")
        return
    fields: dict[str, Any] = dict(item.split("=", 1) for item in given.set)
    for name in ("bars", "tempo_bpm", "swing_pct", "lead_density"):
        if name in fields:
            fields[name] = int(fields[name]) if name == "bars" else float(fields[name])
    draw_roll(arrange(Brief(**fields), rng_for(given.seed, 0, "source")), given.output)


if __name__ == "__main__":
    main()
