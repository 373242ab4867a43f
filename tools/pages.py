"""What the makers of pages share: the folder of the pages, writing or checking them, and tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from lofigen_kit.components.base import Component
from lofigen_kit.components.parameters import list_parameters
from lofigen_kit.plugins.registry import Registry

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

Pages = Mapping[Path, str]
"""The text of each page by the page's path."""

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


def run(
    make_pages: Callable[[Path], Pages],
    *,
    about: str | None,
    record: Callable[[Path], None] | None = None,
) -> int:
    """Read the command line, write the pages or check them, and return the exit code.

    Args:
        make_pages: Returns the pages of a docs folder.
        about: The docstring of the program; `--help` prints it.
        record: Writes what the pages are made from; `--check` leaves it out.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where a page would change"
    )
    parser.add_argument("--docs", type=Path, default=DOCS, help="another docs folder")
    chosen = parser.parse_args()
    if record and not chosen.check:
        record(chosen.docs)
    pages = make_pages(chosen.docs)
    if chosen.check:
        changed = find_changed(pages)
        for path in changed:
            print(f"{path} is not what it would be")
        return int(bool(changed))
    write_pages(pages)
    return 0


def find_changed(pages: Pages) -> list[Path]:
    """Return the pages that are missing or whose text is another."""
    return [path for path, text in pages.items() if not path.exists() or path.read_text() != text]


def write_pages(pages: Pages) -> None:
    """Write every page, and its folder."""
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def list_builtin(registry: Registry, kind: str) -> dict[str, type[Component]]:
    """Return the components of a kind that come with the kit, by name."""
    return {
        name: component
        for name, component in registry.classes(kind).items()
        if registry.owner(kind, name).origin == "builtin"
    }


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def format_parameters(component: type[Component]) -> str:
    """Return what a component can be told; `mix`, which all effects have, comes last."""
    rows = [
        (
            f"`{p.name}`",
            _find_unit(p.name),
            p.range.replace("|", ", "),
            _format_default(p.default),
            p.meaning,
        )
        for p in sorted(list_parameters(component), key=lambda p: p.name == "mix")
    ]
    return format_table(("name", "unit", "range", "default", "meaning"), rows)


def _find_unit(name: str) -> str:
    """Return the unit that a parameter's name ends with."""
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def _format_default(default: str) -> str:
    """Return a default as YAML writes it."""
    words = {"True": "`true`", "False": "`false`", "null": "none", "(required)": "required"}
    return words.get(default, f"`{default.removesuffix('.0')}`")
