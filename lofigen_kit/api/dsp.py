"""Signal processing for plugins: filters, delays, motion, noise, tones, oversampling, loudness.

    from lofigen_kit.api.dsp import SmoothedValue, butterworth

Import it inside methods: behind these names are numpy, scipy, numba and pedalboard, which a plugin
that is merely listed does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lofigen_kit.runtime.lazy_imports import lazy_getattr

if TYPE_CHECKING:
    from lofigen_kit.dsp.additive import CONTROL_FRAMES, render_harmonics, render_modes
    from lofigen_kit.dsp.allpass import AllpassCascade
    from lofigen_kit.dsp.circular import CircularTexture, LoopedRecording, Texture
    from lofigen_kit.dsp.convolve import Convolver
    from lofigen_kit.dsp.crackle import Crackle
    from lofigen_kit.dsp.decibels import db_to_gain
    from lofigen_kit.dsp.delay import SHORTEST_FRAMES, MovingDelay
    from lofigen_kit.dsp.filters import (
        BiquadCascade,
        butterworth,
        butterworth_q,
        compute_ring_s,
        count_feedback_passes,
        high_shelf,
        low_shelf,
        peak,
    )
    from lofigen_kit.dsp.grains import (
        GrainScatterer,
        damped_tone,
        draw_onsets,
        log_uniform,
        pan_mono,
    )
    from lofigen_kit.dsp.hysteresis import Tape
    from lofigen_kit.dsp.lfo import Lfo, SmoothedValue, loop_locked_rate
    from lofigen_kit.dsp.linear_phase import LinearPhaseFilter, design_linear_phase
    from lofigen_kit.dsp.loudness import integrated_lufs
    from lofigen_kit.dsp.noise import NoiseBand
    from lofigen_kit.dsp.pedalboard_adapter import CHUNK_FRAMES, LinkedGain, PedalboardChain
    from lofigen_kit.dsp.resample import (
        Oversampler,
        oversampling_latency,
        resample,
        resample_samples,
    )
    from lofigen_kit.dsp.reverb import LINES_S, MIDDLE_HZ, FeedbackDelayNetwork
    from lofigen_kit.dsp.variable_rate import Lookback, VariableRateReader

__all__ = [
    "CHUNK_FRAMES",
    "CONTROL_FRAMES",
    "LINES_S",
    "MIDDLE_HZ",
    "SHORTEST_FRAMES",
    "AllpassCascade",
    "BiquadCascade",
    "CircularTexture",
    "Convolver",
    "Crackle",
    "FeedbackDelayNetwork",
    "GrainScatterer",
    "Lfo",
    "LinearPhaseFilter",
    "LinkedGain",
    "Lookback",
    "LoopedRecording",
    "MovingDelay",
    "NoiseBand",
    "Oversampler",
    "PedalboardChain",
    "SmoothedValue",
    "Tape",
    "Texture",
    "VariableRateReader",
    "butterworth",
    "butterworth_q",
    "compute_ring_s",
    "count_feedback_passes",
    "damped_tone",
    "db_to_gain",
    "design_linear_phase",
    "draw_onsets",
    "high_shelf",
    "integrated_lufs",
    "log_uniform",
    "loop_locked_rate",
    "low_shelf",
    "oversampling_latency",
    "pan_mono",
    "peak",
    "render_harmonics",
    "render_modes",
    "resample",
    "resample_samples",
]

if not TYPE_CHECKING:  # type checkers see the imports above, and refuse any other name
    __getattr__ = lazy_getattr(
        __name__,
        {
            "CHUNK_FRAMES": "lofigen_kit.dsp.pedalboard_adapter",
            "CONTROL_FRAMES": "lofigen_kit.dsp.additive",
            "LINES_S": "lofigen_kit.dsp.reverb",
            "MIDDLE_HZ": "lofigen_kit.dsp.reverb",
            "SHORTEST_FRAMES": "lofigen_kit.dsp.delay",
            "AllpassCascade": "lofigen_kit.dsp.allpass",
            "PedalboardChain": "lofigen_kit.dsp.pedalboard_adapter",
            "CircularTexture": "lofigen_kit.dsp.circular",
            "Convolver": "lofigen_kit.dsp.convolve",
            "Crackle": "lofigen_kit.dsp.crackle",
            "SmoothedValue": "lofigen_kit.dsp.lfo",
            "LinearPhaseFilter": "lofigen_kit.dsp.linear_phase",
            "LinkedGain": "lofigen_kit.dsp.pedalboard_adapter",
            "MovingDelay": "lofigen_kit.dsp.delay",
            "NoiseBand": "lofigen_kit.dsp.noise",
            "Lfo": "lofigen_kit.dsp.lfo",
            "Oversampler": "lofigen_kit.dsp.resample",
            "Lookback": "lofigen_kit.dsp.variable_rate",
            "LoopedRecording": "lofigen_kit.dsp.circular",
            "FeedbackDelayNetwork": "lofigen_kit.dsp.reverb",
            "GrainScatterer": "lofigen_kit.dsp.grains",
            "BiquadCascade": "lofigen_kit.dsp.filters",
            "Tape": "lofigen_kit.dsp.hysteresis",
            "Texture": "lofigen_kit.dsp.circular",
            "VariableRateReader": "lofigen_kit.dsp.variable_rate",
            "butterworth": "lofigen_kit.dsp.filters",
            "butterworth_q": "lofigen_kit.dsp.filters",
            "resample_samples": "lofigen_kit.dsp.resample",
            "damped_tone": "lofigen_kit.dsp.grains",
            "db_to_gain": "lofigen_kit.dsp.decibels",
            "high_shelf": "lofigen_kit.dsp.filters",
            "loop_locked_rate": "lofigen_kit.dsp.lfo",
            "integrated_lufs": "lofigen_kit.dsp.loudness",
            "log_uniform": "lofigen_kit.dsp.grains",
            "low_shelf": "lofigen_kit.dsp.filters",
            "draw_onsets": "lofigen_kit.dsp.grains",
            "oversampling_latency": "lofigen_kit.dsp.resample",
            "pan_mono": "lofigen_kit.dsp.grains",
            "peak": "lofigen_kit.dsp.filters",
            "render_harmonics": "lofigen_kit.dsp.additive",
            "render_modes": "lofigen_kit.dsp.additive",
            "resample": "lofigen_kit.dsp.resample",
            "compute_ring_s": "lofigen_kit.dsp.filters",
            "count_feedback_passes": "lofigen_kit.dsp.filters",
            "design_linear_phase": "lofigen_kit.dsp.linear_phase",
        },
        renamed={
            "Allpasses": "AllpassCascade",
            "Board": "PedalboardChain",
            "Circular": "CircularTexture",
            "Glide": "SmoothedValue",
            "LinearPhase": "LinearPhaseFilter",
            "Oscillator": "Lfo",
            "Recent": "Lookback",
            "Repeated": "LoopedRecording",
            "Room": "FeedbackDelayNetwork",
            "Scatter": "GrainScatterer",
            "Sections": "BiquadCascade",
            "UnevenReader": "VariableRateReader",
            "convert": "resample_samples",
            "gain_of": "db_to_gain",
            "in_step": "loop_locked_rate",
            "onsets": "draw_onsets",
            "panned": "pan_mono",
            "ring_s": "compute_ring_s",
            "rounds": "count_feedback_passes",
            "taps_for": "design_linear_phase",
        },
    )
