"""Streams: a preset that plays on and on, section after section, bar after bar, in constant memory.

Each section is a take of the source, in the same tempo. One network generates all of them: it is
primed once, before the first, and then reads the bars as they are written, so that a seam is
generated like any other bar line. Its audio goes through the stages of the `Chain` in blocks, to a
master of one gain, which is found by rendering the first section beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, tee
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.blocks import BLOCK, Blocks, rechunk
from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.components.base import Take
from lofigen_kit.effects import rack
from lofigen_kit.effects.rack import locate_errors
from lofigen_kit.effects.strip import list_part_stages
from lofigen_kit.errors import PresetError
from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.bars import BEATS_PER_BAR, Bar, check_section, extract_bar, hold_tempo
from lofigen_kit.render.chain import MIX, Chain, get_sound, make_prime, select_part
from lofigen_kit.render.limits import check_take
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.prefetch import prefetch
from lofigen_kit.runtime.seeding import rng_for_part

if TYPE_CHECKING:
    from lofigen_kit.engine import Decoder
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.render.live_controls import LiveControls

STEPS = 2048
"""How many samples the network generates at once: a quarter of a second."""

CROSSFADE_S = 0.02
"""How long one section of a source's own audio fades over into the next."""


@dataclass(frozen=True)
class GainMeasurement:
    """What is measured on the first section before the stream begins.

    Attributes:
        gain_db: Brings the first section to the preset's loudness, through the limiter.
        speed: How many seconds of sound are made in a second; infinite if there were too few.
    """

    gain_db: float
    speed: float


class StreamRenderer:
    """A preset that plays on and on.

    Args:
        preset: What to play. A tempo that its source would draw for each take is held at the first
            section's: the beat is one.
        device: Where the network plays: `cpu`, `cuda` or `auto`.

    Attributes:
        chain: What is run, its source's tempo held.
        sound: What comes of it: stereo, at the output's rate, without an end.
        grid: Where its beats fall.
        first: The first section.

    Raises:
        InputError: if the preset cannot be used, or cannot go on without an end.
    """

    def __init__(self, preset: Preset, *, device: str = "cpu") -> None:
        _check_endless(preset)
        chain = Chain.load(preset, choose_device(device))
        if written := chain.make_score(0):
            check_section(written, written.grid, preset.source, number=0)
        self.first = chain.make_take(0)
        check_take(preset, self.first.score.duration_s)
        self.chain = replace(chain, preset=hold_tempo(preset, self.first.score))
        self.sound = AudioFormat(2, None, preset.output.sample_rate_hz)
        self.grid = self.first.score.grid
        check_section(self.first.score, self.grid, preset.source, number=0)

    @property
    def preset(self) -> Preset:
        """What is played, its tempo held."""
        return self.chain.preset

    @property
    def network(self) -> Network | None:
        """What generates its audio, if a network does."""
        return self.chain.network

    @property
    def device(self) -> str:
        """Where that plays: `cpu` or `cuda`."""
        return self.chain.device

    @property
    def parts(self) -> list[str]:
        """The parts that are heard, in the order of their lanes; none where the mix is played."""
        return self.chain.list_heard_parts(self.first)

    @property
    def players(self) -> dict[str, str]:
        """Who plays each part; see `Result`."""
        generated = self.chain.list_generated_parts(self.first)
        return {part: "network" if part in generated else "samples" for part in self.parts}

    @property
    def licences(self) -> dict[str, str]:
        """The terms of the source's audio and of the weights."""
        return self.chain.find_licences(self.first)

    def measure_gain(self, clock: Callable[[], float]) -> GainMeasurement:
        """Render the first section, without live controls, and measure its gain.

        Args:
            clock: Tells the time in seconds, to measure how fast it goes.
        """
        times: list[tuple[float, int]] = []
        frames = self._find_bar_span(self.first.score.bars, self.sound.sample_rate_hz)[0]
        section = truncate_blocks(self._run_effects(), frames)
        gain_db = self.chain.measure_stream_gain(_record_times(section, clock, times), self.sound)
        return GainMeasurement(gain_db, _speed(times) / self.sound.sample_rate_hz)

    def render_blocks(
        self, gain_db: float, controls: LiveControls | None = None
    ) -> Generator[np.ndarray]:
        """Yield the finished sound, without an end [shape=(2, frames), dtype=float32].

        Args:
            gain_db: Before the limiter, as `measure_gain` found it.
            controls: What is changed by hand while it plays.
        """
        yield from self.chain.master_stream(self._run_effects(controls), self.sound, gain_db)

    def _run_effects(self, controls: LiveControls | None = None) -> Blocks:
        """Yield the sound after the effects."""
        _, blocks = self.chain.process_blocks(
            self.sound,
            self.render_dry(controls),
            self.grid,
            live_controls=controls.stage_controls if controls else None,
        )
        return blocks

    def render_dry(self, controls: LiveControls | None = None) -> Blocks:
        """Yield the sound before the effects; the network runs in a thread of its own.

        Args:
            controls: What is changed by hand.
        """
        blocks = self._mix_dry_sound(controls)
        yield from prefetch(lambda _: next(blocks), count(), Event())

    def _mix_dry_sound(self, controls: LiveControls | None) -> Blocks:
        """Yield the network's sound at the output's rate, the source's, or both."""
        generated = self.chain.list_generated_parts(self.first)
        heard = self.parts or [MIX]
        sampled = heard if self.preset.dry_mix else [p for p in heard if p not in generated]
        # A network without a guide reads no bars, and `tee` would keep all of them for it.
        guided = bool(self.network and self.network.spec.guide)
        lanes = generated if guided else []
        copies = tee(self.iterate_bars(controls), len(lanes) + len(sampled))
        readers = dict(zip(lanes, copies, strict=False))
        own = dict(zip(sampled, copies[len(lanes) :], strict=True))
        played = self._play_parts(generated, readers, controls)
        sounds = {part: self._add_source(part, played.get(part), own.get(part)) for part in heard}
        return self._mix_parts(sounds, controls) if self.parts else sounds[MIX]

    def _play_parts(
        self, parts: list[str], bars: Mapping[str, Iterator[Bar]], controls: LiveControls | None
    ) -> dict[str, Blocks]:
        """Return what the network plays of each part, in stereo at the output's rate."""
        if not parts or self.network is None:
            return {}
        generated = self.generate_blocks(bars, controls, parts)
        rate_hz = self.network.spec.sample_rate_hz
        copies = tee(self.chain.resample_blocks(generated, len(parts), rate_hz), len(parts))
        return {
            part: _pick_lane(copy, lane)
            for lane, (part, copy) in enumerate(zip(parts, copies, strict=True))
        }

    def _add_source(
        self, part: str, generated: Blocks | None, bars: Iterator[Bar] | None
    ) -> Blocks:
        """Return what was generated of a part, the source's own sound, or both mixed."""
        if bars is None:
            assert generated is not None  # noqa: S101 - somebody plays what is heard
            return generated
        source = self._render_source(bars, part)
        if generated is None:
            return source
        return self.chain.mix_blocks_with_source(generated, source)

    def _mix_parts(self, sounds: Mapping[str, Blocks], controls: LiveControls | None) -> Blocks:
        """Yield the sum of the parts as they stand in the mix."""
        placed = []
        for part, blocks in sounds.items():
            stages = list_part_stages(
                self.preset.find_strip(part), self.chain.count_channels(self.first, part)
            )
            _, mixed = self.chain.process_part_blocks(part, stages, self.sound, blocks, self.grid)
            gate = controls.gate(part, mixed) if controls else mixed
            placed.append(rechunk(gate, BLOCK))
        for blocks_of_parts in zip(*placed, strict=True):
            mix = np.zeros_like(blocks_of_parts[0])
            for block in blocks_of_parts:
                mix += block
            yield mix

    def iterate_bars(self, controls: LiveControls | None = None) -> Iterator[Bar]:
        """Yield the bars of all sections; nothing is kept of those that are over."""
        place = count()
        for section in count():
            take = self._get_section(section)
            for number in range(take.score.bars):
                yield Bar(take, number, next(place))
                if controls and controls.take_section_request():
                    break

    def generate_blocks(
        self,
        bars: Mapping[str, Iterator[Bar]],
        controls: LiveControls | None = None,
        parts: Sequence[str] = (MIX,),
    ) -> Blocks:
        """Yield what the network generates [shape=(parts, STEPS), dtype=float32].

        Args:
            bars: What it plays, by part.
            controls: What is changed by hand.
            parts: The tracks, each a lane.
        """
        from lofigen_kit.engine.track import check_finite

        sampler = self.preset.sampler
        assert sampler is not None  # noqa: S101 - there is one where there is a network
        with locate_errors(f"sampler {sampler.use}"):
            decoder = self._prime_decoder(parts, bars)
        while True:
            with locate_errors(f"sampler {sampler.use}"):
                if controls and controls.sampling_params:
                    decoder.set_sampling_params(controls.sampling_params)
                generated = decoder.run(STEPS)
                check_finite(generated)
            yield generated

    def _prime_decoder(self, parts: Sequence[str], bars: Mapping[str, Iterator[Bar]]) -> Decoder:
        """Return a decoder that has heard the end of the first section, and goes on with bars."""
        from lofigen_kit.engine import EndlessTrack, GuideReader, make_decoder
        from lofigen_kit.music.conditioning import excite_noise

        generator = self.chain.generator
        assert generator is not None  # noqa: S101 - whoever calls knows
        network, sampler = generator
        decoder = make_decoder(network, sampler, device=self.device, lanes=len(parts))
        for lane, part in enumerate(parts):
            prime = make_prime(self.first, part, network)
            rng = self.chain.make_sampler_rng(0, part)
            reader = None
            if network.spec.guide:
                pieces = self._iterate_conditioning(bars[part], network, len(prime), part)
                noise_rng = rng_for_part(rng, "noise")
                reader = GuideReader(excite_noise(pieces, network.spec.guide, noise_rng))
            track = EndlessTrack(
                prime=prime,
                guide_reader=reader,
                rng=rng,
                sampling_params=self.chain.find_sampling_params(part),
            )
            decoder.prime(track, lane)
        return decoder

    def _iterate_conditioning(
        self, bars: Iterator[Bar], network: Network, prime_frames: int, part: str = MIX
    ) -> Iterator[np.ndarray]:
        """Yield the conditioning of the prime, and of each bar."""
        from lofigen_kit.music.conditioning import StreamingConditioning, render_conditioning

        names, rate_hz = network.spec.guide, network.spec.sample_rate_hz
        score = select_part(self.first.score, part)
        yield render_conditioning(
            score, names, start=-prime_frames, frames=prime_frames, sample_rate_hz=rate_hz
        )
        conditioning = StreamingConditioning(names, rate_hz)
        conditioning.carry_tail(score)
        for bar in bars:
            first, end = self._find_bar_span(bar.place, rate_hz)
            offset_s = bar.place * self._bar_s - first / rate_hz
            played = select_part(bar.take.score, part)
            bar_score = extract_bar(bar, played, self._bar_s, offset_s)
            yield conditioning.render_bar(bar_score, end - first)

    def _render_source(self, bars: Iterator[Bar], part: str = MIX) -> Blocks:
        """Yield the source's own audio of a part, or of the mix.

        It fades from the end of a section into the next. A section is a loop, so what sounds
        before its beginning is its own end.
        """
        from lofigen_kit.dsp.resample import resample_piece

        rate_hz = self.sound.sample_rate_hz
        seam = round(CROSSFADE_S * rate_hz)
        place, waiting = 0, np.zeros((2, 0), np.float32)
        samples = waiting
        for bar in bars:
            if bar.number == 0:
                score, sound = bar.take.score, get_sound(bar.take, part)
                if sound is None:  # the part rests in this section
                    sound = bar.take.audio.with_samples(np.zeros_like(bar.take.audio.samples))
                whole = resample_piece(sound, rate_hz, duration_s=score.duration_s, loop=True)
                samples, place = whole.stereo().samples, 0
                waiting = _crossfade_sections(waiting, samples)
            yield waiting
            first, end = self._find_bar_span(bar.place, rate_hz)
            block = samples.take(np.arange(place, place + end - first), axis=1, mode="wrap")
            place += end - first
            yield block[:, :-seam]
            waiting = block[:, -seam:]

    @property
    def _bar_s(self) -> float:
        return BEATS_PER_BAR * self.grid.beat_s

    def _find_bar_span(self, place: int, rate_hz: int) -> tuple[int, int]:
        """Return the first sample of a bar and that of the next: roundings do not add up."""
        first, end = (math.floor(bar * self._bar_s * rate_hz) for bar in (place, place + 1))
        return first, end

    def _get_section(self, number: int) -> Take:
        if number == 0:
            return self.first
        take = self.chain.make_take(number)
        check_section(take.score, self.grid, self.preset.source, number=number)
        return take


def _check_endless(preset: Preset) -> None:
    """Refuse effects and fades that need to know where the sound ends.

    Raises:
        PresetError: naming all of it.
    """
    if names := rack.find_whole_sound_stages(preset.effects):
        numbers = dict(zip((n for n, _ in rack.name_stages(preset.effects)), count(), strict=False))
        without = " ".join(f"--set effects.{numbers[name]}.mix=0" for name in names)
        uses = ", ".join(name.removeprefix("effects.").partition("#")[0] for name in names)
        raise PresetError(
            f"{uses}: needs the whole sound, and a stream has no end",
            where=preset.name,
            remedy=f"leave it out: {without}",
        )
    if preset.master.fade_out_ms:
        raise PresetError(
            "a stream has no end to fade out to",
            where="master",
            remedy="leave it out: --set master.fade_out_ms=0",
        )


def _pick_lane(blocks: Blocks, lane: int) -> Blocks:
    """Yield one channel of several, in stereo."""
    for block in blocks:
        yield np.repeat(block[lane : lane + 1], 2, axis=0)


def _crossfade_sections(ending: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Return the end of a section, faded at equal power into what sounds before the next."""
    frames = ending.shape[1]
    if not frames:
        return ending
    angle = 0.5 * np.pi * (np.arange(frames) + 0.5) / frames
    leaving, coming = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    return np.asarray(leaving * ending + coming * following[:, -frames:])


def truncate_blocks(blocks: Blocks, frames: int) -> Generator[np.ndarray]:
    """Yield the beginning of a sound."""
    for block in blocks:
        yield block[:, :frames]
        frames -= block.shape[1]
        if frames <= 0:
            return


def _record_times(
    blocks: Blocks, clock: Callable[[], float], times: list[tuple[float, int]]
) -> Blocks:
    """Yield blocks, and note when each came and how many frames it has."""
    for block in blocks:
        times.append((clock(), block.shape[1]))
        yield block


def _speed(times: list[tuple[float, int]]) -> float:
    """Return how many frames a second came after the first block, before which all is set up."""
    elapsed_s = times[-1][0] - times[0][0]
    frames = sum(count for _, count in times[1:])
    return frames / elapsed_s if elapsed_s > 0 else math.inf
