"""Checks of the contract that every component keeps, for the authors of plugins.

    from lofigen_kit.testing import ContractSuite

    class TestContract(ContractSuite):
        component = MyEffect

With pytest, this is one test for each check. `check_component(MyEffect)` runs them all, and so does
`lofigen-kit plugins check my-effect`. A check that fails raises an AssertionError that says what
was expected.
"""

from __future__ import annotations

import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import ValidationError

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Component
from lofigen_kit.components.contracts import (
    Effect,
    Instrument,
    Model,
    ParametricSampler,
    Sampler,
    Source,
)
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import BlockEffect
from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.checkpoint import expected_shapes
from lofigen_kit.nn.distribution import MIN_LOG_SCALE, MULAW_LEVELS, HeadKind, SamplingParams
from lofigen_kit.nn.sampling import draw, mulaw_decode
from lofigen_kit.plugins.loader import NAME
from lofigen_kit.testing import instruments, strokes
from lofigen_kit.testing.cases import iterate_variants, make_context, require

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network


HEAVY = (
    "torch", "librosa", "pedalboard", "scipy", "soundfile", "soxr", "pyloudnorm", "numba",
    "matplotlib",
)  # fmt: skip
"""Modules that a plugin imports only inside the methods that need them."""

RATES_HZ = (8000, 44_100, 96_000)
BLOCK_FRAMES = 1000
GRACE_S = 0.1
MAX_PRE_RESPONSE_S = 0.3
"""The longest response before a sound begins: a tape's speed changes and steep filters have one."""
MIXTURES = 4
DRAWS = 10_000
MAX_CDF_ERROR = (np.log(2.0 / 1e-6) / (2.0 * DRAWS)) ** 0.5
"""The largest distance between the empirical and the true distribution function. `DRAWS` draws of
any distribution exceed it once in a million times (the inequality of Dvoretzky, Kiefer and
Wolfowitz with Massart's constant)."""
MIN_KEY_MARGIN = 0.1
"""The check fails where another key's chroma similarity is larger by this: noise has no key."""
ONSETS_AGREE = 0.6
GENERATED = 64
MAX_GENERATION_ERROR = 1e-3


@dataclass(frozen=True)
class Check:
    """One requirement of the contract.

    Attributes:
        name: The requirement, in a few words.
        kind: The kind of components to which it applies.
        run: Checks a component, and raises an AssertionError where it fails.
    """

    name: str
    kind: type[Component]
    run: Callable[[Any], None]


def list_checks(cls: type[Component]) -> list[Check]:
    """Return the checks that apply to a component."""
    return [check for check in CHECKS if issubclass(cls, check.kind)]


def check_component(cls: type[Component], **parameters: Any) -> None:
    """Check a component of any kind.

    Args:
        cls: The class that the plugin's hook returns.
        parameters: Values for the parameters that have no default.

    Raises:
        AssertionError: at the first check that fails.
    """
    component = cls(**parameters)
    for check in list_checks(cls):
        check.run(component)


class ContractSuite:
    """The contract as a test class to inherit, with one test for each check.

    Attributes:
        component: The class that the plugin's hook returns.
        parameters: Values for the parameters that have no default.
    """

    component: ClassVar[type[Component]]
    parameters: ClassVar[Mapping[str, Any]] = {}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each check (a hook of pytest)."""
        if "contract_check" in metafunc.fixturenames:
            checks = list_checks(self.component)
            metafunc.parametrize("contract_check", checks, ids=lambda check: check.name)

    def test_contract(self, contract_check: Check) -> None:
        """Run one check."""
        contract_check.run(self.component(**self.parameters))


def _check_declaration(component: Component) -> None:
    """Check name, documentation and strictness."""
    cls, name = type(component), component.name()
    require(NAME.fullmatch(name), f"the name {name!r} is kebab-case")
    require((cls.__doc__ or "").strip(), f"{name} has a docstring")
    require(cls.summary().endswith("."), f"{name}'s summary is a sentence")
    require(_refuses(cls, {**component.model_dump(), "no_such_field": 1}), "it forbids extras")
    require(cls.model_config.get("frozen"), f"{name} is frozen")


def _check_parameters(component: Component) -> None:
    """Check that every number has bounds, and that every parameter has a description."""
    for field, schema in type(component).model_json_schema()["properties"].items():
        what = f"{component.name()}.{field}"
        require(_is_bounded(schema), f"{what} has a minimum and a maximum")
        described = field == "use" or schema.get("description")
        require(described, f"{what} has a description, in its Field or under Attributes:")


def _check_files(component: Component) -> None:
    """Check that presets and recipes keep every value of the parameters when read again."""
    import yaml

    from lofigen_kit.preset import yaml_loader

    cls = type(component)
    for variant in iterate_variants(component):
        again = cls.model_validate_json(variant.model_dump_json(), strict=True)
        require(again == variant, f"{variant!r} is the same after a trip through JSON")
        written = yaml.safe_dump(variant.model_dump(mode="json"))
        read = cls.model_validate(yaml_loader.load(written.encode(), "a preset").data)
        require(read == variant, f"{variant!r} is the same after a trip through YAML")


def _check_worker(component: Component) -> None:
    """Check that a component is the same in a worker process."""
    dumped = _send_to_worker(component)[1]
    require(dumped == component.model_dump_json(), f"{component!r} is the same in a worker")


def _check_imports(component: Component) -> None:
    """Check that importing the plugin does not import the heavy modules that its methods need."""
    heavy = _send_to_worker(component)[0]
    require(
        not heavy,
        f"importing {type(component).__module__} does not import {', '.join(heavy)}: "
        "import inside the methods that need it",
    )


def _send_to_worker(component: Component) -> tuple[list[str], str]:
    """Return the heavy modules that a new process imports for a component, and the component.

    Returns:
        tuple: names of modules; the component that the process received, as JSON.
    """
    cls = type(component)
    try:
        data = pickle.dumps(component)
    except Exception as error:
        raise AssertionError(f"{component!r} can be pickled ({error})") from error
    return _run_worker(cls.__module__, inspect.getfile(cls), data)


@lru_cache(maxsize=1)
def _run_worker(module: str, path: str, data: bytes) -> tuple[list[str], str]:
    completed = subprocess.run(  # noqa: S603 - this Python, and code that is loaded here already
        [sys.executable, "-c", _WORKER],
        input=pickle.dumps((module, path, HEAVY, data)),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    last = completed.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    require(completed.returncode == 0, f"{module} can be imported in a worker ({last})")
    heavy, dumped = json.loads(completed.stdout)
    return heavy, dumped


_WORKER = """
import importlib, importlib.util, json, pickle, sys

answer, sys.stdout = sys.stdout, sys.stderr
name, path, heavy, data = pickle.load(sys.stdin.buffer)
try:
    importlib.import_module(name)
except ModuleNotFoundError:
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
imported = [module for module in heavy if module in sys.modules]
json.dump([imported, pickle.loads(data).model_dump_json()], answer)
"""


def _refuses(cls: type[Component], data: dict[str, Any]) -> bool:
    try:
        cls.model_validate(data)
    except ValidationError:
        return True
    return False


def _is_bounded(schema: dict[str, Any]) -> bool:
    """Return whether a number's schema has both bounds; other schemas need none."""
    for part in (schema, *schema.get("anyOf", ())):
        if part.get("type") in ("number", "integer") and not {"enum", "const"} & set(part):
            low = {"minimum", "exclusiveMinimum"} & set(part)
            high = {"maximum", "exclusiveMaximum"} & set(part)
            return bool(low and high)
    return True


def _check_sound(component: Effect) -> None:
    """Check that an effect keeps the shape, is deterministic, and accepts any sound."""
    for effect, audio, what in _iterate_effect_cases(component):
        before = audio.samples.copy()
        wet, again = (effect.apply(audio, make_context()) for _ in range(2))
        shape = (audio.channels, round(audio.frames / effect.speed))
        require(isinstance(wet, AudioBuffer), f"{what} returns an AudioBuffer")
        require(wet.samples.shape == shape, f"{what} keeps the shape, apart from its speed")
        require(wet.sample_rate_hz == audio.sample_rate_hz, f"{what} keeps the sample rate")
        require(np.isfinite(wet.samples).all(), f"{what} returns finite numbers")
        require(np.array_equal(audio.samples, before), f"{what} does not change its input")
        require(np.array_equal(wet.samples, again.samples), f"{what} repeats bit for bit")


def _check_blocks(component: Effect) -> None:
    """Check that the rack gives the same samples in blocks as for the whole sound."""
    for effect, audio, what in _iterate_effect_cases(component):
        whole = rack.apply_effect(effect, audio, make_context(), loop=False)
        blocks = split_blocks(audio.samples, BLOCK_FRAMES)
        wet = rack.apply_blocks(effect, audio.format, make_context(), blocks)
        joined = np.concatenate([audio.samples[:, :0], *wet], axis=1)
        require(np.array_equal(joined, whole.samples), f"{what} is the same in blocks")


def _check_mix(component: Effect) -> None:
    """Check that mix 0 does not change a sound, and that mix 0.5 is halfway from dry to wet."""
    for effect, audio, what in _iterate_effect_cases(component):
        dry = rack.apply_effect(_set_mix(effect, 0.0), audio, make_context(), loop=False)
        require(np.array_equal(dry.samples, audio.samples), f"{what} is the dry sound at mix 0")
    if component.speed == 1.0:
        audio = dict(_sounds(RATES_HZ[0]))["noise"]
        wet, half = (
            rack.apply_effect(_set_mix(component, mix), audio, make_context(), loop=False).samples
            for mix in (1.0, 0.5)
        )
        between = np.allclose(half, 0.5 * (wet + audio.samples), atol=1e-5)
        require(between, f"{component!r} at mix 0.5 is halfway between dry and wet")


def _check_latency(component: Effect) -> None:
    """Check that nothing sounds before the input begins, once the latency is removed."""
    rate_hz = RATES_HZ[0]
    ahead_s = component.memory_s + MAX_PRE_RESPONSE_S
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, (1, rate_hz // 2))
    padded = np.pad(noise, ((0, 0), (round((ahead_s + GRACE_S) * rate_hz), 0)))
    if isinstance(component, BlockEffect):
        latency = component.latency_frames(AudioBuffer(padded, rate_hz).format)
        whole = isinstance(latency, int) and latency >= 0
        require(whole, f"{component!r} has a latency of whole frames, 0 or more")
    early = _subtract_own_noise(component, padded, rate_hz)
    early = np.abs(early[:, : round(GRACE_S * rate_hz / component.speed)])
    require(
        early.max() < _SILENT,
        f"{component!r} is silent before its input begins: is its latency_frames too large?",
    )


def _check_live_parameters(component: BlockEffect) -> None:
    """Check that what can be turned by hand is a bounded number, and that a step moves it."""
    schema = type(component).model_json_schema()["properties"]
    for live in component.live_parameters:
        what = f"{component.name()}'s live parameter {live.parameter!r}"
        facts = schema.get(live.parameter, {})
        number = facts.get("anyOf", [facts])[0]
        real = number.get("type") == "number" and {"minimum", "maximum"} <= set(number)
        require(real, f"{what} is a real number with a minimum and a maximum")
        require(live.control, f"{what} has a control with a name")
        adds, multiplies = live.step != 0.0, live.step_ratio != 1.0
        require(adds != multiplies, f"{what} is moved by a step or by a ratio")
        require(live.step_ratio > 0.0, f"{what} is multiplied by more than nothing")


def _check_tail(component: Effect) -> None:
    """Check that the output is silent after the tail and the memory that an effect declares."""
    rate_hz = RATES_HZ[0]
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, (1, rate_hz // 2))
    for effect in iterate_variants(component):
        longest_s = effect.tail_s + effect.memory_s + GRACE_S
        padded = np.pad(noise, ((0, 0), (0, round((longest_s + GRACE_S) * effect.speed * rate_hz))))
        left = _subtract_own_noise(effect, padded, rate_hz)[:, -round(GRACE_S * rate_hz) :]
        require(np.abs(left).max() < _SILENT, f"{effect!r} is silent after the tail it declares")


_SILENT = 10.0 ** (rack.SILENT_DBFS / 20.0)


def _subtract_own_noise(effect: Effect, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return an effect's output without the noise that the effect itself adds.

    The noise is the same where the input is silence, so the difference removes it.
    """
    wet, noise = (
        effect.apply(AudioBuffer(dry, rate_hz), make_context()).samples.astype(np.float64)
        for dry in (samples, np.zeros_like(samples))
    )
    return np.asarray(wet - noise)


def _iterate_effect_cases(component: Effect) -> Iterator[tuple[Effect, AudioBuffer, str]]:
    """Yield each setting of an effect, each sound that it should accept, and a description."""
    for effect in iterate_variants(component):
        for rate_hz in RATES_HZ:
            for sound, audio in _sounds(rate_hz):
                yield effect, audio, f"{effect!r} on {sound} at {rate_hz} Hz"


def _set_mix(effect: Effect, mix: float) -> Effect:
    return effect.model_copy(update={"mix": mix})


def _sounds(rate_hz: int) -> Iterator[tuple[str, AudioBuffer]]:
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, (2, rate_hz // 10))
    yield "noise", AudioBuffer(noise, rate_hz)
    yield "mono", AudioBuffer(noise[:1], rate_hz)
    yield "silence", AudioBuffer(np.zeros((2, rate_hz // 10)), rate_hz)
    yield "a single frame", AudioBuffer(np.ones((2, 1)), rate_hz)


def _check_draws(component: Sampler) -> None:
    """Check that a sampler draws one sample for each track, in range and deterministically."""
    require(component.heads, f"{component.use} names the heads that it draws from")
    rng = np.random.default_rng(0)
    for sampler in iterate_variants(component):
        for head in component.heads:
            outputs = rng.standard_normal((64, _head_outputs(head)))
            uniforms = rng.random((64, 2))
            uniforms[0], uniforms[1] = 0.0, np.nextafter(1.0, 0.0)
            drawn, again = (sampler.draw(outputs.copy(), head, uniforms.copy()) for _ in range(2))
            what = f"{sampler!r} on {head}"
            require(drawn.shape == (64,), f"{what} returns one sample for each track")
            require((np.abs(drawn) <= 1.0).all(), f"{what} stays within [-1, 1]")
            require(np.array_equal(drawn, again), f"{what} repeats bit for bit")


def _check_distribution(component: ParametricSampler) -> None:
    """Check the distribution of many draws against the one that `sampling_params` describes."""
    rng = np.random.default_rng(0)
    for sampler in iterate_variants(component):
        for head in component.heads:
            row = rng.standard_normal(_head_outputs(head))
            if head == "mol":  # well within full scale, where nothing is clipped
                row[MIXTURES:] = row[MIXTURES:] * 0.1 - np.repeat([0.0, 4.0], MIXTURES)
            outputs = np.tile(row, (DRAWS, 1))
            drawn = np.sort(sampler.draw(outputs, head, rng.random((DRAWS, 2))))
            places = np.unique(drawn)
            places = np.concatenate([[-1.1], 0.5 * (places[1:] + places[:-1]), [1.1]])
            share = np.searchsorted(drawn, places) / DRAWS
            expected = _cumulative_probability(row, head, sampler.sampling_params(), places)
            error = np.abs(share - expected).max()
            require(
                error < MAX_CDF_ERROR,
                f"{sampler!r} draws from {head} as its sampling_params say: error {error:.3f}",
            )


def _cumulative_probability(
    row: np.ndarray, head: HeadKind, params: SamplingParams, places: np.ndarray
) -> np.ndarray:
    """Return the probability that a draw is below each place, by the parameters' definition."""
    if head == "mse":
        return np.asarray(np.clip(row[0], -1.0, 1.0) < places, np.float64)
    levels = MULAW_LEVELS if head == "mulaw" else MIXTURES
    means = mulaw_decode(np.arange(levels)) if head == "mulaw" else row[levels : 2 * levels]
    weights = np.exp((row[:levels] - row[:levels].max()) / max(params.temperature, 1e-6))
    weights /= weights.sum()
    heaviest = np.argsort(-weights, kind="stable")
    before = np.cumsum(weights[heaviest]) - weights[heaviest]
    kept = heaviest[(before < params.top_p) & (np.arange(levels) < (params.top_k or levels))]
    weights = weights[kept] / weights[kept].sum()
    means = means[kept]
    # `spread` moves draws towards the mean: `moved` is each place before that move.
    mean = float(weights @ means)
    if params.spread == 0.0:
        return np.asarray(mean < places, np.float64)
    moved = (mean + (places - mean) / params.spread)[:, None]
    if head == "mulaw":
        return np.asarray((weights * (means < moved)).sum(axis=1))
    widths = np.exp(np.maximum(row[2 * levels :][kept], MIN_LOG_SCALE)) * params.temperature
    with np.errstate(over="ignore"):
        below = 1.0 / (1.0 + np.exp(-(moved - means) / np.maximum(widths, 1e-12)))
    below = np.where(below < params.tail, 0.0, np.where(below > 1.0 - params.tail, 1.0, below))
    return np.asarray((weights * below).sum(axis=1))


def _head_outputs(head: HeadKind) -> int:
    return {"mse": 1, "mol": 3 * MIXTURES, "mulaw": MULAW_LEVELS}[head]


def _check_file_parameter(component: Source) -> None:
    """Check that the parameter that names a file is one, and takes a path."""
    parameter = component.file_parameter
    if parameter is None:
        return
    cls = type(component)
    require(parameter in cls.model_fields, f"{cls.name()} has the parameter {parameter!r}")
    needs_more = _refuses(cls, {parameter: "/music/recording.wav"})
    require(not needs_more, f"{cls.name()} needs no other parameter than the file's path")
    for suffix in cls.file_suffixes:
        fits = suffix.startswith(".") and suffix == suffix.lower() == Path(f"a{suffix}").suffix
        require(fits, f"the suffix {suffix!r} is one, in lower case, such as '.mid'")


def _check_take(source: Source) -> None:
    """Check that a source is deterministic, and gives its audio's licence and title."""
    take, again = (source.make_take(make_context()) for _ in range(2))
    require(np.array_equal(take.audio.samples, again.audio.samples), "a take repeats its audio")
    require(take.score == again.score, "a take repeats its score")
    require(take.licence, "a take names its licence")
    require(take.title, "a take has a title")


def _check_score(source: Source) -> None:
    """Check that a score is as long as its audio, and that its drums and chords match it."""
    from lofigen_kit.analysis import chroma, chroma_similarity, drum_f_measure, render_score_tones
    from lofigen_kit.analysis.agreement import PLAIN_STROKE
    from lofigen_kit.music.mix_channels import CHANNEL_DRUMS

    take = source.make_take(make_context())
    audio, score = take.audio, take.score
    written = source.make_score(make_context())
    require(written in (None, score), "make_score gives the score of the take, or None")
    difference_s = abs(audio.duration_s - score.duration_s)
    require(
        difference_s < 0.01, f"audio and score have the same length, not {difference_s:.3f} s apart"
    )
    strokes.check_strokes(take, ONSETS_AGREE)
    # In a mix three kinds of drums are told apart: where two of a kind play, it cannot be judged.
    for drum, alike in CHANNEL_DRUMS.items():
        struck = [hit for hit in score.hits if hit.drum in alike]
        plain = any(hit.velocity >= PLAIN_STROKE for hit in struck)
        if not plain or any(hit.drum != drum for hit in struck):
            continue
        agreement = drum_f_measure(audio, score, drum)
        require(
            agreement >= ONSETS_AGREE,
            f"the {drum}'s onsets match the score: an F-measure of at least {ONSETS_AGREE}, "
            f"not {agreement:.2f}",
        )
    if score.notes:
        score_chroma = chroma(render_score_tones(score, audio.frames, audio.sample_rate_hz))
        audio_chroma = chroma(audio)
        by_shift = [
            chroma_similarity(audio_chroma, np.roll(score_chroma, n, axis=0)) for n in range(12)
        ]
        best = int(np.argmax(by_shift))
        require(
            by_shift[best] - by_shift[0] < MIN_KEY_MARGIN,
            f"the audio has the score's harmony, not one that is {best} semitones higher",
        )


def _check_weights(model: Model) -> None:
    """Check that a model loads weights of the shapes in its spec, if it has weights."""
    network = _network(model)
    if network is None:
        return
    weights = [*network.weights, *network.biases, *network.guide_weights]
    expected = sorted(expected_shapes(network.spec).values())
    require(sorted(w.shape for w in weights) == expected, "the weights fit the network's spec")
    finite = all(np.isfinite(w).all() for w in weights)
    require(finite, "the weights are finite numbers")
    require(network.sha256, "the network has the SHA-256 of its weights, for recipes")


def _check_generation(model: Model) -> None:
    """Check that generation sample by sample gives the same as the full forward pass."""
    from lofigen_kit.engine import Track, generate

    network = _network(model)
    if network is None:
        return
    spec, rng = network.spec, np.random.default_rng(0)
    prime = rng.uniform(-0.1, 0.1, min(spec.receptive_field, 4000)).astype(np.float32)
    guide = rng.uniform(0.0, 0.5, (len(spec.guide), len(prime) + GENERATED)).astype(np.float32)
    [generated] = generate(network, _MeanSampler(), [Track(GENERATED, prime, guide, rng)])
    history = np.concatenate([prime, generated[:-1]])
    outputs = _forward(network, history, guide[:, 1:])[:, -GENERATED:].T
    expected = draw(outputs, spec.head, _MeanSampler().sampling_params(), np.zeros((GENERATED, 2)))
    error = float(np.abs(generated - expected).max())
    require(
        error < MAX_GENERATION_ERROR,
        f"generation equals the full forward pass, not {error:.4f} apart",
    )


class _MeanSampler(ParametricSampler):
    """Draws the mean of the distribution, without randomness."""

    use: str = "expected"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mse", "mol", "mulaw")

    def sampling_params(self) -> SamplingParams:
        return SamplingParams(spread=0.0)


def _forward(network: Network, samples: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Return the head's outputs after each sample, computed layer by layer.

    Returns:
        np.ndarray [shape=(head outputs, len(samples))].
    """
    x = samples[None].astype(np.float64) * network.spec.input_scale
    for index, weight in enumerate(network.weights):
        taps, frames = weight.shape[2], x.shape[1]
        padded = np.pad(x, ((0, 0), (taps - 1, 0)))
        x = network.biases[index][:, None] + sum(
            weight[:, :, tap] @ padded[:, tap : tap + frames] for tap in range(taps)
        )
        if index < len(network.weights) - 1:
            if network.guide_weights:
                x += network.guide_weights[index] @ guide
            x = np.maximum(x, 0.0)
    return np.asarray(x)


def _network(model: Model) -> Network | None:
    """Return a model's network, or None where its trained weights are not installed."""
    try:
        return model.load(make_context())
    except CheckpointError as error:
        require("checkpoint" in type(model).model_fields, f"{model!r} has weights: {error}")
        return None


CHECKS = (
    Check("is declared in full", Component, _check_declaration),
    Check("bounds and describes its parameters", Component, _check_parameters),
    Check("keeps its parameters in files", Component, _check_files),
    Check("imports nothing heavy", Component, _check_imports),
    Check("is the same in a worker", Component, _check_worker),
    Check("keeps shape and rate, and is deterministic", Effect, _check_sound),
    Check("is the same in blocks", Effect, _check_blocks),
    Check("mixes dry and wet", Effect, _check_mix),
    Check("has the latency that it declares", Effect, _check_latency),
    Check("can be turned by hand", BlockEffect, _check_live_parameters),
    Check("has the tail that it declares", Effect, _check_tail),
    Check("draws in range and deterministically", Sampler, _check_draws),
    Check("draws from its distribution", ParametricSampler, _check_distribution),
    Check("plays the file that it is given", Source, _check_file_parameter),
    Check("repeats its take", Source, _check_take),
    Check("matches its score", Source, _check_score),
    Check("says for whom it plays", Instrument, instruments.check_instrument),
    Check("repeats its notes", Instrument, instruments.check_repeats),
    Check("plays louder when played harder", Instrument, instruments.check_levels),
    Check("begins at once and dies away", Instrument, instruments.check_shapes),
    Check("is in tune", Instrument, instruments.check_pitch),
    Check("has weights of its shapes", Model, _check_weights),
    Check("generates as the full forward pass", Model, _check_generation),
)
"""All checks; the fast ones come first."""
