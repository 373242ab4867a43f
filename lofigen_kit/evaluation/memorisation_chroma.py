"""Has a network learnt by heart, and moved it? Training songs beside a clip, in any transposition.

Eight seconds of the clip's chroma are laid upon every place of every song, in twelve
transpositions and at several speeds, and compared by their correlation. No gain, filter or room
changes much of it, since each pitch class is taken as a logarithm and without its own mean. What
is left is how harmony and strokes follow each other, every 64 ms.

Songs of one style share progressions, and so come out alike without being copies: a short chroma
is no proof. `COPY` is set above what songs reach that were never heard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lofigen_kit.analysis.pitch import CHROMA_LOWEST_MIDI, HOP_S, LOWEST_MIDI, constant_q
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.corpus.songs import SAMPLE_RATE_HZ, Song
from lofigen_kit.evaluation.memorisation import ClipMatch, find_best_matches

WINDOW_S, EVERY_S = 8.0, 1.0
SILENCE_DB = -30.0
"""Beside the clip's level: what is softer is compared with nothing."""
SPEEDS = (0.9, 0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1)
"""At which an untransposed clip is compared. A step of 2 % is off by 80 ms within 8 s."""
SEMITONES = range(-6, 7)
"""Six up and six down are the same pitch classes, at another speed where a tape was sped up."""

CHROMA_SUSPECT_THRESHOLD, CHROMA_COPY_THRESHOLD = 0.75, 0.82
"""From where on somebody should listen to both, and from where on a window is taken for a copy.

Calibrated by benchmarks/likeness.py on an hour of the beatmaker; docs/provenance.md has all of it.
Of 146 songs beside songs that are not theirs, 117 of them beside those of their own progression,
two reach `FLAG` and none `COPY`: all are below 0.786. Of 12 copies each, noise, a room, tape, a
low-pass at 800 Hz, 10 % of tempo and four semitones either way leave all above `FLAG`. Of 48 that
were moved by six semitones, 3 stay below `FLAG` and 27 below `COPY`. A high-pass at 300 Hz hides
all.
"""

_DEPTH = 40.0
"""How far below a song's level a pitch is still told from silence."""


@dataclass(frozen=True)
class ShiftedMatch(ClipMatch):
    """Eight seconds of a clip, and those of a song that they are most like, moved.

    Attributes:
        semitones: How much higher the clip is than the song.
        speed: How many times as fast the clip is.
    """

    semitones: int
    speed: float

    @property
    def is_copy(self) -> bool:
        """Whether it passes for a copy."""
        return self.similarity >= CHROMA_COPY_THRESHOLD

    @property
    def is_suspect(self) -> bool:
        """Whether it is more alike than most that was never heard: somebody should listen."""
        return self.similarity >= CHROMA_SUSPECT_THRESHOLD


class ChromaIndex:
    """Songs in which a clip's like is looked for, wherever it was moved.

    Args:
        songs: At least one, such as a corpus's training split.
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        self._songs = [
            (song.title, song.file, _compress_chroma(_chroma(song.samples))) for song in songs
        ]

    def find_nearest(
        self, clip: np.ndarray, *, progress: Callable[[int, int], None] | None = None
    ) -> list[ShiftedMatch]:
        """Return for every eight seconds of a clip, one second apart, what they are most like.

        Args:
            clip: Mono at 8 kHz [shape=(frames,)].
            progress: Songs done and songs in all.

        Returns:
            One for each window, in time; none for windows that are silent, nor for a clip that is
            shorter: too little to tell a copy from a common progression.
        """
        size = round(WINDOW_S / HOP_S)
        chroma = _chroma(clip)
        moved = [
            window for motion in _iterate_shifts() for window in _windows(chroma, *motion, size)
        ]
        if not moved:
            return []
        windows = np.stack([window.pattern for window in moved])
        songs = [song for _, _, song in self._songs]
        laid_upon = (_best_places(windows, song, size) for song in songs)
        best, found = find_best_matches(laid_upon, len(moved), len(songs), progress)
        starts: dict[int, int] = {}
        for index in np.argsort(best, kind="stable").tolist():
            starts[moved[index].second] = index  # the best comes last, and stays
        return [
            ShiftedMatch(
                clip_s=moved[index].second * EVERY_S,
                similarity=min(float(best[index]), 1.0),
                title=self._songs[found[index, 0]][0],
                file=self._songs[found[index, 0]][1],
                song_s=float(found[index, 1]) * HOP_S,
                semitones=moved[index].semitones,
                speed=moved[index].speed,
            )
            for _, index in sorted(starts.items())
        ]


@dataclass(frozen=True)
class _Window:
    second: int
    semitones: int
    speed: float
    pattern: np.ndarray


def _iterate_shifts() -> Iterator[tuple[int, float]]:
    """Yield how a copy may have been moved: in speed alone, in pitch alone, or as a tape is."""
    yield from ((0, speed) for speed in SPEEDS)
    for semitones in SEMITONES:
        if semitones:
            yield semitones, 1.0
            yield semitones, 2.0 ** (semitones / 12.0)


def _chroma(samples: np.ndarray) -> np.ndarray:
    """Return the amplitude of each pitch class every 64 ms [shape=(12, frames)]."""
    magnitude = constant_q(AudioBuffer(samples[None], SAMPLE_RATE_HZ))
    octaves = magnitude[CHROMA_LOWEST_MIDI - LOWEST_MIDI :].reshape(-1, 12, magnitude.shape[1])
    return np.asarray(np.sqrt(np.square(octaves).sum(axis=0)))


def _compress_chroma(chroma: np.ndarray) -> np.ndarray:
    """Return a chroma as logarithms, above a floor that moves with its level."""
    level = max(float(np.sqrt(np.square(chroma).mean())), 1e-9)
    return np.log1p(_DEPTH * chroma / level).astype(np.float32)


def _windows(chroma: np.ndarray, semitones: int, speed: float, size: int) -> Iterator[_Window]:
    """Yield the windows that sound of a clip that is moved back to where its song was."""
    frames = int(chroma.shape[1] * speed)
    places = np.arange(frames) / speed
    back = np.roll(chroma, -semitones, axis=0)
    slow = np.stack([np.interp(places, np.arange(back.shape[1]), row) for row in back])
    least = max(float(np.square(chroma).mean()) * 10 ** (SILENCE_DB / 10), 1e-12)
    features = _compress_chroma(slow)
    seconds = math.floor((chroma.shape[1] - size) * HOP_S / EVERY_S) + 1
    for second in range(seconds):
        start = round(second * EVERY_S * speed / HOP_S)
        part = slice(start, start + size)
        if start + size <= frames and np.square(slow[:, part]).mean() > least:
            pattern = features[:, part] - features[:, part].mean(axis=1, keepdims=True)
            energy = np.linalg.norm(pattern)
            if energy > 0:
                yield _Window(second, semitones, speed, (pattern / energy).ravel())


def _best_places(windows: np.ndarray, song: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how like the song each window is, and where in it [shape=(windows,)] each.

    The song goes round and round, as it does when a network plays it.
    """
    frames = song.shape[1]
    around = np.resize(song.T, (frames + size - 1, len(song))).T
    places = np.lib.stride_tricks.sliding_window_view(around, size, axis=1)
    patterns = np.ascontiguousarray(places.transpose(0, 2, 1)).reshape(-1, frames)
    # A window has no mean of its own, so that the song's need not be taken off to multiply the two.
    sums = places.sum(axis=2, dtype=np.float64)
    energy = (np.square(places, dtype=np.float64).sum(axis=2) - np.square(sums) / size).sum(axis=0)
    likeness = windows @ patterns / np.sqrt(np.maximum(energy, 1e-9))
    return likeness.max(axis=1), likeness.argmax(axis=1)
