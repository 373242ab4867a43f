from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lofigen_kit.components.base import Context, Take
from lofigen_kit.errors import InputError
from lofigen_kit.music.score import Score
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.beatmaker import Beatmaker
from lofigen_kit_plugins.beatmaker.arranger import Brief, arrange
from lofigen_kit_plugins.beatmaker.harmony import (
    PROGRESSION_MODES,
    PROGRESSION_NAMES,
    PROGRESSIONS,
    QUALITIES,
    parse_key,
)
from lofigen_kit_plugins.beatmaker.instruments import one_shot
from lofigen_kit_plugins.beatmaker.kits import KITS
from lofigen_kit_plugins.beatmaker.patterns import DRUM_PATTERNS, STEPS_PER_BAR
from lofigen_kit_plugins.beatmaker.voicing import CHORD_HIGH, CHORD_LOW
from tests.plugins.arrangers import check_samples, check_seam, check_strokes_heard, check_whole


def make(seed: int = 0, **fields: object) -> Take:
    return Beatmaker.model_validate(fields).make_take(Context(rng_for(seed, 0, "source")))


def write(seed: int, **fields: Any) -> Score:
    """Return what would be played, unheard, which takes no time."""
    return arrange(Brief(**fields), rng_for(seed, 0, "source")).score


def test_what_is_written_is_what_is_played() -> None:
    assert write(11, tempo_bpm=70) == make(11, tempo_bpm=70).score


def test_the_same_seed_gives_the_same_beat_and_another_seed_another() -> None:
    first, again, other = make(1), make(1), make(2)
    assert first.score == again.score
    np.testing.assert_array_equal(first.audio.samples, again.audio.samples)
    assert first.score != other.score


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32),
    bars=st.integers(1, 12),
    tempo_bpm=st.one_of(st.none(), st.floats(50, 140)),
)
def test_every_beat_is_whole(seed: int, bars: int, tempo_bpm: float | None) -> None:
    take = make(seed, bars=bars, tempo_bpm=tempo_bpm)
    check_whole(take, bars, quietest_db=-30)
    assert {hit.drum for hit in take.score.hits} == {"kick", "snare", "hat"}
    assert {note.part for note in take.score.notes} == {"keys", "bass"}


@pytest.mark.parametrize("seed", range(4))
def test_strokes_are_heard_where_the_score_has_them(seed: int) -> None:
    check_strokes_heard(make(seed), softest=0.35, loud=0.25)


def test_chords_sound_the_pitch_classes_of_the_score() -> None:
    take = make(5)
    sound, rate = take.audio.samples[0], take.audio.sample_rate_hz
    first = [n for n in take.score.notes if n.part == "keys"][:4]
    start = round((max(n.onset_s for n in first) + 0.1) * rate)
    size = rate // 2
    spectrum = np.abs(np.fft.rfft(sound[start : start + size] * np.hanning(size), 4 * rate))
    for note in first:
        line = round(4 * note.frequency_hz)
        around = spectrum[line - 60 : line + 61]
        assert spectrum[line - 4 : line + 5].max() > 4 * np.median(around)


def test_what_is_asked_for_is_played() -> None:
    score = write(3, tempo_bpm=78, key="D minor", swing_pct=58, kit="jazz", bars=8)
    assert (score.tempo_bpm, score.key, score.swing_pct, score.bars) == (78, "D minor", 58, 8)
    assert "kit:jazz" in score.instruments


def test_a_fixed_key_leaves_the_drums_as_they_were() -> None:
    free = write(7, tempo_bpm=80, swing_pct=60)
    fixed = write(7, tempo_bpm=80, swing_pct=60, key="E minor")
    assert free.hits == fixed.hits


def test_off_beat_hats_are_late_by_the_swing() -> None:
    score = write(0, tempo_bpm=60, swing_pct=66, bars=32)
    eighth_s = 0.5
    places = (score.onsets_s("snare") % eighth_s) / eighth_s
    off_beat = places[(places > 0.4) & (places < 0.9)]
    if len(off_beat):  # a ghost note on an off-beat sixteenth, two thirds into its eighth
        assert np.median(off_beat) == pytest.approx(0.68, abs=0.04)
    hats = (score.onsets_s("hat") % eighth_s) / eighth_s
    assert np.median(np.minimum(hats, 1 - hats)) < 0.04


def test_the_loop_has_no_seam() -> None:
    for seed in range(5):
        check_seam(make(seed))


@pytest.mark.parametrize("name", PROGRESSION_NAMES)
def test_every_progression_plays_its_own_roots_and_stays_within_the_hand(name: str) -> None:
    tonic = "C" if PROGRESSION_MODES[name] == "major" else "A"
    score = write(11, progression=name, key=f"{tonic} {PROGRESSION_MODES[name]}")
    offset, _ = parse_key(score.key)
    bar_s = score.duration_s / score.bars
    for bar, chord in enumerate(PROGRESSIONS[PROGRESSION_MODES[name]][name]):
        bass = [n for n in score.notes if n.part == "bass" and abs(n.onset_s - bar * bar_s) < 0.05]
        assert {round(n.midi) % 12 for n in bass} == {(offset + chord.root) % 12}
        classes = {(offset + chord.root + i) % 12 for i in QUALITIES[chord.quality]}
        chords = [
            n for n in score.notes
            if n.part == "keys" and bar * bar_s <= n.onset_s < (bar + 0.9) * bar_s
        ]  # fmt: skip
        assert {round(n.midi) % 12 for n in chords} == classes
        assert all(CHORD_LOW <= n.midi <= CHORD_HIGH for n in chords)


def test_there_are_twenty_progressions_and_more() -> None:
    assert len(set(PROGRESSION_NAMES)) >= 20


def test_patterns_fill_the_bar() -> None:
    for pattern in DRUM_PATTERNS.values():
        for line in (pattern.kick, pattern.snare, pattern.hat):
            assert len(line) == STEPS_PER_BAR


def test_every_kit_is_made_of_shipped_samples() -> None:
    for kit in KITS.values():
        for name in kit.values():
            assert np.abs(one_shot(name)).max() == 1


def test_samples_stand_beside_their_provenance() -> None:
    check_samples("lofigen_kit_plugins.beatmaker", 22_050)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"key": "H minor"}, "such as 'D minor'"),
        ({"progression": "polka"}, "not one of two-five-one"),
        ({"kit": "marching"}, "not one of dusty"),
        ({"bars": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Beatmaker.model_validate(fields)


def test_a_progression_of_the_other_mode_is_refused() -> None:
    with pytest.raises(InputError, match="not in major"):
        make(0, key="C major", progression="noir")


def test_a_score_is_plain_data() -> None:
    json.dumps(make(0).score.to_json())
