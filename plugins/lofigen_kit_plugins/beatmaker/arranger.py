"""The arranger: from a generator of randomness to a score that a person might have played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, cast, get_args

import numpy as np

from lofigen_kit.api import Hit, Note, Part, Score
from lofigen_kit_plugins.beatmaker.harmony import (
    PROGRESSION_MODES,
    PROGRESSIONS,
    Chord,
    Mode,
    parse_key,
)
from lofigen_kit_plugins.beatmaker.instruments import BASSES, KEYS
from lofigen_kit_plugins.beatmaker.kits import KITS
from lofigen_kit_plugins.beatmaker.patterns import (
    BASS_LINES,
    COMPING,
    DRUM_PATTERNS,
    STEPS_PER_BAR,
    DrumPattern,
)
from lofigen_kit_plugins.beatmaker.voicing import voice

T = TypeVar("T")
Solo = Literal["keys", "bass", "drums"]

BEATS_PER_BAR = 4
TONIC_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
STROKES = {"X": 0.9, "x": 0.65, "g": 0.22, "?": 0.6}
OPTIONAL_STROKE_PROBABILITY = 0.4
"""How likely a `?` of a pattern is played in a bar."""


@dataclass(frozen=True)
class Brief:
    """What was asked for; None leaves it to the arranger."""

    bars: int = 8
    tempo_bpm: float | None = None
    key: str | None = None
    swing_pct: float | None = None
    progression: str | None = None
    kit: str | None = None


@dataclass(frozen=True)
class Palette:
    """The names of the instruments to choose from."""

    kits: Sequence[str] = tuple(KITS)
    keys: Sequence[str] = tuple(KEYS)
    basses: Sequence[str] = tuple(BASSES)


@dataclass(frozen=True)
class Arrangement:
    """A score, and the instruments that play it."""

    score: Score
    progression: str
    kit: str
    keys: str
    bass: str

    def solo(self, part: Solo) -> Arrangement:
        """Return one part of it alone."""
        return replace(self, score=self.score.solo(part))


def arrange(brief: Brief, rng: np.random.Generator, palette: Palette | None = None) -> Arrangement:
    """Write an arrangement; the same generator state writes the same one.

    Args:
        brief: What was asked for.
        rng: Decides on the rest.
        palette: The instruments to choose from; by default those that need no soundfont.

    Raises:
        ValueError: for a key that cannot be read, or that is not in the progression's mode.
    """
    # One generator a concern, so that fixing the key leaves the drums as they were.
    settings, harmony, drums = rng.spawn(3)
    tempo_bpm = _prefer_asked(brief.tempo_bpm, round(float(settings.uniform(65, 92)), 1))
    swing_pct = _prefer_asked(brief.swing_pct, round(float(settings.uniform(54, 66)), 1))
    tonic, mode, progression = _key_and_progression(brief, settings)
    palette = palette or Palette()
    kit, keys, bass = (
        str(settings.choice(names)) for names in (palette.kits, palette.keys, palette.basses)
    )
    kit = _prefer_asked(brief.kit, kit)
    clock = _SwingClock(tempo_bpm, swing_pct, brief.bars)
    chords = [PROGRESSIONS[mode][progression][bar % 4] for bar in range(brief.bars)]
    score = Score(
        tempo_bpm=tempo_bpm,
        key=f"{TONIC_NAMES[tonic]} {mode}",
        swing_pct=swing_pct,
        bars=brief.bars,
        duration_s=clock.duration_s,
        loop=True,
        parts=(
            Part(name="drums", kind="percussive", instrument=kit),
            Part(name="keys", instrument=keys, program=4),
            Part(name="bass", instrument=bass, program=33),
        ),
        notes=(
            *_play_chords(chords, tonic, clock, harmony),
            *_play_bass(chords, tonic, clock, harmony),
        ),
        hits=tuple(_play_drums(clock, drums)),
    )
    return Arrangement(score, progression, kit, keys, bass)


def _prefer_asked(asked: T | None, drawn: T) -> T:
    return drawn if asked is None else asked


def _key_and_progression(brief: Brief, rng: np.random.Generator) -> tuple[int, Mode, str]:
    """Return the tonic, the mode and the progression; what was asked for binds the rest."""
    drawn_tonic, drawn_mode = int(rng.integers(12)), cast("Mode", str(rng.choice(get_args(Mode))))
    tonic, mode = drawn_tonic, drawn_mode
    if brief.key is not None:
        tonic, mode = parse_key(brief.key)
    elif brief.progression is not None:
        mode = PROGRESSION_MODES[brief.progression]
    drawn = str(rng.choice(list(PROGRESSIONS[mode])))
    progression = _prefer_asked(brief.progression, drawn)
    if PROGRESSION_MODES[progression] != mode:
        fitting = ", ".join(PROGRESSIONS[mode])
        raise ValueError(f"the progression {progression!r} is not in {mode}; in {mode}: {fitting}")
    return tonic, mode, progression


@dataclass(frozen=True)
class _SwingClock:
    """Musical time to seconds, with swing."""

    tempo_bpm: float
    swing_pct: float
    bars: int

    @property
    def beat_s(self) -> float:
        return 60.0 / self.tempo_bpm

    @property
    def duration_s(self) -> float:
        return self.bars * BEATS_PER_BAR * self.beat_s

    def step_s(self, bar: int, step: int) -> float:
        """Return the time of a sixteenth; every second one is late by the swing."""
        eighths = step // 2 + (step % 2) * self.swing_pct / 100.0
        return (bar * BEATS_PER_BAR + eighths / 2.0) * self.beat_s

    def beat_in_bar_s(self, bar: int, beat: float) -> float:
        """Return the time of a place in a bar, on its nearest swung sixteenth."""
        return self.step_s(bar, round(beat * STEPS_PER_BAR / BEATS_PER_BAR))

    def clip_s(self, time_s: float) -> float:
        """Return the time within the piece: humanised timing may not leave it."""
        return float(np.clip(time_s, 0.0, self.duration_s - 1e-3))


def _play_chords(
    chords: list[Chord], tonic: int, clock: _SwingClock, rng: np.random.Generator
) -> list[Note]:
    """Comp: two rhythms that alternate, rolled chords, the top note a little louder."""
    rhythms = [COMPING[str(name)] for name in rng.choice(list(COMPING), 2, replace=False)]
    roll_s = rng.uniform(0.0, 0.018)
    touch = rng.uniform(0.55, 0.8)
    notes: list[Note] = []
    hand: tuple[int, ...] = ()
    for bar, chord in enumerate(chords):
        hand = voice(chord, tonic, hand, rng)
        for beat, length, accent in rhythms[(bar // 2) % 2]:
            start_s = clock.beat_in_bar_s(bar, beat) + abs(rng.normal(0, 0.006))
            for finger, midi in enumerate(hand):
                top = 1.12 if midi == hand[-1] else 1.0
                notes.append(
                    Note(
                        part="keys",
                        midi=midi,
                        onset_s=clock.clip_s(start_s + finger * roll_s * rng.uniform(0.6, 1.4)),
                        duration_s=length * clock.beat_s * rng.uniform(0.94, 1.0),
                        velocity=_velocity(touch * accent * top, 0.05, rng),
                    )
                )
    return notes


def _play_bass(
    chords: list[Chord], tonic: int, clock: _SwingClock, rng: np.random.Generator
) -> list[Note]:
    """Play the roots with one of the lines, another in every fourth bar."""
    usual, turn = (BASS_LINES[str(name)] for name in rng.choice(list(BASS_LINES), 2))
    notes = []
    for bar, chord in enumerate(chords):
        root = _bass_note(tonic + chord.root)
        following = _bass_note(tonic + chords[(bar + 1) % len(chords)].root)
        for beat, length, degree in turn if bar % 4 == 3 else usual:
            midi = following - 1 if degree < 0 else root + degree
            start_s = clock.beat_in_bar_s(bar, beat) + rng.normal(0.004, 0.004)
            notes.append(
                Note(
                    part="bass",
                    midi=midi,
                    onset_s=clock.clip_s(start_s),
                    duration_s=length * clock.beat_s,
                    velocity=_velocity(0.75, 0.06, rng),
                )
            )
    return notes


def _bass_note(pitch_class: int) -> int:
    """Return the note between F1 (43.7 Hz) and E2 that small speakers still suggest."""
    return 29 + (pitch_class - 29) % 12


def _play_drums(clock: _SwingClock, rng: np.random.Generator) -> list[Hit]:
    """Play one pattern with a late snare; the last bar of four may leave or add a kick."""
    pattern: DrumPattern = DRUM_PATTERNS[str(rng.choice(list(DRUM_PATTERNS)))]
    lateness_s = {"kick": 0.0, "snare": rng.uniform(0.0, 0.02), "hat": rng.uniform(-0.004, 0.008)}
    looseness_s = rng.uniform(0.001, 0.005)
    hits = []
    for bar in range(clock.bars):
        for drum, line in (("kick", pattern.kick), ("snare", pattern.snare), ("hat", pattern.hat)):
            for step, stroke in enumerate(line):
                if stroke == "." or (stroke == "?" and rng.random() > OPTIONAL_STROKE_PROBABILITY):
                    continue
                accent = 0.85 if drum == "hat" and step % 4 else 1.0
                time_s = clock.step_s(bar, step) + lateness_s[drum] + rng.normal(0, looseness_s)
                hits.append(
                    Hit(
                        drum=drum,
                        onset_s=clock.clip_s(time_s),
                        velocity=_velocity(STROKES[stroke] * accent, 0.05, rng),
                    )
                )
    return sorted(hits, key=lambda hit: hit.onset_s)


def _velocity(centre: float, spread: float, rng: np.random.Generator) -> float:
    return float(np.clip(rng.normal(centre, spread), 0.1, 1.0))
