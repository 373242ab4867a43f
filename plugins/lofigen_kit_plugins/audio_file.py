"""`audio-file`: a recording as a source, with an estimated score."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import (
    AudioBuffer,
    Context,
    Field,
    InputError,
    PresetPath,
    Source,
    Take,
    hookimpl,
    resolve_inside,
)

if TYPE_CHECKING:
    from pathlib import Path


class AudioFile(Source):
    """Plays a recording, and estimates its score.

    Attributes:
        path: The file, relative to the preset's folder, which it must not leave.
        start_s: Where to start.
        duration_s: Length of the excerpt; by default to the end.
        licence: Licence of the recording, as an SPDX name.
    """

    use: Literal["audio-file"] = "audio-file"
    file_parameter: ClassVar = "path"
    file_suffixes: ClassVar = (".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav")
    path: PresetPath
    start_s: float = Field(default=0.0, ge=0, le=3600)
    duration_s: float | None = Field(default=None, ge=0.1, le=3600)
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    @classmethod
    def reads_file(cls, path: Path) -> bool:
        """Return whether a file is one that libsndfile opens."""
        import soundfile

        try:
            soundfile.info(path)
        except Exception:  # whatever a stranger's bytes bring about
            return False
        return True

    def make_take(self, ctx: Context) -> Take:
        """Read the recording, in all its channels, and extract its score.

        Raises:
            InputError: if the file cannot be read, lies outside the folder, or ends before
                `start_s`.
        """
        from lofigen_kit.api import extract_score, read_audio

        path = resolve_inside(ctx.root, self.path)
        audio = self._excerpt(read_audio(path))
        return Take(audio=audio, score=extract_score(audio), licence=self.licence, title=path.stem)

    def _excerpt(self, audio: AudioBuffer) -> AudioBuffer:
        first = round(self.start_s * audio.sample_rate_hz)
        if first >= audio.frames:
            raise InputError(
                f"start_s is {self.start_s:g}, but the recording ends at {audio.duration_s:.1f} s",
                where=self.path,
                remedy="start earlier",
            )
        frames = audio.frames
        if self.duration_s is not None:
            frames = max(round(self.duration_s * audio.sample_rate_hz), 1)
        return audio.with_samples(audio.samples[:, first : first + frames])


@hookimpl
def lofigen_sources() -> list[type[Source]]:
    """Provide the recording."""
    return [AudioFile]
