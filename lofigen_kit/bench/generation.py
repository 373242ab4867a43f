"""Measure the speed of each method of generation, and compare it with the roofline."""

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
"""The methods with which every case is compared, for one track on one core."""

ADDING = "multiply-add"


@dataclass(frozen=True)
class Case:
    """One combination to measure."""

    model: str
    method: str
    tracks: int
    threads: int


@dataclass(frozen=True)
class Ceiling:
    """A limit of the machine: `ADDING`, `read memory`, or reading the weights of a model."""

    what: str
    threads: int


Rates = Mapping[Case | Ceiling, np.ndarray]
"""Samples, bytes or multiply-adds in a second, for each round [shape=(rounds,)]."""


@dataclass(frozen=True, eq=False)
class BenchmarkSettings:
    """The settings of a measurement.

    Attributes:
        sampler: The sampler.
        rounds: How often each case is timed.
        seconds: About how many seconds a case takes in each round; a single step may take longer.
        device: The device on which torch computes.
    """

    sampler: Sampler
    rounds: int = 9
    seconds: float = 0.2
    device: str = "cpu"


def make_random_network(spec: NetworkSpec) -> Network:
    """Return an untrained network, whose initial weights keep the level of signals."""
    from lofigen_kit.nn.network import CausalStack, to_network

    return to_network(CausalStack(spec))


def list_cases(
    models: Sequence[str], methods: Sequence[str], tracks: Sequence[int], threads: Sequence[int]
) -> list[Case]:
    """Return the distinct cases, in the given order."""
    cases: dict[Case, None] = {}
    for model, method, count, cores in product(models, methods, tracks, threads):
        if METHODS[method].alone:
            cases[Case(model, method, 1, 1)] = None
        elif method != "engine" or cores <= max(count, 1):  # one track uses one thread
            cases[Case(model, method, count, cores)] = None
    return list(cases)


def measure(
    networks: Mapping[str, Network],
    cases: Sequence[Case],
    setting: BenchmarkSettings,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Time all cases and the machine's ceilings in turn.

    Args:
        networks: The networks, by the names of the cases' models.
        cases: The cases; those whose method cannot run here are left out.
        setting: The settings.
        progress: See `interleave`.

    Returns:
        dict: `x_realtime` of the first case of the engine, else of the first case; `cases`,
        `ceilings`, and `left_out`, the reason for each method that is left out. Figures are by wall
        time and, in `by_cpu_time`, by the CPU time of all threads, which other programs do not
        change.
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
    """Return a function that runs a case, and the number of samples that it generates."""
    method = METHODS[case.method]
    job = PlayerJob(network, setting.sampler, case.tracks, case.threads, setting.device)
    play, steps = calibrate(partial(method.prepare, job), method.unit, setting.seconds)
    return play, float(steps * case.tracks)


def _ceilings(
    networks: Mapping[str, Network], cases: Sequence[Case], setting: BenchmarkSettings
) -> dict[Case | Ceiling, tuple[Play, float]]:
    """Return the measurements of the machine, for each number of threads of the engine's cases."""
    engine_cases = [case for case in cases if case.method == "engine"]
    if not engine_cases:
        return {}
    from lofigen_kit.bench import ceilings

    def ones(size: int) -> np.ndarray:
        array = allocate_aligned(size)
        array[:] = 1.0  # memory pages that were never written would share one page of zeros
        return array

    arrays = {"read memory": ones(ceilings.BEYOND_CACHE // FLOAT_BYTES)}
    for model in dict.fromkeys(case.model for case in engine_cases):
        plan = get_packed_network(networks[model])
        arrays[f"read {model}, near"] = ones(near_size(plan))
        arrays[f"read {model}"] = plan.weights
    jobs: dict[Case | Ceiling, tuple[Play, float]] = {}
    for threads in sorted({case.threads for case in engine_cases}):
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
    """Return the figures of a case."""
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
        figures["track_x_realtime"] = figures["x_realtime"] / case.tracks
        figures["us_per_step"] = 1e6 * groups * lanes / rate
        figures["ratios"] = _ratios(case, rates)
        if case.method == "engine":
            bound, floor_us = _floor(case, cost, groups, lanes, rates)
            figures["bound"], figures["floor_us_per_step"] = bound, floor_us
            figures["floor_share"] = floor_us / figures["us_per_step"]
    return result


def _ratios(case: Case, rates: Rates) -> dict[str, float]:
    """Return the speed of a case relative to each base that was measured."""
    bases = {method: Case(case.model, method, 1, 1) for method in BASES}
    return {
        method: compute_ratio(rates[case], rates[base])
        for method, base in bases.items()
        if base in rates
    }


def _floor(case: Case, cost: Cost, groups: int, lanes: int, rates: Rates) -> tuple[str, float]:
    """Return the bound of an engine step by the roofline model, and its time in microseconds.

    Each group of lanes reads the weights separately, on its own thread. The weights of every step
    are read at the speed of an array of their size; those of the tiles, at the speed of an array as
    large as all weights. Small tiles come from faster caches, so the engine can be a little faster
    than the floor.
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
