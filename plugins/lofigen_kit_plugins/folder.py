"""`folder`: a source that draws one of many recordings."""

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
    """Plays a recording drawn at random from a folder, another one for each take.

    Attributes:
        path: The folder, relative to the preset's folder, which it must not leave. Subfolders are
            not searched.
        licence: Licence of the recordings, as an SPDX name.
    """

    use: Literal["folder"] = "folder"
    path: PresetPath
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    def make_take(self, ctx: Context) -> Take:
        """Draw a file and read it; a file that is no audio is logged, and another one is drawn.

        Raises:
            AudioError: if the folder cannot be read or holds no readable audio.
            InputError: if the folder is outside the preset's folder.
        """
        from lofigen_kit_plugins.audio_file import AudioFile

        names = _names(resolve_inside(ctx.root, self.path))
        # The first readable file in random order is a uniform draw among the readable files.
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
    """Return the sorted names of the files in a folder, without hidden ones."""
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
