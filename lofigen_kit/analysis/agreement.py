"""How well the onsets that were heard agree with those that were written."""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis.drums import drum_onsets
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.score import Drum, Score

PLAIN_STROKE = 0.35
"""Strokes below this velocity are ghost notes."""


def onset_f_measure(
    reference: np.ndarray,
    estimated: np.ndarray,
    window_s: float = 0.05,
    *,
    optional: np.ndarray | None = None,
) -> float:
    """Return the F-measure of onsets, matched one to one as `mir_eval.onset.f_measure` does.

    Args:
        reference: The true onsets in seconds [shape=(onsets,)], ascending.
        estimated: Those that were heard, likewise.
        window_s: How far apart a pair may be.
        optional: Onsets that may be heard or not, such as ghost notes: an estimate that no
            reference claims but one of these does is not counted.

    Returns:
        0 to 1. By convention 0 where the reference or the estimate is empty, and 1 where both are.
    """
    hit = _match_onsets(reference, estimated, window_s)
    hits, heard = int(hit.sum()), len(estimated)
    if optional is not None:
        heard -= int(_match_onsets(optional, estimated[~hit], window_s).sum())
    if len(reference) + heard == 0:
        return 1.0
    return 2.0 * hits / (len(reference) + heard)


def drum_f_measure(audio: AudioBuffer, score: Score, drum: Drum, window_s: float = 0.05) -> float:
    """Return how well a drum of the score is heard in the audio, by `onset_f_measure`.

    Plain strokes (velocity 0.35 and above) have to be heard; ghost notes may be.
    """
    ghosts = [h.onset_s for h in score.hits if h.drum == drum and h.velocity < PLAIN_STROKE]
    return onset_f_measure(
        score.onsets_s(drum, min_velocity=PLAIN_STROKE),
        drum_onsets(audio, drum),
        window_s,
        optional=np.sort(ghosts),
    )


def _match_onsets(reference: np.ndarray, estimated: np.ndarray, window_s: float) -> np.ndarray:
    """Return which estimates a largest one-to-one matching uses [shape=(len(estimated),)].

    On a line, pairing the earliest with the earliest that is near enough is already a largest
    matching: no general graph algorithm is needed.
    """
    used = np.zeros(len(estimated), dtype=bool)
    i = j = 0
    while i < len(reference) and j < len(estimated):
        if abs(reference[i] - estimated[j]) <= window_s:
            used[j] = True
            i, j = i + 1, j + 1
        elif reference[i] < estimated[j]:
            i += 1
        else:
            j += 1
    return used
