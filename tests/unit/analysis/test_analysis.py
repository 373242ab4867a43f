from __future__ import annotations

from dataclasses import replace

import mir_eval
import numpy as np
import pytest

from lofigen_kit.analysis import (
    beat_track,
    chroma,
    chroma_similarity,
    drum_f_measure,
    drum_onsets,
    extract_score,
    onset_f_measure,
)
from lofigen_kit.analysis.drums import TRAITS
from lofigen_kit.analysis.pitch import frame_times_s
from lofigen_kit.api import AudioBuffer, AudioError, Context, Score, Take
from lofigen_kit.dsp.resample import resample
from lofigen_kit.music.score import Drum
from lofigen_kit_plugins.beatmaker import Beatmaker
from lofigen_kit_plugins.beatmaker.arranger import Brief, arrange
from lofigen_kit_plugins.beatmaker.render import render

RATE_HZ = 8_000
SEEDS = range(1000, 1020)
NOISE_DB = -40.0
DRUMS: tuple[Drum, ...] = tuple(TRAITS)


def with_noise(audio: AudioBuffer, level_db: float = NOISE_DB) -> AudioBuffer:
    """Add white noise at a level relative to the sound's RMS, as a network leaves it."""
    deviation = np.sqrt(np.mean(audio.samples**2)) * 10 ** (level_db / 20)
    noise = np.random.default_rng(0).normal(0, deviation, audio.samples.shape)
    return audio.with_samples(audio.samples + noise)


def tone(*midi: float, seconds: float = 4.0) -> AudioBuffer:
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    waves = [np.sin(2 * np.pi * 440 * 2 ** ((m - 69) / 12) * times_s) for m in midi]
    return AudioBuffer(0.2 * np.sum(waves, axis=0)[None], RATE_HZ)


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    """Reference renderings as a network at 8 kHz plays them."""
    made = [Beatmaker().make_take(Context(rng=np.random.default_rng(seed))) for seed in SEEDS]
    return [Take(with_noise(resample(t.audio, RATE_HZ)), t.score, t.licence, t.title) for t in made]


# Agreement.


def test_the_f_measure_is_mir_evals() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        reference, estimated = (np.sort(rng.uniform(0, 5, rng.integers(1, 40))) for _ in "ab")
        window_s = rng.uniform(0.01, 0.2)
        expected, *_ = mir_eval.onset.f_measure(reference, estimated, window=window_s)
        assert onset_f_measure(reference, estimated, window_s) == pytest.approx(expected)


def test_nothing_heard_and_nothing_written() -> None:
    nothing, one = np.zeros(0), np.ones(1)
    assert onset_f_measure(nothing, nothing) == 1.0
    assert onset_f_measure(one, nothing) == onset_f_measure(nothing, one) == 0.0


def test_optional_onsets_may_be_heard_or_not() -> None:
    reference, ghosts = np.array([1.0, 2.0]), np.array([1.5])
    for heard in ([1.0, 2.0], [1.0, 1.52, 2.0]):
        assert onset_f_measure(reference, np.array(heard), optional=ghosts) == 1.0
    twice = np.array([1.0, 1.49, 1.52, 2.0])
    assert onset_f_measure(reference, twice, optional=ghosts) == pytest.approx(4 / 5)
    assert onset_f_measure(reference, np.array([1.0, 1.5]), optional=ghosts) == pytest.approx(2 / 3)


# Drums.


@pytest.mark.parametrize(
    ("drum", "mean", "least"), [("kick", 0.95, 0.85), ("snare", 0.95, 0.85), ("hat", 0.7, 0.4)]
)
def test_drums_are_heard_in_a_mix(takes: list[Take], drum: Drum, mean: float, least: float) -> None:
    scores = [drum_f_measure(take.audio, take.score, drum) for take in takes]
    assert np.mean(scores) >= mean
    assert min(scores) >= least


def test_notes_are_no_drums() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        arrangement = arrange(Brief(), rng)
        drumless = arrangement.score.model_copy(update={"hits": ()})
        audio = render(replace(arrangement, score=drumless), rng)
        assert {drum: len(drum_onsets(audio, drum)) for drum in DRUMS} == dict.fromkeys(DRUMS, 0)


@pytest.mark.parametrize("drum", DRUMS)
def test_drums_are_heard_alike_at_any_rate_and_level(takes: list[Take], drum: Drum) -> None:
    audio = takes[0].audio
    here = drum_onsets(audio, drum)
    for other in (
        resample(audio, 44_100).stereo(),
        audio.with_samples(audio.samples * np.float32(0.01)),
    ):
        assert onset_f_measure(here, drum_onsets(other, drum), 0.011) >= 0.97


@pytest.mark.parametrize("drum", DRUMS)
@pytest.mark.parametrize("frames", [0, 1, 100, RATE_HZ])
def test_no_drum_in_silence(drum: Drum, frames: int) -> None:
    assert drum_onsets(AudioBuffer(np.zeros((1, frames)), RATE_HZ), drum).shape == (0,)


def test_a_stroke_on_the_first_sample(takes: list[Take]) -> None:
    score, audio = takes[0].score, takes[0].audio
    kick_s = score.onsets_s("kick", min_velocity=0.8)[0]
    cut = audio.with_samples(audio.samples[:, round(kick_s * RATE_HZ) :])
    assert drum_onsets(cut, "kick")[0] <= 0.02


# Tempo.


def test_tempo_and_beat_of_a_whole_loop(takes: list[Take]) -> None:
    for take in takes:
        tempo_bpm, start_s = beat_track(take.audio)
        assert tempo_bpm == pytest.approx(take.score.tempo_bpm, rel=0.002)
        beats = start_s * tempo_bpm / 60
        assert min(beats, 1 - beats) < 0.06


def test_tempo_and_beat_of_any_excerpt(takes: list[Take]) -> None:
    for number, take in enumerate(takes):
        first, seconds = 3_000 + 1_777 * number, 12 + number % 7
        audio = take.audio.with_samples(take.audio.samples[:, first : first + seconds * RATE_HZ])
        tempo_bpm, start_s = beat_track(audio)
        assert tempo_bpm == pytest.approx(take.score.tempo_bpm, rel=0.006)
        beats = (start_s + first / RATE_HZ) * take.score.tempo_bpm / 60 % 1
        assert min(beats, 1 - beats) < 0.1


def test_the_tempo_of_a_long_piece_is_exact(takes: list[Take]) -> None:
    take = takes[0]
    audio = take.audio.with_samples(np.tile(take.audio.samples, 8)[:, 5_000:])
    tempo_bpm, _ = beat_track(audio)
    assert tempo_bpm == pytest.approx(take.score.tempo_bpm, rel=5e-4)


@pytest.mark.parametrize("frames", [0, 1, 4_000, 80_000])
def test_silence_has_the_likely_tempo(frames: int) -> None:
    assert beat_track(AudioBuffer(np.zeros((1, frames)), RATE_HZ)) == (80.0, 0.0)


# Pitch.


def test_chroma_shows_the_pitch_class() -> None:
    classes = chroma(tone(69, 60)).mean(axis=1)
    assert set(np.argsort(classes)[-2:]) == {0, 9}
    assert chroma(tone(69)).shape[1] == pytest.approx(4.0 / 0.064, abs=1)


def test_chroma_follows_the_score(takes: list[Take]) -> None:
    for take in takes[:8]:
        heard = chroma(take.audio)
        written = take.score.chroma(frame_times_s(heard.shape[1]))
        likeness = chroma_similarity(heard, written)
        assert likeness >= 0.7
        assert likeness - chroma_similarity(np.roll(heard, 3, axis=0), written) >= 0.3


def test_chroma_similarity_is_a_cosine() -> None:
    a = np.random.default_rng(6).uniform(0, 1, (12, 50))
    assert chroma_similarity(a, a) == pytest.approx(1.0)
    assert chroma_similarity(a, 3 * a[:, :20]) == pytest.approx(1.0)
    assert chroma_similarity(np.eye(12), np.roll(np.eye(12), 1, axis=0)) == 0.0
    assert chroma_similarity(a, np.zeros((12, 50))) == 0.0
    silent_start = a * (np.arange(50) >= 10)
    assert chroma_similarity(silent_start, a) == pytest.approx(1.0)


# A whole score.


@pytest.fixture(scope="module")
def extracted(takes: list[Take]) -> list[tuple[Take, Score]]:
    return [(take, extract_score(take.audio)) for take in takes[:6]]


def test_the_extracted_score_is_near_the_written_one(extracted: list[tuple[Take, Score]]) -> None:
    for take, score in extracted:
        times_s = np.arange(0, take.score.duration_s, 0.05)
        assert score.tempo_bpm == pytest.approx(take.score.tempo_bpm, rel=0.002)
        assert score.bars == take.score.bars
        assert score.duration_s == pytest.approx(take.audio.duration_s)
        assert chroma_similarity(score.chroma(times_s), take.score.chroma(times_s)) >= 0.75
        assert onset_f_measure(take.score.onsets_s("kick"), score.onsets_s("kick")) >= 0.8


def test_the_extracted_score_is_sane(extracted: list[tuple[Take, Score]]) -> None:
    for _, score in extracted:
        assert max(hit.onset_s for hit in score.hits) < score.duration_s
        assert max(n.onset_s + n.duration_s for n in score.notes) <= score.duration_s + 1e-6
        assert {note.part for note in score.notes} == {"bass", "keys"}
        assert {hit.drum for hit in score.hits} == set(DRUMS)
        beats = np.arange(0, score.duration_s, score.grid.beat_s)
        sounding = [
            sum(n.onset_s <= t < n.onset_s + n.duration_s for n in score.notes) for t in beats
        ]
        assert max(sounding) <= 5
        assert Score.model_validate(score.to_json()) == score


def test_notes_carry_the_recordings_tuning() -> None:
    score = extract_score(tone(60.3, 64.3, 67.3))
    assert sorted({round(note.midi, 1) for note in score.notes}) == [60.3, 64.3, 67.3]
    assert score.key == "C major"
    assert not score.hits


@pytest.mark.parametrize("frames", [1, 500, 8_000, 50_000])
def test_the_score_of_silence_is_empty(frames: int) -> None:
    score = extract_score(AudioBuffer(np.zeros((2, frames)), RATE_HZ))
    assert (score.notes, score.hits, score.key) == ((), (), "")


def test_the_score_of_short_noise() -> None:
    for frames in (1, 100, 3_000, 20_000):
        noise = np.random.default_rng(7).uniform(-0.5, 0.5, (1, frames))
        assert extract_score(AudioBuffer(noise, 44_100)).duration_s == frames / 44_100


def test_no_score_of_nothing() -> None:
    with pytest.raises(AudioError, match="no sound"):
        extract_score(AudioBuffer(np.zeros((1, 0)), RATE_HZ))
