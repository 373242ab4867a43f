"""What someone who listened through a folder of takes decided of each: keep or reject, and stars.

A file of JSON that `audition` writes and other commands go by. It may come from anyone: it is read
with bounds, and names nothing outside its folder.
"""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lofigen_kit.errors import InputError

FORMAT: Final = "lofigen-kit decisions 1"
NAME = "decisions.json"
"""What the file is called in the folder that it is about."""
MAX_BYTES = 32 << 20
MAX_DECISIONS = 100_000
MAX_NAME = 4096


def find_place_fault(place: str) -> str | None:
    """Return why a text is no place inside a folder, as decisions name it, or None where it is one.

    Args:
        place: As in `warm/take3.wav`: with `/` on every system, and newlines or quotes if need be.
    """
    parts = place.split("/")
    if "\\" in place or "\0" in place:
        return "has a backslash or a NUL"
    if parts[0] == "" or PureWindowsPath(place).drive:
        return "is not relative"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty part, `.` or `..`"
    return None


def resolve_place(folder: Path, place: str) -> Path | None:
    """Return a place's file, or None where it is none or a link leads out of the folder."""
    path = folder / place
    try:
        whole = path.resolve(strict=True)
    except OSError:
        return None
    return path if whole.is_file() and whole.is_relative_to(folder.resolve()) else None


def _validate_place(place: str) -> str:
    if fault := find_place_fault(place):
        raise ValueError(f"the place {fault}")
    return place


Place = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_validate_place)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Decision(_Part):
    """What was decided of a take.

    Attributes:
        verdict: `keep`, `reject`, or None where that is open.
        stars: From 1 to 5; 0 for none.
        audio_sha256: The hash of its sound, as its recipe has it; None where it has none.
    """

    verdict: Literal["keep", "reject"] | None = None
    stars: int = Field(default=0, ge=0, le=5)
    audio_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}\z")


class Decisions(_Part):
    """What was decided of the takes in a folder; of those that it does not name, nothing.

    Attributes:
        format: Of this file.
        sheet: The folder's name.
        decisions: By the takes' places inside the folder.
    """

    format: Literal["lofigen-kit decisions 1"] = FORMAT
    sheet: str = Field(max_length=MAX_NAME)
    decisions: dict[Place, Decision] = Field(max_length=MAX_DECISIONS)

    def to_json(self) -> str:
        """Return the file's text."""
        return self.model_dump_json(indent=1) + "\n"


def read(path: Path) -> Decisions:
    """Read a file of decisions.

    Raises:
        InputError: if it cannot be read, is too large, or is something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None
    return parse(data, where=path)


def parse(data: bytes, *, where: object) -> Decisions:
    """Return the decisions that a file holds.

    Args:
        data: All of it.
        where: What an error names.

    Raises:
        InputError: if it is too large, or is something else; it names the first place or field.
    """
    remedy = "download the decisions from the sheet again"
    if len(data) > MAX_BYTES:
        raise InputError(f"it is larger than {MAX_BYTES >> 20} MiB", where=where, remedy=remedy)
    try:
        return Decisions.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ": ".join(repr(p) for p in first["loc"] if p != "[key]")
        what = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"these are no decisions ({f'{field}: ' if field else ''}{what})",
            where=where,
            remedy=remedy,
        ) from None
