"""The core knows no plugin by name: none of its strings is the name of a built-in component."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lofigen_kit
from lofigen_kit.plugins import defaults
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import KINDS

CORE = Path(lofigen_kit.__file__).parent
NAMES = {name for kind in KINDS for name in load_plugins().classes(kind.kind)}

EXCEPTIONS = {
    "the defaults of the commands' options, kept in one place": {
        ("plugins/defaults.py", name)
        for name in ("beatmaker", "beatmaker-solo", "conv4", "conv6", "conv8", "narrowed",
                     "temperature")
    },
    "`mix` is a parameter of every effect": {
        ("audition/takes.py", "mix"),
        ("effects/effect.py", "mix"),
        ("effects/rack.py", "mix"),
        ("testing/__init__.py", "mix"),
    },
    "`temperature` is a field of SamplingParams and a control of every ParametricSampler": {
        ("cli/play.py", "temperature"),
        ("engine/compiled_stream.py", "temperature"),
        ("render/live_controls.py", "temperature"),
    },
    "`folder` is a key of a recipe, a manifest or an answer in JSON": {
        ("cli/plugins.py", "folder"),
        ("corpus/recordings.py", "folder"),
        ("experiments/materials.py", "folder"),
    },
    "`convolution` is a setting of the training": {
        (module, "convolution")
        for module in ("cli/train.py", "training/checkpointing.py", "training/learner.py",
                       "training/loop.py")
    },
    "`kit` is the family of the drums' instruments, as networks know them": {
        ("music/score.py", "kit"),
    },
    "`mix` is short for a mode": {("music/keys.py", "mix")},
    "scipy's own names of its filters": {
        ("dsp/noise.py", "highpass"),
        ("dsp/noise.py", "lowpass"),
    },
    "the remedy of a field error shows what a sampler looks like in a preset": {
        ("preset/schema.py", "use: narrowed"),
    },
}  # fmt: skip
"""Where a string may be what is also a component's name, and why."""


def strings(path: Path) -> Iterator[str]:
    """Yield a module's strings, those that document it left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
        ):
            yield node.value


def names_within(text: str) -> Iterator[str]:
    """Yield the names that a string is, or that it chooses as a preset or an option does."""
    if text in NAMES:
        yield text
    for chosen in re.finditer(r"use[:=] ?([a-z0-9-]+)|`([a-z0-9-]+)`", text):
        if NAMES & {chosen[1], chosen[2]}:
            yield chosen[0]


def test_no_string_of_the_core_is_the_name_of_a_component() -> None:
    found = {
        (path.relative_to(CORE).as_posix(), name)
        for path in sorted(CORE.rglob("*.py"))
        for text in strings(path)
        for name in names_within(text)
    }
    allowed = {place for places in EXCEPTIONS.values() for place in places}
    assert found - allowed == set()
    assert allowed - found == set(), "these are exceptions no more"


def test_the_defaults_are_installed() -> None:
    registry = load_plugins()
    for kind, names in {
        "source": (defaults.SOURCE, defaults.SOLO_SOURCE),
        "model": defaults.MODELS,
        "sampler": (defaults.SAMPLER, defaults.BENCHMARK_SAMPLER),
    }.items():
        for name in names:
            assert registry.find(kind, name).name() == name
