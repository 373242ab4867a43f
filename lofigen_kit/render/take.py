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
from lofigen_kit.render.chain import PART_STEM, Chain, is_loop, list_stage_names, transform_score
from lofigen_kit.render.limits import check_take
from lofigen_kit.render.result import Rendering
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.names import to_text
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
    on_take: Callable[[int, Take, list[str]], None] | None = None,
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
        on_take: Called with each take's number, the take, and the names that its stems have,
            before anything slow is done with it; it may raise.
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

    def begin(numbers: tuple[int, ...]) -> list[tuple[int, Take, dict[str, AudioBuffer]]]:
        batch = []
        for number in numbers:
            take = _make_take(renderer.chain, number, stems=stems)
            if on_take:
                on_take(number, take, renderer.chain.list_stem_names(take))
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


def _make_take(chain: Chain, number: int, *, stems: bool = False) -> Take:
    """Return a take of the source.

    Raises:
        PresetError: if it is a loop and the preset fades, which has no meaning, or it asks for
            more than it may.
    """
    preset = chain.preset
    # A song in a file may be of any length: it is read before it is played.
    is_told = preset.is_strangers or preset.source.file_parameter
    if is_told and (score := chain.make_score(number)):
        check_take(preset, score.duration_s, stems=stems)
    take = chain.make_take(number)
    check_take(preset, take.score.duration_s, stems=stems)
    if chain.preset.master.has_fades and is_loop(chain.preset, take.score):
        raise PresetError("a loop cannot fade", where="master", remedy="set output.loop=false")
    return take


def _batches(takes: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    remaining = iter(takes)
    while batch := tuple(islice(remaining, size)):
        yield batch


@dataclass(frozen=True, eq=False)
class _Performance:
    """One part of a take, or its mix, that the network is to play."""

    number: int
    take: Take
    part: str


@dataclass(frozen=True, kw_only=True)
class _TakeRenderer:
    """A chain, and how its takes are rendered; see `render_takes` for the settings."""

    chain: Chain
    threads: int
    attempt: int
    cache: Cache | None
    keep_stems: bool
    progress: Progress

    def generate_audio(self, batch: list[tuple[int, Take]]) -> list[dict[str, AudioBuffer]]:
        """Return what the network makes of each take, by part; empty where it plays none."""
        network = self.chain.network
        performances = [
            _Performance(number, take, part)
            for number, take in batch
            for part in self.chain.list_generated_parts(take)
        ]
        if network is None or not performances:
            return [{} for _ in batch]
        samples: dict[_Performance, np.ndarray] = {}
        keys = {p: self._make_cache_key(p) for p in performances} if self.cache else {}
        if self.cache:
            found = {p: self.cache.get(key) for p, key in keys.items()}
            samples = {p: sound for p, sound in found.items() if sound is not None}
        missing = [performance for performance in performances if performance not in samples]
        for performance, sound in zip(missing, self._generate(missing), strict=True):
            samples[performance] = sound
            if self.cache:
                self.cache.put(keys[performance], sound)
        generated: dict[int, dict[str, AudioBuffer]] = {number: {} for number, _ in batch}
        for performance in performances:
            audio = AudioBuffer(samples[performance][None], network.spec.sample_rate_hz)
            generated[performance.number][performance.part] = audio
        return [generated[number] for number, _ in batch]

    def _make_cache_key(self, performance: _Performance) -> str:
        """Return what the network's performance of a part depends on, as a hash."""
        from lofigen_kit.audio.hashing import hash_audio

        preset, network, take = self.chain.preset, self.chain.network, performance.take
        facts = {
            "network": network and network.sha256,
            "sampler": preset.sampler and preset.sampler.model_dump(mode="json"),
            "stream": [preset.seed, performance.number, self.attempt, performance.part],
            "source": hash_audio(take.parts.get(performance.part, take.audio)),
            "score": take.score.to_json(),
            "device": self.chain.device,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _generate(self, performances: list[_Performance]) -> list[np.ndarray]:
        """Return the network's samples of parts of takes [each shape=(frames,), dtype=float32]."""
        from lofigen_kit.engine import generate

        generator = self.chain.generator
        if generator is None or not performances:
            return []
        network, sampler = generator
        tracks = [
            self.chain.make_track(p.number, p.take, p.part, attempt=self.attempt)
            for p in performances
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

    def finish(self, number: int, take: Take, generated: dict[str, AudioBuffer]) -> Rendering:
        """Run the effects and the master over what the network, or the source, made of a take."""
        from lofigen_kit.audio.hashing import hash_audio

        chain, preset = self.chain, self.chain.preset
        loop = is_loop(preset, take.score)
        audio, parts = chain.mix(number, take, generated)
        first, *_ = list_stage_names(preset)
        names = list(parts)
        stems = {**{PART_STEM + name: part for name, part in parts.items()}, first: audio}
        if not self.keep_stems:
            parts, stems = {}, {}
        for stage, processed in chain.process_whole(
            number, audio, take.score.grid_with_kicks, loop=loop
        ):
            audio = processed
            if self.keep_stems:
                stems[stage] = processed
        mastered = chain.master_whole(audio, loop=loop)
        return Rendering(
            audio=mastered.audio,
            played=generated,
            written=take.score,
            preset=preset,
            take=number,
            title=to_text(take.title),
            score=_extend_score(transform_score(preset, take.score), audio),
            loudness_lufs=mastered.loudness_lufs,
            true_peak_dbtp=mastered.true_peak_dbtp,
            target_unreached=mastered.target_unreached,
            source_sha256=hash_audio(take.audio),
            network_sha256=chain.network.sha256 if chain.network and generated else None,
            licences=chain.find_licences(take),
            device=chain.device,
            attempt=self.attempt,
            players={part: "network" if part in generated else "samples" for part in names},
            stems=stems,
        )


def _extend_score(score: Score, audio: AudioBuffer) -> Score:
    """Return a score as long as the sound, which may sound on after the last bar."""
    if audio.frames <= round(score.duration_s * audio.sample_rate_hz):
        return score
    return score.model_copy(update={"duration_s": audio.duration_s})
