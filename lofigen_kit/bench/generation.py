"""How fast a network generates, in every way there is, and what share of the floor is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from lofigen_kit.bench.cost import FLOAT_BYTES, Cost, near_size, plan_cost, ring_cost, window_cost
from lofigen_kit.bench.players import METHODS, WINDOW, PlayerJob
from lofigen_kit.bench.rounds import Play, calibrate, compute_ratio, interleave
from lofigen_kit.components.contracts import Sampler
from lofigen_kit.engine.batch import plan_lanes
from lofigen_kit.engine.plan import allocate_aligned, get_packed_network

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.nn.spec import NetworkSpec

BASES = ("engine", "ring", "window")
"""What every case is compared with: one track on one core."""

ADDING = "multiply-add"


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    model: str
    method: str
    tracks: int
    threads: int


@dataclass(frozen=True)
class Ceiling:
    """What the machine can do: `ADDING`, `read memory`, or read the weights of a model."""

    what: str
    threads: int


Rates = Mapping[Case | Ceiling, np.ndarray]
"""What is done in a second of each round: samples, bytes or multiply-adds [shape=(rounds,)]."""


@dataclass(frozen=True, eq=False)
class BenchmarkSettings:
    """How to measure.

    Attributes:
        sampler: How samples are drawn.
        rounds: How often each case is timed.
        seconds: How long each takes in a round, about; a single step may take longer.
        device: Where torch computes.
    """

    sampler: Sampler
    rounds: int = 9
    seconds: float = 0.2
    device: str = "cpu"


def make_random_network(spec: NetworkSpec) -> Network:
    """Return a network before its training, whose signals keep their level."""
    from lofigen_kit.nn.network import CausalStack, to_network

    return to_network(CausalStack(spec))


def list_cases(
    models: Sequence[str], methods: Sequence[str], tracks: Sequence[int], threads: Sequence[int]
) -> list[Case]:
    """Return every case that says something of its own, in the order in which they were asked."""
    cases: dict[Case, None] = {}
    for model, method, count, cores in product(models, methods, tracks, threads):
        if METHODS[method].alone:
            cases[Case(model, method, 1, 1)] = None
        elif method != "engine" or cores <= max(count, 1):  # a track is never split
            cases[Case(model, method, count, cores)] = None
    return list(cases)


def measure(
    networks: Mapping[str, Network],
    cases: Sequence[Case],
    setting: BenchmarkSettings,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Time all cases in turn, and the machine's ceilings among them.

    Args:
        networks: By the names of the cases' models.
        cases: What to measure; those whose method cannot run here are left out.
        setting: How.
        progress: As `interleave` calls it.

    Returns:
        dict: `x_realtime` of the first case of the engine, else of the first; `cases`, `ceilings`,
        and `left_out`, the reason for each method that is missing. Figures are by the clock, and
        again in `by_cpu_time`, where what other programs take away does not count and several
        threads count as one core.
    """
    reasons = {case.method: METHODS[case.method].find_missing() for case in cases}
    jobs: dict[Case | Ceiling, tuple[Play, float]] = {
        case: _prepare(networks[case.model], case, setting)
        for case in cases
        if reasons[case.method] is None
    }
    jobs.update(_ceilings(networks, [case for case in jobs if isinstance(case, Case)], setting))
    times = interleave([play for play, _ in jobs.values()], setting.rounds, progress)
    wall, cpu = {}, {}
    for (key, (_, amount)), spent in zip(jobs.items(), times, strict=True):
        wall[key] = amount / spent.wall_s
        cpu[key] = amount / np.maximum(spent.cpu_s, 1e-9)
    results = [
        _result(case, networks[case.model], setting, wall, cpu)
        for case in jobs
        if isinstance(case, Case)
    ]
    first = next((r for r in results if r["method"] == "engine"), results[0] if results else {})
    return {
        "x_realtime": first.get("x_realtime"),
        "rounds": setting.rounds,
        "sampler": setting.sampler.model_dump(mode="json"),
        "left_out": {method: reason for method, reason in reasons.items() if reason},
        "ceilings": [
            {**asdict(key), "per_s": _median(wall[key]), "per_cpu_s": _median(cpu[key])}
            for key in jobs
            if isinstance(key, Ceiling)
        ],
        "cases": results,
    }


def _prepare(network: Network, case: Case, setting: BenchmarkSettings) -> tuple[Play, float]:
    """Return what plays a case, and how many samples it makes."""
    method = METHODS[case.method]
    job = PlayerJob(network, setting.sampler, case.tracks, case.threads, setting.device)
    play, steps = calibrate(partial(method.prepare, job), method.unit, setting.seconds)
    return play, float(steps * case.tracks)


def _ceilings(
    networks: Mapping[str, Network], cases: Sequence[Case], setting: BenchmarkSettings
) -> dict[Case | Ceiling, tuple[Play, float]]:
    """Return what measures the machine, for each number of threads that the engine is to use."""
    asked = [case for case in cases if case.method == "engine"]
    if not asked:
        return {}
    from lofigen_kit.bench import ceilings

    def ones(size: int) -> np.ndarray:
        array = allocate_aligned(size)
        array[:] = 1.0  # untouched pages would all be the same page of zeros
        return array

    arrays = {"read memory": ones(ceilings.BEYOND_CACHE // FLOAT_BYTES)}
    for model in dict.fromkeys(case.model for case in asked):
        plan = get_packed_network(networks[model])
        arrays[f"read {model}, near"] = ones(near_size(plan))
        arrays[f"read {model}"] = plan.weights
    jobs: dict[Case | Ceiling, tuple[Play, float]] = {}
    for threads in sorted({case.threads for case in asked}):
        play, times = calibrate(ceilings.make_multiplier(threads), 1, setting.seconds)
        amount = float(times * ceilings.TURNS * ceilings.SPAN * threads)
        jobs[Ceiling(ADDING, threads)] = play, amount
        for what, numbers in arrays.items():
            play, passes = calibrate(ceilings.make_reader(numbers, threads), 1, setting.seconds)
            jobs[Ceiling(what, threads)] = play, float(passes * numbers.nbytes * threads)
    return jobs


def _result(
    case: Case, network: Network, setting: BenchmarkSettings, wall: Rates, cpu: Rates
) -> dict[str, Any]:
    """Return all that is known of a case."""
    cost, lanes, groups = ring_cost(network), 1, 1
    result: dict[str, Any] = asdict(case)
    if case.method == "window":
        cost = window_cost(network, WINDOW)
    elif case.method == "torch-blocked":
        lanes = case.tracks
    elif case.method == "engine":
        from lofigen_kit.engine.compiled_stream import CompiledDecoder

        plan = get_packed_network(network)
        cost = plan_cost(plan)
        groups, lanes = plan_lanes(case.tracks, case.threads)
        result["state_bytes"] = (
            groups * CompiledDecoder(network, setting.sampler, lanes=lanes).nbytes
        )
        result["weight_bytes"] = plan.weights.nbytes
    result["side_by_side"] = groups * lanes
    if case.method != "torch-blocked":
        result["macs_per_sample"] = cost.macs
        result["bytes_per_sample"] = cost.nbytes / lanes
    for rates, figures in ((wall, result), (cpu, result.setdefault("by_cpu_time", {}))):
        rate = _median(rates[case])
        figures["samples_per_s"] = rate
        figures["x_realtime"] = rate / network.spec.sample_rate_hz
        figures["us_per_step"] = 1e6 * groups * lanes / rate
        figures["ratios"] = _ratios(case, rates)
        if case.method == "engine":
            bound, floor_us = _floor(case, cost, groups, lanes, rates)
            figures["bound"], figures["floor_us_per_step"] = bound, floor_us
            figures["floor_share"] = floor_us / figures["us_per_step"]
    return result


def _ratios(case: Case, rates: Rates) -> dict[str, float]:
    """Return how many times faster a case is than each base that was measured."""
    bases = {method: Case(case.model, method, 1, 1) for method in BASES}
    return {
        method: compute_ratio(rates[case], rates[base])
        for method, base in bases.items()
        if base in rates
    }


def _floor(case: Case, cost: Cost, groups: int, lanes: int, rates: Rates) -> tuple[str, float]:
    """Return what bounds a step of the engine (the roofline), and the microseconds it takes then.

    Each group of lanes, on its thread, reads the weights for itself: those of every step from an
    array of their size, the tiles' as if from one as large as all weights together. Small tiles
    come from nearer caches, so that a little more than the floor's speed can be reached.
    """

    def rate(what: str) -> float:
        return _median(rates[Ceiling(what, case.threads)])

    reading_s = cost.near_bytes / rate(f"read {case.model}, near")
    reading_s += cost.tile_bytes / rate(f"read {case.model}")
    floors_us = {
        "memory": 1e6 * groups * reading_s,
        "arithmetic": 1e6 * groups * lanes * cost.macs / rate(ADDING),
    }
    bound = max(floors_us, key=lambda name: floors_us[name])
    return bound, floors_us[bound]


def _median(rates: np.ndarray) -> float:
    return float(np.median(rates))
