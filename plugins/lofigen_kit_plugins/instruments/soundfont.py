"""`soundfont`: an instrument out of an sf2, sf3 or SFZ file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import (
    Context,
    Field,
    InputError,
    Instrument,
    PresetPath,
    hookimpl,
    resolve_inside,
)

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Drum, Hit, Note
    from lofigen_kit_plugins.instruments.sfz_file import Region

KEY_OF_DRUM: dict[Drum, int] = {
    "kick": 36, "snare": 38, "rim": 37, "hat": 42, "open-hat": 46, "ride": 51,
}  # fmt: skip
PEAK = 0.25
_MIDDLE = 60
_STROKE_S, _STROKE_TAIL_S = 0.5, 0.3
_LOUD_S = 0.5
_MAX_ONE_SHOT_S = 10.0
_MOST_REGIONS = 8


class SoundFont(Instrument):
    """Plays notes and drum strokes with a soundfont, or with the samples of an SFZ file.

    An sf2 or sf3 file needs tinysoundfont (`pip install --no-deps tinysoundfont`). Notes are
    played by one program of a bank, drum strokes by the kit of that number in the drums' bank. An
    SFZ file has one instrument; its keys, velocities, tuning, levels, releases and turns count,
    its loops, filters and effects do not. Drum strokes are General MIDI's keys.

    Attributes:
        path: The file, relative to the preset's folder, which it may not leave.
        program_number: Which program, from 0, as General MIDI counts them: 4 is an electric piano.
        bank_number: Which bank, 0 being General MIDI.
        release_s: How long a note of an sf2 or sf3 file sounds on after its key is let go.
        licence: Under which terms the sounds may be used, as an SPDX name.
    """

    use: Literal["soundfont"] = "soundfont"
    range_midi: ClassVar[tuple[int, int]] = (21, 108)
    path: PresetPath
    program_number: int = Field(default=0, ge=0, le=127)
    bank_number: int = Field(default=0, ge=0, le=127)
    release_s: float = Field(default=0.3, ge=0.01, le=5)
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    @property
    def terms(self) -> str:
        """The sounds' licence."""
        return self.licence

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note or a stroke in stereo.

        Raises:
            InputError: if the file cannot be read, tinysoundfont is missing, or there is no such
                program, kit or key in it.
        """
        import numpy as np

        from lofigen_kit.api import Hit
        from lofigen_kit_plugins.instruments import drum_kits
        from lofigen_kit_plugins.instruments.soundfont_file import DRUM_BANK

        path = resolve_inside(ctx.root, self.path)
        if path.suffix.lower() == ".sfz":
            wave = self._play_sfz(path, event, sample_rate_hz, ctx)
            peak = drum_kits.PEAK[event.drum] if isinstance(event, Hit) else PEAK
            return np.asarray(np.float32(peak * event.velocity) * wave)
        if isinstance(event, Hit):
            key = loud_key = KEY_OF_DRUM[event.drum]
            voice, peak = _Voice(path, DRUM_BANK, self.program_number), drum_kits.PEAK[event.drum]
            held_s, tail_s = _STROKE_S, _STROKE_TAIL_S
        else:
            key, loud_key = round(event.midi), _MIDDLE
            voice, peak = _Voice(path, self.bank_number, self.program_number), PEAK
            held_s, tail_s = event.duration_s, self.release_s
        wave = voice.play(key, event.velocity, held_s, tail_s, sample_rate_hz)
        return np.asarray(np.float32(peak / voice.measure_peak(loud_key, sample_rate_hz)) * wave)

    def _play_sfz(
        self, path: Path, event: Note | Hit, sample_rate_hz: int, ctx: Context
    ) -> np.ndarray:
        """Return what the regions of a key sound together, each of a peak of 1 at most."""
        import numpy as np

        from lofigen_kit.api import Hit
        from lofigen_kit_plugins.instruments import sample_files

        pitch = KEY_OF_DRUM[event.drum] if isinstance(event, Hit) else event.midi
        held_s = _MAX_ONE_SHOT_S if isinstance(event, Hit) else event.duration_s
        waves = []
        for region in _choose_regions(path, round(pitch), event.velocity, ctx.rng):
            file = resolve_inside(ctx.root, str(Path(self.path).parent / region.sample))
            samples, rate_hz = sample_files.load_sample(file)
            tune = (pitch - region.centre_key) * region.semitones_per_key + region.tune
            length_s = _MAX_ONE_SHOT_S if region.one_shot else held_s + region.release_s
            wave = sample_files.transpose(
                samples, rate_hz, sample_rate_hz, min(max(tune, -60.0), 60.0), longest_s=length_s
            )
            if wave.shape[1] > held_s * sample_rate_hz and not region.one_shot:
                sample_files.fade_out(wave, round(region.release_s * sample_rate_hz))
            waves.append(wave * np.float32(10.0 ** (min(region.volume_db, 0.0) / 20.0)))
        total = np.zeros((2, max(wave.shape[1] for wave in waves)), np.float32)
        for wave in waves:
            total[:, : wave.shape[1]] += wave / np.float32(len(waves))
        return total


def _choose_regions(
    path: Path, key: int, velocity: float, rng: np.random.Generator
) -> list[Region]:
    """Return the regions that a key starts; of those that take turns, one by chance."""
    level = round(127 * velocity)
    found = [
        region
        for region in _load_regions(path, *_stamp(path))
        if region.low_key <= key <= region.high_key
        and region.low_velocity <= level <= region.high_velocity
    ]
    if not found:
        raise InputError(
            f"the SFZ file plays nothing for key {key} at velocity {level}",
            where=path,
            remedy="play other notes, or choose another instrument",
        )
    turns = [region for region in found if region.turn]
    chosen = int(rng.integers(max(len(turns), 1)))  # drawn either way: all else stays the same
    return ([region for region in found if not region.turn] + turns[chosen : chosen + 1])[
        :_MOST_REGIONS
    ]


def _stamp(path: Path) -> tuple[int, int]:
    """Return when a file was changed, and its size; a file that is not there is read anyway."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=16)
def _load_regions(path: Path, _modified_ns: int, _size: int) -> list[Region]:
    from lofigen_kit_plugins.instruments.sfz_file import read_regions

    return read_regions(path)


@dataclass(frozen=True)
class _Voice:
    """A program of an sf2 or sf3 file."""

    path: Path
    bank: int
    number: int

    def play(
        self, key: int, velocity: float, held_s: float, tail_s: float, rate_hz: int
    ) -> np.ndarray:
        """Return a note in stereo."""
        from lofigen_kit_plugins.instruments.soundfont_file import DRUM_BANK, load_font

        font = load_font(self.path, rate_hz)
        if not font.has(self.bank, self.number):
            kit = self.bank == DRUM_BANK
            what = f"kit {self.number}" if kit else f"program {self.number} in bank {self.bank}"
            raise InputError(
                f"the soundfont has no {what}", where=self.path, remedy="choose another one"
            )
        return font.play_stereo(self.bank, self.number, key, velocity, held_s=held_s, tail_s=tail_s)

    def measure_peak(self, key: int, rate_hz: int) -> float:
        """Return the peak of a note of full velocity; 1 where it is silent."""
        return _measure_peak(self, key, rate_hz)


@lru_cache(maxsize=256)
def _measure_peak(voice: _Voice, key: int, rate_hz: int) -> float:
    import numpy as np

    return float(np.abs(voice.play(key, 1.0, _LOUD_S, 0.0, rate_hz)).max()) or 1.0


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the soundfont."""
    return [SoundFont]
