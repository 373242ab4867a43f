"""All that a plugin imports.

    from lofigen_kit.api import AudioBuffer, Context, Effect, hookimpl

Signal helpers live in `lofigen_kit.dsp`; import them inside methods, so that listing plugins
stays fast.
"""

from __future__ import annotations

from pydantic import Field

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.components import (
    Component,
    Context,
    Effect,
    LawSampler,
    Model,
    Sampler,
    Source,
    Take,
)
from lofigen_kit.errors import AudioError, CheckpointError, InputError, LofigenError, RenderError
from lofigen_kit.hookspecs import hookimpl
from lofigen_kit.sampling import DrawLaw
from lofigen_kit.score import BeatGrid, Hit, Note, Score

__all__ = [
    "AudioBuffer",
    "AudioError",
    "BeatGrid",
    "CheckpointError",
    "Component",
    "Context",
    "DrawLaw",
    "Effect",
    "Field",
    "Hit",
    "InputError",
    "LawSampler",
    "LofigenError",
    "Model",
    "Note",
    "RenderError",
    "Sampler",
    "Score",
    "Source",
    "Take",
    "hookimpl",
]
