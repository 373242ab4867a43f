"""Memorisation: the part of the training songs that is most similar to a clip.

Each window of two seconds of the clip is compared with every place of every song, sample by
sample, by normalised cross-correlation, which does not change with gain or polarity (computed by
FFT: Lewis, "Fast normalized cross-correlation", 1995). Only what is below 600 Hz is compared: notes
and kicks differ there, and noise or a low-pass changes little. Waveforms are compared, so a copy
that is transposed, faster, slower, or of unsteady pitch is not found: `memorisation_chroma` finds
those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from lofigen_kit.corpus.songs import SAMPLE_RATE_HZ, Song

RATE_HZ = 2_000
HIGHEST_HZ = 600.0
"""Well below half of 2 kHz, so that a copy that is shifted by half a sample is found too."""
WINDOW_S, HOP_S = 2.0, 1.0
SILENCE_DB = -30.0
"""Level of a window relative to its song; a softer window is not compared."""

COPY_THRESHOLD = 0.85
"""A window with this similarity or more counts as a copy.

Calibrated by benchmarks/memory.py on 90 minutes of the beatmaker. Of 452 windows of held-out
songs, each with the most similar of 180 training songs, half are below 0.594, 99 % below 0.754
and all below 0.802. Copies of 6 s, at another level, upside down, with noise at 10 dB, low-passed
at 300 Hz, clipped or half a sample late, are all above 0.919; with noise at 0 dB, above 0.848. A
pitch that varies by 0.3 % hides one copy in five; a high-pass at 60 Hz, which changes the phase of
the bass, and a change of speed by 1 % hide all.
"""


@dataclass(frozen=True)
class ClipMatch:
    """A window of a clip, and the most similar place in a song.

    Attributes:
        clip_s: Start of the window in the clip.
        similarity: 0 to 1; 1 is a copy, at any gain.
        title: Title of the song.
        file: File of the song in the corpus.
        song_s: Start of the place in the song.
    """

    clip_s: float
    similarity: float
    title: str
    file: str
    song_s: float

    @property
    def is_copy(self) -> bool:
        """Whether it counts as a copy."""
        return self.similarity >= COPY_THRESHOLD


class SongIndex:
    """Songs that are searched for places similar to a clip.

    Args:
        songs: At least one, such as the training split of a corpus; 90 minutes take 45 MB.
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        self._songs = [(song.title, song.file, extract_low_band(song.samples)) for song in songs]

    def find_nearest(
        self, clip: np.ndarray, *, progress: Callable[[int, int], None] | None = None
    ) -> list[ClipMatch]:
        """Return the most similar place for each window of two seconds, one second apart.

        Args:
            clip: Mono at 8 kHz [shape=(frames,)]; a clip shorter than two seconds is one window.
            progress: Called with the songs done and the songs in all.

        Returns:
            One match for each window, in the order of time; none for silent windows.
        """
        size = max(1, min(round(WINDOW_S * SAMPLE_RATE_HZ), len(clip)) * RATE_HZ // SAMPLE_RATE_HZ)
        starts, windows = _windows(extract_low_band(clip), size)
        songs = [song for _, _, song in self._songs]
        by_song = (_best_places(windows, song) for song in songs)
        best, found = find_best_matches(by_song, len(starts), len(songs), progress)
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
    by_song: Iterable[tuple[np.ndarray, np.ndarray]],
    windows: int,
    songs: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most similar place of all songs for each window.

    Args:
        by_song: For each song, the highest similarity of each window, and where it is.
        windows: Number of windows.
        songs: Number of songs.
        progress: Called with the songs done and the songs in all.

    Returns:
        tuple[np.ndarray, np.ndarray]: similarity [shape=(windows,)], and the song's number and the
        place in it [shape=(windows, 2)].
    """
    best, found = np.full(windows, -2.0), np.zeros((windows, 2), dtype=int)
    for number, (likeness, places) in enumerate(by_song):
        better = likeness > best
        best[better] = likeness[better]
        found[better] = np.column_stack([np.full(better.sum(), number), places[better]])
        if progress:
            progress(number + 1, songs)
    return best, found


def extract_low_band(samples: np.ndarray) -> np.ndarray:
    """Return the part below 600 Hz, sampled at 2 kHz, without a phase shift [dtype=float32]."""
    low_pass = signal.butter(8, HIGHEST_HZ, fs=SAMPLE_RATE_HZ, output="sos")
    padded = np.pad(samples.astype(np.float64), 256)
    passed = signal.sosfiltfilt(low_pass, padded)[256:-256]
    return np.asarray(passed[:: SAMPLE_RATE_HZ // RATE_HZ], dtype=np.float32)


def _windows(clip: np.ndarray, size: int) -> tuple[list[int], np.ndarray]:
    """Return the starts of windows that are not silent, and these at energy 1 [shape=(n, size)]."""
    hop = round(HOP_S * RATE_HZ)
    starts = np.arange(0, max(len(clip) - size, 0) + 1, hop)
    windows = np.stack([clip[start : start + size] for start in starts])
    energy = np.square(windows, dtype=np.float64).sum(axis=1)
    sounds = energy > _least_energy(clip, windows.shape[1])
    levelled = windows[sounds] / np.sqrt(energy[sounds, None])
    return starts[sounds].tolist(), levelled.astype(np.float32)


def _least_energy(samples: np.ndarray, size: int) -> float:
    """Return the energy of a window whose level is `SILENCE_DB` relative to the whole sound."""
    mean_square = float(np.mean(np.square(samples, dtype=np.float64)))
    return float(max(size * mean_square * 10 ** (SILENCE_DB / 10), 1e-9))


def _best_places(windows: np.ndarray, song: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest similarity of each window to a song, and where [shape=(windows,)] each.

    The song is a loop, as it is when a network plays it.
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
    """Yield slices of a few windows, so that a long clip needs no more memory than a short one."""
    for start in range(0, count, size):
        yield slice(start, start + size)
