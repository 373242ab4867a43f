"""Parameters that move: read, refused, written again, and heard."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import ValidationError

from lofigen_kit.api import AudioBuffer, AudioFormat, BeatGrid, BlockEffect, Context, Field, Process
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.components.automation import Curve, Moment, Rate
from lofigen_kit.components.contracts import Effect
from lofigen_kit.effects import rack
from lofigen_kit.errors import PresetError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, make_json_schema, parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.preset.yaml_loader import load as load_yaml
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.lowpass import Lowpass
from lofigen_kit_plugins.tape_hiss import TapeHiss
from lofigen_kit_plugins.wow_flutter import WowFlutter

RATE_HZ = 8000
GRID = BeatGrid(tempo_bpm=120, start_s=1.0)
BASE = "version: 1\nname: t\nsource: {use: bursts}\neffects:\n"


class Level(BlockEffect):
    """Turns a sound up or down."""

    use: Literal["level"] = "level"
    gain: float = Field(default=1.0, ge=0, le=8)
    steps: int = Field(default=1, ge=1, le=9)
    lfo_hz: float = Field(default=1.0, ge=0.5, le=4)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        def process(block: np.ndarray, now: Level) -> np.ndarray:
            assert not now.curves
            return np.asarray(block * np.float32(now.gain * now.steps))

        return process


class Echo(Level):
    """Remembers a second, so that a loop is heard before it begins."""

    use: Literal["echo"] = "echo"  # type: ignore[assignment]
    memory_s = 1.0


def context(grid: BeatGrid = GRID) -> Context:
    return Context(rng=rng_for(1, 0, "test"), grid=grid)


def level(**fields: Any) -> Level:
    return Level.model_validate(fields)


def heard(effect: Effect, seconds: float, *, loop: bool = False) -> np.ndarray:
    """Return the gain over time, from a sound of ones."""
    ones = AudioBuffer(np.ones((1, round(seconds * RATE_HZ))), RATE_HZ)
    return np.asarray(rack.apply_effect(effect, ones, context(), loop=loop).samples[0])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("2.5", 2.5), ("1beat", 1.5), ("2beats", 2), ("1bar", 3), ("1.5bars", 4)],
)
def test_times_are_seconds_or_beats_from_bar_1(text: str, seconds: float) -> None:
    moment = Moment.read(text)
    assert moment is not None
    assert moment.time_s(GRID) == seconds


@pytest.mark.parametrize(
    ("text", "hz"),
    [("1/4", 2), ("1/8", 4), ("2bars", 0.25), ("1beat", 2), ("1/4d", 4 / 3), ("1/8t", 6)],
)
def test_rates_are_one_cycle_in_a_note(text: str, hz: float) -> None:
    rate = Rate.read(text)
    assert rate is not None
    assert rate.hz(GRID) == pytest.approx(hz)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "4 bars", "bars", "1/0x", "nan", "٣"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert Moment.read(text) is None
    assert Rate.read(text) is None


def test_a_curve_is_held_before_its_first_and_after_its_last_point() -> None:
    times_s = np.array([0, 1, 2, 3, 4, 9.0])
    line = Curve((("1", 2.0), ("1bar", 8.0)))
    assert line.values(times_s, GRID) == pytest.approx([2, 2, 5, 8, 8, 8])
    ratio = Curve((("1", 2.0), ("1bar", 8.0)), "exponential")
    assert ratio.values(times_s, GRID) == pytest.approx([2, 2, 4, 8, 8, 8])


def test_points_may_stand_in_any_order() -> None:
    assert Curve((("3", 8.0), ("1", 2.0))).values(2.0, GRID) == pytest.approx(5)


def test_an_effect_follows_its_curve_every_256_frames() -> None:
    gain = heard(level(gain={"at": {0: 0, 2: 4}}), 3)
    times_s = np.arange(3 * RATE_HZ) // 256 * 256 / RATE_HZ
    assert gain == pytest.approx(np.interp(times_s, [0, 2], [0, 4]), abs=1e-6)


def test_a_whole_number_moves_in_whole_steps() -> None:
    steps = heard(level(steps={"at": {"0": 1, "2": 3}}), 2.5)
    assert set(steps) == {1, 2, 3}
    assert steps[RATE_HZ] == 2


def test_mix_moves_frame_by_frame() -> None:
    gain = heard(level(gain=3, mix={"at": {"0": 0, "2": 1}}), 2)
    assert gain == pytest.approx(1 + np.arange(2 * RATE_HZ) / RATE_HZ, abs=1e-4)


@pytest.mark.parametrize("seconds", [0.7, 3.0])
def test_a_loop_that_was_heard_before_moves_as_it_goes_round(seconds: float) -> None:
    effect = Echo.model_validate({"gain": {"at": {"0": 1, "0.7": 4}}})
    around, once = (heard(effect, seconds, loop=loop) for loop in (True, False))
    np.testing.assert_array_equal(around, once)


def test_moving_in_pieces_is_the_same_as_whole() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 30_000)).astype(np.float32)
    effect = Lowpass.model_validate(
        {"cutoff_hz": {"at": {"0": 3000, "2": 200}, "shape": "exponential"},
         "mix": {"at": {"0": 1, "3": 0.2}}}
    )  # fmt: skip
    whole = rack.apply_effect(effect, AudioBuffer(noise, RATE_HZ), context(), loop=False)
    sound = AudioFormat(2, 30_000, RATE_HZ)
    bits = list(rack.apply_blocks(effect, sound, context(), split_blocks(noise, 777)))
    np.testing.assert_array_equal(np.concatenate(bits, axis=1), whole.samples)


def test_a_filter_closes_as_its_cutoff_moves() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 4 * RATE_HZ))
    effect = Lowpass.model_validate({"cutoff_hz": {"at": {"0": 4000, "4": 100}}})
    out = rack.apply_effect(effect, AudioBuffer(noise, RATE_HZ), context(), loop=False).samples[0]
    quarters = [np.std(part) for part in np.split(out, 4)]
    assert quarters == sorted(quarters, reverse=True)
    assert quarters[3] < 0.5 * quarters[0]


def test_a_level_that_moves_is_heard_in_the_hiss() -> None:
    hiss = TapeHiss.model_validate({"level_dbfs": {"at": {"0": -60, "4": -20}}, "slope_db_oct": -3})
    silence = AudioBuffer(np.zeros((1, 4 * RATE_HZ)), RATE_HZ)
    out = rack.apply_effect(hiss, silence, context(), loop=False).samples[0]
    levels = [20 * np.log10(np.std(part)) for part in np.split(out, 8)]
    assert levels == pytest.approx(np.arange(-57.5, -20, 5), abs=2)


def test_a_tape_whose_wow_grows_has_no_jump_and_ends_on_time() -> None:
    t = np.arange(8 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 200 * t)[None]
    wow = WowFlutter.model_validate({
        "wow_depth_pct": {"at": {"0": 0, "6": 3}},
        "wow_rate_hz": {"at": {"0": 4, "6": 0.3}},
        "flutter_depth_pct": 0, "drift_pct": 0,
    })  # fmt: skip
    out = rack.apply_effect(wow, AudioBuffer(tone, RATE_HZ), context(), loop=False).samples[0]
    assert np.abs(np.diff(out)).max() < 1.06 * np.abs(np.diff(tone[0])).max()
    assert out[[0, -1]] == pytest.approx(tone[0, [0, -1]], abs=2e-3)
    drift = np.abs(out - tone[0]).reshape(8, -1).mean(axis=1)
    assert drift[0] < 0.3 * drift[4]


def test_a_rate_in_step_with_the_beat_is_settled_once() -> None:
    effect = level(lfo_hz="1/4")
    assert effect.sync_rates(GRID).lfo_hz == 2.0
    assert effect.sync_rates(BeatGrid(tempo_bpm=60)).lfo_hz == 1.0
    assert effect.sync_rates(GRID) == level(lfo_hz=2.0)
    message = r"lfo_hz: 1/16 at 120 bpm is 8 Hz: .*less than or equal to 4; choose a longer"
    with pytest.raises(PresetError, match=message):
        heard(level(lfo_hz="1/16"), 1)


def test_what_moves_is_part_of_what_an_effect_is() -> None:
    first, same, other, still = (
        level(gain=gain)
        for gain in ({"at": {"0": 1, "2": 3}}, {"at": {0: 1.0, 2: 3}, "shape": "linear"},
                     {"at": {"0": 1, "2": 4}}, 1.0)
    )  # fmt: skip
    assert first == same
    assert first != other
    assert first != still
    for effect in (first, other, level(lfo_hz="1/8t")):
        assert Level.model_validate_json(effect.model_dump_json(), strict=True) == effect
        assert Level.model_validate(effect.model_dump()) == effect


def test_a_value_made_in_python_is_refused_as_any_other() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 8"):
        level(gain={"at": {"0": 1, "2": 9}})


def preset(text: str, registry: Registry) -> Preset:
    return parse_preset(load_yaml((BASE + text).encode(), "t.yaml"), root=None, registry=registry)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- use: lowpass\n  cutoff_hz:\n    at: {0: 8000, 4bars: 9}",
            "t.yaml:7:26: effects[0].cutoff_hz.at.4bars: 9 is below the minimum 20; give 20 to",
        ),
        (
            "- {use: lowpass, cutoff_hz: {at: {0: 1, 1: 900}}}",
            "t.yaml:5:38: effects[0].cutoff_hz.at.0: 1 is below the minimum 20; give 20 to 20000",
        ),
        (
            "- {use: lowpass, cutoff_hz: {at: {0: 90, 4bras: 900}}}",
            "t.yaml:5:49: effects[0].cutoff_hz.at.4bras: '4bras' is no time: give seconds, or",
        ),
        (
            "- {use: tape-hiss, level_dbfs: {at: {0: -60}, shape: exponential}}",
            "t.yaml:5:41: effects[0].level_dbfs.at.0: -60 is not above 0, as `exponential` needs",
        ),
        (
            "- {use: lowpass, cutoff_hz: {at: {0: 90}, shape: cubic}}",
            "t.yaml:5:50: effects[0].cutoff_hz.shape: 'cubic' is not one of 'linear', 'expo",
        ),
        ("- {use: lowpass, cutoff_hz: {at: 5}}", "t.yaml:5:29: effects[0].cutoff_hz: a number"),
        ("- {use: lowpass, cutoff_hz: {at: {0: x}}}", "t.yaml:5:38: effects[0].cutoff_hz.at.0: 'x"),
        (
            "- {use: lowpass, cutoff_hz: {at: {0: 90}, shpe: linear}}",
            "t.yaml:5:49: effects[0].cutoff_hz.shpe: there is no 'shpe' here: write `{at:",
        ),
        (
            "- {use: wow-flutter, wow_rate_hz: 1/5x}",
            "t.yaml:5:35: effects[0].wow_rate_hz: '1/5x' is no rate: give hertz, or a note as",
        ),
        (
            "- {use: fake-noise, level: {at: {0: 0.1}}}",
            "t.yaml:5:28: effects[0].level: it cannot move: the effect takes the whole sound",
        ),
        ("- {use: lowpass, order: {at: {0: 2}}}", "t.yaml:5:25: effects[0].order: "),
    ],
)  # fmt: skip
def test_a_mistake_keeps_its_place(text: str, message: str, registry: Registry) -> None:
    with pytest.raises(PresetError) as error:
        preset(text, registry)
    assert str(error.value).startswith(message)


def test_a_preset_with_what_moves_comes_back_from_its_recipe(registry: Registry) -> None:
    text = "- {use: wow-flutter, wow_rate_hz: 1/8, wow_depth_pct: {at: {0: 0, 2beats: 1}}}"
    first = preset(text, registry)
    data = json.loads(json.dumps(first.model_dump(mode="json", serialize_as_any=True)))
    assert data["effects"][0]["wow_rate_hz"] == "1/8"
    again = parse_preset(Document(data, "recipe"), root=None, registry=registry)
    assert again.effects == first.effects
    assert again.effects[0].sync_rates(GRID).wow_rate_hz == 4.0  # type: ignore[attr-defined]


def test_the_schema_takes_what_moves(registry: Registry) -> None:
    schema = make_json_schema(registry)
    lowpass = schema["$defs"]["Lowpass"]["properties"]
    number, curve, rate = lowpass["cutoff_hz"]["anyOf"]
    assert (number["minimum"], number["maximum"]) == (20, 20_000)
    assert curve["properties"]["at"]["patternProperties"].values()
    assert rate["type"] == "string"
    assert "anyOf" not in lowpass["order"]
    noise = schema["$defs"]["FakeNoise"]["properties"]["level"]
    assert "anyOf" not in noise  # it takes the whole sound
