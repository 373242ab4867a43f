"""What the detectors find in the band's own parts, each alone: the most that can be asked of a mix.

    python benchmarks/ceilings.py [--takes 24] [--first 0] [--rates 44100 24000]

Drums: the F-measure of each kind at 50 ms, over all strokes of all takes; ghost notes may be found
or not. Notes: how alike the chromas of a part and of its score are, that of a score half an octave
off, and the share of the beats in which `extract_score` hears a pitch class that is written.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lofigen_kit.analysis import chroma, chroma_similarity, extract_score, onset_f_measure
from lofigen_kit.analysis.agreement import split_strokes
from lofigen_kit.analysis.drum_templates import find_strokes, learn_templates
from lofigen_kit.analysis.pitch import frame_times_s
from lofigen_kit.api import make_instrument
from lofigen_kit.components.base import Context, Take
from lofigen_kit.dsp.resample import resample
from lofigen_kit.music.score import DRUMS
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band, choices

APART_S = 1000.0
"""How far takes are apart where they are counted as one."""


def main() -> None:
    """Render the takes, and print a table for the drums of each rate, and one for the notes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=int, default=24)
    parser.add_argument("--first", type=int, default=0, help="The first seed.")
    parser.add_argument("--rates", type=int, nargs="+", default=[44_100, 24_000])
    asked = parser.parse_args()
    kits = choices.CHOICES["kit"]
    takes = []
    for seed in range(asked.first, asked.first + asked.takes):
        source = Band.model_validate({"kit": kits[seed % len(kits)]})
        takes.append(
            (kits[seed % len(kits)], source.make_take(Context(rng_for(seed, 0, "source"))))
        )
    for rate_hz in asked.rates:
        print_drums(takes, rate_hz)
    print_notes([take for _, take in takes])


def print_drums(takes: Sequence[tuple[str, Take]], rate_hz: int) -> None:
    """Print the F-measure of each drum, over all kits and by kit."""
    times: dict[tuple[str, str], list[list[np.ndarray]]] = defaultdict(lambda: [[], [], []])
    for number, (kit, take) in enumerate(takes):
        audio = resample(take.parts["drums"], rate_hz)
        played = dict.fromkeys(hit.drum for hit in take.score.hits)
        templates = learn_templates(make_instrument("kit", kit=kit), played, rate_hz)
        for drum, (onsets_s, _) in find_strokes(audio, templates).items():
            plain_s, ghosts_s = split_strokes(take.score, drum)
            for key in ((drum, "all"), (drum, kit)):
                for rows, found in zip(times[key], (plain_s, onsets_s, ghosts_s), strict=True):
                    rows.append(np.sort(np.asarray(found)) + number * APART_S)
    columns = ["all", *dict.fromkeys(kit for kit, _ in takes)]
    print(f"\n| drum at {rate_hz} Hz | strokes |", " | ".join(columns), "|")
    print("| --- " * (len(columns) + 2) + "|")
    for drum in DRUMS:
        cells = []
        for column in columns:
            if (drum, column) in times:
                plain_s, heard_s, ghosts_s = map(np.concatenate, times[drum, column])
                f = onset_f_measure(plain_s, heard_s, 0.05, optional=ghosts_s)
                cells.append(f"{f:.3f}")
            else:
                cells.append("")
        strokes = sum(map(len, times[drum, "all"][0]))
        print(f"| {drum} | {strokes} |", " | ".join(cells), "|")


def print_notes(takes: Sequence[Take]) -> None:
    """Print how well the notes of each part are heard."""
    print("\n| part | chroma | half an octave off | beats with a written pitch class |")
    print("| --- | --- | --- | --- |")
    for part in ("bass", "keys", "lead"):
        alike, off, heard = [], [], []
        for take in takes:
            score = take.score.solo(part)
            if not score.notes:
                continue
            sound = chroma(take.parts[part])
            written = score.chroma(frame_times_s(sound.shape[1]))
            alike.append(chroma_similarity(sound, written))
            off.append(chroma_similarity(np.roll(sound, 6, axis=0), written))
            middles_s = (np.arange(4 * score.bars) + 0.5) * 60.0 / score.tempo_bpm
            ours = extract_score(take.parts[part]).chroma(middles_s)
            theirs = score.chroma(middles_s)
            sounding = theirs.any(axis=0)
            heard.append(((ours > 0) & (theirs > 0)).any(axis=0)[sounding].mean())
        print(f"| {part} | {np.mean(alike):.2f} | {np.mean(off):.2f} | {np.mean(heard):.2f} |")


if __name__ == "__main__":
    main()
