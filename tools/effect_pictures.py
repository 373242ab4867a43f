"""The pictures of the pages: spectrograms and a curve, in a small file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from scipy import signal

from lofigen_kit.audio.buffer import AudioBuffer

BEFORE, AFTER = "0.55", "C1"
"""The colours of what was before and what is after, in curves and above the spectrograms."""

LOWEST_HZ, HIGHEST_HZ, ROWS, COLUMNS = 40.0, 16_000.0, 110, 170
DARKEST_DB, BRIGHTEST_DB, SHADE_DB = -110.0, -29.0, 3.0
WINDOW = 4096
COLOURS = 128
TICKS = {100: "100", 1000: "1k", 10_000: "10k"}

Draw = Callable[[Axes], None]


def draw_picture(sounds: Sequence[AudioBuffer], curve: Draw) -> bytes:
    """Return a PNG of a sound before and after, and of a curve.

    Args:
        sounds: Both, on one axis of time.
        curve: What draws it.
    """
    figure = Figure(figsize=(9.6, 2.9), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.05))
    longest_s = max(audio.duration_s for audio in sounds)
    titles = (("before", BEFORE), ("after", AFTER))
    for axis, audio, (title, colour) in zip(axes, sounds, titles, strict=False):
        _draw_spectrogram(axis, audio, longest_s)
        axis.set(xlabel="s")
        axis.set_title(title, color=colour, fontweight="bold")
    axes[1].set_yticklabels([])
    axes[0].set_ylabel("Hz")
    curve(axes[2])
    for axis in axes:
        axis.tick_params(labelsize="small")
        axis.title.set_fontsize("medium")
    return _make_small_png(figure)


def draw_single_picture(audio: AudioBuffer, curve: Draw) -> bytes:
    """Return a PNG of one sound, and of a curve over frequencies."""
    figure = Figure(figsize=(7.6, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_spectrogram(left, audio, audio.duration_s)
    left.set(xlabel="s", ylabel="Hz")
    curve(right)
    label_frequencies(right)
    for axis in (left, right):
        axis.tick_params(labelsize="small")
    return _make_small_png(figure)


def label_frequencies(axes: Axes) -> None:
    """Label a logarithmic axis of frequencies."""
    axes.set(xlabel="Hz", xlim=(30, 20_000))
    axes.set_xticks(list(TICKS), list(TICKS.values()))
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def _draw_spectrogram(axes: Axes, audio: AudioBuffer, longest_s: float) -> None:
    """Draw a spectrogram over octaves, in few shades, which makes a small file."""
    rate_hz = audio.sample_rate_hz
    hop = round(longest_s * rate_hz / COLUMNS)
    mono = np.pad(audio.mono().samples[0], WINDOW // 2)
    transform = signal.ShortTimeFFT(np.hanning(WINDOW), hop, rate_hz, scale_to="magnitude")
    level_db = 10 * np.log10(transform.spectrogram(mono, p0=0) + 1e-14)
    octaves = np.linspace(np.log2(LOWEST_HZ), np.log2(HIGHEST_HZ), ROWS)
    bins = 2.0**octaves / rate_hz * WINDOW
    below = bins.astype(int)
    share = (bins - below)[:, None]
    grid = (1 - share) * level_db[below] + share * level_db[below + 1]
    axes.set_facecolor("black")
    axes.imshow(
        SHADE_DB * np.round(np.clip(grid, DARKEST_DB, BRIGHTEST_DB) / SHADE_DB),
        origin="lower",
        aspect="auto",
        cmap="magma",
        interpolation="nearest",
        vmin=DARKEST_DB,
        vmax=BRIGHTEST_DB,
        extent=(0, grid.shape[1] * hop / rate_hz, octaves[0], octaves[-1]),
    )
    axes.set_xlim(0, longest_s)
    axes.set_yticks([np.log2(hertz) for hertz in TICKS], list(TICKS.values()))


def _make_small_png(figure: Figure) -> bytes:
    png, small = BytesIO(), BytesIO()
    figure.savefig(png, format="png", dpi=100)
    image = Image.open(png).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True)
    return small.getvalue()
