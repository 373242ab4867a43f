"""Readers of strangers' files hold what they promise for their seeds, spoilt in many ways."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lofigen_kit.audio.riff import MAX_CHUNKS
from lofigen_kit.preset.schema import list_presets


def _imported() -> ModuleType:
    """Return `targets.py`, which `run.py` imports as a script does."""
    path = Path(__file__).with_name("targets.py")
    spec = importlib.util.spec_from_file_location("fuzz_targets", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TARGETS = _imported().TARGETS
MANY = settings(max_examples=60, deadline=None, derandomize=True,
                suppress_health_check=list(HealthCheck))  # fmt: skip


@cache
def seeds(name: str) -> list[bytes]:
    found: list[bytes] = TARGETS[name].seeds()
    return found


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> bytes:
    """A seed with pieces cut out, put in, doubled and overwritten."""
    data = bytearray(draw(st.sampled_from(seeds(name))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 64))
        match draw(st.sampled_from(["cut", "put", "double", "over", "end"])):
            case "cut":
                del data[at : at + size]
            case "put":
                data[at:at] = draw(st.binary(max_size=64))
            case "double":
                data[at:at] = data[at : at + size]
            case "over":
                new = draw(st.binary(min_size=1, max_size=8))
                data[at : at + len(new)] = new
            case "end":
                del data[at:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    assert seeds(name)
    for seed in seeds(name):
        TARGETS[name].check(seed)


@pytest.mark.parametrize("name", TARGETS)
@MANY
@given(data=st.data())
def test_spoilt_seeds_are_read_or_refused(name: str, data: st.DataObject) -> None:
    TARGETS[name].check(data.draw(spoilt(name)))


@pytest.mark.parametrize("name", TARGETS)
@MANY
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    TARGETS[name].check(data)


NUMBERS = st.one_of(
    st.integers(-(10**120), 10**120), st.floats(allow_nan=False, allow_infinity=False)
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=12))
KEYS = st.one_of(
    st.sampled_from(
        ["use", "mix", "at", "branches", "gains", "seed", "version", "path", "effects"]
    ),
    st.text(max_size=8),
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where in plain data there is a value."""
    if not isinstance(data, dict | list):
        return [at]
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


@MANY
@given(data=st.data())
def test_presets_with_anything_anywhere_are_read_or_refused(data: st.DataObject) -> None:
    """Each bundled preset, with a value exchanged, left out, or a field put in."""
    from lofigen_kit.preset import yaml_loader

    path = data.draw(st.sampled_from(sorted(list_presets().values())))
    preset = yaml_loader.load(path.read_bytes(), path.name).data
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(preset)[1:] or [("version",)]))
        inner = preset
        for key in way:
            inner = inner[key]
        match data.draw(st.sampled_from(["exchange", "leave", "put"])):
            case "exchange":
                inner[last] = data.draw(ANYTHING)
            case "leave" if last in inner or isinstance(last, int):
                del inner[last]
            case "put" if isinstance(inner, dict):
                inner[data.draw(KEYS)] = data.draw(ANYTHING)
    TARGETS["preset"].check(json.dumps(preset, ensure_ascii=False).encode(errors="replace"))


@MANY
@given(preset=ANYTHING)
def test_recipes_with_any_preset_are_read_or_refused(preset: Any) -> None:
    facts = {**json.loads(seeds("recipe")[0]), "preset": preset}
    TARGETS["recipe"].check(json.dumps(facts).encode())


def test_a_wav_file_of_nothing_but_chunks_ends() -> None:
    head = seeds("wav")[0][:12]
    TARGETS["wav"].check(head + b"LIST\0\0\0\0" * (2 * MAX_CHUNKS))
    TARGETS["wav"].check(head + b"LIST\xff\xff\xff\xffINFO")
