"""Tracks side by side, generated in step: state, `prime`, `run`, `reset`, `copy`."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.components.contracts import ParametricSampler, Sampler
from lofigen_kit.engine import kernels
from lofigen_kit.engine.compiling import announce
from lofigen_kit.engine.plan import (
    BLOCK,
    NEAR,
    PackedNetwork,
    allocate_aligned,
    get_packed_network,
    record,
    round_up,
)
from lofigen_kit.engine.track import (
    Track,
    draw_in_python,
    list_sampling_params,
    read_step_inputs,
)
from lofigen_kit.nn.sampling import SamplingParams

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

SLACK = 4 * BLOCK
"""Rows that a history takes in before it slides back to the front."""

FORM = record(
    "lanes",
    "rows",  # of a history
    "memory",  # rows that survive a slide
    "block",
    "near",
    "levels",  # sizes of tile within a block
    "channels",  # of the guide
    "guide",  # start of its weights
    "sums",  # start of the sums of the steps up to a multiple of `near`: [lane][step][block][64]
    "sum_row",  # floats from one step's to the next's
    "head_kind",
    "head_outputs",
    "head",  # start of the head's numbers: [lane][output]
    "head_lane",
    "work",  # start of two buffers for one FFT of 16 channels
    "spectra",  # start of the spectra of one layer's inputs: [lane][group][bin][32]
    "spectra_lane",
    "products",  # start of the spectra of one block of its outputs: [lane][bin][32]
    "products_lane",
)
"""The measures of a state; starts and strides count floats."""

SAMPLING_DTYPE = np.dtype(
    [
        ("temperature", np.float64),
        ("top_k", np.int64),
        ("top_p", np.float64),
        ("tail", np.float64),
        ("spread", np.float64),
    ]
)
"""A `SamplingParams` as the kernels read it."""

_NO_UNIFORMS = np.zeros((0, 0, 2))


def pack_sampling_params(*lanes: SamplingParams) -> np.ndarray:
    """Return parameters as the kernels read them [shape=(lanes,), dtype=SAMPLING_DTYPE]."""
    names = SAMPLING_DTYPE.names or ()
    return np.array([tuple(getattr(p, name) for name in names) for p in lanes], SAMPLING_DTYPE)


_DEFAULT_SAMPLING = pack_sampling_params(SamplingParams())


class CompiledDecoder:
    """The `Decoder` for CPUs: the state of several tracks, its lanes, in compiled code.

    Args:
        network: The network.
        sampler: How samples are drawn; a `ParametricSampler` runs compiled.
        lanes: How many tracks are carried side by side.
    """

    def __init__(self, network: Network, sampler: Sampler, *, lanes: int = 1) -> None:
        self._network = network
        self._sampler = sampler
        self._sampling_params = (
            sampler.sampling_params()
            if isinstance(sampler, ParametricSampler)
            else SamplingParams()
        )
        self._turned = False
        self._state = State(get_packed_network(network), lanes)
        self._tracks = [Track(0)] * lanes
        self._steps = [0] * lanes

    @property
    def lanes(self) -> int:
        """How many tracks are carried side by side."""
        return len(self._tracks)

    @property
    def nbytes(self) -> int:
        """What the lanes remember, in bytes."""
        return self._state.nbytes

    @property
    def aligned(self) -> bool:
        """Whether the decoder stands between two blocks, where a lane can take a new track."""
        return self._state.aligned

    def prime(self, track: Track, lane: int = 0) -> None:
        """Put a track's start into a lane, forgetting what was there.

        The lane is set to what the padded forward pass over the prime leaves behind; of a longer
        prime, only what the next output can depend on is computed. Where there are other lanes,
        the decoder must be `aligned`.
        """
        track.check(self._network.spec)
        plan = get_packed_network(self._network)
        known = track.first_inputs
        start = max(0, len(known) - plan.receptive_field)
        before = known[start:-1]
        primed = State(plan, 1, step=-len(before) % BLOCK)
        guide = track.read_guide(start, len(known) - 1, plan.channels)
        primed.force(before[:, None], guide.T[None])
        primed.newest[0] = known[-1]
        if len(self._tracks) == 1:
            self._state = primed
        else:
            self._state.adopt(lane, primed)
        self._tracks[lane] = track
        self._steps[lane] = 0

    def set_sampling_params(self, params: SamplingParams) -> None:
        """Draw with other parameters from the next step on; a sampler in Python stays as it is."""
        self._sampling_params, self._turned = params, True

    def reset(self, lane: int = 0) -> None:
        """Let a lane forget its track and start from silence."""
        self.prime(Track(0), lane)

    def keep(self, lanes: Iterable[int]) -> None:
        """Keep these lanes alone, numbered anew; they go on as before. Needs to be `aligned`."""
        kept = list(lanes)
        state = State(get_packed_network(self._network), len(kept))
        for lane, before in enumerate(kept):
            state.adopt(lane, self._state, before)
        self._state = state
        self._tracks = [self._tracks[lane] for lane in kept]
        self._steps = [self._steps[lane] for lane in kept]

    def copy(self) -> CompiledDecoder:
        """Return an independent decoder that goes on exactly as this one would."""
        twin: CompiledDecoder = copy.copy(self)
        twin._state = self._state.copy()
        twin._tracks = copy.deepcopy(self._tracks)
        twin._steps = list(self._steps)
        return twin

    def frames_left(self, lane: int) -> int:
        """Return how many of the lane's frames are still to come."""
        return max(0, self._tracks[lane].frames - self._steps[lane])

    def run(self, steps: int) -> np.ndarray:
        """Generate the next samples of every lane.

        Returns:
            np.ndarray [shape=(lanes, steps), dtype=float32]. What lies beyond a track's end means
            nothing.
        """
        guide, uniforms = self._read_inputs(steps)
        if isinstance(self._sampler, ParametricSampler):
            lanes = list_sampling_params(self._tracks, self._sampling_params, turned=self._turned)
            drawn = self._state.draw(guide, uniforms, pack_sampling_params(*lanes))
        else:
            drawn = self._draw_in_python(guide, uniforms)
        self._steps = [before + steps for before in self._steps]
        return drawn.T

    def _read_inputs(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what `read_step_inputs` does."""
        return read_step_inputs(
            self._tracks,
            self._steps,
            steps,
            lanes=self.lanes,
            channels=get_packed_network(self._network).channels,
        )

    def _draw_in_python(self, guide: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        drawn = np.empty(uniforms.shape[:2], np.float32)
        newest = self._state.newest
        for t, pair in enumerate(uniforms):
            [outputs] = self._state.force(newest[None], guide[..., t : t + 1])
            newest[:] = draw_in_python(self._sampler, outputs, self._network.spec.head, pair)
            drawn[t] = newest
        return drawn


def predict(network: Network, samples: np.ndarray, guide: np.ndarray | None = None) -> np.ndarray:
    """Return what the head says after each sample of given audio (teacher forcing).

    Args:
        network: The network.
        samples: Mono audio at the network's rate [shape=(n,)].
        guide: As in a `Track` that continues the audio by one frame
            [shape=(guide channels, n + 1)].

    Returns:
        np.ndarray [shape=(n, head outputs), dtype=float32]; row t predicts sample t + 1.
    """
    track = Track(1, np.asarray(samples, np.float32), guide)
    track.check(network.spec)
    plan = get_packed_network(network)
    columns = track.read_guide(0, len(track.prime), plan.channels)
    return State(plan, 1).force(track.prime[:, None], columns.T[None])[:, 0]


class State:
    """What the lanes remember, as the kernels read it.

    Args:
        plan: The network.
        lanes: How many tracks.
        step: Where in a block the first step falls.

    Attributes:
        newest: Each lane's newest sample, the next step's input [shape=(lanes,)].
    """

    def __init__(self, plan: PackedNetwork, lanes: int, step: int = 0) -> None:
        announce()
        self._plan = plan
        self._layers = plan.layers.copy()
        self._form = np.zeros(1, FORM)
        self._numbers = allocate_aligned(self._lay_out(lanes))
        self._clock = np.array([plan.memory, step])
        self._scratch = np.empty((2, plan.head_outputs))
        self.newest = np.zeros(lanes, np.float32)

    @property
    def nbytes(self) -> int:
        """The size of the numbers that the kernels work on."""
        return self._numbers.nbytes

    @property
    def aligned(self) -> bool:
        """Whether the next step begins a block."""
        return int(self._clock[1]) == 0

    def copy(self) -> State:
        """Return an independent state."""
        twin: State = copy.copy(self)
        twin._numbers = allocate_aligned(self._numbers.size)
        twin._numbers[:] = self._numbers
        twin._clock, twin.newest = self._clock.copy(), self.newest.copy()
        twin._scratch = self._scratch.copy()
        return twin

    def force(self, samples: np.ndarray, guide: np.ndarray) -> np.ndarray:
        """Take given samples and return what the head says after each.

        Args:
            samples: [shape=(steps, lanes)].
            guide: [shape=(lanes, guide channels, steps or more)].

        Returns:
            np.ndarray [shape=(steps, lanes, head outputs), dtype=float32].
        """
        outputs = np.empty((*samples.shape, self._plan.head_outputs), np.float32)
        self._run(
            np.vstack([samples, samples[:1]]), guide, outputs, _NO_UNIFORMS, _DEFAULT_SAMPLING
        )
        return outputs

    def draw(
        self, guide: np.ndarray, uniforms: np.ndarray, sampling_params: np.ndarray
    ) -> np.ndarray:
        """Draw a sample for each pair of uniforms [shape=(steps, lanes), dtype=float32].

        Args:
            guide: [shape=(lanes, guide channels, steps or more)].
            uniforms: [shape=(steps, lanes, 2)].
            sampling_params: How each lane is drawn [shape=(lanes,), dtype=SAMPLING_DTYPE].
        """
        samples = np.empty((len(uniforms) + 1, len(self.newest)), np.float32)
        samples[0] = self.newest
        none = np.zeros((0, 0, 0), np.float32)
        self._run(samples, guide, none, uniforms, sampling_params)
        self.newest[:] = samples[-1]
        return samples[1:]

    def adopt(self, lane: int, other: State, source: int = 0) -> None:
        """Replace a lane by a lane of another state; both stand between blocks."""
        if not (self.aligned and other.aligned):
            raise ValueError(f"a lane changes its track between blocks of {BLOCK} steps alone")
        for layer, source_layer in zip(self._layers, other._layers, strict=True):
            size = self._plan.memory * int(layer["inputs"])
            end = int(layer["history"] + lane * layer["history_lane"])
            end += int(self._clock[0] * layer["inputs"])
            source_end = int(source_layer["history"] + source * source_layer["history_lane"])
            source_end += int(other._clock[0] * source_layer["inputs"])
            self._numbers[end - size : end] = other._numbers[source_end - size : source_end]
        self.newest[lane] = other.newest[source]

    def _lay_out(self, lanes: int) -> int:
        """Give every array its place, and return how many floats there are in all."""
        plan, form = self._plan, self._form[0]
        form["lanes"], form["rows"], form["memory"] = lanes, plan.memory + SLACK, plan.memory
        form["block"], form["near"], form["levels"] = BLOCK, NEAR, plan.tiles.shape[1] - 1
        form["channels"], form["guide"] = plan.channels, plan.guide
        form["head_kind"], form["head_outputs"] = plan.head_kind, plan.head_outputs
        total = 0

        def place(where: np.void, name: str, size: int) -> None:
            nonlocal total
            where[name], where[f"{name}_lane"] = total, _lane_stride(size)
            total += lanes * _lane_stride(size)

        for layer in self._layers:
            place(layer, "history", int(form["rows"] * layer["inputs"]))
            if layer["relaxed"]:
                place(layer, "older", int(BLOCK * layer["blocks"]) * 16)
        place(form, "head", int(plan.layers["blocks"][-1]) * 16)
        for layer, after in zip(self._layers[:-1], self._layers[1:], strict=True):
            layer["out"], layer["out_lane"] = after["history"], after["history_lane"]
            layer["out_row"] = after["inputs"]
        self._layers[-1]["out"], self._layers[-1]["out_lane"] = form["head"], form["head_lane"]
        longest = plan.tiles["length"].max(axis=1) + 2  # a spectrum is kept one bin apart
        place(form, "spectra", int((longest * plan.layers["inputs"]).max()))
        place(form, "products", int(longest.max()) * 16)
        form["work"] = total
        form["sums"] = total + 32 * int(longest.max())
        form["sum_row"] = int(plan.layers["blocks"].sum()) * 64 + 16
        return int(form["sums"] + NEAR * lanes * form["sum_row"])

    def _run(
        self,
        samples: np.ndarray,
        guide: np.ndarray,
        outputs: np.ndarray,
        uniforms: np.ndarray,
        sampling_params: np.ndarray,
    ) -> None:
        kernels.run(
            self._form[0],
            self._layers,
            self._plan.tiles,
            self._plan.weights,
            self._numbers,
            self._clock,
            samples,
            guide.ravel(),
            outputs,
            len(uniforms) > 0,
            uniforms,
            sampling_params,
            self._scratch,
        )


def _lane_stride(size: int) -> int:
    """Return a stride that is no multiple of 4 KiB, at which lanes would share a cache set."""
    return round_up(size, 1024) + 144
