"""Signal processing for plugins: filters, moving delays, motion, noise, oversampling, loudness.

    from lofigen_kit.api.dsp import Glide, butterworth

Import it inside methods: behind these names are numpy, scipy, numba and pedalboard, which a plugin
that is merely listed does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lofigen_kit.runtime.lazy_imports import names_of

if TYPE_CHECKING:
    from lofigen_kit.dsp.allpass import Allpasses
    from lofigen_kit.dsp.circular import Circular, Repeated, Texture
    from lofigen_kit.dsp.convolve import Convolver
    from lofigen_kit.dsp.crackle import Crackle
    from lofigen_kit.dsp.decibels import gain_of
    from lofigen_kit.dsp.delay import SHORTEST_FRAMES, MovingDelay
    from lofigen_kit.dsp.filters import (
        Sections,
        butterworth,
        butterworth_q,
        high_shelf,
        low_shelf,
        peak,
        ring_s,
        rounds,
    )
    from lofigen_kit.dsp.grains import Scatter, damped_tone, log_uniform, onsets, panned
    from lofigen_kit.dsp.hysteresis import Tape
    from lofigen_kit.dsp.lfo import Glide, Oscillator, in_step
    from lofigen_kit.dsp.linear_phase import LinearPhase, taps_for
    from lofigen_kit.dsp.loudness import integrated_lufs
    from lofigen_kit.dsp.noise import NoiseBand
    from lofigen_kit.dsp.pedalboard_adapter import CHUNK_FRAMES, Board, LinkedGain
    from lofigen_kit.dsp.resample import Oversampler, convert, oversampling_latency, resample
    from lofigen_kit.dsp.reverb import LINES_S, MIDDLE_HZ, Room
    from lofigen_kit.dsp.variable_rate import Recent, UnevenReader

__all__ = [
    "CHUNK_FRAMES",
    "LINES_S",
    "MIDDLE_HZ",
    "SHORTEST_FRAMES",
    "Allpasses",
    "Board",
    "Circular",
    "Convolver",
    "Crackle",
    "Glide",
    "LinearPhase",
    "LinkedGain",
    "MovingDelay",
    "NoiseBand",
    "Oscillator",
    "Oversampler",
    "Recent",
    "Repeated",
    "Room",
    "Scatter",
    "Sections",
    "Tape",
    "Texture",
    "UnevenReader",
    "butterworth",
    "butterworth_q",
    "convert",
    "damped_tone",
    "gain_of",
    "high_shelf",
    "in_step",
    "integrated_lufs",
    "log_uniform",
    "low_shelf",
    "onsets",
    "oversampling_latency",
    "panned",
    "peak",
    "resample",
    "ring_s",
    "rounds",
    "taps_for",
]

if not TYPE_CHECKING:  # type checkers see the imports above, and refuse any other name
    __getattr__ = names_of(
        __name__,
        {
            "CHUNK_FRAMES": "lofigen_kit.dsp.pedalboard_adapter",
            "LINES_S": "lofigen_kit.dsp.reverb",
            "MIDDLE_HZ": "lofigen_kit.dsp.reverb",
            "SHORTEST_FRAMES": "lofigen_kit.dsp.delay",
            "Allpasses": "lofigen_kit.dsp.allpass",
            "Board": "lofigen_kit.dsp.pedalboard_adapter",
            "Circular": "lofigen_kit.dsp.circular",
            "Convolver": "lofigen_kit.dsp.convolve",
            "Crackle": "lofigen_kit.dsp.crackle",
            "Glide": "lofigen_kit.dsp.lfo",
            "LinearPhase": "lofigen_kit.dsp.linear_phase",
            "LinkedGain": "lofigen_kit.dsp.pedalboard_adapter",
            "MovingDelay": "lofigen_kit.dsp.delay",
            "NoiseBand": "lofigen_kit.dsp.noise",
            "Oscillator": "lofigen_kit.dsp.lfo",
            "Oversampler": "lofigen_kit.dsp.resample",
            "Recent": "lofigen_kit.dsp.variable_rate",
            "Repeated": "lofigen_kit.dsp.circular",
            "Room": "lofigen_kit.dsp.reverb",
            "Scatter": "lofigen_kit.dsp.grains",
            "Sections": "lofigen_kit.dsp.filters",
            "Tape": "lofigen_kit.dsp.hysteresis",
            "Texture": "lofigen_kit.dsp.circular",
            "UnevenReader": "lofigen_kit.dsp.variable_rate",
            "butterworth": "lofigen_kit.dsp.filters",
            "butterworth_q": "lofigen_kit.dsp.filters",
            "convert": "lofigen_kit.dsp.resample",
            "damped_tone": "lofigen_kit.dsp.grains",
            "gain_of": "lofigen_kit.dsp.decibels",
            "high_shelf": "lofigen_kit.dsp.filters",
            "in_step": "lofigen_kit.dsp.lfo",
            "integrated_lufs": "lofigen_kit.dsp.loudness",
            "log_uniform": "lofigen_kit.dsp.grains",
            "low_shelf": "lofigen_kit.dsp.filters",
            "onsets": "lofigen_kit.dsp.grains",
            "oversampling_latency": "lofigen_kit.dsp.resample",
            "panned": "lofigen_kit.dsp.grains",
            "peak": "lofigen_kit.dsp.filters",
            "resample": "lofigen_kit.dsp.resample",
            "ring_s": "lofigen_kit.dsp.filters",
            "rounds": "lofigen_kit.dsp.filters",
            "taps_for": "lofigen_kit.dsp.linear_phase",
        },
    )
