"""Draws and plays the examples of docs/arranger.md: what the arranger writes.

python -m tools.make_arranger
python -m tools.make_arranger --seed 7 --set feel=bossa --set bars=16 -o roll.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.components.base import Context
from lofigen_kit.music.roll_svg import draw_svg
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band
from lofigen_kit_plugins.band.arranger import Arrangement, Brief, arrange
from tools.pages import DOCS

IMAGES, SOUNDS = DOCS / "images", DOCS / "sounds"
HEARD_S, FADE_S = 45.0, 3.0
"""How much of an example is heard, and how it ends where it is longer."""
PICTURES: dict[str, tuple[int, dict[str, Any]]] = {
    "arranger-loop": (11, {"feel": "dilla", "key": "D minor", "bars": 8}),
    "arranger-song": (5, {"feel": "boom-bap", "form": "song", "plan": "standard"}),
}
"""By the name of image and sound: the seed, and what was asked for."""


def draw_roll(arrangement: Arrangement, path: Path) -> None:
    """Write the piano roll of an arrangement."""
    title = f"{arrangement.feel}, {arrangement.progression}"
    svg = draw_svg(arrangement.score, title=title, chords=arrangement.chords)
    path.write_text(svg, encoding="utf-8")


def play(name: str, seed: int, asked: dict[str, Any]) -> None:
    """Write what the band makes of an example."""
    take = Band(**asked).make_take(Context(rng_for(seed, 0, "source")))
    rate_hz = take.audio.sample_rate_hz
    samples = take.audio.samples[:, : round(HEARD_S * rate_hz)]
    if samples.shape[1] < take.audio.frames:
        fade = round(FADE_S * rate_hz)
        samples = samples * np.minimum(1.0, np.arange(samples.shape[1], 0, -1) / fade)
    SOUNDS.mkdir(exist_ok=True)
    write_audio(
        SOUNDS / f"{name}.ogg",
        AudioBuffer(samples.astype(np.float32), rate_hz),
        format="ogg",
        bit_depth=16,
        comment=f"{take.title}, {take.licence}",
        rng=rng_for(seed, 0, "dither"),
        force=True,
    )


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
            draw_roll(arrange(Brief(**asked), rng), IMAGES / f"{name}.svg")
            play(name, seed, asked)
        return
    fields: dict[str, Any] = dict(item.split("=", 1) for item in given.set)
    for name in ("bars", "tempo_bpm", "swing_pct", "lead_density"):
        if name in fields:
            fields[name] = int(fields[name]) if name == "bars" else float(fields[name])
    draw_roll(arrange(Brief(**fields), rng_for(given.seed, 0, "source")), given.output)


if __name__ == "__main__":
    main()
