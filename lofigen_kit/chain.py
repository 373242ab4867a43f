"""Run a preset: source, network, effects, master. Reads and writes no files of its own.

Every stage draws from its own stream of (seed, take, stage), so a take sounds the same alone or
among 500, and an effect that is added leaves the noise of the others as it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.blocks import cut
from lofigen_kit.audio.buffer import AudioBuffer, Sound
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Sampler
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import speed_of, transposition_of
from lofigen_kit.effects.rack import at_stage
from lofigen_kit.errors import PresetError, RenderError
from lofigen_kit.music.score import BeatGrid, Score
from lofigen_kit.preset import Master, Preset
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.prefetch import one_ahead
from lofigen_kit.runtime.seeding import stream

if TYPE_CHECKING:
    from lofigen_kit.cache import Cache
    from lofigen_kit.nn.checkpoint import Network

PRIME_FRAMES = 8192
"""How much of the past the network hears before it plays, unless its receptive field is longer."""

TAKES_AT_ONCE = {"cpu": 16, "cuda": 64}
"""How many takes are generated together: enough to fill the engine, few enough for memory."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is known of a finished sound.

    Attributes:
        preset: What made it.
        take: Its number.
        title: The source's words for it.
        score: What is played in it.
        loudness_lufs: Measured on the result.
        true_peak_dbtp: Measured on the result.
        target_unreached: Why the loudness is not what the preset asks for, if so.
        source_sha256: The source's own audio, which primes the network or is processed.
        network_sha256: The weights that played; None where no network did.
        licences: The terms of the source's audio and of the weights.
        device: Where the network played: `cpu` or `cuda`.
        command: What made it: `chain`, or `process`, which takes a recording as it comes.
        attempt: How often the network had played the take before, and was asked to try again.
    """

    preset: Preset
    take: int
    title: str
    score: Score
    loudness_lufs: float
    true_peak_dbtp: float
    target_unreached: str | None
    source_sha256: str
    network_sha256: str | None
    licences: dict[str, str]
    device: str = "cpu"
    command: str = "chain"
    attempt: int = 0

    @property
    def loop(self) -> bool:
        """Whether its end leads into its beginning."""
        return _goes_round(self.preset, self.score)


@dataclass(frozen=True, kw_only=True)
class Rendering(Result):
    """A finished take.

    Attributes:
        audio: Stereo, at the output's rate, mastered.
        played: What the network played, at its own rate, before anything was done to it; None
            where there is none.
        written: The score that it played from; `score` is that as it is heard after the effects.
        stems: The sound after each stage, in order, if asked for.
    """

    audio: AudioBuffer
    played: AudioBuffer | None
    written: Score
    stems: dict[str, AudioBuffer] = field(default_factory=dict)


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
        return [(*begun, audio) for begun, audio in zip(batch, runner.play(batch), strict=True)]

    batches = _batches(takes, TAKES_AT_ONCE[device])
    begun = one_ahead(begin, batches, stopped) if threads > 1 else map(begin, batches)
    for batch in begun:
        for number, take, played in batch:
            yield runner.finish(number, take, played)


def licences_of(preset: Preset) -> dict[str, str]:
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
        return context(self._preset, take, stage, grid, device=self._device, root=root)

    def make_take(self, number: int) -> Take:
        preset = self._preset
        with at_stage(f"source {preset.source.use}", reads=True):
            take = preset.source.make_take(
                self._context(number, "source", BeatGrid(), preset.source_root)
            )
        if preset.master.fades and _goes_round(preset, take.score):
            raise PresetError("a loop cannot fade", where="master", remedy="set output.loop=false")
        return take

    def licences(self, take: Take) -> dict[str, str]:
        """Return the terms of a take's source and of the weights."""
        network = {"model": self._network.licence} if self._network else {}
        return {"source": take.licence, **network}

    def play(self, batch: list[tuple[int, Take]]) -> list[AudioBuffer | None]:
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
        from lofigen_kit.audio.hashing import audio_sha256

        preset = self._preset
        facts = {
            "network": network.sha256,
            "sampler": preset.sampler and preset.sampler.model_dump(mode="json"),
            "stream": [preset.seed, number, self._attempt],
            "source": audio_sha256(take.audio),
            "score": take.score.to_json(),
            "device": self._device,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _heard(self, take: Take, played: AudioBuffer | None) -> AudioBuffer:
        """Return what is heard before the effects: the network's audio, the source's, or both."""
        rate_hz, dry_mix = self._preset.output.sample_rate_hz, self._preset.dry_mix
        if played is None:
            return _resampled(take.audio, rate_hz, take.score).stereo()
        audio = _resampled(played, rate_hz, take.score).stereo()
        if dry_mix:
            source = _resampled(take.audio, rate_hz, take.score).stereo()
            audio = rack.crossfaded(audio, source, dry_mix)
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
            prime = prime_of(take, network)
            frames = round(take.score.duration_s * network.spec.sample_rate_hz)
            guide = _guide(take.score, network, len(prime), frames)
            rng = stream(self._preset.seed, number, stage)
            tracks.append(Track(frames=frames, prime=prime, guide=guide, rng=rng))
        with at_stage(f"sampler {sampler.use}"):
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
        from lofigen_kit.audio.hashing import audio_sha256
        from lofigen_kit.dsp.mastering import master

        preset, network = self._preset, self._network
        loop = _goes_round(preset, take.score)
        first, *_ = stage_names(preset)
        audio = self._heard(take, played)
        stems = {first: audio}

        def known(stage: str) -> Context:
            return self._context(number, stage, take.score.grid, preset.root)

        tail = preset.output.tail == "auto"
        for stage, heard in rack.played(preset.effects, audio, known, loop=loop, tail=tail):
            audio = stems[stage] = heard
        with at_stage("master"):
            mastered = master(
                _faded(audio, preset.master),
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
            score=_lasting(heard_score(preset, take.score), audio),
            loudness_lufs=mastered.loudness_lufs,
            true_peak_dbtp=mastered.true_peak_dbtp,
            target_unreached=mastered.target_unreached,
            source_sha256=audio_sha256(take.audio),
            network_sha256=network.sha256 if network else None,
            licences=self.licences(take),
            device=self._device,
            attempt=self._attempt,
            stems=stems if self._stems else {},
        )


def context(
    preset: Preset,
    take: int,
    stage: str,
    grid: BeatGrid,
    *,
    device: str = "cpu",
    root: Path | None = None,
) -> Context:
    """Return what a stage of a take is given: its own stream of randomness, and the beats."""
    rng = stream(preset.seed, take, stage)
    return Context(rng=rng, grid=grid, device=device, root=root)


def load_network(preset: Preset, device: str = "cpu") -> Network | None:
    """Return a preset's network, or None where there is none.

    Raises:
        InputError: if its checkpoint cannot be used, or the sampler cannot draw from it.
    """
    if preset.model is None or preset.sampler is None:
        return None
    with at_stage(f"model {preset.model.use}", reads=True):
        known = context(preset, 0, "model", BeatGrid(), device=device, root=preset.root)
        network = preset.model.load(known)
    if network.spec.head not in preset.sampler.heads:
        raise PresetError(
            f"sampler {preset.sampler.use!r} draws from {_list(preset.sampler.heads)} heads, "
            f"the checkpoint of {preset.model.use} has {network.spec.head!r}",
            remedy="choose another sampler or checkpoint; `mean` takes every head",
        )
    return network


def stage_names(preset: Preset) -> list[str]:
    """Return the names of the stages whose sounds are the stems, in order."""
    first = "source" if preset.model is None else "model"
    return [first, *(name for name, _ in rack.stages(preset.effects))]


def heard_score(preset: Preset, score: Score) -> Score:
    """Return a score as it is heard after a preset's effects: their tempo, their pitch."""
    moved = score.at_speed(speed_of(preset.effects))
    return moved.transposed(transposition_of(preset.effects))


def _lasting(score: Score, audio: AudioBuffer) -> Score:
    """Return a score as long as the sound, which may sound on after the last bar."""
    if audio.frames <= round(score.duration_s * audio.sample_rate_hz):
        return score
    return score.model_copy(update={"duration_s": audio.duration_s})


def _faded(audio: AudioBuffer, master: Master) -> AudioBuffer:
    """Return the sound with its fades, which count in its loudness as all the rest does."""
    from lofigen_kit.dsp.fades import faded

    if not master.fades:
        return audio
    pieces = faded(
        cut(audio.samples),
        Sound(audio.channels, audio.frames, audio.sample_rate_hz),
        fade_in_ms=master.fade_in_ms,
        fade_out_ms=master.fade_out_ms,
    )
    return audio.with_samples(np.concatenate(list(pieces), axis=1))


def _goes_round(preset: Preset, score: Score) -> bool:
    return score.loop and preset.output.loop


def _resampled(audio: AudioBuffer, rate_hz: int, score: Score) -> AudioBuffer:
    from lofigen_kit.dsp.resample import resample_piece

    return resample_piece(audio, rate_hz, duration_s=score.duration_s, loop=score.loop)


def prime_of(take: Take, network: Network) -> np.ndarray:
    """Return what the network hears first: what would sound before bar 1 as the loop repeats."""
    rate_hz = network.spec.sample_rate_hz
    past: np.ndarray = _resampled(take.audio.mono(), rate_hz, take.score).samples[0]
    return past[-max(PRIME_FRAMES, network.spec.receptive_field) :]


def _guide(score: Score, network: Network, before: int, frames: int) -> np.ndarray | None:
    """Return the guide of the prime and of what is to be played."""
    from lofigen_kit.music.conditioning import guide_channels

    if not network.spec.guide:
        return None
    return guide_channels(
        score,
        network.spec.guide,
        start=-before,
        frames=before + frames,
        sample_rate_hz=network.spec.sample_rate_hz,
    )


def _list(words: Iterable[str]) -> str:
    return " and ".join(repr(word) for word in words)
