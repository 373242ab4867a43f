"""`folder`: one of many recordings as a source."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from lofigen_kit.api import (
    AudioError,
    Context,
    Field,
    InputError,
    PresetPath,
    Source,
    Take,
    hookimpl,
    resolve_inside,
)

_logger = logging.getLogger(__name__)


class Folder(Source):
    """Plays a recording drawn from a folder, another one for each take.

    Attributes:
        path: The folder, relative to the preset's, which it may not leave. Its own files alone
            are drawn from, not those of folders in it.
        licence: Under which terms the recordings may be used, as an SPDX name.
    """

    use: Literal["folder"] = "folder"
    path: PresetPath
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    def make_take(self, ctx: Context) -> Take:
        """Draw a file; one that is no audio is noted in the log, and another is drawn."""
        from lofigen_kit_plugins.audio_file import AudioFile

        names = _names(resolve_inside(ctx.root, self.path))
        # The first that reads, of all in a drawn order, is a fair draw among those that read.
        for index in ctx.rng.permutation(len(names)):
            path = Path(self.path) / names[index]
            try:
                return AudioFile(path=str(path), licence=self.licence).make_take(ctx)
            except InputError as error:
                _logger.warning("skipped: %s", error)
        raise AudioError(
            "the folder holds no audio that can be read",
            where=self.path,
            remedy="put WAV, FLAC, OGG, MP3 or AIFF files into it",
        )


def _names(folder: Path) -> list[str]:
    """Return the sorted names of a folder's files, but hidden ones."""
    try:
        files = [path.name for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        raise AudioError(
            f"the folder cannot be read ({error.strerror})", where=folder, remedy="check the path"
        ) from None
    return sorted(name for name in files if not name.startswith("."))


@hookimpl
def lofigen_sources() -> list[type[Source]]:
    """Provide the folder."""
    return [Folder]
