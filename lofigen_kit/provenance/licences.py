"""Under which terms what was rendered may be used, and whom to name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lofigen_kit.errors import InputError, to_one_line

COMMERCIAL = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0",
    "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "GPL-3.0-or-later", "ISC", "MIT", "Unlicense",
})  # fmt: skip
"""Licences (SPDX) that are known to let what they cover be sold, some on terms."""

CREDITS = "CREDITS.txt"
_HEAD = """\
What the sounds in this folder were made from, and under which terms.
Licences are SPDX names: see https://spdx.org/licenses/. Where one asks for attribution (CC-BY and
the like), name the authors, whom the source's own files tell.
"""


def check_commercial(licences: Mapping[str, str]) -> None:
    """Refuse what may not be sold, or of which that is not known.

    Args:
        licences: The terms of each part: `source`, `model`.

    Raises:
        InputError: naming the part.
    """
    for part, licence in licences.items():
        if licence not in COMMERCIAL:
            raise InputError(
                f"the {part}'s licence is {licence!r}, which is not known to allow commercial use",
                where="--commercial",
                remedy="choose another one, or leave --commercial out",
            )


def list_components(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a recipe's source and network; a stranger may have written it."""
    preset = facts.get("preset")
    named = {}
    for part in ("source", "model"):
        component = preset.get(part) if isinstance(preset, dict) else None
        if isinstance(component, dict):
            named[part] = to_one_line(str(component.get("use")))
    if "model" in named:
        named["model"] += f" {to_one_line(str(facts.get('network_sha256')))}"
    return named


def format_credits(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of CREDITS.txt for what was rendered."""
    found: Counter[tuple[str, str, str]] = Counter()
    for record in records:
        if record["status"] == "done":
            for part, licence in record["licences"].items():
                found[part, record["made_with"][part], licence] += 1
    lines = [
        f"{part}: {name}; {licence}; in {count} {'sound' if count == 1 else 'sounds'}"
        for (part, name, licence), count in sorted(found.items())
    ]
    return "\n".join([_HEAD, *lines, ""])
