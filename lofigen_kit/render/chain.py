"""One chain, stage by stage: what each stage is given, and what becomes of the sound in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context, Take
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import compute_speed, compute_transposition
from lofigen_kit.effects.rack import locate_errors
from lofigen_kit.errors import PresetError
from lofigen_kit.music.score import BeatGrid, Score
from lofigen_kit.preset.schema import Preset
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network


PRIME_FRAMES = 8192
"""How much of the past the network hears before it plays, unless its receptive field is longer."""


def make_stage_context(
    preset: Preset,
    take: int,
    stage: str,
    grid: BeatGrid,
    *,
    device: str = "cpu",
    root: Path | None = None,
) -> Context:
    """Return what a stage of a take is given: its own stream of randomness, and the beats."""
    rng = rng_for(preset.seed, take, stage)
    return Context(rng=rng, grid=grid, device=device, root=root)


def load_network(preset: Preset, device: str = "cpu") -> Network | None:
    """Return a preset's network, or None where there is none.

    Raises:
        InputError: if its checkpoint cannot be used, or the sampler cannot draw from it.
    """
    if preset.model is None or preset.sampler is None:
        return None
    with locate_errors(f"model {preset.model.use}", reads=True):
        known = make_stage_context(preset, 0, "model", BeatGrid(), device=device, root=preset.root)
        network = preset.model.load(known)
    if network.spec.head not in preset.sampler.heads:
        raise PresetError(
            f"sampler {preset.sampler.use!r} draws from {_list(preset.sampler.heads)} heads, "
            f"the checkpoint of {preset.model.use} has {network.spec.head!r}",
            remedy="choose another sampler or checkpoint; `mean` takes every head",
        )
    return network


def list_stage_names(preset: Preset) -> list[str]:
    """Return the names of the stages whose sounds are the stems, in order."""
    first = "source" if preset.model is None else "model"
    return [first, *(name for name, _ in rack.name_stages(preset.effects))]


def transform_score(preset: Preset, score: Score) -> Score:
    """Return a score as it is heard after a preset's effects: their tempo, their pitch."""
    moved = score.change_speed(compute_speed(preset.effects))
    return moved.shift_pitch(compute_transposition(preset.effects))


def _resample_to_score(audio: AudioBuffer, rate_hz: int, score: Score) -> AudioBuffer:
    from lofigen_kit.dsp.resample import resample_piece

    return resample_piece(audio, rate_hz, duration_s=score.duration_s, loop=score.loop)


def make_prime(take: Take, network: Network) -> np.ndarray:
    """Return what the network hears first: what would sound before bar 1 as the loop repeats."""
    rate_hz = network.spec.sample_rate_hz
    past: np.ndarray = _resample_to_score(take.audio.mono(), rate_hz, take.score).samples[0]
    return past[-max(PRIME_FRAMES, network.spec.receptive_field) :]


def _make_conditioning(
    score: Score, network: Network, before: int, frames: int
) -> np.ndarray | None:
    """Return the guide of the prime and of what is to be played."""
    from lofigen_kit.music.conditioning import render_conditioning

    if not network.spec.guide:
        return None
    return render_conditioning(
        score,
        network.spec.guide,
        start=-before,
        frames=before + frames,
        sample_rate_hz=network.spec.sample_rate_hz,
    )


def _list(words: Iterable[str]) -> str:
    return " and ".join(repr(word) for word in words)
