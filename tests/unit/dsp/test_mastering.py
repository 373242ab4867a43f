"""Mastering on varied sounds, measured by other means than its own."""

import math

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.dsp.limiter import reduction_db
from lofigen_kit.dsp.mastering import MAX_REDUCTION_DB, block_dc, master

RATE_HZ = 44_100


def independent_peak_dbtp(samples: np.ndarray) -> float:
    """Return the true peak by scipy's polyphase filter at eight times the rate."""
    fine = signal.resample_poly(samples.astype(np.float64), 8, 1, axis=1, window=("kaiser", 12.0))
    return float(20 * np.log10(np.abs(fine).max()))


def independent_lufs(audio: AudioBuffer) -> float:
    meter = pyloudnorm.Meter(audio.sample_rate_hz, filter_class="DeMan")
    return float(meter.integrated_loudness(audio.samples.T.astype(np.float64)))


def seconds(duration_s: float) -> np.ndarray:
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def drums(crest: float) -> np.ndarray:
    t, rng = seconds(8), np.random.default_rng(1)
    kick = np.exp(-(t % 1.0) / 0.12) * np.sin(2 * np.pi * 55 * (t % 1.0))
    hiss = signal.sosfilt(
        signal.butter(4, 9000, fs=RATE_HZ, output="sos"), rng.standard_normal(len(t))
    )
    hat = np.exp(-(t % 0.25) / crest) * hiss
    return np.stack([0.7 * kick + 0.3 * hat, 0.7 * kick - 0.2 * hat])


def chords(*, level: float = 0.1, noise: float = 0.0) -> np.ndarray:
    t, rng = seconds(10), np.random.default_rng(2)
    tremolo = 1 + 0.4 * np.sin(2 * np.pi * 0.7 * t)
    tones = [tremolo * np.sin(2 * np.pi * f * t + side) for f in (146.8, 174.6, 220.0)
             for side in (0, 1)]  # fmt: skip
    pads = level * np.array([sum(tones[0::2]), sum(tones[1::2])])
    return np.asarray(pads + noise * rng.standard_normal(pads.shape))


def music() -> np.ndarray:
    return chords(level=0.08, noise=0.002) + 0.4 * np.pad(drums(0.03), ((0, 0), (0, 2 * RATE_HZ)))


REACHABLE = {
    "drums": drums(0.1),
    "music": music(),
    "chords": chords(),
    "mono chords": chords()[:1],
    "whisper": 10 ** (-60 / 20) * music(),
    "noise": 0.3 * np.random.default_rng(3).standard_normal((2, 5 * RATE_HZ)),
    "square": np.sign(np.sin(2 * np.pi * 110.3 * seconds(5)))[None],
    "overloaded": 5 * music(),
    "with offset": music() + 0.3,
    "bass": 0.5 * np.sin(2 * np.pi * 45 * seconds(6))[None],
    "half silent": np.pad(chords(), ((0, 0), (0, 10 * RATE_HZ))),
    "swell": np.linspace(0, 1, 10 * RATE_HZ) * chords(),
    "odd length": music()[:, :123_487],
    "50 ms": chords()[:, : RATE_HZ // 20],
}
UNREACHABLE = {
    "clicks": np.where(np.arange(5 * RATE_HZ) % RATE_HZ == 0, 1.0, 0.0)[None],
    "sharp drums": drums(0.005),
    "one loud hit": np.pad(drums(0.02)[:, :4000], ((0, 0), (0, 8 * RATE_HZ))),
}


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("name", REACHABLE)
def test_loudness_and_ceiling(name: str, loop: bool) -> None:
    audio = AudioBuffer(REACHABLE[name], RATE_HZ)
    mastered = master(audio, loudness_lufs=-14, true_peak_dbtp=-1, loop=loop)
    assert mastered.target_unreached is None
    assert mastered.loudness_lufs == pytest.approx(-14, abs=0.1)
    assert mastered.audio.samples.shape == audio.samples.shape
    assert mastered.true_peak_dbtp <= -1
    assert independent_peak_dbtp(mastered.audio.samples) <= -1 + 0.1
    if audio.duration_s >= 0.4:
        assert independent_lufs(mastered.audio) == pytest.approx(-14, abs=0.1)


@pytest.mark.parametrize("name", UNREACHABLE)
def test_what_cannot_be_that_loud_says_so(name: str) -> None:
    audio = AudioBuffer(UNREACHABLE[name], RATE_HZ)
    mastered = master(audio, loudness_lufs=-9, true_peak_dbtp=-1)
    assert mastered.target_unreached is not None
    assert mastered.target_unreached.startswith("-9 LUFS would take more than 8 dB of limiting")
    assert mastered.loudness_lufs < -9.1
    assert independent_peak_dbtp(mastered.audio.samples) <= -1 + 0.2


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, RATE_HZ)), np.zeros((1, 0)), np.zeros((1, 1)), np.full((2, 3 * RATE_HZ), 0.5),
     np.ones((1, 1)), np.full((2, RATE_HZ), -1.0)],
    ids=["silence", "nothing", "one zero", "constant", "one sample", "stuck"],
)  # fmt: skip
def test_silence_and_constants_become_silence_and_say_so(samples: np.ndarray) -> None:
    mastered = master(AudioBuffer(samples, RATE_HZ), loudness_lufs=-14, true_peak_dbtp=-1)
    assert np.abs(mastered.audio.samples).max(initial=0) < 1e-6
    assert mastered.loudness_lufs == -math.inf
    assert mastered.target_unreached == "the sound is silent: nothing to bring up"


def test_without_a_target_only_the_ceiling_counts() -> None:
    quiet = AudioBuffer(chords(), RATE_HZ)
    kept = master(quiet, loudness_lufs=None, true_peak_dbtp=-1)
    assert np.array_equal(kept.audio.samples, block_dc(quiet).samples)
    loud = master(AudioBuffer(20 * drums(0.05), RATE_HZ), loudness_lufs=None, true_peak_dbtp=-1)
    assert loud.true_peak_dbtp == pytest.approx(-1.1, abs=0.05)
    assert loud.target_unreached is None


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0])
def test_a_seamless_loop_stays_seamless(phase: float) -> None:
    # Whole cycles, cut anywhere: a loud bass that keeps the limiter at work over the seam.
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    bass = np.sin(2 * np.pi * 50 * t + phase) * (1.3 + np.cos(2 * np.pi * 2 * t))
    audio = AudioBuffer(bass[None] + 0.1, RATE_HZ)
    mastered = master(audio, loudness_lufs=-8, true_peak_dbtp=-1, loop=True)
    looped = np.tile(mastered.audio.samples[0].astype(np.float64), 2)
    curvature = np.abs(np.diff(looped, 2))
    seam = len(t) - 1
    assert curvature[seam - 3 : seam + 3].max() <= 1.05 * curvature[:-10].max()


def test_where_a_loop_is_cut_makes_no_difference() -> None:
    bass = 2 * np.sin(2 * np.pi * 50 * seconds(2) + 2) * (1.3 - np.cos(2 * np.pi * 2 * seconds(2)))
    whole, turned = (
        master(
            AudioBuffer(np.roll(bass, by)[None], RATE_HZ),
            loudness_lufs=None,
            true_peak_dbtp=-1,
            loop=True,
        )
        for by in (0, 22_150)
    )
    difference = np.roll(turned.audio.samples[0], -22_150) - whole.audio.samples[0]
    assert 20 * np.log10(np.abs(difference).max()) < -60


def test_dc_block_response() -> None:
    t = seconds(4)
    for frequency_hz, expected_db in ((20.0, -3.0), (10.0, -17.6), (40.0, -0.22), (200.0, 0.0)):
        tone = np.sin(2 * np.pi * frequency_hz * t)[None]
        level = np.sqrt(2 * np.mean(block_dc(AudioBuffer(tone, RATE_HZ)).samples ** 2))
        assert 20 * np.log10(level) == pytest.approx(expected_db, abs=0.3)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4000), st.floats(200, 20_000), st.integers(0, 2**32 - 1))
def test_the_limiter_never_takes_less_than_is_needed(
    points: int, rate_hz: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    excess_db = np.where(rng.random(points) < 0.01, rng.uniform(0, 8, points), -10.0)
    reduction = reduction_db(excess_db, rate_hz)
    for neighbour in (reduction[:-1], reduction[1:]):
        assert (neighbour >= excess_db[1:] - 1e-9).all()
        assert (neighbour >= excess_db[:-1] - 1e-9).all()
    assert (reduction >= excess_db - 1e-9).all()
    assert reduction.max() <= max(0.0, excess_db.max()) + 1e-9


def test_at_most_eight_decibels_of_limiting() -> None:
    audio = AudioBuffer(UNREACHABLE["clicks"] * 0.5 + 0.01 * np.sin(700 * seconds(5)), RATE_HZ)
    mastered = master(audio, loudness_lufs=-9, true_peak_dbtp=-1)
    away_from_clicks = slice(RATE_HZ // 2, RATE_HZ // 2 + 4410)
    rise = np.std(mastered.audio.samples[0, away_from_clicks]) / np.std(
        audio.samples[0, away_from_clicks]
    )
    expected_db = MAX_REDUCTION_DB - 1 - independent_peak_dbtp(block_dc(audio).samples)
    assert 20 * np.log10(rise) == pytest.approx(expected_db, abs=0.5)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([8000, 22_050, 44_100, 96_000]),
    st.integers(1, 2),
    st.integers(1, 20_000),
    st.floats(-80, 20),
    st.integers(0, 2**32 - 1),
)
def test_any_noise_comes_out_right_or_explained(
    rate_hz: int, channels: int, frames: int, level_db: float, seed: int
) -> None:
    noise = 10 ** (level_db / 20) * np.random.default_rng(seed).standard_normal((channels, frames))
    audio = AudioBuffer(noise, rate_hz)
    mastered = master(audio, loudness_lufs=-16, true_peak_dbtp=-1)
    assert mastered.audio.samples.shape == (channels, frames)
    assert mastered.true_peak_dbtp <= -1
    if mastered.target_unreached is None:
        assert mastered.loudness_lufs == pytest.approx(-16, abs=0.1)
    again = master(audio, loudness_lufs=-16, true_peak_dbtp=-1)
    assert np.array_equal(again.audio.samples, mastered.audio.samples)
