"""Check a file's recipe, samples and signature."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lofigen_kit.audio.files import StoredSound, measure_audio_file
from lofigen_kit.errors import InputError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.provenance import c2pa, recipe
from lofigen_kit.provenance.c2pa import Credentials
from lofigen_kit.provenance.replay import ReplayResult, replay
from lofigen_kit.runtime.progress import Progress

SoundState = Literal["unknown", "as recorded", "changed", "encoded", "shorter"]


@dataclass(frozen=True)
class Verdict:
    """The result of checking a file.

    Attributes:
        recipe: The file's recipe; None if it has none.
        sound: `as recorded` if the samples match the recipe's hash, `changed` if they do not;
            `encoded` if the hash is from before a lossy encoding, so that it cannot be checked;
            `shorter` if there is less of it than the recipe says; `unknown` without a recipe or
            hash.
        credentials: The result of checking its signature.
        replay: The result of rendering its recipe again; None if not requested.
        not_replayed: Why it could not be rendered again.
        missing: The required evidence that it does not carry.
    """

    recipe: dict[str, Any] | None
    sound: SoundState
    credentials: Credentials
    replay: ReplayResult | None = None
    not_replayed: str = ""
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no check failed, and no required evidence is missing."""
        return (
            self.sound not in ("changed", "shorter")
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
    """Check a file's recipe, samples and signature.

    Args:
        path: An audio file; not trusted, so plugins of machine code in its recipe are not run.
        anchors: A PEM file of trust anchors: certificates of trusted authorities.
        required: The evidence that it must carry: `recipe`, `signature`.
        registry: The components to render its recipe again; None skips the replay.
        threads: How many cores the replay may use.
        progress: Called while a network generates.

    Raises:
        AudioError: if the file is not readable audio.
        InputError: if its signature cannot be checked here.
    """
    facts = recipe.read(path)
    sound = compare(path, facts)
    signed = c2pa.read(path, anchors=anchors)
    result, not_replayed = None, ""
    if registry and facts is not None:
        try:
            result = replay(path, registry, threads=threads, progress=progress)
        except InputError as error:
            not_replayed = str(error)
    carries = {"recipe": facts is not None, "signature": signed.state != "none"}
    missing = tuple(name for name, carried in carries.items() if name in required and not carried)
    return Verdict(facts, sound, signed, result, not_replayed, missing)


def compare(path: Path, facts: dict[str, Any] | None) -> SoundState:
    """Compare a file's samples with the hash and the length in its recipe, in constant memory.

    Raises:
        AudioError: if the file is not readable audio.
    """
    found = measure_audio_file(path)
    if facts is None or facts.get("command") == recipe.STREAM:  # its recipe has no hash
        return "unknown"
    if facts.get("audio_sha256_of") == recipe.BEFORE_ENCODING:
        return "shorter" if _is_short(found, facts) else "encoded"
    return "as recorded" if found.sha256 == facts.get("audio_sha256") else "changed"


def _is_short(found: StoredSound, facts: dict[str, Any]) -> bool:
    """Return whether there is less of a sound than its recipe says."""
    frames = facts.get("frames")
    return isinstance(frames, int) and found.frames < frames
