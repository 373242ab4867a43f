"""Many tracks: lanes that are refilled as tracks end, groups of lanes on threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np

from lofigen_kit.components.contracts import Sampler
from lofigen_kit.engine.decoder import Decoder, find_compiled_decoder
from lofigen_kit.engine.plan import BLOCK, round_up
from lofigen_kit.engine.track import Track, check_finite
from lofigen_kit.errors import InputError
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.progress import CountProgress

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

MAX_LANES = 8
"""Enough to read each weight once for many tracks; the spectra of more would leave the cache."""

CHUNK = 8 * BLOCK
"""Steps, at most, from one report of progress to the next; the guide of more leaves the cache."""


def generate(
    network: Network,
    sampler: Sampler,
    tracks: Sequence[Track],
    *,
    threads: int = 1,
    progress: CountProgress | None = None,
    device: str = "cpu",
    precision: Literal["float32", "bfloat16", "float16"] = "float32",
) -> list[np.ndarray]:
    """Generate every track.

    Args:
        network: The network.
        sampler: How samples are drawn.
        tracks: What to generate; each keeps its own stream of randomness.
        threads: How many cores to use.
        progress: Called with the frames done and the frames in all, from any thread.
        device: `cpu`, `cuda` or `auto`.
        precision: In which type a CUDA device holds the weights; the CPU plays in float32.

    Returns:
        list[np.ndarray]: The audio of each track [shape=(frames,), dtype=float32].

    Raises:
        InputError: where a track does not fit the network, or the device cannot do it.
        RenderError: where the network's output is not finite.
    """
    for track in tracks:
        track.check(network.spec)
    job = _Job(tracks, progress)
    if choose_device(device) == "cuda":
        return _generate_on_cuda(network, sampler, job, precision)
    if precision != "float32":
        raise InputError(
            f"the CPU plays in float32, not in {precision}", remedy="choose float32, or cuda"
        )
    compiled = find_compiled_decoder()
    if compiled is None:
        return _generate_in_numpy(network, sampler, tracks, job)
    groups, lanes = plan_lanes(len(tracks), threads)
    decoders = [compiled(network, sampler, lanes=lanes) for _ in range(groups)]
    with ThreadPoolExecutor(groups) as pool:
        try:
            list(pool.map(job.work, decoders))
        finally:
            job.stop()  # an interrupt leaves no thread at work
    return job.audio


def _generate_on_cuda(
    network: Network,
    sampler: Sampler,
    job: _Job,
    precision: Literal["float32", "bfloat16", "float16"],
) -> list[np.ndarray]:
    """Generate every track in one group of lanes: a GPU takes as long for one as for all."""
    from lofigen_kit.engine.torch_stream import LANES, TorchDecoder

    lanes = max(1, min(LANES, len(job.audio)))
    job.work(TorchDecoder(network, sampler, lanes=lanes, device="cuda", precision=precision))
    return job.audio


def _generate_in_numpy(
    network: Network, sampler: Sampler, tracks: Sequence[Track], job: _Job
) -> list[np.ndarray]:
    """Generate every track by the ring buffer in numpy, hundreds of times slower."""
    from lofigen_kit.engine.reference import generate_track

    for track, audio in zip(tracks, job.audio, strict=True):
        audio[:] = generate_track(network, sampler, track)
        job.report(audio)
    return job.audio


def plan_lanes(tracks: int, threads: int) -> tuple[int, int]:
    """Return how many groups of lanes play so many tracks, and how many lanes each has."""
    groups = max(1, min(threads, tracks))
    return groups, max(1, min(MAX_LANES, -(-tracks // groups)))


class _Job:
    """The tracks still to do, shared by the groups of lanes."""

    def __init__(self, tracks: Sequence[Track], progress: CountProgress | None) -> None:
        self.audio = [np.zeros(track.frames, np.float32) for track in tracks]
        pairs = zip(tracks, self.audio, strict=True)
        self._waiting = [(track, audio) for track, audio in pairs if track.frames][::-1]
        self._progress = progress
        self._done = 0
        self._total = sum(track.frames for track in tracks)
        self._stopped = False
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Let every group end after its current chunk."""
        self._stopped = True

    def work(self, decoder: Decoder) -> None:
        """Generate waiting tracks in a decoder's lanes until none is left."""
        try:
            self._work(decoder)
        except BaseException:
            self.stop()
            raise

    def _work(self, decoder: Decoder) -> None:
        blanks: dict[int, np.ndarray] = {}  # by lane, what is still to be filled
        while self._fill_lanes(decoder, blanks) and not self._stopped:
            if len(blanks) < decoder.lanes:
                decoder.keep(blanks)
                blanks = dict(enumerate(blanks.values()))
            # Whole blocks, as a lane changes its track between blocks alone.
            steps = round_up(min(CHUNK, *(len(blank) for blank in blanks.values())), BLOCK)
            drawn = decoder.run(steps)
            for lane, blank in list(blanks.items()):
                frames = min(steps, len(blank))
                blank[:frames] = drawn[lane, :frames]
                self.report(blank[:frames])
                blanks[lane] = blank[frames:]
                if frames == len(blank):
                    del blanks[lane]

    def _fill_lanes(self, decoder: Decoder, blanks: dict[int, np.ndarray]) -> bool:
        """Give free lanes a track while there are any; return whether a lane is busy."""
        for lane in range(decoder.lanes):
            if lane not in blanks:
                with self._lock:
                    if not self._waiting:
                        break
                    track, audio = self._waiting.pop()
                decoder.prime(track, lane)
                blanks[lane] = audio
        return bool(blanks)

    def report(self, drawn: np.ndarray) -> None:
        """Check what was drawn, and count it."""
        check_finite(drawn)
        with self._lock:
            self._done += len(drawn)
            if self._progress:
                self._progress(self._done, self._total)
