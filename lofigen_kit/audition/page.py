"""The page: one file of HTML that asks nobody for anything and runs no script but its own.

Everything that strangers wrote travels as JSON of plain ASCII and is put on the page as text.
"""

from __future__ import annotations

import json
import mimetypes
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from lofigen_kit.audition import decisions
from lofigen_kit.audition.drawing import COLUMNS, RANGE_DB, ROWS
from lofigen_kit.audition.takes import SheetRow
from lofigen_kit.errors import InputError

PAGE_TAKES = 500
"""So many takes are listed at once; decisions are of all."""
MAX_EMBEDDED_BYTES = 128 << 20
"""Of the files; a page of more is slow to open, and twice that is more than browsers read."""
LINKED, EMBEDDED, SERVED = "'self' file:", "data:", "'self'"


class Page(NamedTuple):
    """A page, and the content security policy that it names too."""

    html: str
    policy: str


def make_page(
    folder: Path, takes: Sequence[SheetRow], *, media: str = LINKED, urls: Mapping[str, str]
) -> Page:
    """Return the contact sheet.

    Args:
        folder: Where the takes lie.
        takes: What is known of each.
        media: Where sound may come from: `LINKED`, `EMBEDDED` or `SERVED`.
        urls: The address of each take and of each dry sound, by its place.
    """
    from jinja2 import Environment, StrictUndefined

    here = files("lofigen_kit.audition")
    script, style, html = (
        (here / name).read_text(encoding="utf-8") for name in ("sheet.js", "sheet.css", "page.html")
    )
    data = {
        "format": decisions.FORMAT,
        "sheet": get_sheet_name(folder),
        # Not its name alone: pages of one browser share what it keeps of files.
        "store": sha256(str(folder.resolve()).encode()).hexdigest()[:16],
        "served": media == SERVED,
        "columns": COLUMNS,
        "rows": ROWS,
        "rangeDb": RANGE_DB,
        "pageTakes": PAGE_TAKES,
        "mostBytes": decisions.MAX_BYTES,
        **_factor_common(takes, urls),
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    rules = make_policy(media, script, style)
    made = environment.from_string(html).render(
        title=get_sheet_name(folder),
        policy=rules,
        script=script,
        style=style,
        data=_escape_json(data),
        count=len(takes),
    )
    return Page(made, rules)


def make_policy(media: str, script: str, style: str) -> str:
    """Return the content security policy: this script, this style, those sounds, nothing else."""
    parts = {
        "default-src": "'none'",
        "script-src": _hash_text(script),
        "style-src": _hash_text(style),
        "media-src": media,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    if media == SERVED:
        parts["connect-src"] = "'self'"
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def get_sheet_name(folder: Path) -> str:
    """Return what a sheet is called: its folder's name."""
    name = folder.resolve().name or "takes"
    return name.encode(errors="replace").decode()


def link_sounds(takes: Sequence[SheetRow], base: str = "") -> dict[str, str]:
    """Return the addresses of all sounds.

    Args:
        takes: Whose.
        base: The way from the page's folder to theirs, with `/`; empty where they are the same.
    """
    way = f"{base}/" if base else ""
    return {place: quote(f"{way}{place}") for place in _places(takes)}


def embed_sounds(folder: Path, takes: Sequence[SheetRow]) -> dict[str, str]:
    """Return all sounds as addresses that hold them.

    Raises:
        InputError: if they are too many, or one cannot be read.
    """
    size, urls = 0, {}
    for place in _places(takes):
        path = folder / place
        try:
            size += path.stat().st_size
            if size > MAX_EMBEDDED_BYTES:
                raise InputError(
                    f"the sounds are larger than {MAX_EMBEDDED_BYTES >> 20} MiB",
                    where=folder,
                    remedy="leave --embed out, or render them as OGG or MP3",
                )
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=path) from None
        kind = find_mime_type(place)
        urls[place] = f"data:{kind};base64,{b64encode(data).decode()}"
    return urls


def find_mime_type(place: str) -> str:
    """Return the MIME type of a sound by its name."""
    known = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}
    suffix = Path(place).suffix.lower()
    return known.get(suffix) or mimetypes.guess_type(f"a{suffix}")[0] or "application/octet-stream"


def _places(takes: Sequence[SheetRow]) -> list[str]:
    return [place for t in takes for place in (t.place, t.dry.place if t.dry else None) if place]


def _factor_common(takes: Sequence[SheetRow], urls: Mapping[str, str]) -> dict[str, Any]:
    """Return takes as plain data, with what many have in common told once."""
    made = list(dict.fromkeys(take.made for take in takes if take.made))
    numbers = {one: number for number, one in enumerate(made)}
    told = []
    for take in takes:
        facts = asdict(replace(take, made=None))
        facts["made"] = numbers[take.made] if take.made else None
        facts["url"] = urls[take.place]
        if take.dry:
            facts["dry"]["url"] = urls[take.dry.place]
        told.append(facts)
    return {"takes": told, "made": [asdict(one) for one in made]}


def _escape_json(data: dict[str, Any]) -> str:
    """Return JSON that ends no element and opens none, whatever it says."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash_text(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
