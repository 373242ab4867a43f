"""All that a plugin imports.

    from lofigen_kit.api import AudioBuffer, Context, Effect, hookimpl

Signal processing lives in `lofigen_kit.api.dsp`; import it, and numpy, inside methods, so that
listing plugins stays fast. What costs time is imported when its name is first used, for the same
reason: a plugin that needs such a name in its annotations alone imports it under `TYPE_CHECKING`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Component, Context, Take
from lofigen_kit.components.contracts import (
    Effect,
    Instrument,
    Model,
    ParametricSampler,
    Sampler,
    Source,
)
from lofigen_kit.components.instruments import SAMPLE_RATE_HZ, render_part
from lofigen_kit.effects.effect import BlockEffect, BranchedEffect, LiveParameter, Process
from lofigen_kit.errors import AudioError, CheckpointError, InputError, LofigenError, RenderError
from lofigen_kit.nn.distribution import HeadKind, SamplingParams
from lofigen_kit.nn.spec import Layers
from lofigen_kit.nn.variant import load_network
from lofigen_kit.plugins.any_instrument import (
    AnyInstrument,
    find_kit,
    make_instrument,
    read_instrument,
)
from lofigen_kit.plugins.hookspecs import API_VERSION, hookimpl
from lofigen_kit.runtime.lazy_imports import lazy_getattr
from lofigen_kit.runtime.resources import PresetPath, resolve_inside

if TYPE_CHECKING:
    from lofigen_kit.analysis import extract_score
    from lofigen_kit.audio.files import read_audio
    from lofigen_kit.effects.mixer import mix_parts
    from lofigen_kit.music.chords import Bar, Chord, Span, format_chart, infer_key, parse_chart
    from lofigen_kit.music.excitation import RELEASE_S, envelope
    from lofigen_kit.music.keys import MODES, Key, Mode, name_key, parse_key
    from lofigen_kit.music.midi_reader import MidiNote, MidiSong, MidiVoice, read_midi
    from lofigen_kit.music.mix_channels import PART_DECAY_S
    from lofigen_kit.music.score import (
        DRUMS,
        BeatGrid,
        Drum,
        Hit,
        Note,
        Part,
        PartName,
        Score,
        Section,
    )
    from lofigen_kit.nn.checkpoint import Network, assemble_network, expected_shapes
    from lofigen_kit.nn.spec import make_stack_spec
    from lofigen_kit.plugins.loader import list_component_names
    from lofigen_kit.plugins.registry import did_you_mean
    from lofigen_kit.runtime.seeding import rng_for_part

__all__ = [
    "API_VERSION",
    "DRUMS",
    "MODES",
    "PART_DECAY_S",
    "RELEASE_S",
    "SAMPLE_RATE_HZ",
    "AnyInstrument",
    "AudioBuffer",
    "AudioError",
    "AudioFormat",
    "Bar",
    "BeatGrid",
    "BlockEffect",
    "BranchedEffect",
    "CheckpointError",
    "Chord",
    "Component",
    "Context",
    "Drum",
    "Effect",
    "Field",
    "HeadKind",
    "Hit",
    "InputError",
    "Instrument",
    "Key",
    "Layers",
    "LiveParameter",
    "LofigenError",
    "MidiNote",
    "MidiSong",
    "MidiVoice",
    "Mode",
    "Model",
    "Network",
    "Note",
    "ParametricSampler",
    "Part",
    "PartName",
    "PresetPath",
    "Process",
    "RenderError",
    "Sampler",
    "SamplingParams",
    "Score",
    "Section",
    "Source",
    "Span",
    "Take",
    "assemble_network",
    "did_you_mean",
    "envelope",
    "expected_shapes",
    "extract_score",
    "field_validator",
    "find_kit",
    "format_chart",
    "hookimpl",
    "infer_key",
    "list_component_names",
    "load_network",
    "make_instrument",
    "make_stack_spec",
    "mix_parts",
    "model_validator",
    "name_key",
    "parse_chart",
    "parse_key",
    "read_audio",
    "read_instrument",
    "read_midi",
    "render_part",
    "resolve_inside",
    "rng_for_part",
]

if not TYPE_CHECKING:  # type checkers see the imports above, and refuse any other name
    __getattr__ = lazy_getattr(
        __name__,
        {
            "Bar": "lofigen_kit.music.chords",
            "Chord": "lofigen_kit.music.chords",
            "Key": "lofigen_kit.music.keys",
            "MODES": "lofigen_kit.music.keys",
            "Mode": "lofigen_kit.music.keys",
            "Span": "lofigen_kit.music.chords",
            "format_chart": "lofigen_kit.music.chords",
            "infer_key": "lofigen_kit.music.chords",
            "name_key": "lofigen_kit.music.keys",
            "parse_chart": "lofigen_kit.music.chords",
            "parse_key": "lofigen_kit.music.keys",
            "list_component_names": "lofigen_kit.plugins.loader",
            "MidiNote": "lofigen_kit.music.midi_reader",
            "MidiSong": "lofigen_kit.music.midi_reader",
            "MidiVoice": "lofigen_kit.music.midi_reader",
            "read_midi": "lofigen_kit.music.midi_reader",
            "DRUMS": "lofigen_kit.music.score",
            "BeatGrid": "lofigen_kit.music.score",
            "Drum": "lofigen_kit.music.score",
            "Part": "lofigen_kit.music.score",
            "PartName": "lofigen_kit.music.score",
            "Section": "lofigen_kit.music.score",
            "Hit": "lofigen_kit.music.score",
            "Network": "lofigen_kit.nn.checkpoint",
            "Note": "lofigen_kit.music.score",
            "PART_DECAY_S": "lofigen_kit.music.mix_channels",
            "RELEASE_S": "lofigen_kit.music.excitation",
            "Score": "lofigen_kit.music.score",
            "did_you_mean": "lofigen_kit.plugins.registry",
            "envelope": "lofigen_kit.music.excitation",
            "expected_shapes": "lofigen_kit.nn.checkpoint",
            "extract_score": "lofigen_kit.analysis",
            "assemble_network": "lofigen_kit.nn.checkpoint",
            "read_audio": "lofigen_kit.audio.files",
            "make_stack_spec": "lofigen_kit.nn.spec",
            "mix_parts": "lofigen_kit.effects.mixer",
            "rng_for_part": "lofigen_kit.runtime.seeding",
            "LawSampler": "lofigen_kit.components.deprecated",
        },
        renamed={
            "DrawLaw": "SamplingParams",
            "Sound": "AudioFormat",
            "inside": "resolve_inside",
            "network_of": "assemble_network",
            "stack": "make_stack_spec",
        },
    )
