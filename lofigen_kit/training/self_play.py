"""Self-play: the network plays training songs, and then learns from what it played.

A network that was trained on songs alone leaves their path by its own errors, and never learns the
way back. So a part of the crops has what the network itself played as the past, and the song's
own next sample as the target (DAgger: Ross, Gordon and Bagnell, 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lofigen_kit.corpus.crops import find_own_noise, weigh_songs
from lofigen_kit.corpus.songs import Song
from lofigen_kit.evaluation.rollout import EvaluationSampler, generate_rollouts
from lofigen_kit.music.conditioning import find_noise_rows
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.config import TrainingConfig


def play_songs(
    network: Network,
    songs: Sequence[Song],
    config: TrainingConfig,
    step: int,
    *,
    threads: int,
    progress: Callable[[int, int], None],
) -> dict[int, np.ndarray]:
    """Let a network play some of the songs; which ones is drawn by the seed and the step.

    Args:
        network: The network.
        songs: The training songs.
        config: How many songs, and how widely to draw.
        step: Updates so far.
        threads: Number of CPU threads.
        progress: Songs that are played so far, and in all.

    Returns:
        What it played, by the song's index [shape=(frames,), dtype=float32].
    """
    rng = rng_for(config.seed, step, "rehearsal")
    count = min(config.self_play_songs, len(songs))
    weights = weigh_songs(songs, config.percussive_share) if config.percussive_share else None
    picks = rng.choice(len(songs), size=count, replace=False, p=weights).tolist()
    played = [songs[pick] for pick in picks]
    has_noise = bool(find_noise_rows(network.spec.guide))
    noises = [find_own_noise(song) for song in played] if has_noise else None
    rollouts = generate_rollouts(
        network,
        EvaluationSampler(spread=config.self_play_spread),
        played,
        noises=noises,
        seconds=None,
        seed=int(rng.integers(2**32)),
        threads=threads,
        progress=progress,
    )
    return dict(zip(picks, rollouts, strict=True))
