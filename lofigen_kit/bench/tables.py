"""Format results as rows of text, for a terminal or a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Rows = list[list[str]]


def speed(cases: Sequence[Mapping[str, Any]], *, by_cpu_time: bool = False) -> Rows:
    """Return the speed of each case; the first row is the header."""
    rows = [
        [
            "model", "method", "tracks", "threads", "samples/s", "x real time", "a track",
            "us/step", "x engine", "x ring", "x window", "of floor", "bound by",
        ]
    ]  # fmt: skip
    for case in cases:
        figures = case["by_cpu_time"] if by_cpu_time else case
        share = figures.get("floor_share")
        rows.append(
            [
                *(str(case[key]) for key in ("model", "method", "tracks", "threads")),
                *(
                    format_number(figures[key])
                    for key in ("samples_per_s", "x_realtime", "track_x_realtime", "us_per_step")
                ),
                *(
                    format_number(figures["ratios"].get(base))
                    for base in ("engine", "ring", "window")
                ),
                "" if share is None else f"{share:.0%}",
                figures.get("bound", ""),
            ]
        )
    return rows


def costs(cases: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the cost of a sample, for each distinct combination of model and method."""
    rows = {}
    for case in cases:
        if "macs_per_sample" in case:
            numbers = ("macs_per_sample", "bytes_per_sample", "state_bytes", "weight_bytes")
            row = [case["model"], case["method"], str(case["side_by_side"])]
            row += [format_number(case.get(key)) for key in numbers]
            rows[tuple(row)] = row
    header = ["model", "method", "side by side", "MACs/sample", "bytes/sample"]
    return [[*header, "state, bytes", "packed weights, bytes"], *rows.values()]


def ceilings(measured: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the machine's limits, in billions of multiply-adds or of bytes in a second."""
    header = ["ceiling", "threads", "G/s of wall time", "G/s of CPU time"]
    return [
        header,
        *(
            [
                ceiling["what"],
                str(ceiling["threads"]),
                *(format_number(ceiling[key] / 1e9) for key in ("per_s", "per_cpu_s")),
            ]
            for ceiling in measured
        ),
    ]


def training(cases: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the time of a training step, and the largest errors of its gradients."""
    columns = {
        "conv1d_s": "Conv1d, s",
        "fft_s": "FFT, s",
        "ratio": "x faster",
        "cpu_ratio": "by CPU time",
        "gradient_difference": "gradient difference",
        "conv1d_gradient_error": "Conv1d error",
        "fft_gradient_error": "FFT error",
    }
    rows = [[case["model"], *(format_number(case[key]) for key in columns)] for case in cases]
    return [["model", *columns.values()], *rows]


def effects(result: Mapping[str, Any]) -> Rows:
    """Return the time and speed of each stage, and of all stages together."""
    rows = [["stage", "share", "seconds", "x real time", "x by CPU time"]]
    for stage in result["stages"]:
        by_cpu = stage["by_cpu_time"]["x_realtime"]
        figures = (stage["seconds"], stage["x_realtime"], by_cpu)
        rows.append([stage["stage"], f"{stage['share']:.0%}", *map(format_number, figures)])
    total = result["x_realtime"]
    figures = (result["seconds"] / total, total, result["by_cpu_time"]["x_realtime"])
    return [*rows, ["all", "100%", *map(format_number, figures)]]


def machine(facts: Mapping[str, Any]) -> list[str]:
    """Return the lines that describe a machine."""
    vectors = ", ".join(facts["vectors"]) or "no known vector unit"
    cores = f"{facts['cores_usable']} of {facts['cores']} cores"
    caches = ", ".join(f"{name} {size}" for name, size in facts["caches"].items())
    versions = ", ".join(f"{name} {facts[name]}" for name in ("python", "numpy", "numba", "torch"))
    return [
        f"{facts['cpu']} (family {facts['family']}; {vectors}), {cores}",
        *([caches] if caches else []),
        f"{facts['system']}, {versions}",
    ]


def generation(result: Mapping[str, Any]) -> dict[str, Rows]:
    """Return the tables of `bench generate`, by heading."""
    return {
        "Speed by wall time": speed(result["cases"]),
        "Speed by CPU time of all cores": speed(result["cases"], by_cpu_time=True),
        "Cost of a sample": costs(result["cases"]),
        "Limits of the machine": ceilings(result["ceilings"]),
    }


def format_number(value: float | None) -> str:
    """Return a number with three significant digits, with an exponent only if it is tiny."""
    if value is None:
        return ""
    if value >= 1e6:
        return f"{value / 1e6:.3g} M" if value < 1e9 else f"{value / 1e9:.3g} G"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if value >= 1e-4 or value == 0 else f"{value:.1e}"
