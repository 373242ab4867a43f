"""Transcription: a score for a recording that has none, accurate enough to condition a network."""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis.beats import beat_track
from lofigen_kit.analysis.drums import TRAITS, drum_strokes
from lofigen_kit.analysis.pitch import HOP_S, LOWEST_MIDI, constant_q, find_held_partials, tuning_st
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.errors import AudioError
from lofigen_kit.music.score import PITCH_CLASSES, Hit, Note, PartName, Score

RANGES: dict[PartName, range] = {"bass": range(28, 48), "keys": range(48, 85)}
"""MIDI notes: a bass is searched from E1 to B2, chords from C3 to C6."""
MAX_NOTES: dict[PartName, int] = {"bass": 1, "keys": 4}
MIN_NOTE_LEVELS: dict[PartName, float] = {"bass": 0.1, "keys": 0.05}
"""The least level of a note, relative to the loudest of its part."""
MIN_OVERALL_LEVEL = 0.02
"""The least level of a note, relative to the loudest of the piece; below it the part is absent."""
HARMONICS_ST = (12, 19, 24, 28, 31, 34, 36)
"""The second to eighth harmonics of a note, in semitones above it."""
HARMONIC_SHARES = 0.5 / np.arange(2, 9)
"""The level of each harmonic, relative to its note, that is not taken for a note itself."""

# Key profiles of Krumhansl and Kessler (1982), in semitones from the tonic up.
KEY_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
MIN_KEY_CORRELATION = 0.5
"""If no profile correlates better than this, the piece has no key."""


def extract_score(audio: AudioBuffer) -> Score:
    """Return the estimated score of a recording.

    Drums are detected stroke by stroke. The bass and up to four chord notes are estimated beat by
    beat from the partials of a constant-Q spectrum. Velocities are relative: the median stroke of
    each drum is 0.7. Swing is not estimated, and bars are counted from the first detected beat.

    Args:
        audio: Any rate and number of channels, in constant tempo.

    Raises:
        AudioError: if there is no audio.
    """
    if audio.frames == 0:
        raise AudioError("there is no sound to take a score from")
    audio = audio.mono()
    tempo_bpm, start_s = beat_track(audio)
    notes = _estimate_notes(audio, tempo_bpm, start_s)
    bar_s = 4 * 60.0 / tempo_bpm
    return Score(
        tempo_bpm=tempo_bpm,
        key=_estimate_key(notes),
        bars=round(max(audio.duration_s - start_s, 0.0) / bar_s),
        start_s=start_s,
        duration_s=audio.duration_s,
        notes=notes,
        hits=_detect_hits(audio),
    )


def _detect_hits(audio: AudioBuffer) -> tuple[Hit, ...]:
    """Return the strokes of all drums in order of time."""
    hits = []
    for drum in TRAITS:
        times_s, heights = drum_strokes(audio, drum)
        for time_s, height in zip(times_s, heights, strict=True):
            velocity = 0.7 * height / np.median(heights)
            hits.append(Hit(drum=drum, onset_s=time_s, velocity=np.clip(velocity, 0.1, 1.0)))
    return tuple(sorted(hits, key=lambda hit: hit.onset_s))


def _estimate_notes(audio: AudioBuffer, tempo_bpm: float, start_s: float) -> tuple[Note, ...]:
    """Return the notes of all parts, each at least one beat long."""
    tuning = tuning_st(audio)
    partials = find_held_partials(constant_q(audio, tuning_st=tuning))
    edges_s = _beat_edges_s(tempo_bpm, start_s, audio.duration_s)
    frames = np.minimum(np.round(edges_s / HOP_S).astype(int), partials.shape[1] - 1)
    slots = zip(frames[:-1], np.maximum(frames[1:], frames[:-1] + 1), strict=True)
    levels = np.array([_suppress_harmonics(partials[:, a:b].mean(axis=1)) for a, b in slots]).T
    return tuple(n for part in RANGES for n in _held_notes(part, levels, edges_s, tuning))


def _beat_edges_s(tempo_bpm: float, start_s: float, duration_s: float) -> np.ndarray:
    """Return the edges of the beats in seconds, and the start and end of the recording."""
    beats_s = np.arange(start_s, duration_s, 60.0 / tempo_bpm)
    return np.unique(np.concatenate([[0.0], beats_s, [duration_s]]))


def _suppress_harmonics(partials: np.ndarray) -> np.ndarray:
    """Return the level of each note, 0 where a partial is a harmonic of a lower note.

    The strongest partial is a note. Its expected harmonics are subtracted, and the next note is
    searched in the rest (Klapuri, ISMIR 2006), the bass before the chords.
    """
    rest, levels = partials.copy(), np.zeros_like(partials)
    for part, pitches in RANGES.items():
        span = slice(pitches.start - LOWEST_MIDI, pitches.stop - LOWEST_MIDI)
        for _ in range(MAX_NOTES[part]):
            pitch = span.start + int(rest[span].argmax())
            if rest[pitch] <= 0:
                break
            levels[pitch] = rest[pitch]
            harmonics = np.array([pitch + step for step in HARMONICS_ST])
            in_range = harmonics < len(rest)
            rest[harmonics[in_range]] -= rest[pitch] * HARMONIC_SHARES[in_range]
            rest[pitch] = 0.0
    return levels


def _held_notes(
    part: PartName, levels: np.ndarray, edges_s: np.ndarray, tuning: float
) -> list[Note]:
    """Return the notes of one part: one for each run of beats in which a pitch sounds."""
    rows = levels[[midi - LOWEST_MIDI for midi in RANGES[part]]]
    active = rows > max(MIN_NOTE_LEVELS[part] * rows.max(), MIN_OVERALL_LEVEL * levels.max())
    typical = float(np.median(rows[active])) if active.any() else 1.0
    notes = []
    for midi, row, row_active in zip(RANGES[part], rows, active, strict=True):
        changes = np.flatnonzero(np.diff(np.concatenate([[False], row_active, [False]])))
        for first, last in zip(changes[::2], changes[1::2], strict=True):
            velocity = 0.7 * row[first:last].mean() / typical
            notes.append(
                Note(
                    part=part,
                    midi=midi + tuning,
                    onset_s=edges_s[first],
                    duration_s=edges_s[last] - edges_s[first],
                    velocity=np.clip(velocity, 0.1, 1.0),
                )
            )
    return notes


def _estimate_key(notes: tuple[Note, ...]) -> str:
    """Return the key whose profile correlates best with the duration of each pitch class, or ""."""
    weights = np.zeros(12)
    for note in notes:
        weights[round(note.midi) % 12] += note.duration_s * note.velocity
    if weights.std() == 0:
        return ""
    fits = {
        f"{tonic} {mode}": np.corrcoef(np.roll(profile, shift), weights)[0, 1]
        for mode, profile in KEY_PROFILES.items()
        for shift, tonic in enumerate(PITCH_CLASSES)
    }
    best = max(fits, key=fits.__getitem__)
    return best if fits[best] >= MIN_KEY_CORRELATION else ""
