"""Rollouts: a network plays the songs of a corpus, each sample from its own past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np

from lofigen_kit.components.contracts import ParametricSampler, Sampler
from lofigen_kit.corpus.songs import Song
from lofigen_kit.engine import GuideReader, Track, generate
from lofigen_kit.music.conditioning import excite_noise, iterate_conditioning
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.distribution import SamplingParams
from lofigen_kit.runtime.seeding import rng_for

PRIME_FRAMES = 8192
BATCH = 8
"""Takes that are played at once on each core, as many as the engine runs in parallel."""


class EvaluationSampler(ParametricSampler):
    """The network's own distribution without its outer tails, of a given width."""

    use: Literal["own-law"] = "own-law"
    spread: float

    def sampling_params(self) -> SamplingParams:
        """Return the parameters of the draws."""
        return SamplingParams(tail=0.01, spread=self.spread)


def generate_rollouts(
    network: Network,
    sampler: Sampler,
    songs: Sequence[Song],
    *,
    seconds: float | None,
    seed: int,
    first: int = 0,
    noises: Sequence[np.ndarray] | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[np.ndarray]:
    """Return each song as the network plays it, after the end of the song as its past.

    Args:
        network: The network.
        sampler: How it draws samples.
        songs: The songs whose scores it follows, in a loop.
        seconds: Length of each rollout; None is the song's own length.
        seed: Seed of the sampling noise.
        first: Number of the first of these takes; each number has its own noise.
        noises: The noise in each song's guide [shape=(frames of the song,)], which goes round as
            the song does; by default it is drawn.
        threads: Number of CPU threads.
        progress: Called with the frames done and the frames in all.

    Returns:
        One array for each song [shape=(frames,), dtype=float32].
    """
    rate = network.spec.sample_rate_hz
    tracks = []
    for index, song in enumerate(songs):
        frames = len(song.samples) if seconds is None else round(seconds * rate)
        prime = song.samples[-PRIME_FRAMES:]
        pieces = iterate_conditioning(
            song.score,
            network.spec.guide,
            start=-len(prime),
            frames=len(prime) + frames,
            sample_rate_hz=rate,
        )
        noise: np.random.Generator | np.ndarray = rng_for(seed, first + index, "noise")
        if noises:
            noise = np.take(noises[index], range(-len(prime), frames), mode="wrap")
        params = None
        if song.part and isinstance(sampler, ParametricSampler):
            params = sampler.sampling_params_of(song.part)
        rng = rng_for(seed, first + index, "sampler")
        reader = GuideReader(excite_noise(pieces, network.spec.guide, noise))
        tracks.append(Track(frames, prime, rng=rng, sampling_params=params, guide_reader=reader))
    return generate(network, sampler, tracks, threads=threads, progress=progress)


def iterate_rollouts(
    network: Network,
    sampler: Sampler,
    songs: Sequence[Song],
    *,
    seconds: float,
    seed: int,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Song, np.ndarray]]:
    """Yield each song and its rollout, with only a few in memory at a time.

    The arguments are those of `generate_rollouts`.
    """
    frames = round(seconds * network.spec.sample_rate_hz)
    size = BATCH * threads

    def report(before: int) -> Callable[[int, int], None] | None:
        if progress is None:
            return None
        return lambda done, _: progress(before * frames + done, len(songs) * frames)

    for before in range(0, len(songs), size):
        batch = songs[before : before + size]
        rollouts = generate_rollouts(
            network, sampler, batch,
            seconds=seconds, seed=seed, first=before, threads=threads, progress=report(before),
        )  # fmt: skip
        yield from zip(batch, rollouts, strict=True)
