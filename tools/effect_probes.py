"""What the pages of the effects measure and draw: a probe hears an effect and gives both.

A probe gives its figures, each with its unit, and a function that draws its curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from scipy import signal

from lofigen_kit.analysis import (
    crest_db,
    level_dbfs,
    rolloff_hz,
    speed_pct,
    wow_pct,
)
from lofigen_kit.analysis.features import MOTION_HZ
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.dsp.loudness import integrated_lufs
from lofigen_kit.effects import rack
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.runtime.seeding import rng_for
from tools.effect_pictures import AFTER, BEFORE, Draw, label_frequencies

RATE_HZ = 44_100
SEED = 3
HIGHEST_HZ = 20_000.0
CLICK = 0.1
FFT = 1 << 17


@dataclass(frozen=True)
class Case:
    """An effect, and a sound before and after it.

    Attributes:
        effect: As its page shows it.
        before: What it was given.
        after: What it made of it.
        grid: Where the beats fall.
        root: The folder of its files.
    """

    effect: Effect
    before: AudioBuffer
    after: AudioBuffer
    grid: BeatGrid
    root: Path

    def play(self, samples: np.ndarray, **changes: float) -> np.ndarray:
        """Return what the effect, or one like it, makes of a sound, in both channels."""
        effect = self.effect.model_copy(update=changes)
        ctx = Context(rng_for(SEED, 0, effect.use), grid=self.grid, root=self.root)
        audio = AudioBuffer(np.atleast_2d(samples), RATE_HZ).stereo()
        return rack.apply_effect(effect, audio, ctx, loop=False).samples.astype(np.float64)


Probe = Callable[[Case], tuple[dict[str, str], Draw]]


def measure_response(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure a filter by a click."""
    frequencies_hz, gain_db = _measure_response(case, FFT // 2)
    audible = (frequencies_hz > 20) & (frequencies_hz < HIGHEST_HZ)
    frequencies_hz, gain_db = frequencies_hz[audible], gain_db[audible]
    figures = {}
    if crossings := _find_crossings(frequencies_hz, gain_db, -3.0):
        figures["3 dB down at"] = " and ".join(_format_hertz(one) for one in crossings)
    if gain_db.max() > 0.1:
        figures["highest"] = (
            f"{gain_db.max():+.1f} dB at {_format_hertz(frequencies_hz[gain_db.argmax()])}"
        )
    if gain_db[0] < -30 or gain_db[-1] < -30:
        figures["20 dB down at"] = " and ".join(
            _format_hertz(one) for one in _find_crossings(frequencies_hz, gain_db, -20.0)
        )

    def draw(axes: Axes) -> None:
        axes.semilogx(frequencies_hz, gain_db, AFTER)
        axes.axhline(0, color=BEFORE, linewidth=0.8)
        axes.set(title="response in dB", ylim=(-36, 12))
        label_frequencies(axes)

    return figures, draw


def measure_notches(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure a filter that moves at two moments."""
    moments_s = (1.0, 1.5)
    curves = [_measure_response(case, round(moment_s * RATE_HZ)) for moment_s in moments_s]
    figures = {}
    for moment_s, (frequencies_hz, gain_db) in zip(moments_s, curves, strict=True):
        band = (frequencies_hz > 60) & (frequencies_hz < HIGHEST_HZ)
        found, _ = signal.find_peaks(-gain_db[band], prominence=6)
        places = ", ".join(_format_hertz(one) for one in frequencies_hz[band][found])
        figures[f"notches after {moment_s:g} s"] = places

    def draw(axes: Axes) -> None:
        for moment_s, curve, colour in zip(moments_s, curves, (BEFORE, AFTER), strict=True):
            axes.semilogx(*curve, colour, label=f"after {moment_s:g} s")
        axes.set(title="response in dB", ylim=(-36, 12))
        axes.legend(fontsize="x-small", loc="lower left")
        label_frequencies(axes)

    return figures, draw


def measure_levels(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure how loud a tone comes out, for how loud it goes in."""
    levels_db = np.arange(-72.0, 0.1, 3.0)
    wave = np.sqrt(2.0) * _make_sine(1000, 2.0)
    settled = slice(RATE_HZ, None)
    out_db = np.array(
        [
            _to_db(np.std(case.play(wave * 10 ** (level / 20))[:, settled]))
            for level in levels_db - 3
        ]
    )
    out_db += 3.0  # a full-scale sine is 0 dB here
    figures = {
        f"a tone at {level:g} dBFS comes out at": _format_dbfs(np.interp(level, levels_db, out_db))
        for level in (-60, -30, -12, 0)
    }

    def draw(axes: Axes) -> None:
        axes.plot(levels_db, levels_db, BEFORE, linewidth=0.8)
        axes.plot(levels_db, out_db, AFTER)
        axes.set(title="level out over level in, dBFS", xlim=(-72, 0), ylim=(-72, 6))
        axes.grid(alpha=0.3)

    return figures, draw


def measure_speed(case: Case, **changes: float) -> tuple[dict[str, str], Draw]:
    """Measure how the pitch sways, demodulated from a tone."""
    tone_hz, shown_s = 3150.0, 6.0
    left = case.play(0.5 * _make_sine(tone_hz, 21.0), **changes)[:1]
    audio = AudioBuffer(left, RATE_HZ)
    deviation_pct = speed_pct(audio, tone_hz)
    spectrum = np.abs(np.fft.rfft(deviation_pct * np.hanning(len(deviation_pct)), 1 << 16))
    rate_hz = np.fft.rfftfreq(1 << 16, 1 / MOTION_HZ)[spectrum[100:].argmax() + 100]
    peak_pct = wow_pct(audio, tone_hz)
    figures = {
        "greatest deviation of speed": f"{peak_pct:.2f} % ({peak_pct * 17.3:.1f} cents)",
        "most of it comes round": f"{rate_hz:.2f} times a second",
    }

    def draw(axes: Axes) -> None:
        times_s = np.arange(len(deviation_pct)) / MOTION_HZ
        axes.plot(times_s, deviation_pct, AFTER)
        axes.axhline(0, color=BEFORE, linewidth=0.8)
        axes.set(title="deviation of speed in %", xlabel="s", xlim=(0, shown_s))

    return figures, draw


def measure_one_voice(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure how one voice of several sways, alone."""
    return measure_speed(case, mix=1.0, voices=1)


def measure_gain(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure how a steady tone's level moves."""
    duration_s, step = 60.0, RATE_HZ // 100
    wave = 0.25 * _make_sine(1000, duration_s)
    power = np.square(case.play(wave)[0]).reshape(-1, step).mean(axis=1)
    gain_db = 10 * np.log10(power / np.square(wave).reshape(-1, step).mean(axis=1))
    lowest_db = gain_db.min()
    down = gain_db < lowest_db / 2
    falls = int(np.count_nonzero(down[1:] & ~down[:-1]) + down[0])
    figures = {
        "lowest": f"{lowest_db:.1f} dB",
        "falls by more than half of that": f"{falls} times in a minute",
    }

    def draw(axes: Axes) -> None:
        axes.plot(np.arange(len(gain_db)) / 100, gain_db, AFTER)
        axes.axhline(0, color=BEFORE, linewidth=0.8)
        axes.set(title="gain in dB", xlabel="s", xlim=(0, min(6.0, duration_s)))

    return figures, draw


def measure_decay(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure how a room dies away, by Schroeder's integral of a click's answer."""
    click = np.zeros(round(5.0 * RATE_HZ))
    click[0] = 1.0
    answer = case.play(click, mix=1.0)[0]
    left_db = {
        centre: _integrate_db(_filter_octave(answer, centre)) for centre in (125, 1000, 5000)
    }
    figures = {
        f"falls by 60 dB around {_format_hertz(centre)} in": f"{_estimate_rt60_s(curve):.2f} s"
        for centre, curve in left_db.items()
    }

    def draw(axes: Axes) -> None:
        for (centre, curve), colour in zip(left_db.items(), ("C0", AFTER, "C2"), strict=True):
            times_s = np.arange(len(curve)) / RATE_HZ
            axes.plot(times_s[::441], curve[::441], colour, label=_format_hertz(centre))
        axes.set(title="energy left in dB", xlabel="s", xlim=(0, 2.5), ylim=(-60, 3))
        axes.legend(fontsize="x-small")

    return figures, draw


def measure_echoes(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure the echoes of a click."""
    click = np.zeros(round(4.0 * RATE_HZ))
    click[0] = 1.0
    answer = case.play(click, mix=1.0)[0]
    apart = int(np.abs(answer).argmax())
    count = len(answer) // apart
    windows = [answer[round((n - 0.5) * apart) : round((n + 0.5) * apart)] for n in range(1, count)]
    levels_db = np.array([_to_db(float(np.linalg.norm(window))) for window in windows])
    levels_db -= levels_db[0]
    figures = {
        "the first echo comes after": f"{1000 * apart / RATE_HZ:.0f} ms",
        "the second is beside it": f"{levels_db[1]:.1f} dB",
        "the third": f"{levels_db[2]:.1f} dB",
    }

    def draw(axes: Axes) -> None:
        times_s = (1 + np.arange(len(levels_db))) * apart / RATE_HZ
        axes.stem(times_s, levels_db, AFTER, markerfmt="o", basefmt=" ", bottom=-48)
        axes.set(title="echoes of a click in dB", xlabel="s", xlim=(0, 4), ylim=(-48, 3))

    return figures, draw


def measure_noise(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure what is heard while nothing is played."""
    audio = AudioBuffer(case.play(np.zeros(20 * RATE_HZ)), RATE_HZ)
    figures = {
        "level": f"{level_dbfs(audio):.1f} dBFS",
        "loudness": f"{integrated_lufs(audio):.1f} LUFS",
        "peaks above the level": f"{crest_db(audio):.1f} dB",
        "nine tenths of the power lie below": _format_hertz(rolloff_hz(audio, 0.9)),
    }

    def draw(axes: Axes) -> None:
        axes.semilogx(*measure_third_octaves(audio), AFTER)
        axes.set(title="its level in third octaves, dBFS", ylim=(-110, -30))
        label_frequencies(axes)

    return figures, draw


def measure_crackles(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure single clicks that are heard while nothing is played."""
    audio = AudioBuffer(case.play(np.zeros(20 * RATE_HZ)), RATE_HZ)
    figures = {
        "level": f"{level_dbfs(audio):.1f} dBFS",
        "the highest peak": f"{_to_db(np.abs(audio.samples).max()):.1f} dBFS",
        "it stands above the level": f"{crest_db(audio):.1f} dB",
    }

    def draw(axes: Axes) -> None:
        shown = audio.samples[:, : 4 * RATE_HZ]
        axes.plot(np.arange(shown.shape[1]) / RATE_HZ, shown[0], AFTER, linewidth=0.5)
        axes.set(title="crackles alone", xlabel="s", xlim=(0, 4))

    return figures, draw


def measure_harmonics(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure the harmonics of a tone at -12 dBFS."""
    out = case.play(10 ** (-12 / 20) * _make_sine(1000, 3.0))[0, RATE_HZ : 2 * RATE_HZ]
    lines = np.abs(np.fft.rfft(out))[1000:20_000:1000]
    beside_db = 20 * np.log10(lines / lines[0] + 1e-7)
    figures = {
        "distortion of 1 kHz at -12 dBFS": f"{100 * np.linalg.norm(lines[1:]) / lines[0]:.1f} %",
        "second harmonic": f"{beside_db[1]:.0f} dB",
        "third harmonic": f"{beside_db[2]:.0f} dB",
    }

    def draw(axes: Axes) -> None:
        axes.stem(np.arange(1, 11), beside_db[:10], AFTER, markerfmt="o", basefmt=" ", bottom=-120)
        axes.set(title="harmonics of 1 kHz in dB", xlabel="kHz", ylim=(-120, 6), xlim=(0, 11))

    return figures, draw


def measure_steps(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure the noise of few levels, and show them."""
    wave = 0.9 * _make_sine(997, 1.0)
    out = case.play(wave)[0]
    kept = wave * (out @ wave) / (wave @ wave)
    figures = {"noise beside a full tone": f"{_to_db(np.std(out - kept) / np.std(kept)):.1f} dB"}
    shown = slice(0, RATE_HZ // 200)
    quiet = 0.25 * _make_sine(300, 1.0)
    stairs = case.play(quiet)[0]

    def draw(axes: Axes) -> None:
        times_ms = np.arange(RATE_HZ)[shown] / RATE_HZ * 1000
        axes.plot(times_ms, quiet[shown], BEFORE, linewidth=0.8)
        axes.step(times_ms, stairs[shown], AFTER, where="post")
        axes.set(title="a wave", xlabel="ms")

    return figures, draw


def measure_images(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure the mirror images of a tone."""
    tone_hz, lowered_hz = 1000, float(getattr(case.effect, "rate_hz", RATE_HZ))
    out = case.play(0.5 * _make_sine(tone_hz, 3.0))[0, RATE_HZ : 2 * RATE_HZ]
    lines_db = 20 * np.log10(np.abs(np.fft.rfft(out * np.blackman(RATE_HZ))) + 1e-9)
    lines_db -= lines_db[tone_hz]
    figures = {
        f"image of 1 kHz at {_format_hertz(image_hz)}": f"{lines_db[round(image_hz)]:.1f} dB"
        for image_hz in (lowered_hz - tone_hz, lowered_hz + tone_hz)
    }

    def draw(axes: Axes) -> None:
        axes.plot(np.arange(len(lines_db)) / 1000, lines_db, AFTER, linewidth=1)
        axes.set(title="a tone and its images in dB", xlabel="kHz", ylim=(-90, 6), xlim=(0, 20))

    return figures, draw


def measure_width(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure what left and right do not have in common."""
    curves = []
    for audio in (case.before, case.after):
        left, right = audio.samples
        curves.append(measure_third_octaves(audio.with_samples((left - right)[None] / 2)))
    (middles_hz, before_db), (_, after_db) = curves
    figures = {
        f"left less right, around {_format_hertz(middle_hz)}": f"{change_db:+.1f} dB"
        for middle_hz, change_db in list(zip(middles_hz, after_db - before_db, strict=True))[
            4:16:11
        ]
    }

    def draw(axes: Axes) -> None:
        for curve, colour in zip(curves, (BEFORE, AFTER), strict=True):
            axes.semilogx(*curve, colour)
        axes.set(title="left less right, dBFS", ylim=(-100, -20))
        label_frequencies(axes)

    return figures, draw


def measure_tempo(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure how long a tone is afterwards, and how high."""
    tone_hz = 1000.0
    out = AudioBuffer(case.play(0.5 * _make_sine(tone_hz, 8.0)), RATE_HZ)
    ratio = 1.0 + speed_pct(out, tone_hz).mean() / 100.0
    figures = {
        "length": f"{100 * out.duration_s / 8.0:.1f} %",
        "pitch": f"{1200 * np.log2(ratio):+.0f} cents",
    }

    def draw(axes: Axes) -> None:
        for audio, colour in ((case.before, BEFORE), (case.after, AFTER)):
            step = RATE_HZ // 50
            mono = audio.mono().samples[0]
            peaks = np.abs(mono[: len(mono) // step * step]).reshape(-1, step).max(axis=1)
            axes.plot(np.arange(len(peaks)) / 50, peaks, colour, linewidth=1)
        axes.set(title="peaks", xlabel="s")

    return figures, draw


def measure_spectra(case: Case) -> tuple[dict[str, str], Draw]:
    """Measure what is left of white noise, and show the spectra of the sound itself."""
    noise = rng_for(SEED, 0, "noise").normal(0.0, 0.1, 8 * RATE_HZ)
    left = AudioBuffer(case.play(noise), RATE_HZ)
    figures = {"of white noise, 95 % of the power lie below": _format_hertz(rolloff_hz(left, 0.95))}
    return figures, draw_spectra((case.before, case.after))


def draw_spectra(sounds: Sequence[AudioBuffer]) -> Draw:
    """Return what draws the spectra of a sound before and after."""

    def draw(axes: Axes) -> None:
        for audio, colour in zip(sounds, (BEFORE, AFTER), strict=True):
            axes.semilogx(*measure_third_octaves(audio), colour)
        axes.set(title="level in third octaves, dBFS", ylim=(-100, -10))
        label_frequencies(axes)

    return draw


def measure_third_octaves(audio: AudioBuffer) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of third octaves in hertz, and the level in each, in dBFS."""
    frequencies_hz, density = signal.welch(
        audio.samples.astype(np.float64), audio.sample_rate_hz, nperseg=16_384, detrend=False
    )
    power = density.mean(axis=0) * frequencies_hz[1]
    middles_hz = 1000.0 * 2.0 ** (np.arange(-15, 14) / 3)
    edges = np.searchsorted(frequencies_hz, middles_hz[:, None] * 2.0 ** np.array([-1 / 6, 1 / 6]))
    levels = [power[low : max(high, low + 1)].sum() for low, high in edges]
    return middles_hz, 10 * np.log10(np.array(levels) + 1e-14)


def _measure_response(case: Case, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies and the gain in dB for a click at a frame."""
    click = np.zeros(frame + FFT)
    click[frame] = CLICK
    answer = case.play(click)[0] / CLICK
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(answer[max(0, frame - FFT // 2) :], 2 * FFT)) + 1e-6)
    return np.fft.rfftfreq(2 * FFT, 1 / RATE_HZ), gain_db


def _find_crossings(
    frequencies_hz: np.ndarray, gain_db: np.ndarray, level_db: float
) -> list[float]:
    """Return where a curve crosses a level."""
    before = np.flatnonzero(np.diff(gain_db > level_db))
    share = (level_db - gain_db[before]) / (gain_db[before + 1] - gain_db[before])
    return list(frequencies_hz[before] + share * np.diff(frequencies_hz)[before])


def _filter_octave(samples: np.ndarray, centre_hz: float) -> np.ndarray:
    edges_hz = [centre_hz / 2**0.5, centre_hz * 2**0.5]
    band = signal.butter(4, edges_hz, "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(band, samples))


def _integrate_db(samples: np.ndarray) -> np.ndarray:
    left = np.cumsum(samples[::-1] ** 2)[::-1] / np.sum(samples**2)
    return np.asarray(10 * np.log10(left + 1e-12))


def _estimate_rt60_s(left_db: np.ndarray) -> float:
    """Return the reverberation time by ISO 3382: twice that of -5 to -35 dB (T30)."""
    inside = (left_db < -5) & (left_db > -35)
    times_s = np.arange(len(left_db)) / RATE_HZ
    return float(-60 / np.polyfit(times_s[inside], left_db[inside], 1)[0])


def _make_sine(frequency_hz: float, duration_s: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)


def _to_db(ratio: float) -> float:
    return float(20 * np.log10(ratio + 1e-12))


def _format_dbfs(level_dbfs: float) -> str:
    return f"{level_dbfs:.1f} dBFS" if level_dbfs > -120 else "silence"


def _format_hertz(frequency_hz: float) -> str:
    """Return a frequency in three figures."""
    return f"{float(f'{frequency_hz:.3g}'):g} Hz"
