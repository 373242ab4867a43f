"""Writes docs/instruments/: a page from the code, a picture and a sound of each instrument.

    python -m tools.make_instruments

Everything is seeded, so that the same versions give the same bytes again. With `--check`, nothing
is played and nothing written, and the exit code is 1 where the text is not what it would be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Instrument
from lofigen_kit.components.instruments import SAMPLE_RATE_HZ, render_part
from lofigen_kit.components.parameters import read_description
from lofigen_kit.music.score import DRUM_PART, Drum, Hit, Note, Score
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.runtime.seeding import rng_for
from tools.effect_pictures import AFTER, BEFORE, draw_single_picture
from tools.pages import Pages, format_parameters, format_table, list_builtin, run

SEED, TEMPO_BPM, BARS = 1, 76.0, 1
BEAT_S = 60.0 / TEMPO_BPM
LENGTH_S = 4.4
PEAK, FADE = 0.7, 3000
PARTS = ("keys", "lead", "bass", DRUM_PART)
SOFT, HARD = 0.3, 1.0
LOWEST_DB = -90.0

CHORDS = ((50, 57, 60, 64, 65), (43, 53, 57, 59, 64))
"""Dm9 and G13, half a bar each."""
TUNE = ((2.0, 76, 0.5, 0.5), (2.5, 79, 0.5, 0.7), (3.0, 81, 0.75, 0.9), (3.75, 77, 1.2, 0.6))
LEAD = ((0.0, 69, 0.5, 0.6), (0.5, 72, 0.25, 0.5), (0.75, 74, 1.1, 0.7), (2.0, 77, 0.45, 0.7),
        (2.5, 76, 0.45, 0.8), (3.0, 72, 1.7, 0.9))  # fmt: skip
BASS = ((0.0, 38, 0.9, 0.9), (1.0, 38, 0.4, 0.5), (1.5, 45, 0.4, 0.7), (2.0, 43, 0.9, 0.9),
        (3.0, 43, 0.4, 0.5), (3.5, 41, 0.45, 0.7), (4.0, 38, 1.0, 0.9))  # fmt: skip
"""Beat, note, length in beats and velocity."""
BEAT: tuple[tuple[float, Drum, float], ...] = (
    (0.0, "kick", 0.9), (0.0, "hat", 0.6), (0.5, "hat", 0.4), (1.0, "snare", 0.9),
    (1.0, "ride", 0.6), (1.5, "open-hat", 0.6), (1.75, "kick", 0.6), (2.0, "hat", 0.6),
    (2.5, "kick", 0.9), (2.75, "hat", 0.4), (3.0, "rim", 0.8), (3.5, "hat", 0.5),
    (3.75, "snare", 0.4), (4.0, "kick", 0.9),
)  # fmt: skip


def make_page() -> str:
    """Return the page of all instruments."""
    classes = list_instruments()
    rows = [
        (f"[{name}](#{name})", cls.part, cls.summary(), f"[hear it](sounds/{name}.ogg)")
        for name, cls in classes.items()
    ]
    parts = [
        "# The instruments",
        "Each plays a part of a score, note by note, at any sample rate. What they make is CC0. "
        f"The pictures show a short phrase, and the spectrum of a note, soft (velocity {SOFT}) and "
        "hard. [An instrument of your own](../guides/instrument.md) is one method.",
        format_table(("instrument", "part", "what it is", "sound"), rows),
    ]
    for name, cls in classes.items():
        parts += [
            f"## {name}",
            read_description(cls),
            f"![A phrase, and one note soft and hard](pictures/{name}.png)",
            f"[Hear it](sounds/{name}.ogg). " + _describe_range(cls),
            format_parameters(cls),
            f"[Its code](../../plugins/{cls.__module__.replace('.', '/')}.py).",
        ]
    parts.append("This page is made by `python -m tools.make_instruments`.")
    return "\n\n".join(parts) + "\n"


def _describe_range(cls: type[Instrument]) -> str:
    if cls.part == DRUM_PART:
        return ""
    lowest, highest = cls.range_midi
    return f"It plays MIDI notes {lowest} to {highest}."


def list_instruments() -> dict[str, type[Instrument]]:
    """Return the instruments that come with the kit and need no file, by name, part by part."""
    found: dict[str, Any] = {
        name: cls
        for name, cls in list_builtin(load_plugins(), "instrument").items()
        if not any(field.is_required() for field in cls.model_fields.values())
    }
    return dict(sorted(found.items(), key=lambda item: (PARTS.index(item[1].part), item[0])))


def make_phrase(cls: type[Instrument]) -> Score:
    """Return what an instrument plays to be heard."""
    lowest, highest = cls.range_midi
    notes = tuple(
        Note(
            part=cls.part,
            midi=midi,
            onset_s=beat * BEAT_S,
            duration_s=beats * BEAT_S,
            velocity=velocity,
        )
        for beat, midi, beats, velocity in _iterate_tune(cls)
        if lowest <= midi <= highest
    )
    hits = tuple(Hit(drum=d, onset_s=beat * BEAT_S, velocity=v) for beat, d, v in BEAT)
    return Score(
        tempo_bpm=TEMPO_BPM,
        bars=BARS,
        duration_s=LENGTH_S,
        notes=() if cls.part == DRUM_PART else notes,
        hits=hits if cls.part == DRUM_PART else (),
    )


def _iterate_tune(cls: type[Instrument]) -> Iterator[tuple[float, int, float, float]]:
    """Yield beat, note, length in beats and velocity."""
    if cls.part in ("bass", "lead"):
        yield from BASS if cls.part == "bass" else LEAD
        return
    for half, chord in enumerate(CHORDS):
        for number, midi in enumerate(chord):
            while midi < cls.range_midi[0]:
                midi += 12  # noqa: PLW2901 - an octave higher, where the instrument begins
            yield 2.0 * half + 0.05 * number, midi, 1.9, 0.55 + 0.2 * half
    yield from TUNE


def record_instrument(cls: type[Instrument], folder: Path) -> None:
    """Write the sound and the picture of an instrument."""
    name = cls.name()
    audio = render_part(
        cls.model_validate({}), make_phrase(cls), cls.part, Context(rng_for(SEED, 0, name))
    )
    louder = audio.samples * (PEAK / np.abs(audio.samples).max())
    louder[:, -FADE:] *= np.linspace(1, 0, FADE, dtype=np.float32)
    audio = audio.with_samples(louder)
    (folder / "sounds").mkdir(parents=True, exist_ok=True)
    (folder / "pictures").mkdir(exist_ok=True)
    write_audio(folder / "sounds" / f"{name}.ogg", audio, format="ogg", bit_depth=16,
                comment="", rng=None, force=True)  # fmt: skip
    notes = [_render_note(cls, velocity) for velocity in (SOFT, HARD)]

    def draw(axes: Axes) -> None:
        for note, colour, label in zip(notes, (BEFORE, AFTER), ("soft", "hard"), strict=True):
            axes.plot(*_measure_spectrum(note), color=colour, label=label, linewidth=0.7)
        axes.set(xscale="log", ylim=(LOWEST_DB, 3))
        axes.set_ylabel("dB")
        axes.legend(fontsize="small")

    (folder / "pictures" / f"{name}.png").write_bytes(draw_single_picture(audio, draw))


def _render_note(cls: type[Instrument], velocity: float) -> AudioBuffer:
    """Return a note from the lower middle of the range, or a stroke on the snare."""
    lowest, highest = cls.range_midi
    score = make_phrase(cls).model_copy(update={"notes": (), "hits": ()})
    if cls.part == DRUM_PART:
        event: Any = {"hits": (Hit(drum="snare", onset_s=0.0, velocity=velocity),)}
    else:
        midi = round(lowest + 0.4 * (highest - lowest))
        note = Note(part=cls.part, midi=midi, onset_s=0.0, duration_s=1.0, velocity=velocity)
        event = {"notes": (note,)}
    played = score.model_copy(update=event)
    return render_part(
        cls.model_validate({}), played, cls.part, Context(rng_for(SEED, 0, cls.name()))
    ).mono()


def _measure_spectrum(audio: AudioBuffer) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies and the level there beside the loudest, over the first half second."""
    frames = SAMPLE_RATE_HZ // 2
    window = np.hanning(2 * frames)[frames:]
    level = np.abs(np.fft.rfft(audio.samples[0, :frames] * window))
    return np.fft.rfftfreq(frames, 1 / SAMPLE_RATE_HZ)[10:], 20 * np.log10(
        np.maximum(level / level.max(), 10 ** (1.1 * LOWEST_DB / 20))
    )[10:]


def record(docs: Path) -> None:
    """Write the sounds and pictures of all instruments."""
    for cls in list_instruments().values():
        record_instrument(cls, docs / "instruments")


def make_pages(docs: Path) -> Pages:
    """Return the page of the instruments by its path."""
    return {docs / "instruments" / "index.md": make_page()}


if __name__ == "__main__":
    sys.exit(run(make_pages, about=__doc__, record=record))
