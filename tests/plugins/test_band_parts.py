"""What the drums, the bass, the keys and the lead of the band play."""

from __future__ import annotations

import itertools
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from lofigen_kit.music.keys import parse_key
from lofigen_kit_plugins.band import choices
from lofigen_kit_plugins.band.arranger import Arrangement
from lofigen_kit_plugins.band.bass import LOW, TOP
from lofigen_kit_plugins.band.bass import STYLES as BASS_STYLES
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR
from lofigen_kit_plugins.band.comping import STYLES as COMPING_STYLES
from lofigen_kit_plugins.band.drums import FILLS
from lofigen_kit_plugins.band.feels import FEELS
from lofigen_kit_plugins.band.harmony import PROGRESSION_MODES, read_progression
from lofigen_kit_plugins.band.lead import LARGEST_LEAP, RANGES
from lofigen_kit_plugins.band.voicing import CHORD_HIGH, CHORD_LOW
from tests.plugins.band_scores import (
    LATE_S,
    SEEDS,
    count_strokes,
    find_chord,
    find_lead_bars,
    find_step,
    iterate_strong_beats,
    part,
    write,
)

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
