"""How the generated pages write a table, and the parameters of a component in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lofigen_kit.components.base import Component
from lofigen_kit.components.parameters import list_parameters

UNITS = {
    "_db_oct": "dB/octave",
    "_dbfs": "dBFS",
    "_lufs": "LUFS",
    "_bpm": "BPM",
    "_db": "dB",
    "_hz": "Hz",
    "_ms": "ms",
    "_s": "s",
    "_pct": "%",
    "_cents": "cents",
    "_octaves": "octaves",
    "_beats": "beats",
    "_ips": "inches/s",
    "_um": "µm",
    "_per_min": "a minute",
    "semitones": "semitones",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def parameter_table(component: type[Component]) -> str:
    """Return what a component can be told; `mix`, which all effects have, comes last."""
    rows = [
        (f"`{p.name}`", _unit(p.name), p.range.replace("|", ", "), _plain(p.default), p.meaning)
        for p in sorted(list_parameters(component), key=lambda p: p.name == "mix")
    ]
    return table(("name", "unit", "range", "default", "meaning"), rows)


def _unit(name: str) -> str:
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def _plain(default: str) -> str:
    """Return a default as YAML writes it."""
    words = {"True": "`true`", "False": "`false`", "null": "none", "(required)": "required"}
    return words.get(default, f"`{default.removesuffix('.0')}`")
