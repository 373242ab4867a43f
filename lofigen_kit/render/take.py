"""Whole takes of a preset, several at once where a network generates them.

It reads and writes no files of its own; the way from source to master is the `Chain`'s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Take
from lofigen_kit.effects.rack import locate_errors
from lofigen_kit.errors import PresetError, RenderError
from lofigen_kit.music.score import Score
from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.chain import Chain, is_loop, list_stage_names, transform_score
from lofigen_kit.render.result import Rendering
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.prefetch import prefetch
from lofigen_kit.runtime.progress import Progress

if TYPE_CHECKING:
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
            raise RenderError("rendering was stopped")
        if progress:
            progress(stage, done, total)

    renderer = _TakeRenderer(
        chain=Chain.load(preset, device),
        threads=threads,
        attempt=attempt,
        cache=cache,
        keep_stems=stems,
        progress=report,
    )

    def begin(numbers: tuple[int, ...]) -> list[tuple[int, Take, AudioBuffer | None]]:
        batch = []
        for number in numbers:
            take = _make_take(renderer.chain, number)
            if on_take:
                on_take(number, take)
            batch.append((number, take))
        generated = renderer.generate_audio(batch)
        return [(*one, audio) for one, audio in zip(batch, generated, strict=True)]

    batches = _batches(takes, TAKES_AT_ONCE[device])
    begun = prefetch(begin, batches, stopped) if threads > 1 else map(begin, batches)
    for batch in begun:
        for number, take, generated in batch:
            yield renderer.finish(number, take, generated)


def find_licences(preset: Preset) -> dict[str, str]:
    """Return the terms of what a preset's first take would be made from, without playing it."""
    chain = Chain.load(preset)
    return chain.find_licences(_make_take(chain, 0))


def _make_take(chain: Chain, number: int) -> Take:
    """Return a take of the source.

    Raises:
        PresetError: if it is a loop and the preset fades, which has no meaning.
    """
    take = chain.make_take(number)
    if chain.preset.master.has_fades and is_loop(chain.preset, take.score):
        raise PresetError("a loop cannot fade", where="master", remedy="set output.loop=false")
    return take


def _batches(takes: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    remaining = iter(takes)
    while batch := tuple(islice(remaining, size)):
        yield batch


@dataclass(frozen=True, kw_only=True)
class _TakeRenderer:
    """A chain, and how its takes are rendered; see `render_takes` for the settings."""

    chain: Chain
    threads: int
    attempt: int
    cache: Cache | None
    keep_stems: bool
    progress: Progress

    def generate_audio(self, batch: list[tuple[int, Take]]) -> list[AudioBuffer | None]:
        """Return what the network makes of each take; None where there is no network."""
        network = self.chain.network
        if network is None:
            return [None] * len(batch)
        keys, samples_by_take = {}, {}
        if self.cache:
            keys = {number: self._make_cache_key(number, take) for number, take in batch}
            found = {number: self.cache.get(key) for number, key in keys.items()}
            samples_by_take = {
                number: samples for number, samples in found.items() if samples is not None
            }
        missing = [(number, take) for number, take in batch if number not in samples_by_take]
        for (number, _), samples in zip(missing, self._generate(missing), strict=True):
            samples_by_take[number] = samples
            if self.cache:
                self.cache.put(keys[number], samples)
        rate_hz = network.spec.sample_rate_hz
        return [AudioBuffer(samples_by_take[number][None], rate_hz) for number, _ in batch]

    def _make_cache_key(self, number: int, take: Take) -> str:
        """Return what the network's performance of a take depends on, as a hash."""
        from lofigen_kit.audio.hashing import hash_audio

        preset, network = self.chain.preset, self.chain.network
        facts = {
            "network": network and network.sha256,
            "sampler": preset.sampler and preset.sampler.model_dump(mode="json"),
            "stream": [preset.seed, number, self.attempt],
            "source": hash_audio(take.audio),
            "score": take.score.to_json(),
            "device": self.chain.device,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _generate(self, batch: list[tuple[int, Take]]) -> list[np.ndarray]:
        """Return the network's samples of each take [shape=(frames,), dtype=float32]."""
        from lofigen_kit.engine import generate

        generator = self.chain.generator
        if generator is None or not batch:
            return []
        network, sampler = generator
        tracks = [
            self.chain.make_track(number, take, attempt=self.attempt) for number, take in batch
        ]
        with locate_errors(f"sampler {sampler.use}"):
            return generate(
                network,
                sampler,
                tracks,
                threads=self.threads,
                progress=partial(self.progress, "generating"),
                device=self.chain.device,
            )

    def finish(self, number: int, take: Take, generated: AudioBuffer | None) -> Rendering:
        """Run the effects and the master over what the network, or the source, made of a take."""
        from lofigen_kit.audio.hashing import hash_audio

        chain, preset = self.chain, self.chain.preset
        loop = is_loop(preset, take.score)
        audio = chain.mix_with_source(take, generated)
        first, *_ = list_stage_names(preset)
        stems = {first: audio}
        for stage, processed in chain.process_whole(number, audio, take.score.grid, loop=loop):
            audio = stems[stage] = processed
        mastered = chain.master_whole(audio, loop=loop)
        return Rendering(
            audio=mastered.audio,
            played=generated,
            written=take.score,
            preset=preset,
            take=number,
            title=take.title,
            score=_extend_score(transform_score(preset, take.score), audio),
            loudness_lufs=mastered.loudness_lufs,
            true_peak_dbtp=mastered.true_peak_dbtp,
            target_unreached=mastered.target_unreached,
            source_sha256=hash_audio(take.audio),
            network_sha256=chain.network.sha256 if chain.network else None,
            licences=chain.find_licences(take),
            device=chain.device,
            attempt=self.attempt,
            stems=stems if self.keep_stems else {},
        )


def _extend_score(score: Score, audio: AudioBuffer) -> Score:
    """Return a score as long as the sound, which may sound on after the last bar."""
    if audio.frames <= round(score.duration_s * audio.sample_rate_hz):
        return score
    return score.model_copy(update={"duration_s": audio.duration_s})
