"""`audio-file`: a recording as a source, with the score that it seems to follow."""

from __future__ import annotations

from typing import ClassVar, Literal

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


class AudioFile(Source):
    """Plays a recording, and works out its score by ear.

    Attributes:
        path: The file, relative to the preset's folder, which it may not leave.
        start_s: Where to begin.
        duration_s: How much of it; all the rest where left out.
        licence: Under which terms the recording may be used, as an SPDX name.
    """

    use: Literal["audio-file"] = "audio-file"
    file_parameter: ClassVar = "path"
    path: PresetPath
    start_s: float = Field(default=0.0, ge=0, le=3600)
    duration_s: float | None = Field(default=None, ge=0.1, le=3600)
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    def make_take(self, ctx: Context) -> Take:
        """Read the recording, in all its channels, and extract its score."""
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
