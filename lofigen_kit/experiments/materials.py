"""The corpora of an experiment: one that is there, recordings of the user's, or the arranger's."""

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
    """What one subject learns.

    Attributes:
        name: The genre's.
        origin: A source that plays it, a finished corpus, or a folder of recordings.
        licence: Of the recordings.
    """

    name: str
    origin: Source | Path
    licence: str = "unknown"

    @property
    def arguments(self) -> dict[str, Any]:
        """What it is, as plain data."""
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
    """Return a material's corpus, made in a folder of its own where it is not one yet.

    Args:
        material: What.
        folder: The experiment's; a corpus that is made goes into `corpora/NAME`.
        minutes: How much a source plays, at least; of recordings, all is taken.
        seed: Of a source.
        workers: Who renders.
        progress: Told the share that is done, of 1.

    Raises:
        InputError: where there is nothing to learn from.
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
