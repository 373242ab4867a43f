"""What is to be generated."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.nn.distribution import HeadKind, SamplingParams
from lofigen_kit.nn.spec import NetworkSpec

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Sampler


@dataclass(frozen=True, eq=False)
class Track:
    """One piece of audio to generate: what comes before it, what guides it, and its randomness.

    Attributes:
        frames: How many samples to generate.
        prime: Audio that comes before, at the network's rate [shape=(n,), dtype=float32]. Before
            it lies silence, of which every layer knows nothing (zero padding). Where it is empty,
            a single zero sample stands in for it.
        guide: What conditions each sample [shape=(guide channels, len(prime) + frames)]: column t
            conditions the prediction of sample t, the one being generated. `None` is all zeros.
        rng: The track's own stream; it gives two numbers for each frame, in time order. Where
            none is given, every run is another.
        sampling_params: How a `ParametricSampler` draws this track; None is as its sampler says.
        guide_reader: In place of `guide`, which a long piece would make large: what conditions the
            prime, and then each sample, read once from left to right.
    """

    frames: int
    prime: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    guide: np.ndarray | None = None
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    sampling_params: SamplingParams | None = None
    guide_reader: GuideReader | None = None

    def check(self, spec: NetworkSpec) -> None:
        """Raise InputError where the track does not fit the network."""
        if self.frames < 0:
            raise InputError(f"cannot generate {self.frames} frames")
        if self.prime.ndim != 1 or not np.isfinite(self.prime).all():
            raise InputError(
                f"the prime must be finite mono audio, not of shape {self.prime.shape}"
            )
        expected = (len(spec.guide), len(self.prime) + self.frames)
        if self.guide is not None and self.guide.shape != expected:
            raise InputError(
                f"the guide has the shape {self.guide.shape}, the track needs {expected}",
                remedy="give one row for each guide channel, one column for each sample",
            )

    @property
    def first_inputs(self) -> np.ndarray:
        """The known inputs of the first steps [shape=(max(len(prime), 1),), dtype=float32]."""
        return self.prime.astype(np.float32) if len(self.prime) else np.zeros(1, np.float32)

    def read_guide(self, start: int, stop: int, channels: int) -> np.ndarray:
        """Return the guide of steps start to stop [shape=(steps, channels), dtype=float32].

        Step s takes the known or drawn input s and predicts the sample after it; steps beyond the
        track's end are unguided, and channels beyond the guide's are zeros.
        """
        columns = np.zeros((channels, stop - start), np.float32)
        self.write_guide(start, columns)
        return columns.T

    def write_guide(self, start: int, columns: np.ndarray) -> None:
        """Write the guide of the steps from `start` on over zeros [shape=(channels, steps)]."""
        stop = start + columns.shape[1]
        shift = 1 if len(self.prime) else 0
        guide = np.zeros((0, 0), np.float32)
        if self.guide_reader:
            guide = self.guide_reader.read(start + shift, stop + shift)
        elif self.guide is not None:
            guide = self.guide[:, start + shift : stop + shift]
        columns[: len(guide), : guide.shape[1]] = guide


class GuideReader:
    """A guide that is read from left to right while it is written; what was read is forgotten.

    Args:
        pieces: One after another, at least one [each shape=(guide channels, any)].
    """

    def __init__(self, pieces: Iterator[np.ndarray]) -> None:
        self._pieces = pieces
        self._kept = next(pieces)
        self._first = 0

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return some columns; those before are no more.

        Returns:
            np.ndarray [shape=(guide channels, stop - start)], or fewer where the guide ends.
        """
        while self._first + self._kept.shape[1] < stop:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._kept = np.concatenate([self._kept, piece], axis=1)
        self._kept = self._kept[:, start - self._first :]
        self._first = start
        return self._kept[:, : stop - start]


@dataclass(frozen=True, eq=False)
class EndlessTrack(Track):
    """A track that goes on and on."""

    frames: int = sys.maxsize

    def check(self, spec: NetworkSpec) -> None:
        """Raise InputError where the prime does not fit."""
        Track(0, self.prime).check(spec)


def read_step_inputs(
    tracks: Sequence[Track], done: Sequence[int], steps: int, *, lanes: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what drives the next steps of tracks side by side; this takes numbers from each's rng.

    Args:
        tracks: One for each lane; spare lanes get zeros.
        done: How many frames of each track there are already.
        steps: How many steps to drive.
        lanes: How many lanes there are, the spare ones included.
        channels: How many the guide is to have, those of zeros included.

    Returns:
        tuple[np.ndarray, np.ndarray]: guide [shape=(lanes, channels, steps and more),
        dtype=float32], and uniforms [shape=(steps, lanes, 2), dtype=float64].
    """
    # Channels that lie a multiple of 4 KiB apart would share a cache set.
    guide = np.zeros((lanes, channels, steps + 16), np.float32)
    uniforms = np.zeros((steps, lanes, 2))
    for lane, track in enumerate(tracks):
        first = len(track.first_inputs) - 1 + done[lane]
        track.write_guide(first, guide[lane, :, :steps])
        live = min(steps, max(0, track.frames - done[lane]))
        uniforms[:live, lane] = track.rng.random((live, 2))
    return guide, uniforms


def list_sampling_params(
    tracks: Sequence[Track], shared: SamplingParams, *, turned: bool
) -> list[SamplingParams]:
    """Return how each track is drawn: as it says itself, or as all are.

    Args:
        tracks: The tracks.
        shared: How those are drawn that say nothing.
        turned: Whether `shared` was changed while they play; its temperature then holds for all.
    """
    own = [track.sampling_params for track in tracks]
    if turned:
        own = [params and replace(params, temperature=shared.temperature) for params in own]
    return [params or shared for params in own]


def check_finite(numbers: np.ndarray) -> None:
    """Refuse what the network says or what is drawn of it where it overflowed.

    Raises:
        RenderError: if one of the numbers is an infinity or no number.
    """
    if not np.isfinite(numbers).all():
        raise RenderError("the network's output is not a number")


def draw_in_python(
    sampler: Sampler, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray
) -> np.ndarray:
    """Return what a sampler draws; it never sees a number that is not finite.

    Raises:
        RenderError: if the head's numbers or the samples are not finite.
    """
    check_finite(outputs)
    drawn = np.asarray(sampler.draw(outputs, head, uniforms), np.float32)
    check_finite(drawn)
    return drawn
