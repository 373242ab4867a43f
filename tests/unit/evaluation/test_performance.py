"""What is measured of a checkpoint, on signals of which the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lofigen_kit.analysis import noise_floor_dbfs
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.corpus.songs import Song, make_corpus, read_songs
from lofigen_kit.evaluation.performance import bound_rate, measure_performance, summarise
from lofigen_kit.evaluation.prediction import compute_network_errors, measure_prediction
from lofigen_kit.evaluation.rollout import generate_rollouts, iterate_rollouts
from lofigen_kit.nn import heads
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.network import CausalStack, to_network
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit_plugins.beatmaker import Beatmaker
from lofigen_kit_plugins.truncated import Truncated

RATE_HZ = 8_000


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Song]:
    folder = tmp_path_factory.mktemp("evaluated") / "corpus"
    make_corpus(folder, Beatmaker(bars=2), minutes=0.6, seed=8)
    return read_songs(folder, "train")


def last_sample() -> Network:
    """A network that says that the next sample is the last one."""
    spec = make_stack_spec([(1, 1, 3)], head="mse")
    weight = np.zeros((1, 1, 3), np.float32)
    weight[0, 0, -1] = 1.0 / spec.input_scale
    return Network(spec, (weight,), (np.zeros(1, np.float32),))


def buffer(samples: np.ndarray) -> AudioBuffer:
    return AudioBuffer(np.asarray(samples, np.float32)[None], RATE_HZ)


def test_a_prediction_is_compared_with_the_next_sample(songs: list[Song]) -> None:
    found = measure_prediction(last_sample(), songs[:2], songs[2:4])
    assert found.network_mse == pytest.approx(found.last_sample_mse, rel=1e-4)
    assert found.network_mae == pytest.approx(found.last_sample_mae, rel=1e-4)
    assert 0 < found.linear_mse < found.last_sample_mse < found.variance
    assert found.frames == sum(len(song.samples) for song in songs[2:4])
    assert found.network_nats is found.network_bits is None


def test_the_baselines_of_white_noise_are_its_variance(songs: list[Song]) -> None:
    rng = np.random.default_rng(0)
    noise = [
        replace(songs[0], samples=(0.1 * rng.standard_normal(40_000)).astype(np.float32))
        for _ in range(2)
    ]
    found = measure_prediction(last_sample(), noise[:1], noise[1:])
    assert found.variance == pytest.approx(0.01, rel=0.02)
    assert found.linear_mse == pytest.approx(found.variance, rel=0.01)
    assert found.last_sample_mse == pytest.approx(2 * found.variance, rel=0.02)
    assert found.mean_deviation == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.02)
    entropy_bits = 0.5 * np.log2(2 * np.pi * math.e * 0.01)
    assert found.linear_gaussian_bits == pytest.approx(entropy_bits, abs=0.03)
    assert found.linear_gaussian_bits_16 == pytest.approx(entropy_bits + 15, abs=0.03)


def test_it_does_not_matter_how_many_samples_are_judged_at_a_time(songs: list[Song]) -> None:
    network = to_network(CausalStack(make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2), seed=1))
    nats, mse, mae = compute_network_errors(network, songs[:1])
    assert compute_network_errors(network, songs[:1], window=1000) == pytest.approx(
        (nats, mse, mae), 1e-5
    )


@pytest.mark.parametrize("head", ["mol", "mulaw"])
def test_a_density_has_an_area_of_one_and_a_mean(head: str) -> None:
    spec = make_stack_spec([(1, 1, 1)], head=head, mixtures=3)  # type: ignore[arg-type]
    rng = np.random.default_rng(3)
    # Narrow enough to lie within full scale.
    outputs = torch.from_numpy(rng.normal(0, 0.3, (1, spec.head_outputs, 1))).float()
    if head == "mol":
        outputs[:, 6:] -= 4.0
    amplitudes = np.linspace(-1, 1, 20_001)
    density = [
        float(np.exp(-float(heads.density_nats(outputs, torch.tensor([[[a]]]).float(), spec))))  # type: ignore[arg-type]
        for a in amplitudes[::10]
    ]
    step = amplitudes[10] - amplitudes[0]
    assert np.sum(density) * step == pytest.approx(1.0, abs=0.02)
    mean = np.sum(density * amplitudes[::10]) * step
    assert float(heads.expectation(outputs, spec)) == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("level_db", [-50.0, -40.0, -30.0])
def test_the_noise_floor_of_known_noise_is_read_within_a_decibel(
    songs: list[Song], level_db: float
) -> None:
    rng = np.random.default_rng(1)
    for song in songs[:4]:
        reference = song.samples.astype(np.float64)
        noise = 10 ** (level_db / 20) * rng.standard_normal(len(reference))
        own_db = noise_floor_dbfs(buffer(reference), buffer(reference))
        read_db = noise_floor_dbfs(buffer(reference + noise), buffer(reference))
        # What the reference itself holds in these places adds to the noise.
        expected = 10 * np.log10(10 ** (level_db / 10) + 10 ** (own_db / 10))
        assert read_db == pytest.approx(expected, abs=1.0)


def test_the_noise_floor_follows_gain_and_hears_no_late_release(songs: list[Song]) -> None:
    reference = songs[0].samples
    own_db = noise_floor_dbfs(buffer(reference), buffer(reference))
    halved_db = noise_floor_dbfs(buffer(reference / 2), buffer(reference))
    assert halved_db == pytest.approx(own_db - 6.02, abs=0.05)
    assert noise_floor_dbfs(buffer(0 * reference), buffer(reference)) == -120.0
    late = np.roll(reference, 80)
    assert noise_floor_dbfs(buffer(late), buffer(reference)) == pytest.approx(own_db, abs=6.0)


def test_a_song_beside_itself_reaches_its_ceiling(songs: list[Song]) -> None:
    found = measure_performance(songs[0], songs[0].samples, RATE_HZ)
    assert found.level_db == pytest.approx(0.0)
    assert found.kick_f == found.kick_f_reference
    assert found.chroma == found.chroma_reference
    assert found.noise_floor_dbfs == found.noise_floor_reference_dbfs
    assert found.mel_distance_db == 0.0
    assert found.findings == found.findings_reference == ()


def test_collapses_are_counted_with_their_reasons(songs: list[Song]) -> None:
    rng = np.random.default_rng(2)
    frames = 5 * RATE_HZ
    silent = measure_performance(songs[0], np.zeros(frames, np.float32), RATE_HZ)
    noise = measure_performance(
        songs[0], (0.2 * rng.standard_normal(frames)).astype(np.float32), RATE_HZ
    )
    whole = measure_performance(songs[0], songs[0].samples, RATE_HZ)
    facts = summarise([silent, noise, whole, whole])
    assert facts["collapsed"] == 2
    assert facts["collapsed_reference"] == 0
    assert facts["collapse_faults"] == {"silence": 1, "noise": 1}
    # A binomial with this rate shows two or fewer of four once in twenty times.
    rate = facts["collapse_rate_at_most"]
    shown = sum(n * rate**k * (1 - rate) ** (4 - k) for k, n in ((0, 1), (1, 4), (2, 6)))
    assert shown == pytest.approx(0.05, abs=1e-3)


def test_no_collapse_in_a_hundred_takes_bounds_the_rate() -> None:
    assert bound_rate(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert bound_rate(3, 3) == 1.0


def test_batches_play_what_one_run_plays(songs: list[Song]) -> None:
    network = to_network(CausalStack(make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2), seed=1))
    sampler = Truncated(temperature=0.5)
    many = [songs[n % 3] for n in range(11)]
    done: list[tuple[int, int]] = []
    batches = list(
        iterate_rollouts(
            network, sampler, many, seconds=0.05, seed=4,
            progress=lambda now, total: done.append((now, total)),
        )
    )  # fmt: skip
    whole = generate_rollouts(network, sampler, many, seconds=0.05, seed=4)
    assert [song.title for song, _ in batches] == [song.title for song in many]
    for (_, ours), theirs in zip(batches, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert done[-1] == (11 * 400, 11 * 400)
    assert [now for now, _ in done] == sorted(now for now, _ in done)
