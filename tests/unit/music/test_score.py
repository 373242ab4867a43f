from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from lofigen_kit.music.score import BeatGrid, Hit, Note, Score

LOOP = Score(
    tempo_bpm=120,
    key="A minor",
    bars=1,
    duration_s=2.0,
    loop=True,
    notes=(Note(part="chords", midi=69, onset_s=1.5, duration_s=1.0, velocity=0.5),),
    hits=(
        Hit(drum="kick", onset_s=1.0, velocity=0.9),
        Hit(drum="kick", onset_s=0.0, velocity=0.2),
        Hit(drum="snare", onset_s=0.5),
    ),
)


def test_onsets_are_sorted_and_ghosts_can_be_left_out() -> None:
    np.testing.assert_array_equal(LOOP.onsets_s("kick"), [0.0, 1.0])
    np.testing.assert_array_equal(LOOP.onsets_s("kick", min_velocity=0.35), [1.0])
    assert len(LOOP.onsets_s("hat")) == 0


def test_a_note_of_a_loop_sounds_on_past_the_last_bar() -> None:
    chroma = LOOP.chroma(np.array([0.25, 0.75, 1.75]))
    np.testing.assert_array_equal(chroma[9], [0.5, 0.0, 0.5])
    assert chroma[np.arange(12) != 9].sum() == 0


def test_a_recording_does_not_go_round() -> None:
    recording = LOOP.model_copy(update={"loop": False})
    np.testing.assert_array_equal(recording.chroma(np.array([0.25, 1.75]))[9], [0.0, 0.5])


def test_json_gives_the_same_score_back() -> None:
    assert Score.model_validate(LOOP.to_json()) == LOOP


def test_frequencies_are_in_equal_temperament() -> None:
    assert Note(part="bass", midi=69, onset_s=0, duration_s=1).frequency_hz == pytest.approx(440)
    assert Note(part="bass", midi=57, onset_s=0, duration_s=1).frequency_hz == pytest.approx(220)


def test_the_grid_follows_the_tempo() -> None:
    assert LOOP.grid == BeatGrid(tempo_bpm=120, start_s=0)
    assert LOOP.grid.beat_s == pytest.approx(0.5)


def test_what_is_heard_lower_is_in_another_key() -> None:
    score = LOOP.model_copy(update={"key": "D minor"})
    lower = score.shift_pitch(-3)
    assert lower.key == "B minor"
    assert [note.midi + 3 for note in lower.notes] == [note.midi for note in score.notes]
    assert lower.hits == score.hits
    assert score.shift_pitch(0.1).key == "D minor"
    assert score.shift_pitch(-0.5).key == ""  # between two keys
    assert score.shift_pitch(0) is score
    deep = score.shift_pitch(-200)
    assert {note.midi for note in deep.notes} == {0}


def test_an_event_before_the_piece_is_refused() -> None:
    with pytest.raises(ValidationError, match="onset_s"):
        Hit(drum="kick", onset_s=-0.1)
