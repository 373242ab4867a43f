"""Has a network learnt by heart? The stretch of its training songs that a clip is most like.

Every two seconds of the clip are laid upon every place of every song, sample by sample, and
compared by their normalised cross-correlation, which no gain and no polarity changes (computed by
FFT: Lewis, "Fast normalized cross-correlation", 1995). They are compared below 600 Hz, where notes
and kicks are told apart and where noise and a low-pass do little. A waveform is compared, so a
copy that is transposed, faster or slower is not found, nor one whose pitch wavers by much: those
are `chroma_memory`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from lofigen_kit.corpus.songs import SAMPLE_RATE_HZ, Song

RATE_HZ = 2_000
HIGHEST_HZ = 600.0
"""Well below what 2 kHz could hold: a copy lies between two samples, and has to be found there."""
WINDOW_S, HOP_S = 2.0, 1.0
SILENCE_DB = -30.0
"""Beside its song's level: what is softer is compared with nothing, having no shape of its own."""

COPY_THRESHOLD = 0.85
"""From here on a window is taken for a copy.

Calibrated by benchmarks/memory.py on 90 minutes of the beatmaker. Of 452 windows of songs
held out, each beside the nearest of 180 training songs, half are below 0.594, 99 % below 0.754
and all below 0.802. Copies of 6 s, at another level, upside down, with noise at 10 dB, low-passed
at 300 Hz, clipped or half a sample late, are all above 0.919; with noise at 0 dB, above 0.848. A
pitch that wavers by 0.3 % hides one copy in five; a high-pass at 60 Hz, which turns the phase of
the bass, and 1 % of speed hide all.
"""


@dataclass(frozen=True)
class ClipMatch:
    """Two seconds of a clip, and those of a song that they are most like.

    Attributes:
        clip_s: Where in the clip they begin.
        similarity: 0 to 1; 1 is a copy, at any gain.
        title: The song's.
        file: The song's file in the corpus.
        song_s: Where in the song they begin.
    """

    clip_s: float
    similarity: float
    title: str
    file: str
    song_s: float

    @property
    def is_copy(self) -> bool:
        """Whether it passes for a copy."""
        return self.similarity >= COPY_THRESHOLD


class SongIndex:
    """Songs in which a clip's like is looked for.

    Args:
        songs: At least one, such as a corpus's training split; ninety minutes take 45 MB.
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        self._songs = [(song.title, song.file, extract_low_band(song.samples)) for song in songs]

    def find_nearest(
        self, clip: np.ndarray, *, progress: Callable[[int, int], None] | None = None
    ) -> list[ClipMatch]:
        """Return for every two seconds of a clip, one second apart, what they are most like.

        Args:
            clip: Mono at 8 kHz [shape=(frames,)]; one that is shorter than two seconds is
                compared as a whole.
            progress: Songs done and songs in all.

        Returns:
            One for each window, in time; none for windows that are silent.
        """
        size = max(1, min(round(WINDOW_S * SAMPLE_RATE_HZ), len(clip)) * RATE_HZ // SAMPLE_RATE_HZ)
        starts, windows = _windows(extract_low_band(clip), size)
        songs = [song for _, _, song in self._songs]
        laid_upon = (_best_places(windows, song) for song in songs)
        best, found = find_best_matches(laid_upon, len(starts), len(songs), progress)
        return [
            ClipMatch(
                clip_s=start / RATE_HZ,
                similarity=min(float(similarity), 1.0),
                title=self._songs[number][0],
                file=self._songs[number][1],
                song_s=place / RATE_HZ,
            )
            for start, similarity, (number, place) in zip(starts, best, found.tolist(), strict=True)
        ]


def find_best_matches(
    laid_upon: Iterable[tuple[np.ndarray, np.ndarray]],
    windows: int,
    songs: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each window is most like.

    Args:
        laid_upon: For each song, how like it each window is at most, and where.
        windows: How many there are.
        songs: Likewise.
        progress: Songs done and songs in all.

    Returns:
        tuple[np.ndarray, np.ndarray]: likeness [shape=(windows,)], and the song's number and the
        place in it [shape=(windows, 2)].
    """
    best, found = np.full(windows, -2.0), np.zeros((windows, 2), dtype=int)
    for number, (likeness, places) in enumerate(laid_upon):
        better = likeness > best
        best[better] = likeness[better]
        found[better] = np.column_stack([np.full(better.sum(), number), places[better]])
        if progress:
            progress(number + 1, songs)
    return best, found


def extract_low_band(samples: np.ndarray) -> np.ndarray:
    """Return what lies below 600 Hz, at 2 kHz [dtype=float32]; the phase stays."""
    low_pass = signal.butter(8, HIGHEST_HZ, fs=SAMPLE_RATE_HZ, output="sos")
    padded = np.pad(samples.astype(np.float64), 256)
    passed = signal.sosfiltfilt(low_pass, padded)[256:-256]
    return np.asarray(passed[:: SAMPLE_RATE_HZ // RATE_HZ], dtype=np.float32)


def _windows(clip: np.ndarray, size: int) -> tuple[list[int], np.ndarray]:
    """Return where the windows that sound begin, and each at an energy of 1 [shape=(n, size)]."""
    hop = round(HOP_S * RATE_HZ)
    starts = np.arange(0, max(len(clip) - size, 0) + 1, hop)
    windows = np.stack([clip[start : start + size] for start in starts])
    energy = np.square(windows, dtype=np.float64).sum(axis=1)
    sounds = energy > _least_energy(clip, windows.shape[1])
    levelled = windows[sounds] / np.sqrt(energy[sounds, None])
    return starts[sounds].tolist(), levelled.astype(np.float32)


def _least_energy(samples: np.ndarray, size: int) -> float:
    """Return the energy of a window that is `SILENCE_DB` beside all of the sound."""
    mean_square = float(np.mean(np.square(samples, dtype=np.float64)))
    return float(max(size * mean_square * 10 ** (SILENCE_DB / 10), 1e-9))


def _best_places(windows: np.ndarray, song: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how like the song each window is, and where in it [shape=(windows,)] each.

    The song goes round and round, as it does when a network plays it.
    """
    size, frames = windows.shape[1], len(song)
    around = np.resize(song, frames + size - 1)
    length = fft.next_fast_len(len(around), real=True)
    sums = np.concatenate([[0.0], np.cumsum(np.square(around, dtype=np.float64))])
    energy = np.maximum(sums[size:] - sums[:-size], _least_energy(song, size))
    level = (1.0 / np.sqrt(energy)).astype(np.float32)
    spectrum = fft.rfft(around, length)
    likeness, places = np.zeros(len(windows)), np.zeros(len(windows), dtype=int)
    for rows in _some(len(windows)):
        products = spectrum * np.conj(fft.rfft(windows[rows], length))
        correlation = np.abs(fft.irfft(products, length)[:, :frames]) * level
        places[rows] = correlation.argmax(axis=1)
        likeness[rows] = correlation.max(axis=1)
    return likeness, places


def _some(count: int, size: int = 32) -> Iterator[slice]:
    """Yield slices of a few, so that a long clip needs no more memory than a short one."""
    for start in range(0, count, size):
        yield slice(start, start + size)
