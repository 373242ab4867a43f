"""What the instruments have in common: level, ends, place, noise, and how what is struck is bright.

Instruments import it inside their methods.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from lofigen_kit.api import AudioBuffer, Context, Hit, Note, RenderError
from lofigen_kit.api.dsp import (
    CONTROL_FRAMES,
    BiquadCascade,
    Lfo,
    butterworth,
    render_harmonics,
)

PEAK = 0.25
"""The peak of a note of velocity 1."""
_END_S = 0.004
_NOISE_S = 5.0
_FALL_60_DB = math.log(1000.0)


def require_note(event: Note | Hit, instrument: str) -> Note:
    """Return what is to be played, as a note.

    Raises:
        RenderError: for a drum stroke.
    """
    if isinstance(event, Note):
        return event
    raise RenderError(
        "it plays notes, no drum strokes",
        where=f"instrument {instrument}",
        remedy="give the drums a kit",
    )


def set_level(wave: np.ndarray, velocity: float) -> np.ndarray:
    """Return a note at the level of its velocity, its end faded to silence.

    Args:
        wave: [shape=(channels, frames)].
        velocity: From 0 to 1; the peak is proportional to it.

    Returns:
        np.ndarray [shape=(channels, frames), dtype=float32].
    """
    loudest = max(float(wave.max(initial=0.0)), -float(wave.min(initial=0.0)))
    out = np.asarray(wave * (PEAK * velocity / max(loudest, 1e-12)), np.float32)
    fade = min(out.shape[1], round(_END_S * 44_100))
    if fade:
        out[:, -fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return out


def fade_in(wave: np.ndarray, length_s: float, sample_rate_hz: int) -> None:
    """Let a sound begin from silence, in place: half a cosine."""
    frames = min(wave.shape[1], max(1, round(length_s * sample_rate_hz)))
    wave[:, :frames] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(frames) / frames)


def add_at_start(wave: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return a sound with another, of one channel or as many, added from its first frame on."""
    frames = max(wave.shape[1], other.shape[1])
    out = np.pad(wave, ((0, 0), (0, frames - wave.shape[1])))
    out[:, : other.shape[1]] += other
    return out


def place(wave: np.ndarray, midi: float, width_pct: float, *, centre_midi: float) -> np.ndarray:
    """Return a sound in stereo, low notes to the left and high ones to the right.

    Args:
        wave: [shape=(1, frames), dtype=float32].
        midi: The note.
        width_pct: How far two notes, two octaves to either side of the middle, lie apart.
        centre_midi: The note in the middle.
    """
    side = min(max((midi - centre_midi) / 24.0, -1.0), 1.0)
    gains = np.sqrt([[1.0 - side * width_pct / 100.0], [1.0 + side * width_pct / 100.0]])
    return np.asarray(gains.astype(np.float32) * wave)


def strike_spectrum(
    frequencies_hz: np.ndarray, corner_hz: float, *, order: float = 2.0
) -> np.ndarray:
    """Return how much of each mode a soft hammer, mallet or finger excites.

    The longer the contact, the lower the corner: about 0.7 over the time of contact.
    """
    return np.asarray(1.0 / (1.0 + (frequencies_hz / corner_hz) ** 2) ** (0.5 * order))


def string_decays_s(
    frequencies_hz: np.ndarray, longest_s: float, treble_s: float, treble_hz: float = 3000.0
) -> np.ndarray:
    """Return how long each partial of a string takes to fall by 60 dB.

    The rate of the fall is `b1 + b3 f^2`, losses to the air and inside the string (J. Bensa et al.,
    "The simulation of piano string vibration", JASA 2003).

    Args:
        frequencies_hz: The partials.
        longest_s: At low frequencies.
        treble_s: At `treble_hz`.
        treble_hz: Where that is.
    """
    inside = max(1.0 / treble_s - 1.0 / longest_s, 0.0) * (frequencies_hz / treble_hz) ** 2
    return np.asarray(1.0 / (1.0 / longest_s + inside))


def stiff_partials_hz(
    fundamental_hz: float, inharmonicity: float, highest_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the partials of a stiff string and their numbers: n f0 sqrt(1 + B n^2).

    H. Fletcher, "Normal vibration frequencies of a stiff piano string", JASA 1964. The first
    partial is at the fundamental that is asked for.
    """
    numbers = np.arange(1, max(2, int(highest_hz / fundamental_hz) + 1))
    stretch = np.sqrt((1.0 + inharmonicity * numbers**2) / (1.0 + inharmonicity))
    partials = fundamental_hz * numbers * stretch
    heard = partials < highest_hz
    heard[0] = True
    return partials[heard], numbers[heard]


def resonate(frequencies_hz: np.ndarray, body: np.ndarray, background: float) -> np.ndarray:
    """Return what a body does to each frequency, as complex gains: its resonances, and the rest.

    Args:
        frequencies_hz: [shape=(modes,)].
        body: Frequency in Hz, quality and level of each resonance [shape=(resonances, 3)].
        background: The level between them.

    Returns:
        np.ndarray [shape=(modes,), dtype=complex128].
    """
    ratio = frequencies_hz[:, None] / body[:, 0]
    response = body[:, 2] / (1.0 + 1j * body[:, 1] * (ratio - 1.0 / ratio))
    return np.asarray(background + response.sum(axis=1))


def burst(
    rng: np.random.Generator,
    decay_s: float,
    low_hz: float,
    high_hz: float,
    sample_rate_hz: int,
    *,
    attack_s: float = 0.001,
) -> np.ndarray:
    """Return a short noise, as fingers, felt and keys make, with a peak of 1.

    Args:
        rng: What it is drawn from.
        decay_s: How long it takes to fall by 60 dB.
        low_hz: Where it begins.
        high_hz: Where it ends.
        sample_rate_hz: Frames a second.
        attack_s: How long it swells.

    Returns:
        np.ndarray [shape=(1, frames)].
    """
    frames = max(8, round(1.2 * decay_s * sample_rate_hz))
    elapsed_s = np.arange(frames) / sample_rate_hz
    noise = band_noise(rng, frames, low_hz, high_hz, sample_rate_hz)
    noise *= np.exp(-_FALL_60_DB * elapsed_s / decay_s) * np.minimum(elapsed_s / attack_s, 1.0)
    return np.asarray(noise / max(float(np.abs(noise).max()), 1e-12))


def band_noise(
    rng: np.random.Generator, frames: int, low_hz: float, high_hz: float, sample_rate_hz: int
) -> np.ndarray:
    """Return noise between two frequencies, falling by 12 dB an octave beyond.

    Returns:
        np.ndarray [shape=(1, frames), dtype=float64].
    """
    white = rng.standard_normal((1, frames), dtype=np.float32)
    high_hz = min(high_hz, 0.45 * sample_rate_hz)
    sections = [
        *butterworth(2, min(low_hz, 0.9 * high_hz), sample_rate_hz, high=True),
        *butterworth(2, high_hz, sample_rate_hz),
    ]
    return BiquadCascade(1)(white, np.array(sections)).astype(np.float64)


def breath(
    rng: np.random.Generator, frames: int, low_hz: float, high_hz: float, sample_rate_hz: int
) -> np.ndarray:
    """Return a piece of a long noise that comes round: as good as a new one, and quickly had.

    Args:
        rng: Where it begins.
        frames: Its length.
        low_hz: Where it begins.
        high_hz: Where it ends.
        sample_rate_hz: Frames a second.

    Returns:
        np.ndarray [shape=(1, frames)].
    """
    noise = _long_noise(low_hz, high_hz, sample_rate_hz)
    at = int(rng.integers(noise.shape[1]))
    times = -(-(at + frames) // noise.shape[1])
    return np.tile(noise, times)[:, at : at + frames]


@lru_cache(maxsize=8)
def _long_noise(low_hz: float, high_hz: float, sample_rate_hz: int) -> np.ndarray:
    frames = round(_NOISE_S * sample_rate_hz)
    ring = round(0.05 * sample_rate_hz)
    noise = band_noise(np.random.default_rng(0), frames + ring, low_hz, high_hz, sample_rate_hz)
    fade = np.sqrt(np.linspace(0.0, 1.0, ring))
    noise[:, :ring] = fade * noise[:, :ring] + fade[::-1] * noise[:, frames:]
    circular = np.asarray(noise[:, :frames] / noise[:, :frames].std())
    circular.flags.writeable = False
    return circular


def control_times_s(length_s: float, sample_rate_hz: int) -> tuple[np.ndarray, int]:
    """Return the times at which a driven tone is set, and its length in frames."""
    frames = round(length_s * sample_rate_hz)
    points = -(-frames // CONTROL_FRAMES) + 1
    return np.arange(points) * (CONTROL_FRAMES / sample_rate_hz), frames


def held_envelope(
    times_s: np.ndarray, duration_s: float, attack_s: float, release_s: float
) -> np.ndarray:
    """Return the level of a tone that is held: it swells, stays, and falls when it is let go.

    Args:
        times_s: [shape=(points,)].
        duration_s: When it is let go.
        attack_s: How long it takes to be there.
        release_s: How long it then takes to fall by 60 dB.
    """
    swell = np.sin(0.5 * np.pi * np.minimum(times_s / attack_s, 1.0)) ** 2
    after_s = np.maximum(times_s - duration_s, 0.0)
    return np.asarray(swell * np.exp(-_FALL_60_DB * after_s / release_s))


def delayed_vibrato(
    times_s: np.ndarray, rate_hz: float, starts_s: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a sway between -1 and 1 that sets in after a while, a little uneven as hands are."""
    depth = np.clip((times_s - starts_s) / 0.5, 0.0, 1.0)
    drift = 0.4 * np.sin(2.0 * np.pi * 0.7 * times_s + 2.0 * np.pi * rng.random())
    return np.asarray(depth * np.sin(2.0 * np.pi * rate_hz * (times_s - starts_s) + drift))


def spread_over_frames(values: np.ndarray, frames: int) -> np.ndarray:
    """Return what is set at the control times, in straight lines between them [shape=(frames,)]."""
    between = np.arange(CONTROL_FRAMES) / CONTROL_FRAMES
    lines = values[:-1, None] + np.diff(values)[:, None] * between
    return np.asarray(lines.reshape(-1)[:frames])


def render_tone(
    pitch_hz: np.ndarray, levels: np.ndarray, frames: int, sample_rate_hz: int
) -> np.ndarray:
    """Return a driven tone [shape=(1, frames)]; see `render_harmonics`."""
    return render_harmonics(pitch_hz, levels, frames, sample_rate_hz)[None]


def filter_part(audio: AudioBuffer, sections: np.ndarray, ctx: Context) -> AudioBuffer:
    """Return a whole part, filtered; in a loop, as if it had been played before."""
    cascade = BiquadCascade(audio.channels)
    if ctx.loop and audio.frames:
        cascade(audio.samples[:, -min(audio.frames, audio.sample_rate_hz // 2) :], sections)
    if not audio.frames:
        return audio
    return audio.with_samples(cascade(audio.samples, sections))


def sway(audio: AudioBuffer, rate_hz: float, ctx: Context) -> np.ndarray:
    """Return the phase of what goes round while a part plays, in radians [shape=(frames,)].

    In a loop it goes round a whole number of times.
    """
    loop_s = audio.duration_s if ctx.loop else None
    return Lfo(audio.sample_rate_hz, loop_s)(rate_hz, audio.frames)
