"""The contract of a source's drums where its kit is known: each kind is where the score has it."""

from __future__ import annotations

import numpy as np

from lofigen_kit.components.base import Take
from lofigen_kit.music.score import DRUM_PART, DRUMS, Drum
from lofigen_kit.plugins.any_instrument import find_kit
from lofigen_kit.testing.cases import require

TOLD_APART: tuple[tuple[Drum, ...], ...] = (
    ("kick",), ("snare",), ("rim",), ("hat", "open-hat", "ride"),
)  # fmt: skip
"""A kit's cymbals may be one sound, short and long, as those of a drum machine are."""
_TOGETHER_S = 0.03
"""Two cymbals within this time are heard as one."""


def check_strokes(take: Take, least: float) -> None:
    """Check that the drum part has each stroke of the score, whatever else is struck.

    Nothing is checked of a take without a part for its drums, or whose kit no instrument plays.

    Args:
        take: What the source made.
        least: The least F-measure of each kind.
    """
    from lofigen_kit.analysis import onset_f_measure
    from lofigen_kit.analysis.agreement import split_strokes
    from lofigen_kit.analysis.drum_templates import find_strokes, learn_templates

    part, kit = take.parts.get(DRUM_PART), find_kit(take.score.kit)
    if part is None or kit is None:
        return
    drums = [drum for drum in DRUMS if any(hit.drum == drum for hit in take.score.hits)]
    found = find_strokes(part, learn_templates(kit, drums, part.sample_rate_hz))
    for alike in TOLD_APART:
        plain_s, ghosts_s = split_strokes(take.score, *alike)
        if not len(plain_s):
            continue
        heard_s = [onset_s for drum in alike if drum in found for onset_s in found[drum][0]]
        agreement = onset_f_measure(
            _merge(plain_s), _merge(np.sort(np.array(heard_s))), optional=ghosts_s
        )
        require(
            agreement >= least,
            f"the {alike[0]} of {kit.use} is heard in the part {DRUM_PART} where the score has it: "
            f"an F-measure of at least {least}, not {agreement:.2f}",
        )


def _merge(times_s: np.ndarray) -> np.ndarray:
    """Return ascending times without those that follow another at once."""
    return times_s[np.diff(times_s, prepend=-np.inf) > _TOGETHER_S]
