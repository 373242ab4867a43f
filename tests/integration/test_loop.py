"""A loop stays a loop through the effects: its second pass sounds as its first."""

from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.chain import render
from lofigen_kit.plugins import load_plugins
from lofigen_kit.preset import load_preset

STATEFUL = ("lowpass", "tape-saturation", "compressor")


@pytest.mark.parametrize("effect", STATEFUL)
def test_an_effect_hears_the_end_of_a_loop_before_its_beginning(effect: str) -> None:
    registry = load_plugins()
    preset = load_preset("lofi-tape", registry=registry, overrides=["source.bars=1"])
    chosen = registry.find("effect", effect).model_validate({})
    preset = preset.without_model().model_copy(update={"effects": (chosen,)})
    stems = render(preset, stems=True).stems
    dry, once = stems["source"], stems[f"effects.{effect}#0"]
    twice = render(preset.model_copy(update={"effects": (chosen,)}), stems=True).stems
    np.testing.assert_array_equal(twice[f"effects.{effect}#0"].samples, once.samples)
    around = AudioBuffer(np.tile(dry.samples, 3), dry.sample_rate_hz)
    from lofigen_kit.components import Context
    from lofigen_kit.seeding import stream

    endless = chosen.apply(around, Context(stream(0, 0, "")))  # type: ignore[attr-defined]
    second_pass = endless.samples[:, dry.frames : 2 * dry.frames]
    error = np.abs(once.samples - second_pass).max()
    assert error < 10 ** (-60 / 20) * np.abs(second_pass).max()
