"""Agreement between detected onsets and the onsets of a score."""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis.drums import drum_onsets
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.score import Drum, Score

PLAIN_STROKE = 0.35
"""Strokes below this velocity are ghost notes."""


def split_strokes(score: Score, *drums: Drum) -> tuple[np.ndarray, np.ndarray]:
    """Return the onsets of plain strokes and of ghost notes in seconds, of some drums together.

    Returns:
        np.ndarray [shape=(onsets,), dtype=float64], twice, ascending.
    """
    hits = [hit for hit in score.hits if hit.drum in drums]
    plain_s = [hit.onset_s for hit in hits if hit.velocity >= PLAIN_STROKE]
    ghosts_s = [hit.onset_s for hit in hits if hit.velocity < PLAIN_STROKE]
    return np.sort(np.array(plain_s, np.float64)), np.sort(np.array(ghosts_s, np.float64))


def onset_f_measure(
    reference: np.ndarray,
    estimated: np.ndarray,
    window_s: float = 0.05,
    *,
    optional: np.ndarray | None = None,
) -> float:
    """Return the F-measure of onsets, matched one to one as by `mir_eval.onset.f_measure`.

    Args:
        reference: The true onsets in seconds, ascending [shape=(onsets,)].
        estimated: The detected onsets in seconds, ascending [shape=(onsets,)].
        window_s: The greatest distance of a matched pair.
        optional: Onsets that need not be detected, such as ghost notes, in seconds, ascending: an
            estimate that matches no reference but one of these is not counted.

    Returns:
        0 to 1. By convention 0 if only one of reference and estimate is empty, and 1 if both are.
    """
    matched = _match_onsets(reference, estimated, window_s)
    hits, estimates = int(matched.sum()), len(estimated)
    if optional is not None:
        estimates -= int(_match_onsets(optional, estimated[~matched], window_s).sum())
    if len(reference) + estimates == 0:
        return 1.0
    return 2.0 * hits / (len(reference) + estimates)


def drum_f_measure(audio: AudioBuffer, score: Score, drum: Drum, window_s: float = 0.05) -> float:
    """Return how well the onsets of a drum in the audio match the score; see `onset_f_measure`.

    Plain strokes (velocity 0.35 and above) must be detected; ghost notes are optional.

    Args:
        audio: Any rate and number of channels.
        score: The score, in time with the audio.
        drum: `kick`, `snare` or `hat`.
        window_s: The greatest distance of a matched pair.

    Returns:
        0 to 1.
    """
    plain_s, ghosts_s = split_strokes(score, drum)
    return onset_f_measure(plain_s, drum_onsets(audio, drum), window_s, optional=ghosts_s)


def _match_onsets(reference: np.ndarray, estimated: np.ndarray, window_s: float) -> np.ndarray:
    """Return which estimates belong to a maximum one-to-one matching [shape=(len(estimated),)].

    For points on a line, pairing the earliest with the earliest within the window is already a
    maximum matching; no general graph algorithm is needed.
    """
    matched = np.zeros(len(estimated), dtype=bool)
    i = j = 0
    while i < len(reference) and j < len(estimated):
        if abs(reference[i] - estimated[j]) <= window_s:
            matched[j] = True
            i, j = i + 1, j + 1
        elif reference[i] < estimated[j]:
            i += 1
        else:
            j += 1
    return matched
