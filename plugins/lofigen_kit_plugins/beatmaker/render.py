"""From an arrangement to its reference rendering: what the network learns from and is judged by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lofigen_kit.api import AudioBuffer, Hit, Note
from lofigen_kit_plugins.beatmaker import soundfont
from lofigen_kit_plugins.beatmaker.arranger import Arrangement
from lofigen_kit_plugins.beatmaker.instruments import (
    BASS_GAIN,
    BASSES,
    KEYS,
    KEYS_GAIN,
    SAMPLE_RATE_HZ,
    note_tail_s,
    one_shot,
    play_bass,
    play_keys,
)
from lofigen_kit_plugins.beatmaker.kits import DRUM_PEAK, KITS

RUMBLE_HZ = 25.0
"""Below this there is only DC and what eats headroom."""


ROOM_TONE = 1e-3
"""The deviation of the room's noise, -60 dBFS: no recording is silent between its notes."""


def render(
    arrangement: Arrangement, rng: np.random.Generator, font: Path | None = None
) -> AudioBuffer:
    """Play an arrangement as a circular loop: what rings past the last bar rings into the first.

    Args:
        arrangement: What to play.
        rng: Of the room's noise.
        font: The soundfont that plays what neither the one-shots nor numpy do.

    Returns:
        Mono at 22.05 kHz, `score.duration_s` long.
    """
    score = arrangement.score
    mix = rng.normal(0.0, ROOM_TONE, round(score.duration_s * SAMPLE_RATE_HZ))
    for hit in score.hits:
        _add(mix, _strike(arrangement, hit, font), hit.onset_s)
    for note in score.notes:
        _add(mix, _play(arrangement, note, font), note.onset_s)
    return AudioBuffer(_soft_clip(_high_pass(mix))[None], SAMPLE_RATE_HZ)


def _strike(arrangement: Arrangement, hit: Hit, font: Path | None) -> np.ndarray:
    kit = arrangement.kit
    if kit in KITS:
        stroke = hit.velocity**1.3 * one_shot(KITS[kit][hit.drum])
    else:
        stroke = soundfont.play_stroke(
            _require_font(font), kit, hit.drum, hit.velocity, SAMPLE_RATE_HZ
        )
    return np.asarray(DRUM_PEAK[hit.drum] * stroke)


def _play(arrangement: Arrangement, note: Note, font: Path | None) -> np.ndarray:
    first = np.ceil(note.onset_s * SAMPLE_RATE_HZ)
    count = round((note.duration_s + note_tail_s()) * SAMPLE_RATE_HZ)
    elapsed_s = (first + np.arange(count)) / SAMPLE_RATE_HZ - note.onset_s
    if note.part == "bass" and arrangement.bass in BASSES:
        return play_bass(BASSES[arrangement.bass], note, elapsed_s)
    if note.part == "keys" and arrangement.keys in KEYS:
        return play_keys(KEYS[arrangement.keys], note, elapsed_s)
    name, gain = (
        (arrangement.bass, BASS_GAIN) if note.part == "bass" else (arrangement.keys, KEYS_GAIN)
    )
    loudness = gain * soundfont.RMS_OF_PEAK
    return soundfont.play_note(_require_font(font), name, note, SAMPLE_RATE_HZ, loudness=loudness)


def _require_font(font: Path | None) -> Path:
    if font is None:
        raise ValueError("the arrangement has an instrument of a soundfont, and there is none")
    return font


def _add(mix: np.ndarray, wave: np.ndarray, onset_s: float) -> None:
    """Add a sound where it begins, around the end of the loop."""
    start = int(np.ceil(onset_s * SAMPLE_RATE_HZ)) % len(mix)
    wave = wave[: len(mix)]
    head = min(len(wave), len(mix) - start)
    mix[start : start + head] += wave[:head]
    mix[: len(wave) - head] += wave[head:]


def _high_pass(mix: np.ndarray) -> np.ndarray:
    """Remove DC and rumble with zero phase; circular as the loop itself, so no edge is heard."""
    spectrum = np.fft.rfft(mix)
    frequency_hz = np.fft.rfftfreq(len(mix), 1.0 / SAMPLE_RATE_HZ)
    ratio = (frequency_hz / RUMBLE_HZ) ** 4
    return np.fft.irfft(spectrum * ratio / (1.0 + ratio), len(mix))


def _soft_clip(mix: np.ndarray) -> np.ndarray:
    """Round the peaks off as a desk does; plain to 0.5, never past 1."""
    excess = np.maximum(np.abs(mix) - 0.5, 0.0)
    return np.where(excess > 0, np.sign(mix) * (0.5 + 0.5 * np.tanh(2.0 * excess)), mix)
