"""`sample-instrument`: a folder of samples with their note in the name."""

from __future__ import annotations

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

    from lofigen_kit.api import Hit, Note

PEAK = 0.25
_SOFT_DB = -12.0
"""How much duller the softest note is than the sample, above the corner."""
_BRIGHT_HZ = 2000.0
_MOST_SEMITONES = 36


class SampleInstrument(Instrument):
    """Plays notes with samples out of a folder.

    The note stands in a file's name, `piano_C3.wav`, `A#4 soft.flac`, or is its MIDI number,
    `60.wav`; C4 is 60. A note is played by the nearest sample, resampled to its pitch: so the
    samples may be a few of many. Several of one note that differ in loudness by more than 3 dB are
    layers of velocity; others take turns, by chance. A sample sounds as long as it lasts at most:
    it is not looped.

    Attributes:
        path: The folder, relative to the preset's, which it may not leave.
        release_s: How long a note takes to fade when its key is let go.
        transpose: How many semitones higher it plays than written.
        licence: Under which terms the samples may be used, as an SPDX name.
    """

    use: Literal["sample-instrument"] = "sample-instrument"
    range_midi: ClassVar[tuple[int, int]] = (24, 96)
    path: PresetPath
    release_s: float = Field(default=0.2, ge=0.005, le=5)
    transpose: int = Field(default=0, ge=-36, le=36)
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    @property
    def terms(self) -> str:
        """The samples' licence."""
        return self.licence

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note in stereo.

        Raises:
            InputError: for a folder without notes, a file that cannot be read, or a note that is
                further than three octaves from the nearest sample.
            RenderError: for a drum stroke.
        """
        import numpy as np

        from lofigen_kit.api import Note
        from lofigen_kit_plugins.instruments import sample_files

        if not isinstance(event, Note):
            raise RenderError("it plays notes, and no drum strokes", where="sample-instrument")
        pitch = event.midi + self.transpose
        note, files = self._find_nearest(pitch, ctx.root)
        path = sample_files.choose_layer(files, event.velocity, ctx.rng)
        samples, rate_hz = sample_files.load_sample(path)
        wave = sample_files.transpose(
            samples,
            rate_hz,
            sample_rate_hz,
            pitch - note,
            longest_s=event.duration_s + self.release_s,
        )
        release = round(self.release_s * sample_rate_hz)
        held = round(event.duration_s * sample_rate_hz)
        sample_files.fade_out(wave, min(release, max(wave.shape[1] - held, 0)))
        soften(wave, event.velocity, sample_rate_hz)
        return np.asarray(np.float32(PEAK * event.velocity) * wave)

    def _find_nearest(self, pitch: float, root: Path | None) -> tuple[int, list[Path]]:
        """Return the note that is nearest to a pitch, and its files."""
        from lofigen_kit_plugins.instruments import sample_files

        notes: dict[int, list[Path]] = {}
        for path in sample_files.list_samples(root, self.path):
            if (note := sample_files.find_note(path.stem)) is not None:
                notes.setdefault(note, []).append(path)
        if not notes:
            raise InputError(
                "no file of the folder has a note in its name",
                where=self.path,
                remedy="name them as piano_C3.wav or 60.wav",
            )
        nearest = min(notes, key=lambda note: (abs(note - pitch), note))
        if abs(nearest - pitch) > _MOST_SEMITONES:
            raise InputError(
                f"note {pitch:g} is more than three octaves from the nearest sample, {nearest}",
                where=self.path,
                remedy="add a sample nearer to it, or set transpose",
            )
        return nearest, notes[nearest]


def soften(wave: np.ndarray, velocity: float, sample_rate_hz: int) -> None:
    """Make a sound as much duller as it is softer, in place."""
    import numpy as np
    from scipy import signal

    from lofigen_kit.api.dsp import high_shelf

    shelf = np.array([high_shelf(_BRIGHT_HZ, _SOFT_DB * (1.0 - velocity), sample_rate_hz)])
    wave[:] = signal.sosfilt(shelf, wave, axis=1)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [SampleInstrument]
