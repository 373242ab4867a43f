"""Whether a file is what it says it is: its sound, its recipe, its signature."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lofigen_kit.audio.files import hash_audio_file
from lofigen_kit.errors import InputError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.provenance import c2pa, recipe
from lofigen_kit.provenance.c2pa import Credentials
from lofigen_kit.provenance.replay import ReplayResult, replay
from lofigen_kit.runtime.progress import Progress

SoundState = Literal["unknown", "as recorded", "changed", "encoded"]


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Attributes:
        recipe: The file's recipe; None where it carries none.
        sound: `as recorded` in the recipe, by its hash, or `changed` since; `encoded` where the
            recipe knows the sound before a lossy encoding, which no reader can get back; `unknown`
            without a recipe that tells.
        credentials: What its signature comes to.
        replay: What rendering its recipe again came to; None where that was not asked for.
        not_replayed: Why it could not be rendered again.
        missing: What it was required to carry and does not.
    """

    recipe: dict[str, Any] | None
    sound: SoundState
    credentials: Credentials
    replay: ReplayResult | None = None
    not_replayed: str = ""
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing that is there is untrue, and nothing is missing."""
        return (
            self.sound != "changed"
            and self.credentials.state != "broken"
            and (self.replay is None or self.replay.holds)
            and not self.missing
        )


def verify(
    path: Path,
    *,
    anchors: Path | None = None,
    required: Collection[str] = (),
    registry: Registry | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Verdict:
    """Check everything that a file says of itself.

    Args:
        path: A sound file; not trusted, and no machine code that its recipe names is run.
        anchors: A PEM file of certificates that are trusted to vouch for signers.
        required: What it must carry: `recipe`, `signature`.
        registry: The components with which to render its recipe again; None does not.
        threads: How many cores that may use.
        progress: Called while a network plays.

    Raises:
        AudioError: if the file is not readable audio.
        InputError: if its signature cannot be checked here.
    """
    facts = recipe.read(path)
    sound = compare(path, facts)
    signed = c2pa.read(path, anchors=anchors)
    again, why_not = None, ""
    if registry and facts is not None:
        try:
            again = replay(path, registry, threads=threads, progress=progress)
        except InputError as error:
            why_not = str(error)
    there = {"recipe": facts is not None, "signature": signed.state != "none"}
    missing = tuple(
        thing for thing, is_there in there.items() if thing in required and not is_there
    )
    return Verdict(facts, sound, signed, again, why_not, missing)


def compare(path: Path, facts: dict[str, Any] | None) -> SoundState:
    """Compare a file's samples with the hash in its recipe, in constant memory.

    Raises:
        AudioError: if the file is not readable audio.
    """
    digest = hash_audio_file(path)
    if facts is None or facts.get("command") == recipe.STREAM:  # whose header is written before it
        return "unknown"
    if facts.get("audio_sha256_of") == recipe.BEFORE_ENCODING:
        return "encoded"
    return "as recorded" if digest == facts.get("audio_sha256") else "changed"
