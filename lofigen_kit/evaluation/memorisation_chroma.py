"""Memorisation in another key or at another speed: training songs most similar to a clip.

Each window of eight seconds of the clip's chroma is compared with every place of every song, in
twelve transpositions and at several speeds, by correlation. Gain, filters and reverb change little,
since each pitch class is a logarithm without its mean. What is compared is how harmony and drums
follow each other, every 64 ms.

Songs of one style share progressions, and are similar without being copies: a short chroma is no
proof. `CHROMA_COPY_THRESHOLD` is above what songs reach that were not in the training.
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
"""Level of a window relative to the clip; a softer window is not compared."""
SPEEDS = (0.9, 0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1)
"""Speeds of a clip that is not transposed. A step of 2 % is 80 ms within 8 s."""
SEMITONES = range(-6, 7)
"""Six up and six down are the same pitch classes, but at another speed if a tape ran faster."""

CHROMA_SUSPECT_THRESHOLD, CHROMA_COPY_THRESHOLD = 0.75, 0.82
"""Similarity from which somebody should listen to both, and from which a window counts as a copy.

Calibrated by benchmarks/likeness.py on an hour of the beatmaker; docs/provenance.md has all
figures. Of 146 songs compared with other songs, 117 of them with songs of their own progression,
two reach the first threshold and none the second: all are below 0.786. Of 12 copies each, all stay
above the first after noise, reverb, tape, a low-pass at 800 Hz, 10 % of tempo and four semitones up
or down. Of 48 that were moved by six semitones, 3 stay below the first and 27 below the second. A
high-pass at 300 Hz hides all.
"""

_DEPTH = 40.0
"""How much softer than the song a pitch may be to count: the factor of the level."""


@dataclass(frozen=True)
class ShiftedMatch(ClipMatch):
    """A window of a clip, and the most similar place in a song, transposed or at another speed.

    Attributes:
        semitones: Transposition of the clip relative to the song.
        speed: Speed of the clip relative to the song.
    """

    semitones: int
    speed: float

    @property
    def is_copy(self) -> bool:
        """Whether it counts as a copy."""
        return self.similarity >= CHROMA_COPY_THRESHOLD

    @property
    def is_suspect(self) -> bool:
        """Whether it is similar enough that somebody should listen to both."""
        return self.similarity >= CHROMA_SUSPECT_THRESHOLD


class ChromaIndex:
    """Songs that are searched for places similar to a clip, in any key and at several speeds.

    Args:
        songs: At least one, such as the training split of a corpus.
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        self._songs = [
            (song.title, song.file, _compress_chroma(_chroma(song.samples))) for song in songs
        ]

    def find_nearest(
        self, clip: np.ndarray, *, progress: Callable[[int, int], None] | None = None
    ) -> list[ShiftedMatch]:
        """Return the most similar place for each window of eight seconds, one second apart.

        Args:
            clip: Mono at 8 kHz [shape=(frames,)].
            progress: Called with the songs done and the songs in all.

        Returns:
            One match for each window, in the order of time; none for silent windows, and none for
            a clip that is shorter, where a copy and a common progression cannot be told apart.
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
        by_song = (_best_places(windows, song, size) for song in songs)
        best, found = find_best_matches(by_song, len(moved), len(songs), progress)
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
    """Yield how a copy may be changed: in speed alone, in pitch alone, or in both as on tape."""
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
    """Return a chroma as logarithms, above a floor that is relative to its level."""
    level = max(float(np.sqrt(np.square(chroma).mean())), 1e-9)
    return np.log1p(_DEPTH * chroma / level).astype(np.float32)


def _windows(chroma: np.ndarray, semitones: int, speed: float, size: int) -> Iterator[_Window]:
    """Yield the windows that are not silent of a clip in the key and at the speed of its song."""
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
    """Return the highest similarity of each window to a song, and where [shape=(windows,)] each.

    The song is a loop, as it is when a network plays it.
    """
    frames = song.shape[1]
    around = np.resize(song.T, (frames + size - 1, len(song))).T
    places = np.lib.stride_tricks.sliding_window_view(around, size, axis=1)
    patterns = np.ascontiguousarray(places.transpose(0, 2, 1)).reshape(-1, frames)
    # A window has no mean, so the song's mean need not be subtracted before the product.
    sums = places.sum(axis=2, dtype=np.float64)
    energy = (np.square(places, dtype=np.float64).sum(axis=2) - np.square(sums) / size).sum(axis=0)
    likeness = windows @ patterns / np.sqrt(np.maximum(energy, 1e-9))
    return likeness.max(axis=1), likeness.argmax(axis=1)
