"""Plots of an evaluation, as PNG. They need matplotlib, which is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lofigen_kit.report import Evaluation

REMEDY = "pip install 'lofigen-kit[plots]'"

PANELS = (
    ("kick_f", "kick onsets, F at 50 ms"),
    ("snare_f", "snare onsets, F at 50 ms"),
    ("chroma", "chroma to the score"),
    ("noise_floor", "noise floor in dBFS"),
)


def available() -> bool:
    """Return whether matplotlib is installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def need() -> None:
    """Refuse what needs matplotlib where it is not installed.

    Raises:
        InputError: where it is not.
    """
    if not available():
        raise InputError("pictures need matplotlib", remedy=REMEDY)


def takes(evaluation: Evaluation) -> bytes:
    """Return a picture of every take beside its reference, and of its likeness to the training."""
    from matplotlib.figure import Figure

    rows = evaluation["songs"]
    figure = Figure(figsize=(11, 9), layout="constrained")
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


def prediction(evaluation: Evaluation) -> bytes:
    """Return a picture of the errors and the bits a sample, beside their baselines."""
    from matplotlib.figure import Figure

    facts = evaluation["prediction"]
    figure = Figure(figsize=(10, 4), layout="constrained")
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


def _png(figure: Figure) -> bytes:
    from io import BytesIO

    png = BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()
