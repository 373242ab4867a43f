"""What is counted must be right; what is timed is never judged here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.bench import tables
from lofigen_kit.bench.cost import Cost, near_size, plan_cost, ring_cost, window_cost
from lofigen_kit.bench.generation import Case, list_cases, make_random_network
from lofigen_kit.bench.players import METHODS, PlayerJob
from lofigen_kit.bench.rounds import calibrate, compute_ratio, interleave
from lofigen_kit.bench.training import convert_to_conv1d, make_batch
from lofigen_kit.engine.plan import get_packed_network
from lofigen_kit.nn.network import CausalStack
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.training.update import compute_loss
from lofigen_kit_plugins.temperature import Temperature

Run = Callable[..., tuple[int, str, str]]

PLUGIN = '''
from typing import ClassVar, Literal

from lofigen_kit.api import Context, Layers, Model, Network, hookimpl


class Small(Model):
    """Two layers, one of them relaxed."""

    use: Literal["small"] = "small"
    layers: ClassVar[Layers] = ((1, 16, 32), (16, 1, 32))

    def load(self, ctx: Context) -> Network:
        raise NotImplementedError


@hookimpl
def lofigen_models():
    return [Small]
'''

SPEC = make_stack_spec([(1, 16, 32), (16, 16, 32), (16, 1, 32)], head="mse", guide=("a", "b"))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    """Call the command line where there is a small model."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "small.py").write_text(PLUGIN)
    monkeypatch.setenv("LOFIGEN_PLUGIN_DIR", str(folder))
    return run


def test_costs_are_those_of_a_count_by_hand() -> None:
    # The first layer sums all of 32 lags. The others sum 4.5 of them; each of their 256 pairs of
    # channels has tiles of 16, 32, 64 and again 64 floats, every 16, 32, 64 and 128 steps, and a
    # look-back of 192 every 128. Two channels, in a whole four, guide 16 outputs of two layers.
    near = 32 * 16 + 2 * 4.5 * 256 + 2 * 4 * 16
    spectral = 2 * 256 * (16 / 16 + 32 / 32 + 64 / 64 + 64 / 128 + 192 / 128)
    network = make_random_network(SPEC)
    plan = get_packed_network(network)
    assert plan_cost(plan) == Cost(near + 2 * spectral, 4 * near, 4 * spectral)
    assert near_size(plan) == 32 * 16 + 2 * 8 * 256 + 2 * 4 * 16
    every = 32 * 16 + 32 * 16 * 16 + 32 * 16 + 2 * 2 * 16
    assert ring_cost(network) == Cost(every, 4 * every)
    assert window_cost(network, 8192) == Cost(8192 * every, 4 * every)


def test_a_layer_with_few_lags_has_no_tiles() -> None:
    plan = get_packed_network(
        make_random_network(make_stack_spec([(1, 16, 8), (16, 1, 16)], head="mse"))
    )
    near = 8 * 16 + 16 * 16 * 16
    assert plan_cost(plan) == Cost(near, 4 * near, 0)


def test_things_take_turns_and_ratios_are_of_one_round() -> None:
    calls: list[str] = []
    done: list[tuple[int, int]] = []
    plays = [lambda: calls.append("a"), lambda: calls.append("b")]
    times = interleave(plays, 3, lambda *now: done.append(now))
    assert calls == ["a", "b"] * 3
    assert done == [(n, 6) for n in range(1, 7)]
    assert [spent.wall_s.shape for spent in times] == [(3,), (3,)]
    # Twice as fast in every round, whatever the rounds were like; medians alone would say 20.
    assert compute_ratio(np.array([2.0, 40.0, 200.0]), np.array([1.0, 2.0, 100.0])) == 2.0


def test_work_grows_until_it_takes_its_time() -> None:
    amounts: list[int] = []

    def prepare(amount: int) -> Callable[[], None]:
        amounts.append(amount)
        return lambda: None

    assert calibrate(prepare, 8, 0.0)[1] == 8
    assert amounts == [8, 8]  # once to warm up


def test_cases_that_say_nothing_new_are_left_out() -> None:
    cases = list_cases(["x"], ["ring", "engine"], [1, 8], [1, 2])
    assert cases == [
        Case("x", "ring", 1, 1),
        Case("x", "engine", 1, 1),
        Case("x", "engine", 8, 1),
        Case("x", "engine", 8, 2),
    ]


@pytest.mark.parametrize("method", [name for name in METHODS if not METHODS[name].find_missing()])
def test_every_way_plays_again_and_again(method: str) -> None:
    job = PlayerJob(make_random_network(SPEC), Temperature(), tracks=1)
    play = METHODS[method].prepare(job, METHODS[method].unit)
    play()
    play()


def test_both_convolutions_have_one_loss() -> None:
    ours = CausalStack(make_stack_spec([(1, 16, 64), (16, 16, 64), (16, 1, 16)], guide=("a",)))
    batch = make_batch(ours.spec, 2, 400)
    theirs = compute_loss(convert_to_conv1d(ours), batch, ours.spec)
    expected = pytest.approx(float(theirs.detach()), abs=1e-5)
    assert float(compute_loss(ours, batch, ours.spec).detach()) == expected


def test_generation_is_reported(small: Run) -> None:
    code, out, err = small(
        "bench", "generate", "--model", "small", "--tracks", 2, "--tracks", 1, "--threads", 1,
        "--method", "ring", "--method", "engine", "--rounds", 2, "--seconds", 0, "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    result = json.loads(out)
    ring, two, one = result["cases"]
    assert [case["method"] for case in result["cases"]] == ["ring", "engine", "engine"]
    assert result["x_realtime"] == two["x_realtime"] == two["samples_per_s"] / 8000
    assert two["us_per_step"] == pytest.approx(2e6 / two["samples_per_s"])
    assert ring["ratios"]["ring"] == one["ratios"]["engine"] == 1.0
    assert set(two["ratios"]) == {"ring", "engine"}
    assert two["bytes_per_sample"] == one["bytes_per_sample"] / 2
    assert one["state_bytes"] < two["state_bytes"]
    assert one["floor_share"] == pytest.approx(one["floor_us_per_step"] / one["us_per_step"])
    assert set(one["by_cpu_time"]) < set(one)
    assert {c["what"] for c in result["ceilings"]} == {
        "multiply-add", "read memory", "read small, near", "read small",
    }  # fmt: skip
    assert {"cpu", "cores", "python", "numpy", "numba", "torch"} <= set(result["machine"])
    assert not result["left_out"]


def test_generation_is_tabled(small: Run) -> None:
    code, out, _ = small(
        "bench", "generate", "--model", "small", "--tracks", 1, "--threads", 1,
        "--method", "window", "--method", "engine", "--rounds", 1, "--seconds", 0,
    )  # fmt: skip
    lines = out.splitlines()
    assert code == 0
    assert [line for line in lines if line.startswith("small  window  1       1 ")]
    assert "Limits of the machine" in lines


def test_a_checkpoint_is_measured_under_its_name(run: Run) -> None:
    code, out, _ = run(
        "bench", "generate", "--checkpoint", "conv4-lofi-guided", "--tracks", 1, "--threads", 1,
        "--method", "engine", "--rounds", 1, "--seconds", 0, "--json",
    )  # fmt: skip
    assert code == 0
    assert [case["model"] for case in json.loads(out)["cases"]] == ["conv4-lofi-guided"]


def test_a_missing_way_is_left_out_with_its_reason(
    small: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = METHODS["ring"]._replace(module="no_such_module")
    monkeypatch.setitem(METHODS, "ring", absent)
    code, out, _ = small(
        "bench", "generate", "--model", "small", "--method", "ring", "--rounds", 1, "--json"
    )
    result = json.loads(out)
    assert code == 0
    assert result["left_out"] == {"ring": "No module named 'no_such_module'"}
    assert result["cases"] == []
    assert result["x_realtime"] is None


def test_an_unknown_way_is_refused(run: Run) -> None:
    code, _, err = run("bench", "generate", "--method", "rign")
    assert code == 2
    assert "did you mean 'ring'" in err


def test_training_is_reported(small: Run) -> None:
    options = ("--model", "small", "--batch", 1, "--frames", 200, "--rounds", 1)
    code, out, err = small("bench", "train", *options, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    [case] = result["cases"]
    assert result["ratio"] == case["ratio"] == pytest.approx(case["conv1d_s"] / case["fft_s"])
    assert case["fft_gradient_error"] < 1e-4
    assert case["gradient_difference"] < 2e-4
    assert result["step"] == {"batch": 1, "frames": 200, "threads": 1}
    assert "small" in small("bench", "train", *options)[1]


def test_crops_that_are_too_short_to_judge_are_refused(small: Run) -> None:
    code, _, err = small("bench", "train", "--model", "small", "--frames", 62)
    assert code == 2
    assert "receptive field of small is 63 samples" in err


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0.00"), (3e-5, "3.0e-05"), (0.5, "0.500"), (12.34, "12.3"),
     (12345.0, "12,345"), (4.7e6, "4.7 M"), (3.92e10, "39.2 G")],
)  # fmt: skip
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert tables.format_number(value) == text


def test_effects_are_reported(run: Run, preset_file: Path) -> None:
    code, out, err = run(
        "bench", "effects", preset_file, "--seconds", 2, "--rounds", 3, "--json",
        "--set", "effects.1.use=lowpass",
    )  # fmt: skip
    assert (code, err) == (0, "")
    result = json.loads(out)
    stages = result["stages"]
    assert [stage["stage"] for stage in stages] == ["fake-noise#0", "lowpass#0", "master"]
    for figures in (stages, [stage["by_cpu_time"] for stage in stages]):
        assert sum(figure["share"] for figure in figures) == pytest.approx(1, abs=0.3)
        for figure in figures:
            assert figure["x_realtime"] == pytest.approx(2 / figure["seconds"])
    assert result["x_realtime"] < min(stage["x_realtime"] for stage in stages)
    assert "cpu" in result["machine"]


def test_effects_are_tabled(run: Run, preset_file: Path) -> None:
    code, out, _ = run("bench", "effects", preset_file, "--seconds", 1, "--rounds", 1)
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert [line[0] for line in lines[-4:]] == ["fake-noise#0", "fake-noise#1", "master", "all"]
    assert sum(int(line[1].rstrip("%")) for line in lines[-4:-1]) == pytest.approx(100, abs=2)
