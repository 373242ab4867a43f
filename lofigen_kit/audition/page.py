"""The page: one HTML file that loads nothing else and runs only its own script.

Untrusted text is passed as ASCII JSON and inserted into the page as text.
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
"""Takes that are listed at once."""
MAX_EMBEDDED_BYTES = 128 << 20
"""The largest total size of embedded files. Larger pages open slowly, and browsers fail at about
twice this size."""
LINKED, EMBEDDED, SERVED = "'self' file:", "data:", "'self'"


class Page(NamedTuple):
    """A page, and its content security policy, which the page also contains."""

    html: str
    policy: str


def make_page(
    folder: Path, takes: Sequence[SheetRow], *, media: str = LINKED, urls: Mapping[str, str]
) -> Page:
    """Return the contact sheet.

    Args:
        folder: The folder of the takes.
        takes: The rows of the sheet.
        media: The allowed sources of audio: `LINKED`, `EMBEDDED` or `SERVED`.
        urls: The URL of each sound, by its place; parts without one are left out.
    """
    from jinja2 import Environment, StrictUndefined

    here = files("lofigen_kit.audition")
    parts_script, script, style, html = (
        (here / name).read_text(encoding="utf-8")
        for name in ("parts.js", "sheet.js", "sheet.css", "page.html")
    )
    script = f"{parts_script}\n{script}"
    data = {
        "format": decisions.FORMAT,
        "sheet": get_sheet_name(folder),
        # The full path, because local pages of one browser share their storage.
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
    policy = make_policy(media, script, style)
    text = environment.from_string(html).render(
        title=get_sheet_name(folder),
        policy=policy,
        script=script,
        style=style,
        data=_escape_json(data),
        count=len(takes),
    )
    return Page(text, policy)


def make_policy(media: str, script: str, style: str) -> str:
    """Return a content security policy that allows only this script, this style and the audio."""
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
    """Return the name of a sheet, which is its folder's name."""
    name = folder.resolve().name or "takes"
    return name.encode(errors="replace").decode()


def link_sounds(takes: Sequence[SheetRow], base: str = "") -> dict[str, str]:
    """Return the relative URLs of all sounds, by place.

    Args:
        takes: The takes.
        base: The relative path from the page's folder to that of the takes, with `/`; empty if they
            are the same.
    """
    prefix = f"{base}/" if base else ""
    places = [*_places(takes), *(part.place for take in takes for part in take.parts)]
    return {place: quote(f"{prefix}{place}") for place in places}


def embed_sounds(folder: Path, takes: Sequence[SheetRow]) -> dict[str, str]:
    """Return the takes and the dry sounds as data URLs, by place; parts would be too large.

    Raises:
        InputError: if they are too large together, or one cannot be read.
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
                    remedy="leave out --embed, or render them as OGG or MP3",
                )
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=path) from None
        kind = find_mime_type(place)
        urls[place] = f"data:{kind};base64,{b64encode(data).decode()}"
    return urls


def find_mime_type(place: str) -> str:
    """Return the MIME type of a sound by its suffix."""
    known = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}
    suffix = Path(place).suffix.lower()
    return known.get(suffix) or mimetypes.guess_type(f"a{suffix}")[0] or "application/octet-stream"


def _places(takes: Sequence[SheetRow]) -> list[str]:
    return [place for t in takes for place in (t.place, t.dry.place if t.dry else None) if place]


def _factor_common(takes: Sequence[SheetRow], urls: Mapping[str, str]) -> dict[str, Any]:
    """Return the takes as plain data, in which shared chain descriptions are stored once."""
    chains = list(dict.fromkeys(take.made for take in takes if take.made))
    numbers = {chain: number for number, chain in enumerate(chains)}
    rows = []
    for take in takes:
        row = asdict(replace(take, made=None))
        row["made"] = numbers[take.made] if take.made else None
        row["url"] = urls[take.place]
        if take.dry:
            row["dry"]["url"] = urls[take.dry.place]
        row["parts"] = [
            {"name": part.name, "url": urls[part.place]}
            for part in take.parts
            if part.place in urls
        ]
        rows.append(row)
    return {"takes": rows, "made": [asdict(chain) for chain in chains]}


def _escape_json(data: dict[str, Any]) -> str:
    """Return JSON that cannot close or open an HTML element."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash_text(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
