"""Every registered effect, with any parameters, on any sound."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args, get_origin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from lofigen_kit.api import AudioBuffer, AudioFormat, Context, Effect
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.effects import rack
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.runtime.seeding import rng_for

EFFECTS = [
    cast("type[Effect]", cls)
    for cls in load_plugins().classes("effect").values()
    # What needs a file has its own tests.
    if not any(field.is_required() for field in cls.model_fields.values())
]


def values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Return what a field may hold, as far as its type and its bounds say."""
    bounds = {side: getattr(note, side) for note in field.metadata for side in ("ge", "le")
              if getattr(note, side, None) is not None}  # fmt: skip
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(get_args(field.annotation))
    if field.annotation is bool:
        return st.booleans()
    if field.annotation is float and len(bounds) == 2:
        return st.floats(bounds["ge"], bounds["le"])
    if field.annotation is int and len(bounds) == 2:
        return st.integers(bounds["ge"], bounds["le"])
    return st.just(field.get_default(call_default_factory=True, validated_data={}))


@st.composite
def effects(draw: st.DrawFn, cls: type[Effect]) -> Effect:
    fields = {n: draw(values(f)) for n, f in cls.model_fields.items() if n not in ("use", "mix")}
    effect = cls.model_validate(fields)
    mixes = st.sampled_from((0.0, 1.0)) if effect.speed != 1.0 else st.floats(0, 1)
    return effect.model_copy(update={"mix": draw(mixes)})


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("cls", EFFECTS, ids=lambda cls: cls.name())
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_any_effect_on_any_sound(cls: type[Effect], loop: bool, data: st.DataObject) -> None:
    effect = data.draw(effects(cls))
    rate_hz = data.draw(st.sampled_from((8000, 22_050, 44_100, 48_000, 96_000)))
    channels, frames = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 12_000))
    level = data.draw(st.sampled_from((0.0, 1e-4, 1.0, 4.0)))
    noise = level * np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    audio = AudioBuffer(noise, rate_hz)
    out, again = (rack.apply_effect(effect, audio, context(), loop=loop) for _ in range(2))
    expected = round(frames / effect.speed) if effect.mix else frames
    assert out.samples.shape == (channels, expected)
    assert np.isfinite(out.samples).all()
    np.testing.assert_array_equal(out.samples, again.samples)
    if effect.mix == 0:
        np.testing.assert_array_equal(out.samples, audio.samples)
    if not loop:
        pieces = split_blocks(audio.samples, data.draw(st.integers(1, 9000)))
        bits = list(
            rack.apply_blocks(effect, AudioFormat(channels, frames, rate_hz), context(), pieces)
        )
        np.testing.assert_array_equal(np.concatenate(bits, axis=1), out.samples)


def context() -> Context:
    return Context(rng=rng_for(1, 0, "test"))
