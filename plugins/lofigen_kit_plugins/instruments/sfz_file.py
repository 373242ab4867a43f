"""Read an SFZ file: which samples play which keys.

The format is SFZ version 1 (Cakewalk, 2004; sfzformat.com). These opcodes count: `sample`, `key`,
`lokey`, `hikey`, `pitch_keycenter`, `pitch_keytrack`, `transpose`, `tune`, `lovel`, `hivel`,
`volume`, `ampeg_release`, `loop_mode` where it is `one_shot`, `trigger` where it is not `attack`,
`seq_length`, `lorand`, and `default_path`. Others are passed over, loops among them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from lofigen_kit.api import InputError
from lofigen_kit_plugins.instruments.sample_files import find_note

MAX_BYTES = 1 << 20
MAX_REGIONS = 4096
MAX_PATH = 1000
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_HEADER = re.compile(r"<([a-z]+)>")
_OPCODE = re.compile(r"(?:^|\s)([a-z][a-z0-9_]*)=", re.MULTILINE)
_LEVELS = ("global", "master", "group", "region")


@dataclass(frozen=True)
class Region:
    """One sample, and when it plays.

    Attributes:
        sample: Its file, as the SFZ file names it, relative to that.
        low_key: The lowest key that it plays.
        high_key: The highest.
        centre_key: The key at which it has its own pitch.
        semitones_per_key: How far the pitch follows the keys: 1 is in tune, 0 not at all.
        low_velocity: The softest velocity that it plays, 0 to 127.
        high_velocity: The hardest.
        volume_db: Its level.
        release_s: How long it fades after its key is let go.
        one_shot: Whether it sounds to its end whatever the key does.
        turn: Whether it takes turns with others of the same keys and velocities.
        tune: How many semitones higher than recorded it plays.
    """

    sample: str
    low_key: int
    high_key: int
    centre_key: int
    semitones_per_key: float
    low_velocity: int
    high_velocity: int
    volume_db: float
    release_s: float
    one_shot: bool
    turn: bool
    tune: float


def read_regions(path: Path) -> list[Region]:
    """Return the regions of a file that a key's attack starts.

    Raises:
        InputError: if it cannot be read, is too long, includes other files, or has no region or an
            opcode with a value that is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read ({reason})", where=path) from None
    if len(data) > MAX_BYTES:
        raise InputError("an SFZ file of more than 1 MiB", where=path)
    return parse_regions(data.decode("utf-8-sig", errors="replace"), path)


def parse_regions(text: str, where: object) -> list[Region]:
    """Return the regions of an SFZ file's text; see `read_regions`."""
    text = _COMMENT.sub(" ", text)
    if directive := re.search(r"^\s{0,80}#(include|define)\b", text, re.MULTILINE):
        raise InputError(
            f"#{directive[1]} is not followed", where=where, remedy="write all into one SFZ file"
        )
    inherited: dict[str, dict[str, str]] = {level: {} for level in _LEVELS}
    folder, regions = "", []
    pieces = _HEADER.split(text)
    for header, body in zip(pieces[1::2], pieces[2::2], strict=True):
        opcodes = _read_opcodes(body)
        if header == "control":
            folder = opcodes.get("default_path", folder)
        elif header in _LEVELS:
            depth = _LEVELS.index(header)
            inherited[header] = opcodes
            for below in _LEVELS[depth + 1 :]:
                inherited[below] = {}
            if header == "region":
                merged = {k: v for level in _LEVELS for k, v in inherited[level].items()}
                if region := _make_region(merged, folder, where):
                    regions.append(region)
        if len(regions) > MAX_REGIONS:
            raise InputError(f"more than {MAX_REGIONS} regions", where=where)
    if not regions:
        raise InputError(
            "the SFZ file has no region with a sample", where=where, remedy="give another one"
        )
    return regions


def _read_opcodes(body: str) -> dict[str, str]:
    """Return opcodes by name; a value goes on to the next opcode or the end of the line."""
    found = list(_OPCODE.finditer(body))
    ends = [*(match.start() for match in found), len(body)][1:]
    return {
        match[1]: body[match.end() : end].partition("\n")[0].strip()
        for match, end in zip(found, ends, strict=True)
    }


def _make_region(opcodes: dict[str, str], folder: str, where: object) -> Region | None:
    """Return a region; None where it has no sample, or does not begin with a key."""
    sample = opcodes.get("sample", "")
    if not sample or sample.startswith("*") or opcodes.get("trigger", "attack") != "attack":
        return None
    if len(folder + sample) > MAX_PATH:
        raise InputError(
            f"the sample {sample[:40]}... has too long a name", where=where, remedy="rename it"
        )

    def number(name: str, default: float, low: float, high: float) -> float:
        text = opcodes.get(name)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise InputError(f"{name}={text!r} is no number", where=where)
        return min(max(value, low), high)

    def key(name: str, default: int) -> int:
        text = opcodes.get(name, str(default))
        if (note := -1 if text == "-1" else find_note(text)) is None:
            raise InputError(f"{name}={text!r} is no key", where=where)
        return note

    one = key("key", -1)
    low_key, high_key, centre = (0, 127, 60) if one < 0 else (one, one, one)
    return Region(
        sample=(folder + sample).replace("\\", "/"),
        low_key=key("lokey", low_key),
        high_key=key("hikey", high_key),
        centre_key=key("pitch_keycenter", centre),
        semitones_per_key=number("pitch_keytrack", 100, -1200, 1200) / 100.0,
        low_velocity=int(number("lovel", 0, 0, 127)),
        high_velocity=int(number("hivel", 127, 0, 127)),
        volume_db=number("volume", 0.0, -144.0, 12.0),
        release_s=number("ampeg_release", 0.05, 0.001, 5.0),
        one_shot=opcodes.get("loop_mode") == "one_shot",
        turn="seq_length" in opcodes or "lorand" in opcodes or "hirand" in opcodes,
        tune=number("transpose", 0, -127, 127) + number("tune", 0, -2400, 2400) / 100.0,
    )
