from __future__ import annotations

import itertools
import json
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lofigen_kit.api import make_instrument, mix_parts
from lofigen_kit.components.base import Context, Take
from lofigen_kit.errors import InputError, PresetError
from lofigen_kit.music.chords import Chord, parse_chart
from lofigen_kit.music.keys import parse_key
from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.score import Note, Score
from lofigen_kit.preset.schema import parse_preset
from lofigen_kit.preset.yaml_loader import load
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins import band
from lofigen_kit_plugins.band import Band, BandSolo, choices
from lofigen_kit_plugins.band.arranger import Arrangement, Brief, arrange
from lofigen_kit_plugins.band.bass import LOW, TOP
from lofigen_kit_plugins.band.bass import STYLES as BASS_STYLES
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, Clock
from lofigen_kit_plugins.band.comping import STYLES as COMPING_STYLES
from lofigen_kit_plugins.band.drums import FILLS, draw_grooves
from lofigen_kit_plugins.band.feels import FEELS
from lofigen_kit_plugins.band.form import fit_plan
from lofigen_kit_plugins.band.harmony import PROGRESSION_MODES, read_progression
from lofigen_kit_plugins.band.lead import LARGEST_LEAP, RANGES
from lofigen_kit_plugins.band.sections import KINDS, PLANS, parse_sections
from lofigen_kit_plugins.band.voicing import CHORD_HIGH, CHORD_LOW
from tests.plugins.arrangers import check_samples, check_seam, check_strokes_heard, check_whole

SEEDS = 200
LATE_S = 0.06
"""How far humanised timing may be from the grid."""


def make(seed: int = 0, **fields: object) -> Take:
    return Band.model_validate(fields).make_take(Context(rng_for(seed, 0, "source")))


def write(seed: int, **asked: object) -> Arrangement:
    return arrange(Brief(**asked), rng_for(seed, 0, "source"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def loops() -> list[Arrangement]:
    return [write(seed) for seed in range(SEEDS)]


@pytest.fixture(scope="module")
def songs() -> list[Arrangement]:
    return [write(seed, form="song") for seed in range(24)]


def part(score: Score, name: str) -> list[Note]:
    return sorted((n for n in score.notes if n.part == name), key=lambda note: note.onset_s)


def find_step(score: Score, time_s: float) -> float:
    """Return a time in sixteenths from the start, swing taken out."""
    times_s = list_times_s(score.tempo_bpm, score.swing_pct, score.bars)
    step = max(bisect(times_s, time_s) - 1, 0)
    here_s, there_s = times_s[step : step + 2]
    return step + (time_s - here_s) / (there_s - here_s)


@cache
def list_times_s(tempo_bpm: float, swing_pct: float, bars: int) -> list[float]:
    """Return the time of every sixteenth, with some more after the end."""
    clock = Clock(tempo_bpm, swing_pct, bars)
    return [clock.time_s(step) for step in range(bars * STEPS_PER_BAR + 64)]


def find_chord(arrangement: Arrangement, step: int) -> Chord | None:
    at = step % STEPS_PER_BAR
    for span in arrangement.chords[step // STEPS_PER_BAR]:
        at -= 4 * span.beats
        if at < 0:
            return span.chord
    raise AssertionError


def find_lead_bars(arrangement: Arrangement) -> set[int]:
    """Return the bars in which the lead sounds."""
    score = arrangement.score
    bar_s = score.duration_s / score.bars
    return {
        bar
        for note in part(score, "lead")
        for bar in range(
            int((note.onset_s + LATE_S) / bar_s),
            int((note.onset_s + note.duration_s - LATE_S) / bar_s) + 1,
        )
    }


def iterate_strong_beats(arrangement: Arrangement) -> Iterator[tuple[Note, Chord]]:
    """Yield each lead note that sounds on a first or third beat, with the chord of that beat."""
    for note in part(arrangement.score, "lead"):
        first = find_step(arrangement.score, note.onset_s) - 0.5
        last = find_step(arrangement.score, note.onset_s + note.duration_s) - 0.5
        for step in range(0, arrangement.score.bars * STEPS_PER_BAR, 8):
            chord = find_chord(arrangement, step)
            if first <= step < last and chord is not None:
                yield note, chord


def count_strokes(score: Score, first_s: float, last_s: float) -> int:
    return sum(first_s <= hit.onset_s < last_s for hit in score.hits)


# The lead


def test_lead_notes_on_strong_beats_are_chord_tones(
    loops: list[Arrangement], songs: list[Arrangement]
) -> None:
    for arrangements in (loops, songs):
        heard = [pair for a in arrangements for pair in iterate_strong_beats(a)]
        fitting = sum(round(note.midi) % 12 in chord.pitch_classes for note, chord in heard)
        assert len(heard) > 300
        assert fitting / len(heard) >= 0.9


def test_lead_notes_are_of_the_pentatonic_or_the_chord(loops: list[Arrangement]) -> None:
    for arrangement in loops:
        pentatonic = parse_key(arrangement.score.key).pentatonic
        tones = {
            c for bar in arrangement.chords for s in bar if s.chord for c in s.chord.pitch_classes
        }
        assert {round(n.midi) % 12 for n in part(arrangement.score, "lead")} <= {
            *pentatonic,
            *tones,
        }


def test_the_lead_rests_in_half_of_the_bars_or_more(
    loops: list[Arrangement], songs: list[Arrangement]
) -> None:
    for arrangement in (*loops, *songs):
        playing = find_lead_bars(arrangement)
        assert playing
        assert len(playing) <= arrangement.score.bars / 2


def test_the_lead_never_leaps_over_an_octave_nor_leaves_its_range(
    loops: list[Arrangement], songs: list[Arrangement]
) -> None:
    for arrangement in (*loops, *songs):
        pitches = [note.midi for note in part(arrangement.score, "lead")]
        assert all(abs(b - a) <= LARGEST_LEAP for a, b in pairwise(pitches))
        assert any(low <= min(pitches) and max(pitches) <= high for low, high in RANGES.values())


@pytest.mark.parametrize("name", choices.RANGE_NAMES)
def test_a_range_that_is_asked_for_is_kept(name: str) -> None:
    low, high = RANGES[name]  # type: ignore[index]
    for seed in range(12):
        pitches = [n.midi for n in part(write(seed, lead_range=name).score, "lead")]
        assert low <= min(pitches)
        assert max(pitches) <= high


def test_phrases_of_the_lead_end_on_stable_tones(loops: list[Arrangement]) -> None:
    stable = total = 0
    for arrangement in loops:
        score, bars = arrangement.score, find_lead_bars(arrangement)
        bar_s = score.duration_s / score.bars
        for bar in bars - {bar - 1 for bar in bars}:
            inside = [n for n in part(score, "lead") if n.onset_s + LATE_S < (bar + 1) * bar_s]
            last = inside[-1]
            chord = find_chord(arrangement, round(find_step(score, last.onset_s)))
            assert chord is not None
            total += 1
            stable += (round(last.midi) - chord.root) % 12 in chord.intervals[:3]
    assert total > 300
    assert stable / total > 0.9


def test_motifs_come_back(loops: list[Arrangement]) -> None:
    # The rhythm of one bar of the lead is heard again in another, in most beats.
    again = 0
    for arrangement in loops:
        score = arrangement.score
        steps = [round(find_step(score, n.onset_s)) for n in part(score, "lead")]
        bars = {step // 16 for step in steps}
        rhythms = Counter(tuple(s % 16 for s in steps if s // 16 == bar) for bar in bars)
        again += rhythms.most_common(1)[0][1] > 1
    assert again / len(loops) > 0.4


def test_the_lead_can_be_left_out_or_asked_for() -> None:
    silent = write(3, lead="none")
    assert silent.score.part_names == ("drums", "keys", "bass")
    busy = write(3, lead_density=1.0, bars=16)
    assert len(find_lead_bars(busy)) > 12
    assert write(3, lead_density=0.0).score.solo("lead").notes == ()


# Drums


def test_fills_stand_where_sections_begin(songs: list[Arrangement]) -> None:
    for arrangement in songs:
        score, beat_s = arrangement.score, arrangement.score.grid.beat_s
        for section in score.sections[1:]:
            start_s = 4 * section.first_bar * beat_s
            backbeats = [
                hit.onset_s
                for hit in score.hits
                if hit.drum in ("snare", "rim", "kick")
                and start_s - beat_s - 0.03 <= hit.onset_s < start_s
            ]
            assert len(backbeats) >= 2, section
            assert arrangement.plans[section.first_bar - 1].fill


def test_a_loop_is_filled_every_eighth_bar_and_at_its_end() -> None:
    for bars, filled in ((4, {3}), (8, {7}), (16, {7, 15}), (20, {7, 15, 19})):
        plans = write(2, bars=bars).plans
        assert {plan.number for plan in plans if plan.fill} == filled


def test_drums_stop_where_the_plan_says(loops: list[Arrangement], songs: list[Arrangement]) -> None:
    stops = 0
    for arrangement in (*loops, *songs):
        score = arrangement.score
        beat_s = score.grid.beat_s
        for plan in arrangement.plans:
            if not plan.stop or not plan.has("drums"):
                continue
            stops += 1
            start_s = 4 * plan.number * beat_s
            assert count_strokes(score, start_s + 1.5 * beat_s, start_s + 2.9 * beat_s) == 0
            assert count_strokes(score, start_s - LATE_S, start_s + LATE_S) > 0
    assert stops > 50


def test_parts_play_in_the_sections_that_have_them(songs: list[Arrangement]) -> None:
    for arrangement in songs:
        score = arrangement.score
        for note in score.notes:
            bar = int((find_step(score, note.onset_s) + 0.6) // STEPS_PER_BAR)
            plan = arrangement.plans[min(bar, score.bars - 1)]
            assert plan.has(note.part), (note, plan)  # type: ignore[arg-type]
        for plan in arrangement.plans:
            if plan.has("keys"):
                start_s = 4 * plan.number * score.grid.beat_s
                end_s = start_s + 4 * score.grid.beat_s
                sounding = [n for n in part(score, "keys") if n.onset_s < end_s - LATE_S
                            and n.onset_s + n.duration_s > start_s + LATE_S]  # fmt: skip
                assert sounding


def test_every_four_bars_have_two_kinds_of_drums_or_more(loops: list[Arrangement]) -> None:
    for arrangement in loops:
        score = arrangement.score
        steps = [(hit.drum, round(find_step(score, hit.onset_s))) for hit in score.hits]
        bars = [
            frozenset((d, s % 16) for d, s in steps if s // 16 == bar) for bar in range(score.bars)
        ]
        for first in range(0, score.bars - 3, 4):
            assert len(set(bars[first : first + 4])) >= 2


def test_all_six_drums_are_heard_and_ghosts_among_them(
    loops: list[Arrangement], songs: list[Arrangement]
) -> None:
    heard = {hit.drum for a in loops for hit in a.score.hits}
    assert heard == {"kick", "snare", "rim", "hat", "open-hat", "ride"}
    assert any("ride" in {h.drum for h in a.score.hits} for a in songs)
    ghosts = [sum(h.velocity < 0.35 for h in a.score.hits) for a in loops]
    assert np.mean(np.array(ghosts) > 0) > 0.9


def test_a_closed_hat_follows_each_open_one(loops: list[Arrangement]) -> None:
    choked = total = 0
    for arrangement in loops:
        score = arrangement.score
        hats = score.onsets_s("hat")
        for open_s in score.onsets_s("open-hat"):
            total += 1
            later = (hats - open_s) % score.duration_s
            choked += bool(len(later)) and bool(later.min() < 4 * score.grid.beat_s)
    assert total > SEEDS
    assert choked / total > 0.9


def test_dilla_drags_the_snare_and_hurries_the_kick() -> None:
    late_s: dict[str, list[float]] = {"kick": [], "snare": []}
    for seed in range(20):
        score = write(seed, feel="dilla", swing_pct=50, tempo_bpm=80).score
        for hit in score.hits:
            if hit.drum in late_s and hit.onset_s > 0:
                step_s = score.grid.beat_s / 4
                late_s[hit.drum].append((hit.onset_s + step_s / 2) % step_s - step_s / 2)
    assert np.mean(late_s["kick"]) < -0.006
    assert np.mean(late_s["snare"]) > 0.012


def test_off_beat_sixteenths_are_late_by_the_swing() -> None:
    score = write(0, feel="shuffle", tempo_bpm=60, swing_pct=66, bars=16).score
    places = (score.onsets_s("hat") % 0.5) / 0.5
    off_beat = places[(places > 0.3) & (places < 0.9)]
    assert len(off_beat) > 20
    assert np.median(off_beat) == pytest.approx(0.66, abs=0.03)


def test_lines_of_feels_fill_the_bar_and_styles_are_known() -> None:
    for feel in FEELS.values():
        for pair in (*feel.kicks, *feel.backbeats, *feel.hats, *feel.rides):
            assert [len(line) for line in pair] == [STEPS_PER_BAR] * 2
            assert set("".join(pair)) <= set("Xxg?.")
        assert set(feel.bass) <= set(BASS_STYLES)
        assert set(feel.comping) <= set(COMPING_STYLES)
        assert 50 <= feel.tempo_bpm[0] < feel.tempo_bpm[1] <= 140
        assert 50 <= feel.swing_pct[0] < feel.swing_pct[1] <= 75
    for lines in FILLS.values():
        assert len({len(line) for line in lines.values()}) == 1
    for style in COMPING_STYLES.values():
        assert {len(line) for line in style.bars} == {STEPS_PER_BAR}


# Bass


@pytest.mark.parametrize("feel", ["boom-bap", "dilla", "half-time", "late-night", "bossa"])
def test_the_bass_answers_the_kick(feel: str) -> None:
    together = total = 0
    for seed in range(12):
        score = write(seed, feel=feel).score
        kicks = score.onsets_s("kick")
        notes = [n for n in part(score, "bass") if n.duration_s > 0.12]
        total += len(notes)
        together += sum(np.abs(kicks - n.onset_s).min() < LATE_S for n in notes)
    assert together / total > 0.7


def test_the_bass_plays_one_note_at_a_time_within_its_range(
    loops: list[Arrangement], songs: list[Arrangement]
) -> None:
    for arrangement in (*loops, *songs):
        notes = part(arrangement.score, "bass")
        assert min(n.midi for n in notes) >= LOW - 3
        assert max(n.midi for n in notes) <= TOP + 3
        for note, following in pairwise(notes):
            assert note.onset_s + note.duration_s < following.onset_s + 0.04


def test_the_bass_has_the_root_where_a_chord_begins(loops: list[Arrangement]) -> None:
    for arrangement in loops[:60]:
        score = arrangement.score
        notes = part(score, "bass")
        for bar, spans in enumerate(arrangement.chords):
            chord = spans[0].chord
            assert chord is not None
            start_s = 4 * bar * score.grid.beat_s
            first = [n for n in notes if abs(n.onset_s - start_s) < 0.035 and n.duration_s > 0.1]
            assert first
            assert {round(n.midi) % 12 for n in first} == {chord.lowest}


def test_the_bass_leads_into_the_next_chord_jumps_octaves_and_slides(
    loops: list[Arrangement],
) -> None:
    notes = [part(a.score, "bass") for a in loops]
    jumps = sum(abs(b.midi - a.midi) == 12 for line in notes for a, b in pairwise(line))
    slides = sum(
        0 < b.midi - a.midi <= 2 and a.duration_s < 0.12
        for line in notes
        for a, b in pairwise(line)
    )
    assert jumps > SEEDS / 4
    assert slides > SEEDS / 4


def test_the_last_bar_of_a_loop_leads_into_its_first(loops: list[Arrangement]) -> None:
    for arrangement in loops:
        score = arrangement.score
        assert arrangement.plans[-1].fill
        beat_s = score.grid.beat_s
        assert count_strokes(score, score.duration_s - beat_s - 0.03, score.duration_s) >= 2
        line = part(score, "bass")
        interval = abs(line[-1].midi - line[0].midi)
        assert interval <= 2 or interval in (5, 7), (line[-1], line[0])


# Keys


def test_voicings_are_three_to_five_voices_and_never_muddy(loops: list[Arrangement]) -> None:
    for arrangement in loops:
        notes = part(arrangement.score, "keys")
        lift = max(0, round(min(n.midi for n in notes)) - CHORD_LOW)
        assert min(n.midi for n in notes) >= CHORD_LOW
        assert max(n.midi for n in notes) <= CHORD_HIGH + lift
        strikes = [
            sorted(n.midi for n in group)
            for _, group in itertools.groupby(
                notes, key=lambda n: round(find_step(arrangement.score, n.onset_s))
            )
        ]
        assert max(len(strike) for strike in strikes) <= 5
        for strike in strikes:
            for low, high in pairwise(strike):
                assert high - low > 2 or low >= 57
                assert high - low >= 7 or low >= 52


def test_hands_move_little_from_chord_to_chord() -> None:
    moves = []
    for seed in range(20):
        arrangement = write(seed, voicing="close", feel="late-night")
        hands: dict[int, list[float]] = {}
        for note in part(arrangement.score, "keys"):
            bar = int(find_step(arrangement.score, note.onset_s) // 16)
            hands.setdefault(bar, []).append(note.midi)
        centres = [np.mean(hand) for _, hand in sorted(hands.items())]
        moves += [abs(b - a) for a, b in pairwise(centres)]
    assert np.mean(moves) < 3


def test_a_spread_voicing_reaches_farther_than_a_close_one() -> None:
    def reach(voicing: str) -> float:
        widths = []
        for seed in range(8):
            score = write(seed, voicing=voicing, feel="half-time", keys="tine-piano").score
            bar_s = score.duration_s / score.bars
            for bar in range(score.bars):
                pitches = [n.midi for n in part(score, "keys") if n.onset_s // bar_s == bar]
                widths.append(max(pitches) - min(pitches))
        return float(np.mean(widths))

    assert reach("spread") > reach("close") + 4


@pytest.mark.parametrize("name", choices.PROGRESSION_NAMES)
def test_every_progression_plays_its_own_chords(name: str) -> None:
    key = f"A {PROGRESSION_MODES[name]}"  # type: ignore[index]
    arrangement = write(11, progression=name, key=key, feel="boom-bap", voicing="open")
    assert arrangement.chords[:4] == read_progression(name, parse_key(key))  # type: ignore[arg-type]
    score = arrangement.score
    bar_s = score.duration_s / score.bars
    for bar, (span,) in enumerate(arrangement.chords[:4]):
        assert span.chord is not None
        played = {
            round(n.midi) % 12 for n in part(score, "keys")
            if bar * bar_s - 0.03 <= n.onset_s < (bar + 0.85) * bar_s
        }  # fmt: skip
        assert len(played) >= 4
        assert played <= span.chord.pitch_classes


# Chords and keys of one's own


def test_chords_of_ones_own_repeat_to_fill_the_bars() -> None:
    chart = parse_chart("Dm9 G13 | Cmaj9 | N.C.")
    arrangement = write(4, chords="Dm9 G13 | Cmaj9 | N.C.", bars=8)
    assert arrangement.chords == (*chart, *chart, *chart[:2])
    assert arrangement.score.key == "C major"
    bar_s = arrangement.score.duration_s / 8
    silent = [
        n for n in arrangement.score.notes if n.part != "lead" and 2 < n.onset_s / bar_s < 2.9
    ]
    assert silent == []


def test_a_section_plays_its_own_chords() -> None:
    charts = {"a": "Dm9 | G13", "bridge": "Fmaj7 | Em7 A7"}
    arrangement = write(4, chords=charts, sections="intro 2, a 4, b 2, c 4, outro 2")
    a, c = (parse_chart(text) for text in charts.values())
    assert arrangement.chords[:-1] == (*a, *a, *a, *a, *c, *c, a[0])  # the last bar is the end
    score, heard = arrangement.score, {}
    for section in score.sections:
        span = (section.first_bar, section.first_bar + section.bars)
        bar_s = score.duration_s / score.bars
        heard[section.name.lower()] = {
            round(n.midi) % 12
            for n in part(score, "keys")
            if span[0] * bar_s + 0.1 < n.onset_s < span[1] * bar_s - 0.1
        }
    assert 11 in heard["c"] | heard["a"]
    assert {4, 9, 1} <= heard["c"]  # E and A7 with its C sharp
    assert 1 not in heard["a"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "the chords of bridge and b: a loop plays those of a; for more, set form: song"),
        ({"sections": "a 8, b 4"}, "the chords of bridge: it has A, B"),
        ({"sections": "b 4, c 4"}, None),
    ],
)
def test_chords_that_nothing_plays_are_named_once(
    fields: dict[str, str], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    band._warn_once.cache_clear()
    for seed in (1, 2):
        make(seed, bars=None if fields else 1, chords={"a": "C", "bridge": "F", "b": "G"}, **fields)
    messages = [f"source.chords: nothing plays {said}"] if said else []
    assert caplog.messages == messages


def test_the_chords_of_sections_are_played_as_they_are_too() -> None:
    chart = "Dm9 | G13 | Cmaj9 | Am7"
    bars = parse_chart(chart)
    for seed in range(12):
        by_section = write(seed, chords={"a": chart, "b": chart}, sections="a 8, b 8, a 8")
        assert by_section.chords[:-1] == (bars * 6)[:-1]
        assert by_section.chords == write(seed, chords=chart, sections="a 8, b 8, a 8").chords


@pytest.mark.parametrize("last", ["A7alt", "N.C.", "Dm7 / / G7"])
def test_a_song_on_chords_of_ones_own_ends_on_the_tonic(last: str) -> None:
    score = write(4, chords=f"Dm9 | {last}", sections="a 4", key="C").score
    bar_s = score.duration_s / 4
    end = [n for n in part(score, "bass") if n.onset_s > 3 * bar_s - LATE_S and n.duration_s > 0.2]
    assert {round(n.midi) % 12 for n in end} == {0}
    assert all(n.onset_s + n.duration_s <= score.duration_s for n in score.notes)


def test_a_piece_may_have_no_bass_at_all() -> None:
    assert part(write(4, chords="N.C. | N.C.", bars=2).score, "bass") == []
    intros = [write(seed, sections="intro 4").score for seed in range(12)]
    assert [] in [part(score, "bass") for score in intros]


def test_the_bass_plays_the_note_after_the_slash() -> None:
    score = write(4, chords="Dm7/G | Cmaj7/E", bars=2).score
    bar_s = score.duration_s / 2
    for bar, bass in ((0, 7), (1, 4)):
        first = [n for n in part(score, "bass") if abs(n.onset_s - bar * bar_s) < 0.035]
        assert bass in {round(n.midi) % 12 for n in first}


@pytest.mark.parametrize(
    ("key", "written"),
    [("Am", "A minor"), ("F#m", "F# minor"), ("d minor", "D minor"), ("C dorian", "C dorian"),
     ("Bb lydian", "Bb lydian"), ("E mixolydian", "E mixolydian"), ("e phrygian", "E phrygian")],
)  # fmt: skip
def test_a_key_in_musicians_words_is_played(key: str, written: str) -> None:
    assert write(1, key=key).score.key == written


# Form


@pytest.mark.parametrize("plan", choices.PLAN_NAMES)
@pytest.mark.parametrize("tempo_bpm", [50, 62.5, 75, 92, 140])
def test_a_plan_lasts_from_two_to_four_minutes(plan: str, tempo_bpm: float) -> None:
    items = fit_plan(plan, tempo_bpm)  # type: ignore[arg-type]
    bars = sum(bars for _, bars in items)
    assert 120 <= bars * 240 / tempo_bpm <= 240


@pytest.mark.parametrize("bars", [8, 17, 36, 60, 101])
def test_a_song_is_as_long_as_asked_to_a_bar(bars: int) -> None:
    for plan in PLANS:
        score = write(1, form="song", plan=plan, bars=bars).score
        assert score.bars == bars
        assert score.duration_s == pytest.approx(bars * 240 / score.tempo_bpm)
        assert not score.loop
        assert sum(section.bars for section in score.sections) == bars
        for section, following in pairwise(score.sections):
            assert section.first_bar + section.bars == following.first_bar


def test_sections_of_ones_own_are_played_as_they_are_written() -> None:
    for sections in ("intro 4, a 8, b 8, break 4, verse 8, outro 3",
                     ("intro 4", "a 8", "b 8", "break 4", "a 8 bars", "outro 3")):  # fmt: skip
        score = write(2, sections=sections).score
        names = [(section.name, section.bars) for section in score.sections]
        assert names == [("intro", 4), ("A", 8), ("B", 8), ("break", 4), ("A'", 8), ("outro", 3)]
        assert score.bars == 35


def test_the_second_a_differs_from_the_first() -> None:
    for seed in range(10):
        score = write(seed, form="song", sections="a 8, a 8").score
        half_s = score.duration_s / 2
        first, second = (
            {
                (n.part, round(n.midi), round(find_step(score, n.onset_s)) % 128)
                for n in score.notes
                if (n.onset_s + LATE_S) // half_s == number
            }
            for number in range(2)
        )
        assert 0.1 < len(first ^ second) / len(first | second) < 1


def test_a_song_ends(songs: list[Arrangement]) -> None:
    for arrangement in songs:
        score = arrangement.score
        bar_s = score.duration_s / score.bars
        start_s = score.duration_s - bar_s
        last = [n for n in score.notes if n.onset_s > start_s - LATE_S and n.duration_s > 0.2]
        assert all(n.onset_s < start_s + LATE_S + 0.02 for n in last)
        assert all(n.onset_s + n.duration_s < score.duration_s - 0.1 for n in last)
        tonic = parse_key(score.key).pitch_class
        assert {round(n.midi) % 12 for n in last if n.part == "bass"} == {tonic}
        assert count_strokes(score, start_s + LATE_S, score.duration_s) == 0


def test_sections_are_markers_in_the_midi() -> None:
    midi = to_midi(write(1, form="song", plan="short").score)
    assert b"intro" in midi
    assert b"outro" in midi


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ("intro 4, brek 4", "item 2.*did you mean 'break'"),
        ("a 8, b", "item 2.*as in 'a 8'"),
        ("a 0", "item 1.*at least one bar"),
        ("a 200, b 200", "limit is 256"),
        ("", "no section"),
    ],
)
def test_a_section_that_is_none_is_refused_by_its_item(sections: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_sections(sections)


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
