"""Where a copy is told from a song never heard: calibrates `lofigen_kit.evaluation.memorisation`.

    python benchmarks/memory.py CORPUS

Measured on 90 minutes of the beatmaker: see docs/checkpoints.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import signal  # noqa: TID253 - nothing here has to start fast

from lofigen_kit.corpus.songs import read_songs
from lofigen_kit.evaluation.memorisation import COPY_THRESHOLD, SongIndex

RATE_HZ = 8_000
SONGS, SECONDS = 8, 6
"""How much is copied: this many training songs, so many seconds of each."""
RNG = np.random.default_rng(0)


def noisy(snr_db: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return what adds white noise."""
    share = 10 ** (-snr_db / 20)
    return lambda x: x + share * x.std() * RNG.standard_normal(len(x))


def filtered(kind: str, order: int, cutoff_hz: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return what a Butterworth filter does."""
    sections = signal.butter(order, cutoff_hz, kind, fs=RATE_HZ, output="sos")
    return lambda x: np.asarray(signal.sosfilt(sections, x))


def wavering(depth: float, rate_hz: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return what lets the pitch waver by a share of itself."""

    def play(samples: np.ndarray) -> np.ndarray:
        time_s = np.arange(len(samples)) / RATE_HZ
        swing_s = depth / (2 * np.pi * rate_hz) * np.sin(2 * np.pi * rate_hz * time_s)
        return np.interp(time_s + swing_s, time_s, samples)

    return play


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a third of the level, upside down": lambda x: -x / 3,
    "noise at 20 dB": noisy(20),
    "noise at 10 dB": noisy(10),
    "noise at 0 dB": noisy(0),
    "low-pass at 800 Hz, 12 dB an octave": filtered("lowpass", 2, 800),
    "low-pass at 300 Hz, 12 dB an octave": filtered("lowpass", 2, 300),
    "high-pass at 60 Hz, 12 dB an octave": filtered("highpass", 2, 60),
    "half a sample late": lambda x: (x[1:] + x[:-1]) / 2,
    "clipped at a third of its peak": lambda x: np.clip(x, -np.abs(x).max() / 3, x.max() / 3),
    "wow of 0.3 % at 0.8 Hz": wavering(0.003, 0.8),
    "1 % faster": lambda x: np.interp(np.arange(0, len(x) - 1, 1.01), np.arange(len(x)), x),
}


def main(corpus: Path, clips: int = 100) -> None:
    """Print the similarities of songs that were held out, and of copies."""
    train, held_out = read_songs(corpus, "train"), read_songs(corpus, "test")
    memory = SongIndex(train)
    unrelated = [n.similarity for s in held_out[:clips] for n in memory.find_nearest(s.samples)]
    low, middle, high, most = np.quantile(unrelated, [0.5, 0.9, 0.99, 1.0])
    print(f"{len(unrelated)} windows of songs held out, each beside its nearest: median {low:.3f}, "
          f"nine tenths below {middle:.3f}, 99 % {high:.3f}, all {most:.3f}")  # fmt: skip
    chosen = train[:: max(1, len(train) // SONGS)][:SONGS]
    for name, change in COPIES.items():
        found = []
        for song in chosen:
            start = int(RNG.integers(len(song.samples) - SECONDS * RATE_HZ))
            clip = song.samples[start : start + SECONDS * RATE_HZ].astype(np.float64)
            # The song alone: what is asked is how much of the likeness the change leaves.
            found += [n.similarity for n in SongIndex([song]).find_nearest(change(clip))]
        missed = np.mean(np.asarray(found) < COPY_THRESHOLD)
        print(f"{name:36}  least {min(found):.3f}  median {np.median(found):.3f}  "
              f"missed {missed:.0%}")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
