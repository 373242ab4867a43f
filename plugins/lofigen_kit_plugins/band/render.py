"""From an arrangement to its sound: each part by its instrument, and the default mix of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from lofigen_kit.api import AudioBuffer, Context, Instrument, make_instrument, render_part
from lofigen_kit_plugins.band.arranger import Arrangement, Player
from lofigen_kit_plugins.band.choices import CHOICES
from lofigen_kit_plugins.band.fonts import FONT_BASSES, FONT_KEYS, FONT_KITS


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
"""By part, in the order in which their generators are drawn."""

LOUDEST = 0.89
"""Where the peak of the mix lies at most, of full scale: -1 dBFS."""
RUMBLE_HZ = 25.0
"""Below this there is only DC and what eats headroom."""
ROOM_DECAY_S, ROOM_LENGTH_S = 0.14, 0.9
ROOM_LOW_HZ, ROOM_HIGH_HZ = 180.0, 6_000.0
ROOM_DELAY_S = 0.011
AROUND_S = 1.0
"""How much of a loop is heard before and after it, for the room and the high-pass to settle."""


def render(
    arrangement: Arrangement, ctx: Context, font: str | None = None, font_licence: str = "unknown"
) -> tuple[AudioBuffer, dict[str, AudioBuffer], str]:
    """Play an arrangement; what rings past the end of a loop sounds at its beginning.

    Args:
        arrangement: What to play.
        ctx: Its generator, and the folder of the soundfont.
        font: The soundfont that plays its own names, relative to the preset's folder.
        font_licence: Under which terms the soundfont's sounds may be used.

    Returns:
        The mix, and each part as it stands in the mix: their sum is the mix. Stereo at 44.1 kHz,
        `score.duration_s` long. Last, the terms of all that plays.
    """
    score = arrangement.score
    generators = dict(zip(DEFAULT_MIX, ctx.rng.spawn(len(DEFAULT_MIX)), strict=True))
    parts, terms = {}, []
    for name in score.part_names:
        named = getattr(arrangement, "kit" if name == "drums" else name)
        player = make_player(name, named, font, font_licence)
        own = replace(ctx, rng=generators[name])
        parts[name] = _place(name, render_part(player, score, name, own), loop=score.loop)
        terms.append(player.terms)
    return (*mix_parts(parts), " AND ".join(dict.fromkeys(terms)))


def make_player(part: str, name: Player, font: str | None, font_licence: str) -> Instrument:
    """Return the instrument of a name: a kit's, a soundfont's or that of any instrument."""
    if isinstance(name, Instrument):
        return name
    programs = {"drums": FONT_KITS, "keys": FONT_KEYS, "bass": FONT_BASSES}.get(part, {})
    if font is not None and name in programs and name not in CHOICES.get(part, ()):
        return make_instrument(
            "soundfont", path=font, program_number=programs[name], licence=font_licence
        )
    if part == "drums" and name in CHOICES["kit"]:
        return make_instrument("kit", kit=name)
    return make_instrument(name)


def mix_parts(parts: Mapping[str, AudioBuffer]) -> tuple[AudioBuffer, dict[str, AudioBuffer]]:
    """Return the sum of parts, and the parts as they are in it: turned down if it would clip."""
    rate_hz = next(iter(parts.values())).sample_rate_hz
    total = np.sum([part.samples for part in parts.values()], axis=0, dtype=np.float64)
    gain = np.float32(min(1.0, LOUDEST / max(float(np.abs(total).max(initial=0.0)), 1e-9)))
    levelled = {name: AudioBuffer(part.samples * gain, rate_hz) for name, part in parts.items()}
    mix = np.sum([part.samples for part in levelled.values()], axis=0, dtype=np.float32)
    return AudioBuffer(np.asarray(mix), rate_hz), levelled


def _place(name: str, part: AudioBuffer, *, loop: bool) -> AudioBuffer:
    """Return a part in stereo, at its level and in the room, without rumble."""
    from scipy.fft import irfft, next_fast_len, rfft

    rate_hz, chosen = part.sample_rate_hz, DEFAULT_MIX[name]
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
