from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import field_serializer

from lofigen_kit import engine
from lofigen_kit.api import (
    AudioBuffer,
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    HeadKind,
    Hit,
    Instrument,
    LiveParameter,
    Model,
    Network,
    Note,
    ParametricSampler,
    Process,
    SamplingParams,
    Score,
    Take,
    assemble_network,
    expected_shapes,
    make_stack_spec,
)
from lofigen_kit.components.base import Component
from lofigen_kit.nn import checkpoint
from lofigen_kit.nn.sampling import draw
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import KINDS
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.testing import ContractSuite, check_component, list_checks
from lofigen_kit_plugins import conv4
from lofigen_kit_plugins.beatmaker import Beatmaker, Solo
from lofigen_kit_plugins.conv8 import Conv8
from lofigen_kit_plugins.gain import Gain

BUILTIN = [cls for kind in KINDS for cls in load_plugins().classes(kind.kind).values()]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    from lofigen_kit.audio.files import write_audio

    path = tmp_path / "loop.wav"
    take = Beatmaker(bars=2).make_take(Context(rng_for(4, 0, "source")))
    write_audio(path, take.audio, format="wav", bit_depth=16, comment="",
                rng=np.random.default_rng(0), force=False)  # fmt: skip
    return path


@pytest.fixture
def own_music(tmp_path: Path) -> dict[str, Path]:
    """What a producer has, by the component that plays it: a song, samples, an SFZ file."""
    import soundfile

    from lofigen_kit.music.midi import to_midi

    t = np.arange(22_050) / 44_100
    for name, hz in (("kick", 60), ("snare", 200), ("hat", 8000), ("C4", 261.6256)):
        soundfile.write(
            tmp_path / f"{name}.wav", np.exp(-9 * t) * np.sin(2 * np.pi * hz * t), 44_100
        )
    (tmp_path / "own.sfz").write_text("<region> sample=C4.wav pitch_keycenter=60")
    hits = tuple(Hit(drum="kick", onset_s=n / 2) for n in range(8))
    score = Score(tempo_bpm=120, bars=2, duration_s=4.0, hits=hits)
    (tmp_path / "own.mid").write_bytes(to_midi(score))
    return {"midi-file": tmp_path / "own.mid", "sample-instrument": tmp_path,
            "sample-kit": tmp_path, "soundfont": tmp_path / "own.sfz"}  # fmt: skip


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """A checkpoint of conv8, which comes without one."""
    spec = make_stack_spec(Conv8.layers, head="mol", mixtures=2)
    rng = np.random.default_rng(1)
    shapes = expected_shapes(spec)
    weights = {n: rng.normal(0, 0.02, shape).astype(np.float32) for n, shape in shapes.items()}
    path = tmp_path / "untrained.safetensors"
    checkpoint.save(path, spec, weights, {"licence": "CC0-1.0"})
    return path


@pytest.mark.parametrize("cls", BUILTIN, ids=lambda cls: cls.name())
def test_every_component_keeps_the_contract(
    cls: type[Component], request: pytest.FixtureRequest
) -> None:
    required: dict[str, Any] = {}
    if cls.name() == "vst3":
        required["path"] = str(request.getfixturevalue("vst3")(LATENCY=300))
    elif cls.name() in ("midi-file", "sample-instrument", "sample-kit", "soundfont"):
        required["path"] = str(request.getfixturevalue("own_music")[cls.name()])
    elif "path" in cls.model_fields:
        recording: Path = request.getfixturevalue("recording")
        required["path"] = str(recording.parent if cls.name() == "folder" else recording)
    elif cls.name() == "conv8":
        required["checkpoint"] = str(request.getfixturevalue("untrained"))
    check_component(cls, **required)


class Good(Effect):
    """Turns the sound down.

    Attributes:
        level: What is left of it.
    """

    use: Literal["good"] = "good"
    level: float = Field(default=0.5, ge=0, le=1)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(audio.samples * self.level)


class Unbounded(Good):
    """Has a number without bounds."""

    level: float = 0.5


class Shortens(Good):
    """Loses a frame."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(audio.samples[:, 1:])


class Forgetful(Good):
    """Draws from a generator of its own."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(np.random.default_rng().random(audio.samples.shape))


class Undocumented(Good):
    __doc__ = None


class Undescribed(Good):
    """Does not say what its parameter is."""

    gain: float = Field(default=0.5, ge=0, le=1)


class Impatient(Good):
    """Sounds before it is played."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(np.roll(audio.samples, -audio.sample_rate_hz // 2, axis=1))


class Lingers(Good):
    """Sounds on, and says nothing of it."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        echo = np.pad(audio.samples, ((0, 0), (4000, 0)))[:, : audio.frames]
        return audio.with_samples(audio.samples + echo)


class MixesItself(Good):
    """Does the runner's work, and so does it twice."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(audio.samples * self.mix * self.level)


class Unwritable(Good):
    """Is another one after it has been written down."""

    @field_serializer("level")
    def _rounded(self, level: float) -> float:
        return round(level)


class Unturnable(BlockEffect):
    """Lets its steepness be turned, which is no real number."""

    use: Literal["unturnable"] = "unturnable"
    live_parameters: ClassVar = (LiveParameter("order", "steepness", step=1.0),)
    order: int = Field(default=2, ge=1, le=8, description="How steep.")

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        return lambda block, _: block


class Stuck(Unturnable):
    """Lets its level be turned by steps of nothing."""

    live_parameters: ClassVar = (LiveParameter("level", "level"),)
    level: float = Field(default=0.5, ge=0, le=1, description="How loud.")


class Pathless(Beatmaker):
    """Plays a file that no parameter names."""

    use: Literal["pathless"] = "pathless"  # type: ignore[assignment]
    file_parameter: ClassVar = "recording"


class Lawless(ParametricSampler):
    """Says one thing and does another."""

    use: Literal["lawless"] = "lawless"

    def sampling_params(self) -> SamplingParams:
        return SamplingParams(temperature=0.8)

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        return draw(outputs, head, SamplingParams(temperature=1.0), uniforms)


class Late(Beatmaker):
    """Plays half a beat after its score."""

    use: Literal["late"] = "late"  # type: ignore[assignment]

    def make_take(self, ctx: Context) -> Take:
        take = super().make_take(ctx)
        shift = round(take.score.grid.beat_s / 4 * take.audio.sample_rate_hz)
        return replace(take, audio=take.audio.with_samples(np.roll(take.audio.samples, shift)))


class Sharp(Solo):
    """Plays two semitones higher than its score."""

    use: Literal["sharp"] = "sharp"  # type: ignore[assignment]

    def make_take(self, ctx: Context) -> Take:
        take = super().make_take(ctx)
        return replace(take, score=take.score.shift_pitch(-2))


class Whistling(Instrument):
    """Plays sines that fade."""

    use: Literal["whistling"] = "whistling"
    range_midi: ClassVar[tuple[int, int]] = (60, 72)
    detune: ClassVar[float] = 1.0

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        assert isinstance(event, Note)
        elapsed_s = np.arange(2 * sample_rate_hz) / sample_rate_hz
        wave = np.sin(2.0 * np.pi * self.detune * event.frequency_hz * elapsed_s)
        wave *= 0.25 * event.velocity * np.exp(-5.0 * elapsed_s)
        return wave[None].astype(np.float32)


class Sharpened(Whistling):
    """Plays a quarter of a semitone too high."""

    detune: ClassVar[float] = 2.0 ** (25.0 / 1200.0)


class Octaver(Whistling):
    """Plays an octave too high."""

    detune: ClassVar[float] = 2.0


class Drawled(Whistling):
    """Takes its time."""

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        return np.pad(super().play(event, sample_rate_hz, ctx), ((0, 0), (sample_rate_hz // 50, 0)))


class Chopped(Whistling):
    """Stops in the middle."""

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        return super().play(event, sample_rate_hz, ctx)[:, : sample_rate_hz // 2]


class Blunt(Whistling):
    """Knows one loudness."""

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        return super().play(event.model_copy(update={"velocity": 1.0}), sample_rate_hz, ctx)


class Loud(Whistling):
    """Plays at full scale."""

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        return 4.0 * super().play(event, sample_rate_hz, ctx)


class Moody(Whistling):
    """Draws from a generator of its own."""

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        loudness = np.float32(np.random.default_rng().uniform(0.9, 1.0))
        return loudness * super().play(event, sample_rate_hz, ctx)


class Widening(Whistling):
    """Is in stereo for high notes alone."""

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        wave = super().play(event, sample_rate_hz, ctx)
        return wave.repeat(2, axis=0) if isinstance(event, Note) and event.midi > 66 else wave


class Turned(Whistling):
    """Has its range the wrong way round."""

    range_midi: ClassVar[tuple[int, int]] = (72, 60)


class Unlike(Model):
    """Has weights that are none."""

    use: Literal["unlike"] = "unlike"

    def load(self, ctx: Context) -> Network:
        spec = make_stack_spec([(1, 4, 3), (4, 1, 1)], head="mse")
        tensors = {n: np.full(s, 0.1) for n, s in expected_shapes(spec).items()}
        network = assemble_network(spec, tensors, {"licence": "CC0-1.0"})
        return replace(network, weights=(network.weights[0] * np.nan, network.weights[1]))


@pytest.mark.parametrize("cls", [Good, Whistling])
def test_a_good_component_passes(cls: type[Component]) -> None:
    check_component(cls)


@pytest.mark.parametrize(
    ("cls", "expectation"),
    [
        (Unbounded, "level has a minimum and a maximum"),
        (Undescribed, "gain has a description"),
        (Shortens, "keeps the shape"),
        (Forgetful, "repeats bit for bit"),
        (Undocumented, "has a docstring"),
        (Impatient, "is silent before its input begins"),
        (Lingers, "is silent after the tail it declares"),
        (MixesItself, "at mix 0.5 is halfway"),
        (Unwritable, "is the same after a trip"),
        (Unturnable, "'order' is a real number with a minimum"),
        (Stuck, "'level' is moved by a step or by a ratio"),
        (Pathless, "has the parameter 'recording'"),
        (Lawless, "draws from mol as its sampling_params say"),
        (Late, "onsets match the score"),
        (Sharp, "the audio has the score's harmony, not one that is 2 semitones higher"),
        (Sharpened, "note 60 at 22050 Hz is in tune, not .25 cents off"),
        (Octaver, "is in tune"),
        (Drawled, "begins within 10 ms"),
        (Chopped, "ends in silence"),
        (Blunt, "is the louder, the harder it is played"),
        (Loud, "peaks at about 0.25, not at 0.9"),
        (Moody, "repeats note 60 bit for bit"),
        (Widening, "has as many channels for each note"),
        (Turned, "range goes from its lowest note"),
        (Unlike, "the weights are finite numbers"),
    ],
)
def test_a_broken_contract_is_found(cls: type[Component], expectation: str) -> None:
    with pytest.raises(AssertionError, match=expectation):
        check_component(cls)


def test_a_component_that_is_known_nowhere_else_does_not_reach_a_worker() -> None:
    class Local(Good):
        """Is known to one function alone."""

    with pytest.raises(AssertionError, match="can be pickled"):
        check_component(Local)


def test_a_heavy_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text(inspect.getsource(conv4) + "\nimport numba\n")
    cls = load_plugins(tmp_path, builtin=False).find("model", "conv4")
    with pytest.raises(
        AssertionError, match="does not import scipy, numba: import inside the methods"
    ):
        check_component(cls)


def test_generation_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    generate = engine.generate
    shifted = lambda *a: [played + 0.01 for played in generate(*a)]  # noqa: E731
    monkeypatch.setattr(engine, "generate", shifted, raising=False)
    with pytest.raises(AssertionError, match="generation equals the full forward pass"):
        check_component(conv4.Conv4)


class TestSuite(ContractSuite):
    component = Good
    parameters: ClassVar[dict[str, Any]] = {"level": 0.25}


def test_the_suite_is_a_test_for_each_check(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from lofigen_kit.testing import ContractSuite\n"
        "from lofigen_kit_plugins.gain import Gain\n"
        "class TestGain(ContractSuite):\n"
        "    component = Gain\n"
    )
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=True)
    found = [line.partition("test_contract")[2] for line in ran.stdout.splitlines()]
    assert found[: len(list_checks(Gain))] == [f"[{check.name}]" for check in list_checks(Gain)]
