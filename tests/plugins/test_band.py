"""What a seed of the band means, what may be chosen, and how it sounds."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lofigen_kit.api import make_instrument, mix_parts
from lofigen_kit.components.base import Context
from lofigen_kit.errors import InputError, PresetError
from lofigen_kit.music.score import Score
from lofigen_kit.preset.schema import parse_preset
from lofigen_kit.preset.yaml_loader import load
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band, BandSolo, choices
from lofigen_kit_plugins.band.arranger import Arrangement
from lofigen_kit_plugins.band.drums import draw_grooves
from lofigen_kit_plugins.band.feels import FEELS
from lofigen_kit_plugins.band.harmony import PROGRESSION_MODES
from lofigen_kit_plugins.band.lead import RANGES
from lofigen_kit_plugins.band.sections import KINDS, PLANS
from tests.plugins.arrangers import check_samples, check_seam, check_strokes_heard, check_whole
from tests.plugins.band_scores import (
    SEEDS,
    make,
    part,
    write,
)

# What a seed means


def test_the_same_seed_writes_the_same_score_and_no_two_are_alike(
    loops: list[Arrangement],
) -> None:
    assert [write(seed) for seed in (0, 17)] == [loops[0], loops[17]]
    assert len({a.score.model_dump_json() for a in loops}) == SEEDS


def take_apart(score: Score) -> dict[str, object]:
    """Return what each part plays, the keys' and the bass's pitches apart from their rhythm."""
    return {
        "drums": score.hits,
        **{name: tuple(part(score, name)) for name in ("keys", "bass", "lead")},
        **{
            f"{name} rhythm": tuple(n.onset_s for n in part(score, name))
            for name in ("bass", "lead")
        },
        "parts": {p.name: p.instrument for p in score.parts},
        "key": score.key,
        "tempo": (score.tempo_bpm, score.swing_pct),
    }


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        ({"kit": "jazz"}, {"parts"}),
        ({"bass": "sub-bass"}, {"parts"}),
        ({"lead": "flute"}, {"parts"}),
        ({"keys": "tine-piano"}, {"parts", "keys"}),
        ({"lead": "none"}, {"parts", "lead", "lead rhythm"}),
        ({"lead_range": "low"}, {"lead"}),
        ({"voicing": "shell"}, {"keys"}),
        ({"key": "E minor"}, {"key", "keys", "bass", "bass rhythm", "lead", "lead rhythm"}),
        ({"feel": "bossa"}, {"drums", "keys", "bass", "bass rhythm"}),
    ],
)
def test_a_choice_that_is_fixed_leaves_the_others_as_they_were(
    asked: dict[str, object], changed: set[str]
) -> None:
    for seed in range(6):
        free = take_apart(write(seed, tempo_bpm=80, swing_pct=58).score)
        fixed = take_apart(write(seed, tempo_bpm=80, swing_pct=58, **asked).score)
        assert {name for name in free if free[name] != fixed[name]} <= changed


def test_a_fixed_tempo_leaves_the_feel_and_a_fixed_feel_the_progression() -> None:
    for seed in range(8):
        free = write(seed)
        assert write(seed, tempo_bpm=70).feel == free.feel
        assert write(seed, feel="dilla").chords == free.chords


def test_tempo_and_swing_are_of_the_feel(loops: list[Arrangement]) -> None:
    assert {a.feel for a in loops} == set(FEELS)
    for arrangement in loops:
        feel, score = FEELS[arrangement.feel], arrangement.score  # type: ignore[index]
        assert feel.tempo_bpm[0] <= score.tempo_bpm <= feel.tempo_bpm[1]
        assert feel.swing_pct[0] <= score.swing_pct <= feel.swing_pct[1]


def test_what_is_asked_for_is_played() -> None:
    score = make(3, tempo_bpm=78, key="D minor", swing_pct=58, kit="jazz", bars=8).score
    assert (score.tempo_bpm, score.key, score.swing_pct, score.bars) == (78, "D minor", 58, 8)
    assert "kit:jazz" in score.instruments
    assert [(p.name, p.kind) for p in score.parts] == [
        ("drums", "percussive"), ("keys", "pitched"), ("bass", "pitched"), ("lead", "pitched"),
    ]  # fmt: skip


def test_grooves_are_drawn_for_every_feel() -> None:
    for feel in FEELS.values():
        grooves = draw_grooves(feel, np.random.default_rng(1))
        assert all(set("".join(bar.values())) <= set("Xxg?.") for g in grooves for bar in g.bars)


# What may be chosen


def test_every_choice_is_listed_in_the_schema() -> None:
    facts = Band.model_json_schema()["properties"]
    for field, names in choices.CHOICES.items():
        listed = [p["enum"] for p in facts[field]["anyOf"] if "enum" in p]
        assert listed == [list(names)], field
    assert facts["form"]["anyOf"][0]["enum"] == ["loop", "song"]


def test_lists_of_names_are_those_of_the_tables() -> None:
    assert set(choices.FEEL_NAMES) == set(FEELS)
    assert set(choices.PLAN_NAMES) == set(PLANS)
    assert set(choices.PROGRESSION_NAMES) == set(PROGRESSION_MODES)
    assert set(choices.RANGE_NAMES) == set(RANGES)
    kits = type(make_instrument("kit")).model_fields["kit"].annotation
    assert get_args(kits) == get_args(choices.KitName)
    assert len(KINDS) == 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"key": "H minor"}, "did you mean 'B minor'"),
        ({"progression": "two-five"}, "did you mean 'two-five-one'"),
        ({"progression": "polka"}, "not one of two-five-one"),
        ({"feel": "bosa"}, "did you mean 'bossa'"),
        ({"plan": "shrt", "form": "song"}, "did you mean 'short'"),
        ({"voicing": "clsoe"}, "did you mean 'close'"),
        ({"kit": "marching"}, "not one of dusty"),
        ({"kit": "felt-piano"}, "kit: 'felt-piano' plays notes"),
        ({"kit": {"use": "flute"}}, "kit: 'flute' plays notes"),
        ({"keys": "tine-pano"}, "did you mean 'tine-piano'"),
        ({"lead": "flut"}, "lead: .*did you mean 'flute'"),
        ({"keys": "kit"}, "keys: 'kit' is a drum kit"),
        ({"bass": {"use": "kit", "kit": "jazz"}}, "bass: 'kit' is a drum kit"),
        ({"keys": "sample-instrument"}, "{use: sample-instrument, path: ...}"),
        ({"sections": "solo 8"}, "sections are intro, a, b, c, break, outro"),
        ({"bars": 0}, "greater than or equal to 1"),
        ({"chords": "Dm7 | Gx"}, "column 8"),
        ({"chords": {"a": "Dm7", "b": "Gx"}}, "b: .*column"),
        ({"chords": {"b": "Dm7"}}, "need those of a"),
        ({"chords": {"a": "C", "intro": "Dm7"}}, "'intro' plays the chords of a"),
        ({"chords": {"a": "C", "verse": "Dm7"}}, "'a' and 'verse' are one section"),
        ({"chords": {"a": "C", "hok": "Dm7"}}, "did you mean 'hook'"),
        ({"plan": "short", "form": "loop"}, "set form: song"),
        ({"form": "song", "plan": "short", "sections": "a 8"}, "give one of them"),
        ({"chords": "C", "progression": "noir"}, "give one of them"),
        ({"form": "song", "sections": ["a 8", "q 4"]}, "item 2"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Band.model_validate(fields)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("chords: [Dm9, G13]", "source.chords: ['Dm9', 'G13'] is not text"),
        ("sections: [a 4, 8]", "source.sections[1]: 8 is not text; put it in quotes"),
    ],
)
def test_a_field_of_several_types_is_called_by_its_own_name(told: str, message: str) -> None:
    text = f"version: 1\nname: t\nsource: {{use: band, {told}}}"
    with pytest.raises(PresetError) as error:
        parse_preset(load(text.encode(), "t.yaml"), root=None)
    assert str(error.value).startswith("t.yaml:3:")
    assert str(error.value).endswith(f": {message}")


def test_an_override_reaches_the_settings_of_an_instrument() -> None:
    document = load(b"version: 1\nname: t\nsource: {use: band, keys: {use: felt-piano}}", "t.yaml")
    band = parse_preset(document, root=None, overrides=["source.keys.width_pct=0"]).source
    assert band.model_dump()["keys"]["width_pct"] == 0
    named = ["source.keys=felt-piano", "source.keys.width_pct=0"]
    with pytest.raises(PresetError, match=r"'source.keys=\{use: felt-piano, width_pct: 0}'"):
        parse_preset(document, root=None, overrides=named)


def test_a_kit_may_look_like_a_number() -> None:
    assert Band.model_validate({"kit": 808}).kit == "808"
    with pytest.raises(ValidationError, match="not one of dusty"):
        Band.model_validate({"kit": 909})


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(InputError, match="not in major"):
        make(0, key="C major", progression="noir")
    with pytest.raises(InputError, match="the sections have 12 bars"):
        write(0, form="song", sections="a 8, outro 4", bars=16)
    with pytest.raises(InputError, match="at least 8"):
        write(0, form="song", bars=4)


# The rendering


@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 2**32),
    bars=st.integers(1, 6),
    tempo_bpm=st.one_of(st.none(), st.floats(50, 140)),
)
def test_every_beat_is_whole(seed: int, bars: int, tempo_bpm: float | None) -> None:
    take = make(seed, bars=bars, tempo_bpm=tempo_bpm)
    check_whole(take, bars, quietest_db=-32)
    json.dumps(take.score.to_json())


def test_the_same_seed_gives_the_same_sound() -> None:
    first, again = make(1, bars=2), make(1, bars=2)
    np.testing.assert_array_equal(first.audio.samples, again.audio.samples)


@pytest.mark.parametrize("seed", range(3))
def test_strokes_are_heard_where_the_score_has_them(seed: int) -> None:
    check_strokes_heard(make(seed, bars=4), softest=0.5, loud=0.2)


def test_a_solo_plays_one_part_alone() -> None:
    for name in ("keys", "bass", "drums", "lead"):
        solo = BandSolo(part=name, bars=2).make_take(Context(rng_for(5, 0, "source")))
        assert solo.score.part_names == (name,)


def test_the_loop_has_no_seam() -> None:
    for seed in range(3):
        check_seam(make(seed, bars=2))


def test_the_sound_is_the_default_mix_of_the_parts() -> None:
    for seed in range(3):
        take = make(seed, bars=2)
        assert list(take.parts) == list(take.score.part_names)
        mix = mix_parts(take.parts, loop=True)
        np.testing.assert_array_equal(mix.samples, take.audio.samples)
        assert (take.audio.channels, take.audio.sample_rate_hz) == (2, 44_100)
        assert 0.2 < np.abs(take.audio.samples).max() <= 0.9


OCTAVES_HZ = (60, 120, 250, 500, 1000, 2000, 4000, 8000, 16000)
FINISHED_DB = (-7, -7, -9, -11, -16, -24, -24, -28)
"""The energy by octave of finished tracks, beside the whole: the median of nineteen."""


@pytest.fixture(scope="module")
def mixes() -> list[np.ndarray]:
    return [make(seed, bars=2).audio.samples.astype(np.float64) for seed in range(24)]


def test_octaves_are_balanced_as_in_finished_tracks(mixes: list[np.ndarray]) -> None:
    rows = []
    for mix in mixes:
        power = (np.abs(np.fft.rfft(mix, 1 << 20)) ** 2).sum(axis=0)
        hz = np.fft.rfftfreq(1 << 20, 1 / 44_100)
        bands = [power[(hz >= low) & (hz < high)].sum() for low, high in pairwise(OCTAVES_HZ)]
        rows.append(10 * np.log10(np.array(bands) / power.sum()))
    assert np.abs(np.median(rows, axis=0) - FINISHED_DB).max() < 5


def test_the_mix_is_wide_and_stays_whole_in_mono(mixes: list[np.ndarray]) -> None:
    mid = [((mix[0] + mix[1]) / 2) for mix in mixes]
    side = [((mix[0] - mix[1]) / 2) for mix in mixes]
    ratio_db = [10 * np.log10((s**2).sum() / (m**2).sum()) for s, m in zip(side, mid, strict=True)]
    assert -14 < np.median(ratio_db) < -4
    loss_db = [10 * np.log10((m**2).sum() / (x**2).mean(axis=0).sum())
               for m, x in zip(mid, mixes, strict=True)]  # fmt: skip
    assert min(loss_db) > -2


def test_lead_and_hats_are_heard() -> None:
    take = make(2, lead_density=1.0, bars=8)
    alone = make(2, lead="none", bars=8)
    assert "lead" in take.parts
    assert "lead" not in alone.parts
    level_db = {n: 20 * np.log10(p.samples.std()) for n, p in take.parts.items()}
    assert level_db["lead"] > level_db["keys"] - 12
    hats = make(2, bars=2).parts["drums"].samples.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(hats)) ** 2
    hz = np.fft.rfftfreq(len(hats), 1 / 44_100)
    assert 10 * np.log10(spectrum[(hz > 5000) & (hz < 12000)].sum() / spectrum.sum()) > -25


def test_samples_stand_beside_their_provenance() -> None:
    check_samples("lofigen_kit_plugins.instruments", 44_100)
