from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lofigen_kit.analysis import onset_f_measure
from lofigen_kit.analysis.agreement import PLAIN_STROKE
from lofigen_kit.analysis.drum_templates import find_strokes, learn_templates
from lofigen_kit.api import make_instrument
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.instruments import render_part
from lofigen_kit.dsp.resample import resample
from lofigen_kit.music.score import DRUMS, Drum, Hit, Part, Score
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.testing.strokes import check_strokes
from lofigen_kit_plugins.band import Band

RATE_HZ = 44_100


@cache
def make(seed: int, kit: str) -> Take:
    source = Band.model_validate({"kit": kit})
    return source.make_take(Context(rng_for(seed, 0, "source")))


@pytest.mark.parametrize("rate_hz", [44_100, 24_000])
@pytest.mark.parametrize(
    ("seed", "kit"), [(1, "jazz"), (6, "lo-fi"), (7, "studio"), (3, "bedroom")]
)
def test_all_kinds_of_strokes_are_told_apart(seed: int, kit: str, rate_hz: int) -> None:
    take = make(seed, kit)
    played = {hit.drum for hit in take.score.hits}
    templates = learn_templates(make_instrument("kit", kit=kit), sorted(played), rate_hz)
    found = find_strokes(resample(take.parts["drums"], rate_hz), templates)
    assert set(found) == played
    for drum, (onsets_s, heights) in found.items():
        plain_s = take.score.onsets_s(drum, min_velocity=PLAIN_STROKE)
        ghosts_s = np.sort([
            hit.onset_s for hit in take.score.hits
            if hit.drum == drum and hit.velocity < PLAIN_STROKE
        ])  # fmt: skip
        least = 0.9 if drum in ("kick", "snare", "rim", "hat") else 0.6
        assert onset_f_measure(plain_s, onsets_s, optional=ghosts_s) >= least, drum
        assert len(heights) == len(onsets_s)


def play(hits: list[Hit], duration_s: float) -> AudioBuffer:
    score = Score(tempo_bpm=60, bars=1, duration_s=duration_s, hits=tuple(hits))
    kit = make_instrument("kit", kit="dusty")
    return render_part(kit, score, "drums", Context(np.random.default_rng(3)))


def test_heights_are_those_of_the_strokes_and_long_parts_go_in_pieces() -> None:
    times_s = [0.0, 1.0, 29.99, 30.01 + 0.5, 34.0]
    audio = play([Hit(drum="kick", onset_s=t, velocity=1 - 0.1 * n) for n, t in
                  enumerate(times_s)], 36.0)  # fmt: skip
    templates = learn_templates(make_instrument("kit", kit="dusty"), ("kick", "snare"), RATE_HZ)
    found = find_strokes(audio, templates)
    onsets_s, heights = found["kick"]
    np.testing.assert_allclose(onsets_s, times_s, atol=0.02)
    assert (np.diff(heights) < 0).all()
    assert heights[0] == pytest.approx(1.0, abs=0.25)
    assert len(found["snare"][0]) == 0


def test_nothing_is_heard_in_silence_and_another_rate_is_refused() -> None:
    templates = learn_templates(make_instrument("kit"), DRUMS, RATE_HZ)
    for frames in (0, 1, RATE_HZ):
        found = find_strokes(AudioBuffer(np.zeros((2, frames)), RATE_HZ), templates)
        assert {drum: len(onsets_s) for drum, (onsets_s, _) in found.items()} == dict.fromkeys(
            DRUMS, 0
        )
    with pytest.raises(ValueError, match="for 44100 Hz, not 8000"):
        find_strokes(AudioBuffer(np.zeros((1, 100)), 8000), templates)


def test_the_contract_hears_a_rim_that_is_no_snare() -> None:
    drums: tuple[Drum, ...] = ("kick", "hat", "snare", "hat", "kick", "hat", "rim", "open-hat")
    hits = [Hit(drum=drum, onset_s=0.25 * n) for n, drum in enumerate(drums * 2)]
    audio = play(hits, 4.0)
    swap: dict[Drum, Drum] = {"rim": "snare", "snare": "rim"}
    for swapped in (False, True):
        written = [
            hit.model_copy(update={"drum": swap.get(hit.drum, hit.drum)}) if swapped else hit
            for hit in hits
        ]
        kit = Part(name="drums", kind="percussive", instrument="dusty")
        score = Score(tempo_bpm=120, bars=2, duration_s=4.0, hits=tuple(written), parts=(kit,))
        take = Take(audio, score, "CC0-1.0", "a beat", parts={"drums": audio})
        if not swapped:
            check_strokes(take, 0.9)
            continue
        with pytest.raises(AssertionError, match=r"the snare of kit is heard .*, not 0\.00"):
            check_strokes(take, 0.6)


def test_the_contract_says_nothing_of_an_unknown_kit() -> None:
    audio = play([Hit(drum="kick", onset_s=0.0)], 1.0)
    score = Score(tempo_bpm=60, bars=1, duration_s=1.0, hits=(Hit(drum="snare", onset_s=0.5),),
                  parts=(Part(name="drums", kind="percussive", instrument="my own"),))  # fmt: skip
    check_strokes(Take(audio, score, "CC0-1.0", "other", parts={"drums": audio}), 1.0)
