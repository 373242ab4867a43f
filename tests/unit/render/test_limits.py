"""What a preset asks for is known before it runs."""

from __future__ import annotations

from typing import Any

import pytest

from lofigen_kit.effects.cost import estimate_cost
from lofigen_kit.errors import PresetError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.render.limits import check_recording, check_take
from lofigen_kit.render.take import render

HALF = {"use": "varispeed", "semitones": -12}
STRETCHED = {"use": "time-stretch", "rate": 0.5}
LOUDER = {"use": "gain", "gain_db": 1}


def mix(depth: int, width: int, leaf: list[dict[str, Any]]) -> dict[str, Any]:
    """Return branches in branches: as many leaves as the width to the power of the depth."""
    inner = [mix(depth - 1, width, leaf)] if depth > 1 else leaf
    return {"use": "mix", "branches": [inner] * width}


def parse(registry: Registry, effects: list[dict[str, Any]], *, is_strangers: bool) -> Preset:
    data = {"version": 1, "name": "b", "source": {"use": "bursts"}, "effects": effects}
    document = Document(data, "it")
    return parse_preset(document, root=None, registry=registry, is_strangers=is_strangers)


def test_a_cost_is_what_is_gone_through(registry: Registry) -> None:
    preset = parse(registry, [HALF, LOUDER, HALF, mix(2, 3, [LOUDER])], is_strangers=False)
    cost = estimate_cost(preset.effects, 10.0, tail=False)
    assert cost.longest_s == pytest.approx(40.0)
    # 20 s twice, and then 40 s of what is stretched, the mix, its 3 branches, and their 9 leaves.
    assert cost.work_s == pytest.approx(2 * 20.0 + 14 * 40.0)
    assert estimate_cost(preset.effects, 1000.0, tail=False).sounds == cost.sounds


@pytest.mark.parametrize(
    ("effects", "seconds", "message"),
    [
        ([HALF] * 7, 10.0, "it asks for 21.3 min of sound: the limit is 20 min"),
        ([mix(5, 8, [LOUDER])], 10.0, "it asks for effects on 104 h of sound: the limit is 5 h"),
        ([{"use": "delay", "time_ms": 2000, "feedback_pct": 90}] * 60, 10.0, "it asks for "),
    ],
)
def test_a_strangers_preset_has_its_limits(
    registry: Registry, effects: list[dict[str, Any]], seconds: float, message: str
) -> None:
    preset = parse(registry, effects, is_strangers=True)
    with pytest.raises(PresetError, match=message) as refused:
        check_take(preset, seconds)
    assert "if you trust it, print its preset" in str(refused.value)


def test_ones_own_preset_may_more_and_most_with_a_word(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = parse(registry, [HALF] * 8, is_strangers=False)
    check_take(preset, 40.0)  # 2.8 h
    with pytest.raises(PresetError, match=r"5\.69 h of sound: the limit is 3 h"):
        check_take(preset, 80.0)
    monkeypatch.setenv("LOFIGEN_LIMIT", "4")
    check_take(preset, 80.0)
    monkeypatch.setenv("LOFIGEN_LIMIT", "many")
    with pytest.raises(PresetError, match="LOFIGEN_LIMIT: 'many' is no factor"):
        check_take(preset, 1.0)


def test_stems_count_as_memory(registry: Registry) -> None:
    preset = parse(registry, [LOUDER] * 60, is_strangers=True)
    check_take(preset, 200.0)
    with pytest.raises(PresetError, match="GB of memory: the limit is 4 GB"):
        check_take(preset, 200.0, stems=True)


def test_a_long_recording_may_become_longer(registry: Registry) -> None:
    slow = parse(registry, [LOUDER] * 30, is_strangers=True)
    check_recording(slow, 12 * 3600.0)
    with pytest.raises(PresetError, match="GB of memory"):
        check_recording(parse(registry, [HALF], is_strangers=True), 12 * 3600.0)


@pytest.mark.parametrize("effect", [HALF, STRETCHED, {**HALF, "semitones": 12}])
def test_a_chain_of_time_effects_is_refused_in_words(
    registry: Registry, effect: dict[str, Any]
) -> None:
    preset = parse(registry, [effect] * 64, is_strangers=False)
    with pytest.raises(PresetError, match=r"h of sound|times as fast"):
        render(preset)


def test_bundled_presets_are_far_from_the_limits(registry: Registry) -> None:
    from lofigen_kit.preset.schema import list_presets, load_preset

    for name in list_presets():
        preset = load_preset(name, registry=registry)
        preset._is_strangers = True
        check_take(preset, 240.0)
        check_take(preset, 240.0, stems=len(preset.effects) < 20)
