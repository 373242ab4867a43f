"""A loop stays a loop through the effects: it sounds as if it had always gone round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, read_metadata
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, load_preset
from lofigen_kit.provenance.save import save
from lofigen_kit.render.take import render
from lofigen_kit.runtime.seeding import rng_for


@pytest.mark.parametrize("name", ["lowpass", "tape-saturation", "compressor"])
def test_an_effect_hears_a_loop_as_it_goes_round(name: str) -> None:
    registry = load_plugins()
    effect = cast("Effect", registry.find("effect", name).model_validate({}))
    preset = load_preset("lofi-tape", registry=registry, overrides=["source.bars=1"])
    alone = preset.without_model().model_copy(update={"effects": (effect,)})
    stems = render(alone, stems=True).stems
    dry, once = stems["source"], stems[f"effects.{name}#0"]
    three_times = AudioBuffer(np.tile(dry.samples, 3), dry.sample_rate_hz)
    endless = effect.apply(three_times, Context(rng_for(0, 0, "")))
    second_pass = endless.samples[:, dry.frames : 2 * dry.frames]
    assert np.abs(once.samples - second_pass).max() < 1e-3 * np.abs(second_pass).max()
    at_rest = effect.apply(dry, Context(rng_for(0, 0, "")))
    assert np.abs(at_rest.samples - second_pass).max() > np.abs(once.samples - second_pass).max()


@pytest.mark.parametrize("model", ["none", "tiny"])
@pytest.mark.parametrize("output", ["wav 16", "flac 24"])
def test_a_player_goes_round_without_a_seam(
    tmp_path: Path, registry: Registry, load: Callable[..., Preset], model: str, output: str
) -> None:
    """What a sampler plays by the file's own loop points, three times round."""
    file_format, bit_depth = output.split()
    preset = load(
        "source.use=beatmaker", "source.bars=1", "effects.0.use=tape-saturation",
        "effects.1.use=wow-flutter", f"output.format={file_format}",
        f"output.bit_depth={bit_depth}",
    )  # fmt: skip
    path = tmp_path / "loop"
    rendering = render(preset if model == "tiny" else preset.without_model())
    save(rendering, path, registry)
    samples, loop = read_audio(path).samples, read_metadata(path).loop
    assert loop is not None
    played = np.concatenate([samples[:, loop.first : loop.last + 1]] * 3, axis=1)
    frames = loop.last + 1 - loop.first
    assert frames == round(rendering.score.duration_s * 44_100)
    first, second, third = np.split(played, 3, axis=1)
    np.testing.assert_array_equal(second, third)
    np.testing.assert_array_equal(first, samples)  # nothing lies outside the loop
    steps = np.abs(np.diff(samples, axis=1)).max(axis=1)
    assert (np.abs(samples[:, 0] - samples[:, -1]) <= steps).all()
    # The step is not just small beside the loudest stroke: it is as small as those around it.
    around = np.abs(np.diff(played[:, frames - 500 : frames + 500], axis=1))
    assert (around[:, 499] <= 4 * np.sqrt(np.mean(around**2, axis=1))).all()
