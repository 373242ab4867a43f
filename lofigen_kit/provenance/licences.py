"""Check licences, and write the credits of rendered audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lofigen_kit.errors import InputError, to_one_line

COMMERCIAL = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0",
    "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "GPL-3.0-or-later", "ISC", "MIT", "Unlicense",
})  # fmt: skip
"""Licences (SPDX) that are known to allow commercial use, some with conditions."""

CREDITS = "CREDITS.txt"
_HEAD = """\
The sources and models of the sounds in this folder, and their licences.
Licences are SPDX names: see https://spdx.org/licenses/. If a licence requires attribution (such as
CC-BY), name the authors; the source's own files list them.
"""


def check_commercial(licences: Mapping[str, str]) -> None:
    """Check that all licences are known to allow commercial use.

    Args:
        licences: The licence of each part: `source`, `model`.

    Raises:
        InputError: for a part whose licence is not known to allow it.
    """
    for part, licence in licences.items():
        if licence not in COMMERCIAL:
            raise InputError(
                f"the {part}'s licence is {licence!r}, which is not known to allow commercial use",
                where="--commercial",
                remedy=f"choose another {part}, or leave out --commercial",
            )


def list_components(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the source and the network of an untrusted recipe."""
    preset = facts.get("preset")
    names = {}
    for part in ("source", "model"):
        component = preset.get(part) if isinstance(preset, dict) else None
        if isinstance(component, dict):
            names[part] = to_one_line(str(component.get("use")))
    if "model" in names:
        names["model"] += f" {to_one_line(str(facts.get('network_sha256')))}"
    return names


def format_credits(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of CREDITS.txt for a batch's records."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for record in records:
        licences, names = record.get("licences"), record.get("made_with")
        if record["status"] != "done" or not isinstance(licences, dict):
            continue
        for part, licence in licences.items():
            name = names.get(part) if isinstance(names, dict) else None
            counts[to_one_line(part), to_one_line(str(name)), to_one_line(str(licence))] += 1
    lines = [
        f"{part}: {name}; {licence}; in {count} {'sound' if count == 1 else 'sounds'}"
        for (part, name, licence), count in sorted(counts.items())
    ]
    return "\n".join([_HEAD, *lines, ""])
