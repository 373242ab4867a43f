"""How well a network plays each part of a song alone, and the sum of them.

Each figure stands beside that of the reference rendering of the same part, which is the best that
the detector can give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from lofigen_kit.analysis import (
    chroma,
    chroma_similarity,
    noise_floor_dbfs,
    render_score_tones,
)
from lofigen_kit.analysis.collapse import Finding, examine
from lofigen_kit.analysis.drum_templates import (
    DrumTemplates,
    learn_templates,
    measure_strokes,
    select_drums,
)
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.corpus.songs import Song
from lofigen_kit.evaluation.performance import (
    compute_level_db,
    compute_mel_distance_db,
    repeat_hits,
)
from lofigen_kit.music.score import DRUM_PART, DRUMS, Score
from lofigen_kit.plugins.any_instrument import find_kit

JUDGED_DRUMS = ("kick", "snare", "hat", "open-hat")
HIGH_HZ = 5000.0
"""From here up there are hats, the snare's wires and breath."""
OCTAVES_HZ = (20, 60, 120, 250, 500, 1000, 2000, 4000, 8000, 16_000)


@dataclass(frozen=True)
class PartPerformance:
    """Figures of one part of one take, beside those of its reference rendering.

    Attributes:
        part: The part.
        title: Title of the song.
        seconds: Length of the rollout.
        level_db: Level relative to the reference.
        high_db: The same from 5 kHz up.
        mel_distance_db: Mean difference of the two mel spectrograms.
        noise_floor_dbfs: Level where the reference is silent.
        noise_floor_reference_dbfs: Level of the reference there.
        onsets: By drum: the F-measure of its onsets within 50 ms.
        onsets_reference: The same of the reference.
        chroma: Similarity of a pitched part to its notes, 0 to 1; None for drums.
        chroma_reference: The same of the reference.
        findings: Where the part has collapsed, and its reference has not the same fault.
    """

    part: str
    title: str
    seconds: float
    level_db: float
    high_db: float
    mel_distance_db: float
    noise_floor_dbfs: float
    noise_floor_reference_dbfs: float
    onsets: dict[str, float]
    onsets_reference: dict[str, float]
    chroma: float | None
    chroma_reference: float | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class SumPerformance:
    """Figures of the plain sum of a take's parts, beside that of their reference renderings.

    Attributes:
        level_db: Level relative to the reference.
        mel_distance_db: Mean difference of the two mel spectrograms, up to half the rate.
        octaves_db: Level of each octave of `OCTAVES_HZ` relative to the reference.
        findings: Where the sum has collapsed.
    """

    level_db: float
    mel_distance_db: float
    octaves_db: tuple[float, ...]
    findings: tuple[Finding, ...]


def group_by_take(songs: Sequence[Song]) -> list[list[Song]]:
    """Return the songs of a corpus by take: its parts together, or each song by itself."""
    takes: dict[str, list[Song]] = {}
    for song in songs:
        takes.setdefault(song.file.removesuffix(f"-{song.part}.flac"), []).append(song)
    return list(takes.values())


def sum_songs(songs: Sequence[Song]) -> Song:
    """Return the parts of one take as one song; a song that is a mix already is left alone."""
    first, *others = songs
    if not others and not first.part:
        return first
    samples = sum((song.samples for song in others), first.samples)
    scores = [song.score for song in songs]
    score = first.score.model_copy(
        update={
            "parts": tuple(part for one in scores for part in one.parts),
            "notes": tuple(note for one in scores for note in one.notes),
            "hits": tuple(hit for one in scores for hit in one.hits),
        }
    )
    return replace(first, samples=samples, score=score, part="")


def measure_part(song: Song, played: np.ndarray) -> PartPerformance:
    """Return the figures of the rollout of one part.

    Args:
        song: The part, its samples the reference rendering.
        played: The rollout at the song's rate [shape=(frames,)].
    """
    rate_hz = song.sample_rate_hz
    reference = np.resize(song.samples, len(played))  # in a loop, as the guide
    ours, theirs = AudioBuffer(played[None], rate_hz), AudioBuffer(reference[None], rate_hz)
    score = repeat_hits(song.score, ours.duration_s)
    pitched = song.part != DRUM_PART and bool(song.score.notes)
    written = chroma(render_score_tones(song.score, len(played), rate_hz)) if pitched else None
    return PartPerformance(
        part=song.part,
        title=song.title,
        seconds=ours.duration_s,
        level_db=compute_level_db(played) - compute_level_db(reference),
        high_db=_measure_high_db(ours) - _measure_high_db(theirs),
        mel_distance_db=compute_mel_distance_db(ours, theirs),
        noise_floor_dbfs=noise_floor_dbfs(ours, theirs),
        noise_floor_reference_dbfs=noise_floor_dbfs(theirs, theirs),
        onsets=_measure_onsets(ours, score),
        onsets_reference=_measure_onsets(theirs, score),
        chroma=None if written is None else chroma_similarity(chroma(ours), written),
        chroma_reference=None if written is None else chroma_similarity(chroma(theirs), written),
        findings=_find_own_faults(ours, theirs),
    )


def measure_sum(songs: Sequence[Song], played: Mapping[str, np.ndarray]) -> SumPerformance:
    """Return the figures of all parts of a take together.

    Args:
        songs: The parts.
        played: The rollout of each, by its name [shape=(frames,)].
    """
    rate_hz = songs[0].sample_rate_hz
    ours = np.sum([played[song.part] for song in songs], axis=0)
    theirs = np.resize(sum_songs(songs).samples, len(ours))
    own, reference = AudioBuffer(ours[None], rate_hz), AudioBuffer(theirs[None], rate_hz)
    return SumPerformance(
        level_db=compute_level_db(ours) - compute_level_db(theirs),
        mel_distance_db=compute_mel_distance_db(own, reference),
        octaves_db=tuple(np.round(_measure_octaves(own) - _measure_octaves(reference), 2).tolist()),
        findings=tuple(examine(own)),
    )


def summarise_parts(
    parts: Sequence[PartPerformance], sums: Sequence[SumPerformance]
) -> dict[str, Any]:
    """Return the means over takes, by part and of the sum, as plain data."""
    names = list(dict.fromkeys(performance.part for performance in parts))
    by_part = {name: [p for p in parts if p.part == name] for name in names}
    return {
        "parts": {name: _summarise_part(performances) for name, performances in by_part.items()},
        "sum": {
            "takes": len(sums),
            "level_db": _mean([s.level_db for s in sums]),
            "mel_distance_db": _mean([s.mel_distance_db for s in sums]),
            "octaves_hz": list(OCTAVES_HZ),
            "octaves_db": np.round(np.median([s.octaves_db for s in sums], axis=0), 2).tolist(),
            "collapsed": sum(bool(s.findings) for s in sums),
        },
    }


def to_row(part: PartPerformance) -> dict[str, Any]:
    """Return one part's figures as a flat row."""
    row = asdict(part)
    for key in ("onsets", "onsets_reference"):
        row |= {f"{drum}_{key}": value for drum, value in row.pop(key).items()}
    return row


def _summarise_part(performances: Sequence[PartPerformance]) -> dict[str, Any]:
    collapsed = [p for p in performances if p.findings]
    faults = {finding.fault for p in collapsed for finding in p.findings}
    summary: dict[str, Any] = {
        "takes": len(performances),
        "seconds": round(sum(p.seconds for p in performances), 1),
        "level_db": _mean([p.level_db for p in performances]),
        "high_db": _mean([p.high_db for p in performances]),
        "mel_distance_db": _mean([p.mel_distance_db for p in performances]),
        "noise_floor_dbfs": _mean([p.noise_floor_dbfs for p in performances]),
        "noise_floor_reference_dbfs": _mean([p.noise_floor_reference_dbfs for p in performances]),
        "collapsed": len(collapsed),
        "collapse_faults": sorted(faults),
    }
    for drum in JUDGED_DRUMS:
        pairs = [(p.onsets[drum], p.onsets_reference[drum]) for p in performances
                 if drum in p.onsets]  # fmt: skip
        if pairs:
            summary[f"{drum}_f"], summary[f"{drum}_f_reference"] = map(
                _mean, zip(*pairs, strict=True)
            )
    chromas = [(p.chroma, p.chroma_reference) for p in performances if p.chroma is not None]
    if chromas:
        summary["chroma"], summary["chroma_reference"] = map(_mean, zip(*chromas, strict=True))
    return summary


def _measure_onsets(audio: AudioBuffer, score: Score) -> dict[str, float]:
    """Return the F-measure of the onsets of each drum that is judged and struck."""
    templates = _learn_kit(score.kit, audio.sample_rate_hz)
    if templates is None or not score.hits:
        return {}
    struck = {hit.drum for hit in score.hits}
    measures = measure_strokes(audio, score, select_drums(templates, struck))
    return {drum: f for drum, f in measures.items() if drum in JUDGED_DRUMS}


@lru_cache(maxsize=16)
def _learn_kit(label: str, rate_hz: int) -> DrumTemplates | None:
    """Return how the drums of a kit sound; None where no installed instrument plays it."""
    kit = find_kit(label)
    return learn_templates(kit, DRUMS, rate_hz) if kit else None


def _find_own_faults(ours: AudioBuffer, theirs: AudioBuffer) -> tuple[Finding, ...]:
    """Return the faults of a part but for those of its reference at the same time: it may rest."""
    allowed = examine(theirs)
    return tuple(
        finding
        for finding in examine(ours)
        if not any(
            finding.fault == other.fault
            and finding.start_s < other.end_s
            and other.start_s < finding.end_s
            for other in allowed
        )
    )


def _measure_high_db(audio: AudioBuffer) -> float:
    """Return the energy from 5 kHz up, in decibels of full scale."""
    return _measure_bands(audio, (HIGH_HZ, audio.sample_rate_hz / 2))[0]


def _measure_octaves(audio: AudioBuffer) -> np.ndarray:
    return np.array(_measure_bands(audio, OCTAVES_HZ))


def _measure_bands(audio: AudioBuffer, edges_hz: Sequence[float]) -> list[float]:
    """Return the mean square between each two edges, in decibels of full scale."""
    samples = audio.samples[0]
    power = np.abs(np.fft.rfft(samples)) ** 2 * 2.0 / len(samples) ** 2
    hz = np.fft.rfftfreq(len(samples), 1.0 / audio.sample_rate_hz)
    bands = np.add.reduceat(power, np.searchsorted(hz, edges_hz).clip(max=len(power) - 1))[:-1]
    return [float(level) for level in 10.0 * np.log10(bands + 1e-12)]


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)
