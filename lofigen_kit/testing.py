"""The contract that every component keeps, as checks that a plugin's author runs.

    from lofigen_kit.testing import check_component

    def test_contract() -> None:
        check_component(MyEffect)

A broken contract is an AssertionError that says what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import ValidationError

from lofigen_kit import rack
from lofigen_kit.audio import AudioBuffer
from lofigen_kit.components import (
    BlockEffect,
    Component,
    Context,
    Effect,
    Model,
    Sampler,
    Sound,
    Source,
)
from lofigen_kit.errors import CheckpointError
from lofigen_kit.law import MULAW_LEVELS, HeadKind
from lofigen_kit.nn.checkpoint import expected_shapes
from lofigen_kit.plugins import NAME
from lofigen_kit.seeding import stream

RATES_HZ = (8000, 44_100, 96_000)
PIECE = 1000
GRACE_S = 0.1
MIXTURES = 4


def check_component(cls: type[Component], **parameters: Any) -> None:
    """Check a component of any kind.

    Args:
        cls: The class that the plugin's hook returns.
        parameters: Values for the parameters that have no default.

    Raises:
        AssertionError: where the contract is broken.
    """
    component = cls(**parameters)
    _check_declaration(component)
    for variant in [component, *_extremes(component)]:
        if isinstance(variant, Effect):
            _check_effect(variant)
        elif isinstance(variant, Sampler):
            _check_sampler(variant)
    if isinstance(component, Source):
        _check_source(component)
    elif isinstance(component, Model):
        _check_model(component)


def _require(condition: object, expectation: str) -> None:
    if not condition:
        raise AssertionError(expectation)


def _check_declaration(component: Component) -> None:
    """Check name, documentation, strictness and bounds."""
    cls, name = type(component), component.name()
    _require(NAME.fullmatch(name), f"the name {name!r} is kebab-case")
    _require((cls.__doc__ or "").strip(), f"{name} has a docstring")
    _require(cls.summary().endswith("."), f"{name}'s summary is a sentence")
    text = component.model_dump_json()
    again = cls.model_validate_json(text, strict=True)
    _require(again == component, f"{name} is the same after a trip through JSON")
    _require(_refuses(cls, {**component.model_dump(), "no_such_field": 1}), "it forbids extras")
    _require(cls.model_config.get("frozen"), f"{name} is frozen")
    for field, facts in cls.model_json_schema()["properties"].items():
        _require(_is_bounded(facts), f"{name}.{field} has a minimum and a maximum")


def _refuses(cls: type[Component], data: dict[str, Any]) -> bool:
    try:
        cls.model_validate(data)
    except ValidationError:
        return True
    return False


def _is_bounded(facts: dict[str, Any]) -> bool:
    """Return whether a number's schema has both bounds; what is no number needs none."""
    for part in (facts, *facts.get("anyOf", ())):
        if part.get("type") in ("number", "integer") and not {"enum", "const"} & set(part):
            low = {"minimum", "exclusiveMinimum"} & set(part)
            high = {"maximum", "exclusiveMaximum"} & set(part)
            return bool(low and high)
    return True


def _extremes(component: Component) -> Iterator[Component]:
    """Yield the component with each number at either inclusive end, one at a time."""
    schema = type(component).model_json_schema()["properties"]
    for field, facts in schema.items():
        for part in (facts, *facts.get("anyOf", ())):
            for value in (part.get("minimum"), part.get("maximum"), *part.get("enum", ())):
                if value is not None:
                    yield type(component)(**{**component.model_dump(), field: value})


def _check_effect(effect: Effect) -> None:
    """Check that an effect keeps the shape, repeats itself, and takes any sound."""
    for rate_hz in RATES_HZ:
        for sound, audio in _sounds(rate_hz):
            what = f"{effect!r} on {sound} at {rate_hz} Hz"
            before = audio.samples.copy()
            wet, again = (effect.apply(audio, _context()) for _ in range(2))
            shape = (audio.channels, round(audio.frames / effect.speed))
            _require(isinstance(wet, AudioBuffer), f"{what} returns an AudioBuffer")
            _require(wet.samples.shape == shape, f"{what} keeps the shape, but for its speed")
            _require(wet.sample_rate_hz == rate_hz, f"{what} keeps the sample rate")
            _require(np.array_equal(audio.samples, before), f"{what} leaves its input alone")
            _require(np.array_equal(wet.samples, again.samples), f"{what} repeats bit for bit")
            _check_in_the_rack(effect, audio, what)
    _check_tail(effect)


def _check_in_the_rack(effect: Effect, audio: AudioBuffer, what: str) -> None:
    """Check that a sound comes out of the rack the same in pieces, and untouched where dry."""
    whole = rack.applied(effect, audio, _context(), loop=False)
    sound = Sound(audio.channels, audio.frames, audio.sample_rate_hz)
    if isinstance(effect, BlockEffect):
        late = effect.latency_frames(sound)
        _require(isinstance(late, int) and late >= 0, f"{what} is late by whole frames, or none")
    pieces = rack.cut(audio.samples, PIECE)
    bits = [audio.samples[:, :0], *rack.streamed(effect, sound, _context(), pieces)]
    together = np.concatenate(bits, axis=1)
    _require(np.array_equal(together, whole.samples), f"{what} is the same in pieces")
    dry = rack.applied(effect.model_copy(update={"mix": 0.0}), audio, _context(), loop=False)
    _require(np.array_equal(dry.samples, audio.samples), f"{what} is the dry sound at mix 0")


def _check_tail(effect: Effect) -> None:
    """Check that nothing of a sound is left when the tail and the memory that it declares end."""
    rate_hz = RATES_HZ[0]
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, (1, rate_hz // 2))
    longest_s = effect.tail_s + effect.memory_s + GRACE_S
    heard = np.pad(noise, ((0, 0), (0, round((longest_s + GRACE_S) * effect.speed * rate_hz))))
    # Its own noise is the same in both, and falls out of the difference.
    wet, alone = (
        effect.apply(AudioBuffer(samples, rate_hz), _context()).samples.astype(np.float64)
        for samples in (heard, np.zeros_like(heard))
    )
    left = np.abs(wet - alone)[:, -round(GRACE_S * rate_hz) :].max()
    _require(
        left < 10 ** (rack.SILENT_DBFS / 20), f"{effect!r} ends with the tail that it declares"
    )


def _sounds(rate_hz: int) -> Iterator[tuple[str, AudioBuffer]]:
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, (2, rate_hz // 10))
    yield "noise", AudioBuffer(noise, rate_hz)
    yield "mono", AudioBuffer(noise[:1], rate_hz)
    yield "silence", AudioBuffer(np.zeros((2, rate_hz // 10)), rate_hz)
    yield "a single frame", AudioBuffer(np.ones((2, 1)), rate_hz)


def _check_sampler(sampler: Sampler) -> None:
    """Check that a sampler draws one sample a track, in range, and repeats itself."""
    _require(sampler.heads, f"{sampler.use} names the heads that it draws from")
    rng = np.random.default_rng(0)
    for head in sampler.heads:
        outputs = rng.standard_normal((64, _head_outputs(head)))
        uniforms = rng.random((64, 2))
        uniforms[0], uniforms[1] = 0.0, np.nextafter(1.0, 0.0)
        drawn, again = (sampler.draw(outputs.copy(), head, uniforms.copy()) for _ in range(2))
        what = f"{sampler!r} on {head}"
        _require(drawn.shape == (64,), f"{what} gives one sample for each track")
        _require((np.abs(drawn) <= 1.0).all(), f"{what} stays within [-1, 1]")
        _require(np.array_equal(drawn, again), f"{what} repeats bit for bit")


def _head_outputs(head: HeadKind) -> int:
    return {"mse": 1, "mol": 3 * MIXTURES, "mulaw": MULAW_LEVELS}[head]


def _check_source(source: Source) -> None:
    """Check that a source repeats itself, and that audio and score agree in length."""
    take, again = (source.make_take(_context()) for _ in range(2))
    _require(np.array_equal(take.audio.samples, again.audio.samples), "a take repeats its audio")
    _require(take.score == again.score, "a take repeats its score")
    _require(take.licence, "a take names its licence")
    _require(take.title, "a take has a title")
    apart_s = abs(take.audio.duration_s - take.score.duration_s)
    _require(apart_s < 0.01, f"audio and score are equally long, not {apart_s:.3f} s apart")


def _check_model(model: Model) -> None:
    """Check that a model loads arrays of its declared shape, or says that it has none."""
    try:
        network = model.load(_context())
    except CheckpointError:
        return  # trained weights need not be installed
    weights = [*network.weights, *network.biases, *network.guide_weights]
    expected = sorted(expected_shapes(network.spec).values())
    _require(sorted(w.shape for w in weights) == expected, "the weights fit the network's spec")


def _context() -> Context:
    return Context(rng=stream(1, 0, "contract"))
