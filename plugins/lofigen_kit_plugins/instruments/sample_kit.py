"""`sample-kit`: a folder of one-shots as a drum kit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import (
    Context,
    Field,
    InputError,
    Instrument,
    PresetPath,
    RenderError,
    hookimpl,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from lofigen_kit.api import Drum, Hit, Note

_WORDS: tuple[tuple[Drum, tuple[str, ...]], ...] = (
    ("open-hat", ("open", "oh", "ohh")),
    ("ride", ("ride", "shaker", "cymbal", "crash", "tambourine")),
    ("hat", ("hat", "hats", "hihat", "hh", "closed", "ch", "chh", "pedal")),
    ("rim", ("rim", "rimshot", "clap", "snap", "stick", "sidestick", "cp", "rs")),
    ("snare", ("snare", "sd", "sn")),
    ("kick", ("kick", "bd", "bassdrum", "bass")),
)
"""The words of a name by which a file is a drum; the first that fits. Longer words that begin so do
as well, where the word has four letters or more: `kicks`, `hihats`."""
_INSTEAD: dict[Drum, tuple[Drum, ...]] = {
    "kick": (),
    "snare": ("rim",),
    "rim": ("snare",),
    "hat": ("open-hat", "ride"),
    "open-hat": ("hat", "ride"),
    "ride": ("open-hat", "hat"),
}
"""What is struck where the folder has no file for a drum."""
_TOKEN = re.compile(r"[a-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_VELOCITY_POWER = 1.3
_LONGEST_S = 10.0


class SampleKit(Instrument):
    """Plays the drums with one-shots out of a folder.

    A file is a drum by a word of its name, in any case: `kick`, `bd`; `snare`, `sd`; `rim`, `clap`,
    `snap`, `stick`; `hat`, `hihat`, `closed`, `hh`; `open`, `oh`; `ride`, `shaker`, `cymbal`,
    `crash`. They may be WAV, FLAC, OGG, AIFF or MP3 of any rate, of up to a minute. Several of one
    drum that differ in loudness by more than 3 dB are its layers, from soft to hard; others are
    struck by turns, by chance. Where a drum has no file, the nearest is struck: the snare for the
    rim and the other way round, one hat for another, a hat for the ride. What has none either is
    refused when it is struck.

    Attributes:
        path: The folder, relative to the preset's, which it may not leave.
        licence: Under which terms the samples may be used, as an SPDX name.
    """

    use: Literal["sample-kit"] = "sample-kit"
    part: ClassVar[str] = "drums"
    path: PresetPath
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    @property
    def terms(self) -> str:
        """The samples' licence."""
        return self.licence

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a stroke in stereo.

        Raises:
            InputError: for a folder without a file for the drum, or a file that cannot be read.
            RenderError: for a note: a kit has no pitch.
        """
        import numpy as np

        from lofigen_kit.api import Hit
        from lofigen_kit_plugins.instruments import drum_kits, sample_files

        if not isinstance(event, Hit):
            raise RenderError("a drum kit plays strokes, and no notes", where="sample-kit")
        path = sample_files.choose_layer(
            self._find_files(event.drum, ctx.root), event.velocity, ctx.rng
        )
        samples, rate_hz = sample_files.load_sample(path)
        wave = sample_files.transpose(samples, rate_hz, sample_rate_hz, 0.0, longest_s=_LONGEST_S)
        level = drum_kits.PEAK[event.drum] * event.velocity**_VELOCITY_POWER
        return np.asarray(np.float32(level) * drum_kits.place(wave, drum_kits.PAN[event.drum]))

    def _find_files(self, drum: Drum, root: Path | None) -> list[Path]:
        """Return the files of a drum, or of the nearest that has some."""
        from lofigen_kit_plugins.instruments import sample_files

        files = sample_files.list_samples(root, self.path)
        for name in (drum, *_INSTEAD[drum]):
            if found := [path for path in files if find_drum(path.stem) == name]:
                return found
        raise InputError(
            f"the folder has no file for the {drum}",
            where=self.path,
            remedy=f"name one {drum}.wav",
        )


def find_drum(stem: str) -> Drum | None:
    """Return the drum that a file's name says it is, or None where it says none."""
    words = _TOKEN.findall(_CAMEL.sub(" ", stem).lower())
    for drum, known in _WORDS:
        for word in words:
            if any(word == k or (len(k) > 3 and word.startswith(k)) for k in known):
                return drum
    return None


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the kit."""
    return [SampleKit]
