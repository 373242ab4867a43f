"""The corpora of an experiment: an existing one, the user's recordings, or a source's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lofigen_kit.components.contracts import Source
from lofigen_kit.corpus.build import MANIFEST, Workers
from lofigen_kit.corpus.recordings import make_recordings_corpus
from lofigen_kit.corpus.songs import make_corpus


@dataclass(frozen=True)
class Material:
    """What one network is trained on.

    Attributes:
        name: Name of the genre.
        origin: A source that plays it, a finished corpus, or a folder of recordings.
        licence: Licence of the recordings.
    """

    name: str
    origin: Source | Path
    licence: str = "unknown"

    @property
    def arguments(self) -> dict[str, Any]:
        """The origin as plain data."""
        if isinstance(self.origin, Path):
            return {"folder": str(self.origin.resolve()), "licence": self.licence}
        return self.origin.model_dump(mode="json")


def prepare(
    material: Material,
    folder: Path,
    *,
    minutes: float,
    seed: int,
    workers: Workers,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Return the corpus of a material, which is made first where it is not a corpus.

    Args:
        material: The material.
        folder: Folder of the experiment; a new corpus goes into `corpora/NAME`.
        minutes: Minutes that a source plays, at least; recordings are taken whole.
        seed: Seed of the source.
        workers: The processes that render.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        InputError: where there is nothing to train on.
    """
    if isinstance(material.origin, Path) and (material.origin / MANIFEST).exists():
        return material.origin
    corpus = folder / "corpora" / material.name
    if (corpus / MANIFEST).exists():
        return corpus
    if isinstance(material.origin, Path):
        make_recordings_corpus(
            corpus,
            material.origin,
            licence=material.licence,
            workers=workers,
            progress=lambda _minutes, done, total: progress(done / total) if progress else None,
        )
    else:
        make_corpus(
            corpus,
            material.origin,
            minutes=minutes,
            seed=seed,
            workers=workers,
            progress=lambda done: progress(min(done / minutes, 1.0)) if progress else None,
        )
    return corpus
