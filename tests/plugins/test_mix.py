"""Mix: sums, alignment, places of mistakes, noise of its own in each branch."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from lofigen_kit.api import AudioBuffer, Context, Effect
from lofigen_kit.effects import rack
from lofigen_kit.errors import PresetError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import make_json_schema, parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.preset.yaml_loader import load as load_yaml
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.lowpass import Lowpass
from lofigen_kit_plugins.mix import Mix
from lofigen_kit_plugins.tape_hiss import TapeHiss
from lofigen_kit_plugins.tape_saturation import TapeSaturation
from lofigen_kit_plugins.varispeed import Varispeed
from lofigen_kit_plugins.wow_flutter import WowFlutter

RATE_HZ = 44_100
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000)).astype(np.float32)
BASE = "version: 1\nname: t\nsource: {use: bursts}\neffects:\n"


def mixed(effect: Effect, samples: np.ndarray, *, loop: bool = False) -> np.ndarray:
    context = Context(rng_for(1, 0, "effects.mix#0"))
    return rack.apply_effect(effect, AudioBuffer(samples, RATE_HZ), context, loop=loop).samples


def test_an_empty_branch_is_the_dry_sound() -> None:
    np.testing.assert_array_equal(mixed(Mix(), NOISE), NOISE)


def test_levels_are_decibels_in_the_sum() -> None:
    out = mixed(Mix(branches=((), (), ()), levels_db=(0, -6.0206, -60)), NOISE)
    assert out == pytest.approx(1.501 * NOISE, abs=1e-5)


@pytest.mark.parametrize("loop", [False, True])
def test_branches_stay_in_time_whatever_their_latency(loop: bool) -> None:
    clean = TapeSaturation(mode="hysteresis", drive_db=0, bias=0, oversample=2)
    still = WowFlutter(wow_depth_pct=0, flutter_depth_pct=0, drift_pct=0)
    click = 0.01 * np.eye(1, 30_000, 15_000, dtype=np.float32)
    out = mixed(Mix(branches=((), (clean, still), (still,))), click, loop=loop)[0]
    apart = [mixed(branch, click, loop=loop)[0] for branch in (still,)]
    assert np.argmax(np.abs(out)) == np.argmax(np.abs(apart[0])) == 15_000
    assert out[15_000] > 0.025


def test_a_branch_is_the_chain_that_it_holds() -> None:
    chain = (Lowpass(cutoff_hz=900), TapeSaturation(mix=0.5))
    apart = NOISE
    for effect in chain:
        apart = mixed(effect, apart)
    np.testing.assert_array_equal(mixed(Mix(branches=(chain,)), NOISE), apart)


def test_a_loop_goes_round_in_every_branch() -> None:
    chain = (Lowpass(cutoff_hz=60),)
    np.testing.assert_array_equal(
        mixed(Mix(branches=(chain,)), NOISE, loop=True), mixed(chain[0], NOISE, loop=True)
    )


def test_each_effect_in_a_branch_has_a_noise_of_its_own() -> None:
    hiss = TapeHiss(level_dbfs=-20)
    silence = np.zeros((1, 20_000))
    alone = mixed(Mix(branches=((hiss,),)), silence)[0]
    both = mixed(Mix(branches=((hiss,), (hiss,))), silence)[0]
    twice = mixed(Mix(branches=((hiss, hiss),)), silence)[0]
    other = [both - alone, twice - alone]
    for first, second in pairwise([alone, *other]):
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
        assert np.std(first) == pytest.approx(np.std(second), rel=0.05)


def test_what_changes_the_tempo_must_be_turned_back_within_its_branch() -> None:
    up, down = Varispeed(semitones=5), Varispeed(semitones=-5)
    assert mixed(Mix(branches=((up, down), ())), NOISE).shape == NOISE.shape
    with pytest.raises(ValidationError, match="branch 1 changes the tempo"):
        Mix(branches=((), (up,)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- use: mix\n  branches:\n    - []\n    - [{use: lowpass, cutoff_hz: 3}]",
            "t.yaml:8:34: effects[0].branches[1][0].cutoff_hz: 3 is below the minimum 20; give 20",
        ),
        (
            "- use: mix\n  branches: [[{use: lowpass, cutof_hz: 300}]]",
            "t.yaml:6:30: effects[0].branches[0][0].cutof_hz: there is no such field; did you mean",
        ),
        (
            "- {use: mix, branches: [[{use: lowpas}]]}",
            "t.yaml:5:32: effects[0].branches[0][0]: there is no effect 'lowpas'; did you mean",
        ),
        (
            "- {use: mix, branches: [[{mix: 1}]]}",
            "t.yaml:5:26: effects[0].branches[0][0]: names no",
        ),
        ("- {use: mix, branches: [[3]]}", "t.yaml:5:26: effects[0].branches[0][0]: 3 is not a map"),
        ("- {use: mix, branches: []}", "t.yaml:5:3: effects[0]: without branches nothing is heard"),
        ("- {use: mix, branches: [3]}", "t.yaml:5:25: effects[0].branches[0]: 3 is not a list"),
        (
            "- {use: mix, branches: [[{use: mix, branches: [[{use: lowpass, order: 3}]]}]]}",
            "t.yaml:5:71: effects[0].branches[0][0].branches[0][0].order: 3 is not one of 2, 4",
        ),
        (
            "- {use: mix, branches: [[], []], levels_db: [1]}",
            "t.yaml:5:3: effects[0]: 2 branches have 1 levels: give one to each",
        ),
        (
            "- {use: mix, branches: [[]], levels_db: [90]}",
            "t.yaml:5:42: effects[0].levels_db[0]: 90 is above the maximum 12",
        ),
        (
            "- {use: mix, branches: [[{use: lowpass, cutoff_hz: {at: {0: 3}}}]]}",
            "t.yaml:5:61: effects[0].branches[0][0].cutoff_hz.at.0: 3 is below the minimum 20",
        ),
    ],
)
def test_a_mistake_in_a_branch_keeps_its_place(text: str, message: str, registry: Registry) -> None:
    with pytest.raises(PresetError) as error:
        parse_preset(load_yaml((BASE + text).encode(), "t.yaml"), root=None, registry=registry)
    assert str(error.value).startswith(message)


def test_branches_come_back_from_a_recipe(registry: Registry) -> None:
    text = "- {use: mix, levels_db: [0, -6], branches: [[], [{use: fake-noise}, {use: wow-flutter, wow_rate_hz: 1/2}]]}"  # noqa: E501
    first = parse_preset(load_yaml((BASE + text).encode(), "t"), root=None, registry=registry)
    data = json.loads(json.dumps(first.model_dump(mode="json", serialize_as_any=True)))
    nested = data["effects"][0]["branches"][1]
    assert [(e["use"], e["mix"]) for e in nested] == [("fake-noise", 1), ("wow-flutter", 1)]
    assert nested[1]["wow_rate_hz"] == "1/2"
    again = parse_preset(Document(data, "recipe"), root=None, registry=registry)
    assert again.effects == first.effects


def test_the_schema_offers_any_effect_in_a_branch(registry: Registry) -> None:
    schema = make_json_schema(registry)
    branches = schema["$defs"]["Mix"]["properties"]["branches"]
    assert branches["items"]["items"] == {"$ref": "#/properties/effects/items"}
    assert "oneOf" in schema["properties"]["effects"]["items"]
