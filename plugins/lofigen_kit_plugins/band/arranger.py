"""The arranger: from a generator of randomness to a score that a band might have played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from lofigen_kit.api import (
    Bar,
    InputError,
    Instrument,
    Key,
    Note,
    Part,
    Score,
    Section,
    format_chart,
    infer_key,
    name_key,
    parse_key,
)
from lofigen_kit_plugins.band import bass as basses
from lofigen_kit_plugins.band.choices import (
    CHOICES,
    FEEL_NAMES,
    NO_LEAD,
    PROGRAMS,
    VOICINGS,
    FeelName,
    PlanName,
    ProgressionName,
    Range,
    Voicing,
)
from lofigen_kit_plugins.band.clock import Clock
from lofigen_kit_plugins.band.comping import draw_styles, write_comping
from lofigen_kit_plugins.band.drums import draw_grooves, find_kicks, play_drums, write_drums
from lofigen_kit_plugins.band.events import play_tones
from lofigen_kit_plugins.band.feels import FEELS, Feel
from lofigen_kit_plugins.band.form import (
    BarPlan,
    fit_plan,
    plan_bars,
    plan_loop,
    plan_song,
)
from lofigen_kit_plugins.band.form import Section as PlannedSection
from lofigen_kit_plugins.band.harmony import (
    PROGRESSION_MODES,
    compose_chords,
    draw_mode,
    list_progressions,
    order_progressions,
    read_progression,
)
from lofigen_kit_plugins.band.lead import DENSITY, write_lead
from lofigen_kit_plugins.band.sections import LEAST_SONG_BARS, parse_charts, parse_sections
from lofigen_kit_plugins.band.voicing import draw_voices

T = TypeVar("T")
Solo = Literal["keys", "bass", "drums", "lead"]
Player = str | Instrument
"""What plays a part: one of the names to choose from, or an instrument with its settings."""

LOOP_BARS = 8
"""The length of a loop of which none was asked for."""

DRAWN_RANGES: tuple[Range, ...] = ("middle", "high", "high")
"""Mostly above the hands; `low` has to be asked for."""
DRAWN_PLANS: tuple[PlanName, ...] = ("short", "standard", "standard", "cold-open")
LOWEST_KEY = {"vibraphone": 53, "music-box": 60}
"""The lowest note of instruments that do not reach down to the hands."""

CONCERNS = (
    "tempo", "swing", "key", "mode", "progression", "feel", "plan", "form", "turnarounds",
    "kit", "keys-name", "bass-name", "lead-name", "groove", "drums", "drum-touch",
    "style", "comping", "voicing", "keys-touch", "bass-style", "bass", "bass-touch",
    "lead-settings", "lead-rhythm", "lead-pitch", "lead-touch", "late",
)  # fmt: skip
"""What is drawn, each from a generator of its own: what is fixed leaves the rest as it was. The
order is part of what a seed means; new ones stand at the end."""

Generators = dict[str, np.random.Generator]


@dataclass(frozen=True)
class Brief:
    """What was asked for; None leaves it to the seed. The fields are those of `band`."""

    bars: int | None = None
    tempo_bpm: float | None = None
    key: str | None = None
    swing_pct: float | None = None
    progression: ProgressionName | None = None
    chords: str | Mapping[str, str] | None = None
    feel: FeelName | None = None
    form: Literal["loop", "song"] | None = None
    plan: PlanName | None = None
    sections: str | tuple[str, ...] | None = None
    voicing: Voicing | None = None
    kit: Player | None = None
    keys: Player | None = None
    bass: Player | None = None
    lead: Player | None = None
    lead_density: float | None = None
    lead_range: Range | None = None

    @property
    def is_loop(self) -> bool:
        """Whether the piece goes round: a plan or sections make it a song."""
        return self.form != "song" and self.plan is None and self.sections is None


@dataclass(frozen=True)
class Palette:
    """The names of the instruments to choose from."""

    kits: Sequence[str] = tuple(CHOICES["kit"])
    keys: Sequence[str] = tuple(CHOICES["keys"])
    basses: Sequence[str] = tuple(CHOICES["bass"])
    leads: Sequence[str] = tuple(name for name in CHOICES["lead"] if name != NO_LEAD)


@dataclass(frozen=True)
class Arrangement:
    """A score, how it came about, and the instruments that play it.

    Attributes:
        score: What is played.
        progression: The name of its first progression, or the chords that were asked for.
        feel: One of `FEELS`.
        kit: The drum kit.
        keys: What plays the chords.
        bass: What plays the bass.
        lead: What plays the lead; `none` where it is left out.
        chords: The chords of every bar.
        plans: What happens in every bar.
    """

    score: Score
    progression: str
    feel: str
    kit: Player
    keys: Player
    bass: Player
    lead: Player
    chords: tuple[Bar, ...]
    plans: tuple[BarPlan, ...]

    def solo(self, part: Solo) -> Arrangement:
        """Return one part of it alone."""
        return replace(self, score=self.score.solo(part))


@dataclass(frozen=True)
class _Harmony:
    """The key, the name of what is played, and the progressions of the sections."""

    key: Key
    name: str
    progressions: tuple[tuple[Bar, ...], ...]


def arrange(brief: Brief, rng: np.random.Generator, palette: Palette | None = None) -> Arrangement:
    """Write an arrangement; the same generator state writes the same one.

    Args:
        brief: What was asked for.
        rng: Decides on the rest.
        palette: The instruments to choose from; by default those that need no soundfont.

    Raises:
        InputError: for a progression that is not in the key's mode, a key or chords that cannot be
            read, or a length that the form cannot have.
    """
    draw: Generators = dict(zip(CONCERNS, rng.spawn(len(CONCERNS)), strict=True))
    palette = palette or Palette()
    feel_name = _prefer(brief.feel, _pick(FEEL_NAMES, draw["feel"]))
    feel = FEELS[feel_name]
    tempo_bpm = _prefer(brief.tempo_bpm, _draw_between(feel.tempo_bpm, draw["tempo"]))
    swing_pct = _prefer(brief.swing_pct, _draw_between(feel.swing_pct, draw["swing"]))
    sections = _plan_sections(brief, tempo_bpm, draw)
    loop = brief.is_loop
    plans = plan_bars(sections, draw["form"], loop=loop)
    harmony = _choose_harmony(brief, draw)
    chords = compose_chords(
        plans, harmony.progressions, harmony.key, draw["turnarounds"],
        loop=loop, asked=brief.chords is not None,
    )  # fmt: skip
    players = {
        "drums": _choose_player(brief.kit, palette.kits, draw["kit"]),
        "keys": _choose_player(brief.keys, palette.keys, draw["keys-name"]),
        "bass": _choose_player(brief.bass, palette.basses, draw["bass-name"]),
        "lead": _choose_player(brief.lead, palette.leads, draw["lead-name"]),
    }
    clock = Clock(tempo_bpm, swing_pct, len(plans))
    score = Score(
        tempo_bpm=tempo_bpm,
        key=str(harmony.key),
        swing_pct=swing_pct,
        bars=len(plans),
        duration_s=clock.duration_s,
        loop=loop,
        parts=_list_parts(players),
        sections=() if loop else tuple(_as_marker(section) for section in sections),
    )
    score = _play(
        score, brief, feel, plans=plans, chords=chords, key=harmony.key, clock=clock, draw=draw
    )
    return Arrangement(
        score, harmony.name, feel_name, players["drums"], players["keys"], players["bass"],
        players["lead"], chords, plans,
    )  # fmt: skip


def _prefer(asked: T | None, drawn: T) -> T:
    return drawn if asked is None else asked


def _choose_player(asked: Player | None, names: Sequence[str], rng: np.random.Generator) -> Player:
    drawn = _pick(names, rng)
    return drawn if asked is None else asked


def _pick(names: Sequence[T], rng: np.random.Generator) -> T:
    return names[int(rng.random() * len(names))]


def _draw_between(span: tuple[float, float], rng: np.random.Generator) -> float:
    return round(float(rng.uniform(*span)), 1)


def _plan_sections(brief: Brief, tempo_bpm: float, draw: Generators) -> tuple[PlannedSection, ...]:
    """Return the sections: one for a loop, those asked for, or those of a plan."""
    if brief.is_loop:
        return plan_loop(brief.bars or LOOP_BARS)
    if brief.sections is not None:
        items = parse_sections(brief.sections)
        total = sum(bars for _, bars in items)
        if brief.bars not in (None, total):
            raise InputError(
                f"the sections have {total} bars, and bars asks for {brief.bars}",
                where="source",
                remedy="leave bars out, or change the sections",
            )
    else:
        if brief.bars is not None and brief.bars < LEAST_SONG_BARS:
            raise InputError(
                f"a song has at least {LEAST_SONG_BARS} bars, and not {brief.bars}",
                where="source",
                remedy="ask for more bars, or for form: loop",
            )
        drawn = _pick(DRAWN_PLANS, draw["plan"])
        items = fit_plan(_prefer(brief.plan, drawn), tempo_bpm, brief.bars)
    return plan_song(items, draw["plan"])


def _choose_harmony(brief: Brief, draw: Generators) -> _Harmony:
    """Return the key and the progressions; what was asked for binds the rest."""
    tonic, mode = int(draw["key"].integers(12)), draw_mode(draw["mode"])
    share = float(draw["progression"].random())
    if brief.chords is not None:
        charts = parse_charts(brief.chords)
        together = [bar for chart in charts for bar in chart]
        key = parse_key(brief.key) if brief.key is not None else infer_key(together)
        return _Harmony(key, format_chart(charts[0]), charts)
    if brief.progression is not None:
        mode = PROGRESSION_MODES[brief.progression]
    key = parse_key(brief.key) if brief.key is not None else name_key(tonic, mode)
    fitting = list_progressions(key.mode)
    first = _prefer(brief.progression, fitting[int(share * len(fitting))])
    if PROGRESSION_MODES[first] != key.mode:
        raise InputError(
            f"the progression {first!r} is not in {key.mode}",
            where="source",
            remedy=f"in {key.mode}: {', '.join(fitting)}",
        )
    names = order_progressions(first, draw["progression"])[:3]
    return _Harmony(key, first, tuple(read_progression(name, key) for name in names))


def name_player(player: Player) -> str:
    """Return the name of what plays; of the drum kits, which one it is."""
    return player if isinstance(player, str) else str(getattr(player, "kit", player.use))


def _list_parts(players: Mapping[str, Player]) -> tuple[Part, ...]:
    programs = {"drums": 0, "keys": 4, "bass": 33, "lead": 80}
    return tuple(
        Part(
            name=part,
            kind="percussive" if part == "drums" else "pitched",
            instrument=name_player(players[part]),
            program=_find_program(players[part], otherwise),
        )
        for part, otherwise in programs.items()
        if players[part] != NO_LEAD
    )


def _find_program(player: Player, otherwise: int) -> int:
    """Return the nearest General MIDI program of what plays."""
    if isinstance(player, str):
        return PROGRAMS.get(player, otherwise)
    return PROGRAMS.get(name_player(player), player.program)


def _as_marker(section: PlannedSection) -> Section:
    return Section(name=section.name, first_bar=section.first_bar, bars=section.bars)


def _play(
    score: Score,
    brief: Brief,
    feel: Feel,
    *,
    plans: Sequence[BarPlan],
    chords: Sequence[Bar],
    key: Key,
    clock: Clock,
    draw: Generators,
) -> Score:
    """Return the score with what each part plays."""
    grooves = draw_grooves(feel, draw["groove"])
    strokes = write_drums(plans, grooves, draw["drums"])
    kicks = [find_kicks(plan, grooves) for plan in plans]
    shares, touch = draw["voicing"].random(3), draw["late"].random(3)
    voicing = _prefer(brief.voicing, VOICINGS[int(shares[0] * len(VOICINGS))])
    comping = write_comping(
        plans,
        chords,
        draw_styles(feel, draw["style"]),
        draw["comping"],
        voicing=voicing,
        voices=draw_voices(voicing, float(shares[1])),
        centre=58.0 + 3.5 * float(shares[2]),
        lowest=next((LOWEST_KEY.get(p.instrument, 0) for p in score.parts if p.name == "keys"), 0),
    )
    line = basses.write_bass(
        plans, chords, kicks, key, draw["bass"],
        style=_pick(feel.bass, draw["bass-style"]), slides=feel.slides,
    )  # fmt: skip
    timing = feel.timing
    notes = (
        *play_tones("keys", comping, clock, draw["keys-touch"],
                    late_s=_interpolate(timing.keys_ms, touch[0]) / 1e3),
        *play_tones("bass", line, clock, draw["bass-touch"],
                    late_s=_interpolate(timing.bass_ms, touch[1]) / 1e3, loose_s=0.003),
        *_play_lead(score, brief, plans=plans, chords=chords, key=key, clock=clock, draw=draw,
                    late_s=0.015 * float(touch[2])),
    )  # fmt: skip
    hits = play_drums(strokes, feel, clock, draw["drum-touch"])
    return score.model_copy(update={"notes": tuple(notes), "hits": tuple(hits)})


def _interpolate(span: tuple[float, float], share: float) -> float:
    return float(span[0] + (span[1] - span[0]) * share)


def _play_lead(
    score: Score,
    brief: Brief,
    *,
    plans: Sequence[BarPlan],
    chords: Sequence[Bar],
    key: Key,
    clock: Clock,
    draw: Generators,
    late_s: float,
) -> list[Note]:
    """Return the lead's notes; none where it is left out."""
    shares = draw["lead-settings"].random(2)
    if all(part.name != "lead" for part in score.parts):
        return []
    tones = write_lead(
        plans,
        chords,
        key,
        draw["lead-rhythm"],
        draw["lead-pitch"],
        density=_prefer(brief.lead_density, _interpolate(DENSITY, float(shares[0]))),
        reach=_prefer(brief.lead_range, DRAWN_RANGES[int(shares[1] * len(DRAWN_RANGES))]),
    )
    return play_tones("lead", tones, clock, draw["lead-touch"], late_s=late_s, loose_s=0.005)
