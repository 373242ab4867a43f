from __future__ import annotations

from importlib.resources import files
from typing import get_args

import numpy as np
import pytest
import soundfile

from lofigen_kit.api import DRUMS, Context, Drum, Hit, Note, RenderError, Score, render_part
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.instruments.drum_kits import KITS, PEAK
from lofigen_kit_plugins.instruments.kit import Kit, KitName

RATE_HZ = 44_100
NAMES: tuple[KitName, ...] = get_args(KitName)


def strike(kit: KitName, drum: Drum, velocity: float = 1.0, seed: int = 1) -> np.ndarray:
    context = Context(rng=rng_for(seed, 0, "kit"))
    return Kit(kit=kit).play(Hit(drum=drum, onset_s=0.0, velocity=velocity), RATE_HZ, context)


def power_between(wave: np.ndarray, low_hz: float, high_hz: float) -> float:
    """The share of the power in a band."""
    power = np.abs(np.fft.rfft(wave.mean(axis=0))) ** 2
    hz = np.fft.rfftfreq(wave.shape[1], 1 / RATE_HZ)
    return float(power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum())


def centroid_hz(wave: np.ndarray) -> float:
    level = np.abs(np.fft.rfft(wave.mean(axis=0)))
    return float(level @ np.fft.rfftfreq(wave.shape[1], 1 / RATE_HZ) / level.sum())


@pytest.mark.parametrize("name", NAMES)
def test_every_kit_has_every_drum_at_its_level(name: KitName) -> None:
    assert set(KITS[name]) == set(DRUMS)
    for drum in DRUMS:
        wave = strike(name, drum)
        assert wave.shape[0] == 2
        assert wave.dtype == np.float32
        assert np.abs(wave).max() == pytest.approx(PEAK[drum], rel=0.3), drum
        onset = int(np.argmax(np.abs(wave).max(axis=0) > 0.1 * np.abs(wave).max()))
        assert onset < 0.012 * RATE_HZ, drum
        assert np.abs(wave[:, -20:]).max() < 2e-3, drum  # it has died away


@pytest.mark.parametrize("name", NAMES)
def test_cymbals_reach_the_top_and_kicks_the_bottom(name: KitName) -> None:
    cymbals: tuple[Drum, ...] = ("hat", "open-hat")
    for drum in cymbals:
        assert power_between(strike(name, drum), 5000, 16_000) > 0.3, drum
        assert power_between(strike(name, drum), 10_000, 16_000) > 0.05, drum
    assert power_between(strike(name, "kick"), 20, 150) > 0.8
    assert power_between(strike(name, "snare"), 1000, 16_000) > 0.1


@pytest.mark.parametrize("drum", DRUMS)
def test_a_softer_stroke_is_quieter_and_duller(drum: Drum) -> None:
    for name in NAMES:
        if KITS[name][drum].soft:  # which is another recording
            continue
        hard, soft = strike(name, drum), strike(name, drum, 0.3)
        assert 0.1 < np.abs(soft).max() / np.abs(hard).max() < 0.35, name
        assert centroid_hz(soft) < centroid_hz(hard), name


def test_a_soft_stroke_of_a_snare_may_be_another_recording() -> None:
    hard, soft = strike("jazz", "snare", 0.56), strike("jazz", "snare", 0.54)
    shorter = min(hard.shape[1], soft.shape[1])
    assert np.corrcoef(hard[0, :shorter], soft[0, :shorter])[0, 1] < 0.9


def test_strokes_repeat_by_seed_and_else_are_never_quite_alike() -> None:
    np.testing.assert_array_equal(strike("dusty", "hat", seed=3), strike("dusty", "hat", seed=3))
    context = Context(rng=rng_for(1, 0, "kit"))
    hit = Hit(drum="hat", onset_s=0.0, velocity=0.8)
    peaks = {float(np.abs(Kit().play(hit, RATE_HZ, context)).max()) for _ in range(8)}
    assert len(peaks) == 8
    assert max(peaks) / min(peaks) < 1.3


def test_drums_stand_where_the_audience_sees_them() -> None:
    def balance_db(drum: Drum) -> float:
        left, right = (strike("boom-bap", drum) ** 2).sum(axis=1)
        return float(10 * np.log10(right / left))

    assert abs(balance_db("kick")) < 0.5
    assert -4 < balance_db("hat") < -1.5
    assert -4 < balance_db("open-hat") < -1.5
    assert 1.5 < balance_db("ride") < 4


@pytest.mark.parametrize("name", NAMES)
def test_the_sum_of_both_channels_loses_nothing(name: KitName) -> None:
    for drum in DRUMS:
        wave = strike(name, drum).astype(np.float64)
        loss_db = 10 * np.log10(2 * (wave.mean(axis=0) ** 2).sum() / (wave**2).sum())
        assert loss_db > -1.0, drum


@pytest.mark.parametrize("name", NAMES)
def test_a_beat_is_heard_where_the_score_has_it(name: KitName) -> None:
    hits = [Hit(drum="kick", onset_s=s, velocity=0.9) for s in (0.0, 1.5, 2.0, 3.5)]
    hits += [Hit(drum="snare", onset_s=s, velocity=0.9) for s in (1.0, 3.0)]
    hits += [Hit(drum="hat", onset_s=s, velocity=0.8) for s in np.arange(0.25, 4.0, 0.5)]
    score = Score(tempo_bpm=120, bars=2, duration_s=4.0, loop=True, hits=tuple(hits))
    audio = render_part(Kit(kit=name), score, "drums", Context(rng=rng_for(1, 0, "kit")))
    assert audio.samples.shape == (2, 4 * RATE_HZ)
    around = round(0.02 * RATE_HZ)
    for hit in hits[1:]:
        onset = round(hit.onset_s * RATE_HZ)
        before, after = (
            audio.samples[:, onset - around : onset],
            audio.samples[:, onset:][:, :around],
        )
        high = [np.abs(np.diff(part)).sum() for part in (before, after)]
        assert high[1] > 1.3 * high[0], hit


@pytest.mark.parametrize("name", NAMES)
def test_the_closed_hat_chokes_the_open_one(name: KitName) -> None:
    opened = Hit(drum="open-hat", onset_s=0.0, velocity=0.9)
    closed = Hit(drum="hat", onset_s=0.1, velocity=0.0)  # which is silent itself

    def ring(*hits: Hit) -> float:
        score = Score(tempo_bpm=120, bars=1, duration_s=2.0, hits=hits)
        audio = render_part(Kit(kit=name), score, "drums", Context(rng=rng_for(1, 0, "kit")))
        return float(np.abs(audio.samples[:, round(0.12 * RATE_HZ) : round(0.2 * RATE_HZ)]).max())

    assert ring(opened) > 0.004
    assert ring(opened, closed) < 1e-6


def test_a_kit_plays_no_notes() -> None:
    note = Note(part="keys", midi=60, onset_s=0, duration_s=1)
    with pytest.raises(RenderError, match="strokes, and no notes"):
        Kit().play(note, RATE_HZ, Context(rng=rng_for(1, 0, "kit")))


def test_the_recordings_are_at_full_rate_and_all_are_listed() -> None:
    folder = files("lofigen_kit_plugins.instruments") / "samples"
    listed = (folder / "PROVENANCE.md").read_text()
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".flac")]
    assert sum(len(entry.read_bytes()) for entry in found) < 3_000_000
    used = {s.name for kit in KITS.values() for s in kit.values()}
    used |= {s.soft for kit in KITS.values() for s in kit.values()}
    for entry in found:
        with entry.open("rb") as file:
            assert soundfile.info(file).samplerate == 44_100
        assert f"`{entry.name.removesuffix('.flac')}`" in listed
        assert entry.name.removesuffix(".flac") in used
