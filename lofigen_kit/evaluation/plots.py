"""Pictures of sound, training and evaluations, as PNG. They need matplotlib, which is an extra."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lofigen_kit.evaluation.tables import Evaluation

REMEDY = "pip install 'lofigen-kit[plots]'"

PANELS = (
    ("kick_f", "kick onsets, F at 50 ms"),
    ("snare_f", "snare onsets, F at 50 ms"),
    ("chroma", "chroma to the score"),
    ("noise_floor", "noise floor in dBFS"),
)


def can_draw() -> bool:
    """Return whether matplotlib is there."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def plot_sound(audio: AudioBuffer, title: str, bars_s: Sequence[float] = ()) -> bytes:
    """Return a picture of the waveform above the spectrogram.

    Args:
        audio: The sound.
        title: Title of the picture.
        bars_s: Times of thin vertical lines.

    Raises:
        InputError: without matplotlib.
    """
    mono, rate_hz = audio.mono().samples[0], audio.sample_rate_hz
    figure = _figure()
    wave, spectrogram = figure.subplots(2, 1, sharex=True)
    wave.plot(np.arange(audio.frames) / rate_hz, mono, linewidth=0.3)
    wave.set(title=title, ylabel="amplitude", ylim=(-1, 1))
    with np.errstate(divide="ignore"):  # silence is minus infinity dB, which is drawn as the floor
        spectrogram.specgram(mono, NFFT=2048, Fs=rate_hz, noverlap=1536, vmin=-140, vmax=-30)
    spectrogram.set(xlabel="time in s", ylabel="frequency in Hz")
    for axes, colour in ((wave, "black"), (spectrogram, "white")):
        axes.vlines(
            bars_s, 0, 1, transform=axes.get_xaxis_transform(), colors=colour, linewidth=0.4
        )
    return _png(figure)


def plot_curve(
    curve: Sequence[tuple[float, ...]], validation: Sequence[dict[str, Any]], title: str
) -> bytes:
    """Return a picture of the loss over the updates.

    Args:
        curve: Rows that begin with the step and the loss.
        validation: Rows with `step` and `loss`, of held-out songs.
        title: Title of the picture.

    Raises:
        InputError: without matplotlib.
    """
    figure = _figure()
    axes = figure.subplots()
    axes.plot([row[0] for row in curve], [row[1] for row in curve], label="training, smoothed")
    steps = [row["step"] for row in validation]
    axes.plot(steps, [row["loss"] for row in validation], "o-", label="songs held out")
    axes.set(title=title, xlabel="updates", ylabel="loss")
    axes.legend()
    return _png(figure)


def plot_takes(evaluation: Evaluation) -> bytes:
    """Return a picture of every take beside its reference, and of its nearest training window."""
    if "by_part" in evaluation:
        return _plot_parts(evaluation)
    rows = evaluation["songs"]
    figure = _figure(11, 9)
    axes = figure.subplots(3, 2).flatten()
    for axis, (key, label) in zip(axes, PANELS, strict=False):
        unit = "_dbfs" if key == "noise_floor" else ""
        _dots(axis, [row[f"{key}{unit}"] for row in rows], "network")
        axis.plot([row[f"{key}_reference{unit}"] for row in rows], "_", label="reference")
        axis.set(title=label)
        if not unit:
            axis.set_ylim(0, 1.05)
    _dots(axes[4], [row["level_db"] for row in rows], "network")
    axes[4].axhline(0.0, color="C1", linewidth=0.8, label="reference")
    axes[4].set(title="level beside the reference in dB", xlabel="take")
    found = [(row["nearest"] or {}).get("similarity", 0.0) for row in rows]
    _dots(axes[5], found, "network")
    threshold = evaluation["memory"]["threshold"]
    axes[5].axhline(threshold, color="C3", linewidth=0.8, label="a copy")
    axes[5].set(title="likeness to the nearest training window", xlabel="take", ylim=(0, 1.05))
    for axis in axes:
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend(fontsize="x-small")
    return _png(figure)


PART_PANELS = {
    "level_db": "level beside the reference in dB",
    "high_db": "the same from 5 kHz up in dB",
    "mel_distance_db": "mel distance from the reference in dB",
    "chroma": "chroma to the score",
}


def _plot_parts(evaluation: Evaluation) -> bytes:
    """Return a picture of every part of every take, beside its reference."""
    rows, names = evaluation["songs"], list(evaluation["by_part"]["parts"])
    figure = _figure(11, 6.5)
    for axis, (key, label) in zip(
        figure.subplots(2, 2).flatten(), PART_PANELS.items(), strict=True
    ):
        for name in names:
            values = [row[key] for row in rows if row["part"] == name]
            if None not in values:
                axis.plot(values, "o", markersize=3, label=name)
        axis.set(title=label, xlabel="take")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend(fontsize="x-small")
    return _png(figure)


def plot_prediction(evaluation: Evaluation) -> bytes:
    """Return a picture of the errors and the bits per sample, beside their baselines."""
    facts = evaluation["prediction"]
    figure = _figure(10, 4)
    errors, bits = figure.subplots(1, 2)
    squared = {
        "network": facts["network_mse"],
        "linear": facts["linear_mse"],
        "last sample": facts["last_sample_mse"],
        "the mean": facts["variance"],
    }
    errors.bar(list(squared), list(squared.values()), color=["C0", "C1", "C1", "C1"])
    errors.set(title="mean squared error of the next sample", yscale="log")
    costs = {
        "network": facts["network_bits_16"],
        "linear, Laplace": facts["linear_laplace_bits_16"],
        "linear, Gaussian": facts["linear_gaussian_bits_16"],
    }
    known = {name: value for name, value in costs.items() if value is not None}
    bits.bar(
        list(known), list(known.values()), color=["C0" if n == "network" else "C1" for n in known]
    )
    bits.set(title="bits a sample of 16")
    return _png(figure)


def _dots(axis: Axes, values: list[float], label: str) -> None:
    axis.plot(values, "o", markersize=3, label=label)


def _figure(width: float = 10, height: float = 6) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("pictures need matplotlib", remedy=REMEDY) from None
    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: Figure) -> bytes:
    png = BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()
