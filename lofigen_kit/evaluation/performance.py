"""How well a network plays: its rollouts beside the reference renderings of the same songs.

A low teacher-forced loss does not mean a good rollout, so both are measured: the loss in
`prediction`, and the rollout here. The reference rendering shows the best figure that a detector
can give.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from lofigen_kit.analysis import (
    chroma,
    chroma_similarity,
    drum_f_measure,
    noise_floor_dbfs,
    render_score_tones,
)
from lofigen_kit.analysis.collapse import Finding, examine
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.corpus.songs import Song
from lofigen_kit.music.score import Score

PAIRS = ("kick_f", "snare_f", "chroma")
"""Figures that are measured of the rollout and of the reference rendering."""


@dataclass(frozen=True)
class Performance:
    """Figures of one rollout, beside those of its reference rendering.

    Most figures come in pairs: of the rollout, and of the reference, which is the best that the
    detector can give.

    Attributes:
        title: Title of the song.
        seconds: Length of the rollout.
        level_db: Level relative to the reference.
        kick_f: F-measure of the detected kicks against the score, within 50 ms, 0 to 1.
        kick_f_reference: The same of the reference.
        snare_f: F-measure of the detected snares.
        snare_f_reference: The same of the reference.
        chroma: Similarity of the harmony to that of the score, 0 to 1.
        chroma_reference: The same of the reference.
        mel_distance_db: Mean difference of the two mel spectrograms.
        noise_floor_dbfs: Level where the reference is silent.
        noise_floor_reference_dbfs: Level of the reference there.
        findings: Where the sound has collapsed.
        findings_reference: What the same detector finds in the reference.
    """

    title: str
    seconds: float
    level_db: float
    kick_f: float
    kick_f_reference: float
    snare_f: float
    snare_f_reference: float
    chroma: float
    chroma_reference: float
    mel_distance_db: float
    noise_floor_dbfs: float
    noise_floor_reference_dbfs: float
    findings: tuple[Finding, ...]
    findings_reference: tuple[Finding, ...]


def measure_performance(song: Song, played: np.ndarray, rate_hz: int) -> Performance:
    """Return the figures of one rollout.

    Args:
        song: The song.
        played: The rollout [shape=(frames,)].
        rate_hz: Its sample rate.
    """
    reference = np.resize(song.samples, len(played))  # in a loop, as the guide
    ours, theirs = AudioBuffer(played[None], rate_hz), AudioBuffer(reference[None], rate_hz)
    score = repeat_hits(song.score, ours.duration_s)
    written = chroma(render_score_tones(song.score, len(played), rate_hz))
    return Performance(
        title=song.title,
        seconds=ours.duration_s,
        level_db=compute_level_db(played) - compute_level_db(reference),
        kick_f=drum_f_measure(ours, score, "kick"),
        kick_f_reference=drum_f_measure(theirs, score, "kick"),
        snare_f=drum_f_measure(ours, score, "snare"),
        snare_f_reference=drum_f_measure(theirs, score, "snare"),
        chroma=chroma_similarity(chroma(ours), written),
        chroma_reference=chroma_similarity(chroma(theirs), written),
        mel_distance_db=compute_mel_distance_db(ours, theirs),
        noise_floor_dbfs=noise_floor_dbfs(ours, theirs),
        noise_floor_reference_dbfs=noise_floor_dbfs(theirs, theirs),
        findings=tuple(examine(ours)),
        findings_reference=tuple(examine(theirs)),
    )


def repeat_hits(score: Score, duration_s: float) -> Score:
    """Return a looped score whose hits are repeated up to a duration."""
    rounds = math.ceil(duration_s / score.duration_s)
    hits = [
        hit.model_copy(update={"onset_s": hit.onset_s + n * score.duration_s})
        for n in range(rounds)
        for hit in score.hits
    ]
    kept = tuple(hit for hit in hits if hit.onset_s < duration_s)
    return score.model_copy(update={"hits": kept, "duration_s": duration_s, "loop": False})


def compute_mel_distance_db(ours: AudioBuffer, theirs: AudioBuffer) -> float:
    """Return the mean absolute difference of two mel spectrograms, 64 bands, floored at -80 dB."""
    import librosa

    levels = []
    for audio in (ours, theirs):
        power = librosa.feature.melspectrogram(
            y=audio.samples[0], sr=audio.sample_rate_hz, n_fft=512, hop_length=128, n_mels=64
        )
        levels.append(10.0 * np.log10(np.maximum(power / 512.0, 1e-8)))
    return float(np.abs(levels[0] - levels[1]).mean())


def compute_level_db(samples: np.ndarray) -> float:
    """Return the mean square in decibels of full scale; silence is -120."""
    return float(10.0 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def summarise(performances: Sequence[Performance]) -> dict[str, Any]:
    """Return means and worst cases over takes, as plain data.

    `collapse_faults` counts the takes in which each fault was found. `collapse_rate_at_most` is the
    upper bound of the rate of collapses at 95 % (Clopper and Pearson, 1934): a few takes without a
    collapse do not show that there is none.
    """
    rows = [asdict(performance) for performance in performances]
    collapsed = sum(bool(row["findings"]) for row in rows)
    return {
        "songs": len(rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "worst_level_db": round(max(abs(row["level_db"]) for row in rows), 2),
        "mean_level_db": _mean(rows, "level_db"),
        **{name: _mean(rows, name) for name in PAIRS},
        **{f"{name}_reference": _mean(rows, f"{name}_reference") for name in PAIRS},
        "mel_distance_db": _mean(rows, "mel_distance_db"),
        "noise_floor_dbfs": _mean(rows, "noise_floor_dbfs"),
        "noise_floor_reference_dbfs": _mean(rows, "noise_floor_reference_dbfs"),
        "collapsed": collapsed,
        "collapsed_reference": sum(bool(row["findings_reference"]) for row in rows),
        "collapse_rate_at_most": round(bound_rate(collapsed, len(rows)), 4),
        "collapse_faults": _faults(performances),
    }


def bound_rate(found: int, count: int) -> float:
    """Return the upper end of a one-sided 95 % interval of a rate, with `found` of `count` seen."""
    return 1.0 if found == count else float(beta.ppf(0.95, found + 1, count - found))


def _mean(rows: Sequence[dict[str, Any]], name: str) -> float:
    return round(float(np.mean([row[name] for row in rows])), 4)


def _faults(performances: Sequence[Performance]) -> dict[str, int]:
    """Return in how many takes each fault was found."""
    takes = [{finding.fault for finding in performance.findings} for performance in performances]
    return dict(Counter(fault for faults in takes for fault in sorted(faults)))
