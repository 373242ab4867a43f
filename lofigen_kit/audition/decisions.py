"""The decisions on the takes in a folder: keep or reject, and stars.

`audition` writes them as a JSON file, and other commands read it. The file is untrusted: it is read
with limits, and cannot name files outside its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lofigen_kit.errors import InputError
from lofigen_kit.runtime.places import find_place_fault

FORMAT: Final = "lofigen-kit decisions 1"
NAME = "decisions.json"
"""The file's name in the folder of the takes."""
MAX_BYTES = 32 << 20
MAX_DECISIONS = 100_000
MAX_NAME = 4096


def _validate_place(place: str) -> str:
    if fault := find_place_fault(place):
        raise ValueError(f"the path {fault}")
    return place


Place = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_validate_place)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Decision(_Part):
    """The decision on a take.

    Attributes:
        verdict: `keep`, `reject`, or None if undecided.
        stars: From 1 to 5; 0 for none.
        audio_sha256: The audio hash in its recipe; None without a recipe.
    """

    verdict: Literal["keep", "reject"] | None = None
    stars: int = Field(default=0, ge=0, le=5)
    audio_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}\z")


class Decisions(_Part):
    """The decisions on the takes in a folder.

    Attributes:
        format: The format of this file.
        sheet: The folder's name.
        decisions: The decisions, by the takes' paths inside the folder.
    """

    format: Literal["lofigen-kit decisions 1"] = FORMAT
    sheet: str = Field(max_length=MAX_NAME)
    decisions: dict[Place, Decision] = Field(max_length=MAX_DECISIONS)

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=1) + "\n"


def read(path: Path) -> Decisions:
    """Read a file of decisions.

    Raises:
        InputError: if it cannot be read, is too large, or does not hold decisions.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None
    return parse(data, where=path)


def parse(data: bytes, *, where: object) -> Decisions:
    """Return the decisions in a file.

    Args:
        data: The whole file.
        where: The place for error messages.

    Raises:
        InputError: if it is too large or not valid; the message names the first wrong field.
    """
    remedy = "download the decisions from the sheet again"
    if len(data) > MAX_BYTES:
        raise InputError(
            f"the file is larger than {MAX_BYTES >> 20} MiB", where=where, remedy=remedy
        )
    try:
        return Decisions.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ": ".join(repr(p) for p in first["loc"] if p != "[key]")
        what = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"these are not valid decisions ({f'{field}: ' if field else ''}{what})",
            where=where,
            remedy=remedy,
        ) from None
