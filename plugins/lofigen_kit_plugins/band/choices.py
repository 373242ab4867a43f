"""Every name that one may choose, and what is said of a name that is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from pydantic import ValidationError

from lofigen_kit.api import (
    Instrument,
    did_you_mean,
    list_component_names,
    make_instrument,
)
from lofigen_kit_plugins.band.fonts import FONT_BASSES, FONT_KEYS, FONT_KITS

ProgressionName = Literal[
    "two-five-one", "turnaround", "stepping-down", "royal-road", "minor-four", "daydream",
    "secondary", "bittersweet", "long-way-home", "backdoor", "passing", "porch", "cycle",
    "night-bus", "noir", "half-light", "blue-hour", "rooftop", "rising", "neapolitan",
    "drifting", "window-seat", "line-cliche", "last-train", "so-long", "slow-tram",
    "copper", "front-step", "sunday", "old-town", "under-the-bridge", "kites", "observatory",
]  # fmt: skip
FeelName = Literal[
    "boom-bap", "dilla", "shuffle", "half-time", "jazz-brush", "bossa", "straight", "late-night"
]
PlanName = Literal["short", "standard", "long", "drift", "cold-open"]
Voicing = Literal["close", "open", "spread", "shell"]
"""`close` lies within about an octave, `open` within an octave and a half, `spread` in two hands;
`shell` is three voices, the third and the seventh among them."""
Range = Literal["low", "middle", "high"]
KitName = Literal["dusty", "jazz", "boom-bap", "bedroom", "808", "brush", "lo-fi", "studio"]
KeysName = Literal[
    "tine-piano", "reed-piano", "felt-piano", "vibraphone", "nylon-guitar", "kalimba", "music-box"
]
BassName = Literal["upright-bass", "finger-bass", "round-bass", "sub-bass"]
LeadName = Literal["soft-lead", "flute", "muted-brass", "vibraphone", "kalimba", "none"]
NO_LEAD = "none"

FEEL_NAMES: tuple[FeelName, ...] = get_args(FeelName)
PROGRESSION_NAMES: tuple[ProgressionName, ...] = get_args(ProgressionName)
PLAN_NAMES: tuple[PlanName, ...] = get_args(PlanName)
VOICINGS: tuple[Voicing, ...] = get_args(Voicing)
RANGE_NAMES: tuple[Range, ...] = get_args(Range)

CHOICES: Mapping[str, Sequence[str]] = {
    "progression": PROGRESSION_NAMES,
    "feel": FEEL_NAMES,
    "plan": PLAN_NAMES,
    "voicing": VOICINGS,
    "lead_range": RANGE_NAMES,
    "kit": get_args(KitName),
    "keys": get_args(KeysName),
    "bass": get_args(BassName),
    "lead": get_args(LeadName),
}
"""By the field that has them."""
_OF_A_FONT: Mapping[str, Sequence[str]] = {
    "kit": tuple(FONT_KITS), "keys": tuple(FONT_KEYS), "bass": tuple(FONT_BASSES),
}  # fmt: skip

PROGRAMS: Mapping[str, int] = {
    "tine-piano": 4, "reed-piano": 5, "felt-piano": 0, "vibraphone": 11, "nylon-guitar": 24,
    "kalimba": 108, "music-box": 10, "upright-bass": 32, "finger-bass": 33, "round-bass": 38,
    "sub-bass": 39, "soft-lead": 81, "flute": 73, "muted-brass": 59, "jazz": 32, "808": 25,
    "brush": 40,
    **FONT_KITS, **FONT_KEYS, **FONT_BASSES,
}  # fmt: skip
"""The nearest General MIDI program of an instrument or kit, from 0."""


def check_choice(name: str, known: Sequence[str]) -> str:
    """Return a name that is one of those known.

    Raises:
        ValueError: naming the nearest, or all of them.
    """
    if name not in known:
        raise ValueError(_refuse(name, known))
    return name


def check_instrument(field: str, name: str, *, font: bool) -> None:
    """Check that a name is a built-in instrument, one of a soundfont, or one that is installed.

    Raises:
        ValueError: naming the field, and the nearest name or all of them; or what an installed one
            has to be told.
    """
    known = (*CHOICES[field], *(_OF_A_FONT.get(field, ()) if font else ()))
    if name in known:
        return
    installed = list_component_names("instrument")
    if name not in installed:
        raise ValueError(f"{field}: {_refuse(name, (*known, *installed))}")
    try:
        check_part(field, make_instrument(name))
    except ValidationError as error:
        told = ", ".join(f"{wrong['loc'][0]}: ..." for wrong in error.errors())
        raise ValueError(f"{field}: give {name!r} what it needs: {{use: {name}, {told}}}") from None


_PLAYS_BOTH = "soundfont"
"""Its program decides on which."""


def check_part(field: str, player: Instrument) -> None:
    """Check that no drum kit is to play notes, and no other instrument the drums.

    Raises:
        ValueError: naming the field.
    """
    if player.part == "drums" and field != "kit":
        raise ValueError(f"{field}: {player.use!r} is a drum kit, which plays no notes")
    if field == "kit" and player.part != "drums" and player.use != _PLAYS_BOTH:
        raise ValueError(f"{field}: {player.use!r} plays notes, and is no drum kit")


def _refuse(name: str, known: Sequence[str]) -> str:
    near = did_you_mean(name, known)
    listed = f"{name[:40]!r} is not one of {', '.join(dict.fromkeys(known))}"
    return f"{name[:40]!r} is not known; {near}" if near else listed
