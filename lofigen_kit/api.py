"""All that a plugin imports.

    from lofigen_kit.api import AudioBuffer, Context, Effect, hookimpl

Signal helpers live in `lofigen_kit.dsp`; import them, and numpy, inside methods, so that listing
plugins stays fast. What stands in `_HOMES` is imported when its name is first used, for the same
reason: a plugin that needs such a name in its annotations alone imports it under `TYPE_CHECKING`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator, model_validator

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.components import (
    BlockEffect,
    BranchedEffect,
    Component,
    Context,
    Effect,
    LawSampler,
    Model,
    Process,
    Sampler,
    Sound,
    Source,
    Take,
)
from lofigen_kit.errors import AudioError, CheckpointError, InputError, LofigenError, RenderError
from lofigen_kit.hookspecs import API_VERSION, hookimpl
from lofigen_kit.law import DrawLaw, HeadKind
from lofigen_kit.resources import Layers, PresetPath, inside, load_network

if TYPE_CHECKING:
    from lofigen_kit.analysis import extract_score
    from lofigen_kit.guide import PART_DECAY_S, RELEASE_S, envelope
    from lofigen_kit.io import read_audio
    from lofigen_kit.nn.checkpoint import Network, expected_shapes, network_of
    from lofigen_kit.nn.spec import stack
    from lofigen_kit.registry import did_you_mean
    from lofigen_kit.score import BeatGrid, Hit, Note, Score

__all__ = [
    "API_VERSION",
    "PART_DECAY_S",
    "RELEASE_S",
    "AudioBuffer",
    "AudioError",
    "BeatGrid",
    "BlockEffect",
    "BranchedEffect",
    "CheckpointError",
    "Component",
    "Context",
    "DrawLaw",
    "Effect",
    "Field",
    "HeadKind",
    "Hit",
    "InputError",
    "LawSampler",
    "Layers",
    "LofigenError",
    "Model",
    "Network",
    "Note",
    "PresetPath",
    "Process",
    "RenderError",
    "Sampler",
    "Score",
    "Sound",
    "Source",
    "Take",
    "did_you_mean",
    "envelope",
    "expected_shapes",
    "extract_score",
    "field_validator",
    "hookimpl",
    "inside",
    "load_network",
    "model_validator",
    "network_of",
    "read_audio",
    "stack",
]

_HOMES = {
    "BeatGrid": "score",
    "Hit": "score",
    "Network": "nn.checkpoint",
    "Note": "score",
    "PART_DECAY_S": "guide",
    "RELEASE_S": "guide",
    "Score": "score",
    "did_you_mean": "registry",
    "envelope": "guide",
    "expected_shapes": "nn.checkpoint",
    "extract_score": "analysis",
    "network_of": "nn.checkpoint",
    "read_audio": "io",
    "stack": "nn.spec",
}

if not TYPE_CHECKING:  # type checkers see the imports above, and refuse any other name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"lofigen_kit.{_HOMES[name]}"), name)
