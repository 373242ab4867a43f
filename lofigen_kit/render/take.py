"""Run a preset: source, network, effects, master. Reads and writes no files of its own.

Every stage draws from its own stream of (seed, take, stage), so a take sounds the same alone or
among 500, and an effect that is added leaves the noise of the others as it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Sampler
from lofigen_kit.effects import rack
from lofigen_kit.effects.rack import locate_errors
from lofigen_kit.errors import PresetError, RenderError
from lofigen_kit.music.score import BeatGrid, Score
from lofigen_kit.preset.schema import Master, Preset
from lofigen_kit.render.chain import (
    _make_conditioning,
    _resample_to_score,
    list_stage_names,
    load_network,
    make_prime,
    make_stage_context,
    transform_score,
)
from lofigen_kit.render.result import Progress, Rendering, _is_loop
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.prefetch import prefetch
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.render.cache import Cache


TAKES_AT_ONCE = {"cpu": 16, "cuda": 64}
"""How many takes are generated together: enough to fill the engine, few enough for memory."""


def render(preset: Preset, take: int = 0, *, device: str = "cpu", stems: bool = False) -> Rendering:
    """Render one take; see `render_takes`."""
    return next(render_takes(preset, [take], device=device, stems=stems))


def render_takes(
    preset: Preset,
    takes: Iterable[int],
    *,
    device: str = "cpu",
    threads: int = 1,
    attempt: int = 0,
    cache: Cache | None = None,
    stems: bool = False,
    on_take: Callable[[int, Take], None] | None = None,
    progress: Progress | None = None,
) -> Generator[Rendering]:
    """Render takes, several at once where a network plays them.

    Args:
        preset: What to run.
        takes: Their numbers, from 0.
        device: `cpu`, `cuda` or `auto`: where the network plays, and what else can choose.
        threads: How many cores may be used. From two on, the network plays the next takes in
            another thread while the effects of the last ones run.
        attempt: Draw afresh, for as often as this: another number is another performance.
        cache: Where what the network plays is kept and looked for.
        stems: Keep the sound after each stage.
        on_take: Called with each take before anything slow is done with it; it may raise.
        progress: Called while the network plays.

    Raises:
        InputError: if the preset, a file that it names, or its checkpoint cannot be used.
        RenderError: naming the stage that broke.
    """
    device = choose_device(device)
    stopped = Event()

    def report(stage: str, done: int, total: int) -> None:
        if stopped.is_set():
            raise RenderError("nobody waits for this any more")
        if progress:
            progress(stage, done, total)

    runner = _Runner(
        preset,
        device=device,
        threads=threads,
        attempt=attempt,
        cache=cache,
        stems=stems,
        progress=report,
    )

    def begin(numbers: tuple[int, ...]) -> list[tuple[int, Take, AudioBuffer | None]]:
        batch = []
        for number in numbers:
            take = runner.make_take(number)
            if on_take:
                on_take(number, take)
            batch.append((number, take))
        return [
            (*begun, audio)
            for begun, audio in zip(batch, runner.generate_audio(batch), strict=True)
        ]

    batches = _batches(takes, TAKES_AT_ONCE[device])
    begun = prefetch(begin, batches, stopped) if threads > 1 else map(begin, batches)
    for batch in begun:
        for number, take, played in batch:
            yield runner.finish(number, take, played)


def find_licences(preset: Preset) -> dict[str, str]:
    """Return the terms of what a preset's first take would be made from, without playing it."""
    runner = _Runner(
        preset,
        device="cpu",
        threads=1,
        attempt=0,
        cache=None,
        stems=False,
        progress=lambda *_: None,
    )
    return runner.licences(runner.make_take(0))


def _batches(takes: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    remaining = iter(takes)
    while batch := tuple(islice(remaining, size)):
        yield batch


class _Runner:
    """A preset with its network loaded."""

    def __init__(
        self,
        preset: Preset,
        *,
        device: str,
        threads: int,
        attempt: int,
        cache: Cache | None,
        stems: bool,
        progress: Progress,
    ) -> None:
        self._preset = preset
        self._device = device
        self._threads = threads
        self._attempt = attempt
        self._cache = cache
        self._stems = stems
        self._progress = progress
        self._network = load_network(preset, device)

    def _context(self, take: int, stage: str, grid: BeatGrid, root: Path | None = None) -> Context:
        return make_stage_context(self._preset, take, stage, grid, device=self._device, root=root)

    def make_take(self, number: int) -> Take:
        preset = self._preset
        with locate_errors(f"source {preset.source.use}", reads=True):
            take = preset.source.make_take(
                self._context(number, "source", BeatGrid(), preset.source_root)
            )
        if preset.master.has_fades and _is_loop(preset, take.score):
            raise PresetError("a loop cannot fade", where="master", remedy="set output.loop=false")
        return take

    def licences(self, take: Take) -> dict[str, str]:
        """Return the terms of a take's source and of the weights."""
        network = {"model": self._network.licence} if self._network else {}
        return {"source": take.licence, **network}

    def generate_audio(self, batch: list[tuple[int, Take]]) -> list[AudioBuffer | None]:
        """Return what the network plays of each take; None where there is none."""
        network, sampler = self._network, self._preset.sampler
        if network is None or sampler is None:
            return [None] * len(batch)
        keys, known = {}, {}
        if self._cache:
            keys = {number: self._key(network, number, take) for number, take in batch}
            found = {number: self._cache.get(key) for number, key in keys.items()}
            known = {number: samples for number, samples in found.items() if samples is not None}
        missing = [(number, take) for number, take in batch if number not in known]
        generated = self._generate(network, sampler, missing)
        for (number, _), samples in zip(missing, generated, strict=True):
            known[number] = samples
            if self._cache:
                self._cache.put(keys[number], samples)
        rate_hz = network.spec.sample_rate_hz
        return [AudioBuffer(known[number][None], rate_hz) for number, _ in batch]

    def _key(self, network: Network, number: int, take: Take) -> str:
        """Return what the network's performance of a take depends on, as a hash."""
        from lofigen_kit.audio.hashing import hash_audio

        preset = self._preset
        facts = {
            "network": network.sha256,
            "sampler": preset.sampler and preset.sampler.model_dump(mode="json"),
            "stream": [preset.seed, number, self._attempt],
            "source": hash_audio(take.audio),
            "score": take.score.to_json(),
            "device": self._device,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _mix_with_source(self, take: Take, played: AudioBuffer | None) -> AudioBuffer:
        """Return what is heard before the effects: the network's audio, the source's, or both."""
        rate_hz, dry_mix = self._preset.output.sample_rate_hz, self._preset.dry_mix
        if played is None:
            return _resample_to_score(take.audio, rate_hz, take.score).stereo()
        audio = _resample_to_score(played, rate_hz, take.score).stereo()
        if dry_mix:
            source = _resample_to_score(take.audio, rate_hz, take.score).stereo()
            audio = rack.crossfade(audio, source, dry_mix)
        return audio

    def _generate(
        self, network: Network, sampler: Sampler, batch: list[tuple[int, Take]]
    ) -> list[np.ndarray]:
        from lofigen_kit.engine import Track, generate

        if not batch:
            return []
        stage = f"sampler.attempt{self._attempt}" if self._attempt else "sampler"
        tracks = []
        for number, take in batch:
            prime = make_prime(take, network)
            frames = round(take.score.duration_s * network.spec.sample_rate_hz)
            guide = _make_conditioning(take.score, network, len(prime), frames)
            rng = rng_for(self._preset.seed, number, stage)
            tracks.append(Track(frames=frames, prime=prime, guide=guide, rng=rng))
        with locate_errors(f"sampler {sampler.use}"):
            return generate(
                network,
                sampler,
                tracks,
                threads=self._threads,
                progress=partial(self._progress, "generating"),
                device=self._device,
            )

    def finish(self, number: int, take: Take, played: AudioBuffer | None) -> Rendering:
        """Run the effects and the master."""
        from lofigen_kit.audio.hashing import hash_audio
        from lofigen_kit.dsp.mastering import master

        preset, network = self._preset, self._network
        loop = _is_loop(preset, take.score)
        first, *_ = list_stage_names(preset)
        audio = self._mix_with_source(take, played)
        stems = {first: audio}

        def known(stage: str) -> Context:
            return self._context(number, stage, take.score.grid, preset.root)

        tail = preset.output.tail == "auto"
        for stage, heard in rack.process_whole(preset.effects, audio, known, loop=loop, tail=tail):
            audio = stems[stage] = heard
        with locate_errors("master"):
            mastered = master(
                _apply_fades(audio, preset.master),
                loudness_lufs=preset.master.loudness_lufs,
                true_peak_dbtp=preset.master.true_peak_dbtp,
                loop=loop,
            )
        return Rendering(
            audio=mastered.audio,
            played=played,
            written=take.score,
            preset=preset,
            take=number,
            title=take.title,
            score=_extend_score(transform_score(preset, take.score), audio),
            loudness_lufs=mastered.loudness_lufs,
            true_peak_dbtp=mastered.true_peak_dbtp,
            target_unreached=mastered.target_unreached,
            source_sha256=hash_audio(take.audio),
            network_sha256=network.sha256 if network else None,
            licences=self.licences(take),
            device=self._device,
            attempt=self._attempt,
            stems=stems if self._stems else {},
        )


def _extend_score(score: Score, audio: AudioBuffer) -> Score:
    """Return a score as long as the sound, which may sound on after the last bar."""
    if audio.frames <= round(score.duration_s * audio.sample_rate_hz):
        return score
    return score.model_copy(update={"duration_s": audio.duration_s})


def _apply_fades(audio: AudioBuffer, master: Master) -> AudioBuffer:
    """Return the sound with its fades, which count in its loudness as all the rest does."""
    from lofigen_kit.dsp.fades import apply_fades

    if not master.has_fades:
        return audio
    pieces = apply_fades(
        split_blocks(audio.samples),
        audio.format,
        fade_in_ms=master.fade_in_ms,
        fade_out_ms=master.fade_out_ms,
    )
    return audio.with_samples(np.concatenate(list(pieces), axis=1))
