"""Crops of songs with their guides, drawn by a seeded generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.corpus.songs import Song
from lofigen_kit.music.conditioning import (
    INSTRUMENT_PREFIX,
    excite_noise,
    find_noise_rows,
    render_conditioning,
)
from lofigen_kit.music.score import DRUM_PART
from lofigen_kit.nn.linear_prediction import compute_innovation
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.runtime.seeding import rng_for


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch: frame t of `target` is frame t + 1 of `x`, which the output at t predicts."""

    x: Tensor
    target: Tensor
    guide: Tensor | None


class Crops:
    """Songs in memory, with their guides in half precision, and crops of a fixed length.

    Args:
        songs: At least one.
        spec: The network, for the channels of the guide and the sample rate.
        frames: Length of a crop.
        percussive_share: Share of the crops that are drum parts alone; 0 draws all songs by their
            lengths.
    """

    def __init__(
        self,
        songs: Sequence[Song],
        spec: NetworkSpec,
        *,
        frames: int,
        percussive_share: float = 0.0,
    ) -> None:
        self.frames = frames
        self.instruments = [
            i for i, name in enumerate(spec.guide) if name.startswith(INSTRUMENT_PREFIX)
        ]
        self._audio = [song.samples for song in songs]
        self._self_play: dict[int, np.ndarray] = {}
        self._channels = len(spec.guide)
        self._guides = [_guide(song, spec) for song in songs]
        self._weights = weigh_songs(songs, percussive_share)

    def set_self_play(self, rollouts: dict[int, np.ndarray]) -> None:
        """Set what the network played of some songs, by index, as their past in some crops."""
        self._self_play = rollouts

    def draw_batch(
        self, rng: np.random.Generator, count: int, *, self_play_share: float = 0.0
    ) -> Batch:
        """Return a batch of crops; a crop that passes a song's end goes on at its beginning.

        Args:
            rng: Draws songs and places.
            count: Number of crops.
            self_play_share: Share of crops whose past was played by the network, 0 to 1, if it has
                played. Their target is the song's own next sample, so the network learns to come
                back from its own errors (DAgger: Ross, Gordon and Bagnell, 2011).
        """
        picks = rng.choice(len(self._audio), size=count, p=self._weights)
        if self_play_share and self._self_play:
            is_self_play = rng.random(count) < self_play_share
            picks = np.where(is_self_play, rng.choice(sorted(self._self_play), size=count), picks)
        else:
            is_self_play = np.zeros(count, dtype=bool)
        starts = [int(rng.integers(len(self._audio[pick]))) for pick in picks]
        batch = self.cut_crops(list(zip(picks.tolist(), starts, strict=True)))
        for row in np.flatnonzero(is_self_play):
            past = self._self_play[int(picks[row])]
            index = (starts[row] + np.arange(self.frames)) % len(past)
            batch.x[row, 0] = torch.from_numpy(past[index])
        return batch

    def cut_crops(self, places: Sequence[tuple[int, int]]) -> Batch:
        """Return the crops at given places (song, first frame)."""
        stretch = np.arange(self.frames + 1)
        audio, guides = [], []
        for song, start in places:
            index = (start + stretch) % len(self._audio[song])
            audio.append(self._audio[song][index])
            rows, guide = self._guides[song]
            whole = np.zeros((self._channels, self.frames), np.float32)
            whole[rows] = guide[:, index[1:]]
            guides.append(whole)
        waves = torch.from_numpy(np.stack(audio))[:, None]
        return Batch(
            x=waves[..., :-1].clone(),
            target=waves[..., 1:],
            guide=torch.from_numpy(np.stack(guides)) if self._channels else None,
        )

    def list_crop_places(self, stride: int) -> list[tuple[int, int]]:
        """Return places at a fixed stride through every song."""
        return [
            (song, start)
            for song, samples in enumerate(self._audio)
            for start in range(0, len(samples), stride)
        ]


def weigh_songs(songs: Sequence[Song], percussive_share: float) -> np.ndarray:
    """Return how likely each song is drawn: by its length, drum parts as often as is asked for.

    Args:
        songs: At least one.
        percussive_share: Share of the drum parts, where there are others too; 0 takes their length.

    Returns:
        np.ndarray [shape=(len(songs),)], whose sum is 1.
    """
    lengths = np.array([len(song.samples) for song in songs], dtype=np.float64)
    weights = lengths / lengths.sum()
    drums = np.array([song.part == DRUM_PART for song in songs])
    if percussive_share and 0 < drums.sum() < len(songs):
        for kind, share in ((drums, percussive_share), (~drums, 1.0 - percussive_share)):
            weights[kind] *= share / weights[kind].sum()
    return np.asarray(weights)


def find_own_noise(song: Song) -> np.ndarray:
    """Return the noise with which a song is learnt: that of the recording itself.

    With another noise in its guide, a network could not learn what becomes of it.

    Returns:
        np.ndarray [shape=(frames,), dtype=float32], of deviation 1.
    """
    return compute_innovation(song.samples, rng_for(0, 0, song.file))


def _guide(song: Song, spec: NetworkSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return the channels that a song's guide is not silent on, and their numbers."""
    guide = render_conditioning(
        song.score,
        spec.guide,
        start=0,
        frames=len(song.samples),
        sample_rate_hz=spec.sample_rate_hz,
    )
    if find_noise_rows(spec.guide):
        (guide,) = excite_noise([guide], spec.guide, find_own_noise(song))
    rows = np.flatnonzero(guide.any(axis=1))
    return rows, guide[rows].astype(np.float16)
