"""The default mix of parts: their levels, and a small room around them.

It is what a source with parts sounds like on its own, and what a mixer starts from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer


@dataclass(frozen=True)
class PartMix:
    """How a part stands in the default mix.

    Attributes:
        level_db: Its level.
        room_db: The level of its sound in the room, beside its own; None leaves it dry.
    """

    level_db: float
    room_db: float | None


DEFAULT_MIX = {
    "drums": PartMix(level_db=1.0, room_db=-17.0),
    "bass": PartMix(level_db=2.0, room_db=None),
    "keys": PartMix(level_db=-2.0, room_db=-8.0),
    "lead": PartMix(level_db=-2.0, room_db=-8.0),
}
"""By part."""
OTHER_MIX = PartMix(level_db=-4.0, room_db=-8.0)
"""Of a part that is none of these."""

LOUDEST = 0.89
"""Where the peak of the mix lies at most, of full scale: -1 dBFS."""
RUMBLE_HZ = 25.0
"""Below this there is only DC and what eats headroom."""
ROOM_DECAY_S, ROOM_LENGTH_S = 0.14, 0.9
ROOM_LOW_HZ, ROOM_HIGH_HZ = 180.0, 6_000.0
ROOM_DELAY_S = 0.011
AROUND_S = 1.0
"""How much of a loop is heard before and after it, for the room and the high-pass to settle."""


def mix_parts(
    parts: Mapping[str, AudioBuffer], *, loop: bool
) -> tuple[AudioBuffer, dict[str, AudioBuffer]]:
    """Mix parts by default: levels by their names, a room, and no rumble.

    Args:
        parts: Each part alone, by its name; all of one length and rate.
        loop: Whether their end leads into their beginning.

    Returns:
        The mix, turned down if it would clip, and each part as it stands in it: their sum is the
        mix. Stereo.
    """
    parts = {name: _place(name, part, loop=loop) for name, part in parts.items()}
    rate_hz = next(iter(parts.values())).sample_rate_hz
    total = np.sum([part.samples for part in parts.values()], axis=0, dtype=np.float64)
    gain = np.float32(min(1.0, LOUDEST / max(float(np.abs(total).max(initial=0.0)), 1e-9)))
    levelled = {name: AudioBuffer(part.samples * gain, rate_hz) for name, part in parts.items()}
    mix = np.sum([part.samples for part in levelled.values()], axis=0, dtype=np.float32)
    return AudioBuffer(np.asarray(mix), rate_hz), levelled


def _place(name: str, part: AudioBuffer, *, loop: bool) -> AudioBuffer:
    """Return a part in stereo, at its level and in the room, without rumble."""
    from scipy.fft import irfft, next_fast_len, rfft

    rate_hz, chosen = part.sample_rate_hz, DEFAULT_MIX.get(name, OTHER_MIX)
    around = round(AROUND_S * rate_hz)
    dry = np.pad(part.stereo().samples, ((0, 0), (around, around)), "wrap" if loop else "constant")
    size = next_fast_len(dry.shape[1] + round(ROOM_LENGTH_S * rate_hz), real=True)
    response = _high_pass(size, rate_hz)
    if chosen.room_db is not None:
        room = rfft(_room(rate_hz), size, axis=1)
        response = response * (1.0 + 10.0 ** (chosen.room_db / 20.0) * room)
    placed = irfft(rfft(dry, size, axis=1) * response, size, axis=1)
    level = np.float32(10.0 ** (chosen.level_db / 20.0))
    return AudioBuffer(level * placed[:, around : around + part.frames], rate_hz)


def _high_pass(size: int, rate_hz: int) -> np.ndarray:
    """Return a high-pass of zero phase by its spectrum, 24 dB an octave."""
    from scipy.fft import rfftfreq

    ratio = (rfftfreq(size, 1.0 / rate_hz) / RUMBLE_HZ) ** 4
    return np.asarray((ratio / (1.0 + ratio)).astype(np.float32))


@cache
def _room(rate_hz: int) -> np.ndarray:
    """Return a small room's impulse response: decaying noise, apart on both sides (Moorer, 1979).

    Returns:
        np.ndarray [shape=(2, frames)], its energy 1 on each side.
    """
    from scipy.fft import irfft, rfft, rfftfreq

    frames = round(ROOM_LENGTH_S * rate_hz)
    elapsed_s = np.arange(frames) / rate_hz
    noise = np.random.default_rng(1979).normal(size=(2, frames)) * np.exp(-elapsed_s / ROOM_DECAY_S)
    spectrum = rfft(noise, axis=1)
    frequency_hz = rfftfreq(frames, 1.0 / rate_hz)
    low = (frequency_hz / ROOM_LOW_HZ) ** 2
    spectrum *= low / (1.0 + low) / (1.0 + (frequency_hz / ROOM_HIGH_HZ) ** 2)
    response = irfft(spectrum, frames, axis=1)
    response = np.roll(response, round(ROOM_DELAY_S * rate_hz), axis=1)
    response[:, : round(ROOM_DELAY_S * rate_hz)] = 0.0
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    response = np.asarray(response, np.float32)
    response.flags.writeable = False
    return response
