"""A loop stays a loop through the effects: it sounds as if it had always gone round."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.chain import render
from lofigen_kit.components import Context, Effect
from lofigen_kit.plugins import load_plugins
from lofigen_kit.preset import load_preset
from lofigen_kit.seeding import stream


@pytest.mark.parametrize("name", ["lowpass", "tape-saturation", "compressor"])
def test_an_effect_hears_a_loop_as_it_goes_round(name: str) -> None:
    registry = load_plugins()
    effect = cast("Effect", registry.find("effect", name).model_validate({}))
    preset = load_preset("lofi-tape", registry=registry, overrides=["source.bars=1"])
    alone = preset.without_model().model_copy(update={"effects": (effect,)})
    stems = render(alone, stems=True).stems
    dry, once = stems["source"], stems[f"effects.{name}#0"]
    three_times = AudioBuffer(np.tile(dry.samples, 3), dry.sample_rate_hz)
    endless = effect.apply(three_times, Context(stream(0, 0, "")))
    second_pass = endless.samples[:, dry.frames : 2 * dry.frames]
    assert np.abs(once.samples - second_pass).max() < 1e-3 * np.abs(second_pass).max()
    at_rest = effect.apply(dry, Context(stream(0, 0, "")))
    assert np.abs(at_rest.samples - second_pass).max() > np.abs(once.samples - second_pass).max()
