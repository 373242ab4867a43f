"""The chain: the way from a source to mastered sound, stage by stage.

Takes (`render.take`), recordings (`render.recording`) and streams (`render.stream`) all go this
way. They differ in where the sound comes from and in how long it is, and so in whether a stage is
given all of it or blocks; which stages there are, what each is given and how it is set stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.blocks import BLOCK, Blocks, rechunk, split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Effect, ParametricSampler, Sampler
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import compute_speed, compute_transposition
from lofigen_kit.effects.mixer import pad_sound, place_part, sum_parts
from lofigen_kit.effects.rack import locate_errors
from lofigen_kit.errors import PresetError
from lofigen_kit.music.chords import Bar, transpose_chart
from lofigen_kit.music.score import BeatGrid, Score
from lofigen_kit.preset.mixed_parts import refuse_unknown_parts
from lofigen_kit.preset.schema import Preset
from lofigen_kit.runtime.seeding import rng_for, rng_for_part

if TYPE_CHECKING:
    from lofigen_kit.dsp.mastering import MasteredBlocks, MasteredSound, Store
    from lofigen_kit.engine import Track
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.nn.distribution import SamplingParams


MIX = "mixed"
"""The one track of a network that does not play in parts."""
PART_STEM = "parts."
"""What the names of parts among the stems begin with: `parts.drums`."""

PRIME_FRAMES = 8192
"""How much of the past the network hears before it plays, unless its receptive field is longer."""


@dataclass(frozen=True, eq=False)
class Chain:
    """A preset that is ready to run.

    Each stage draws from its own stream of (seed, take, stage): a take sounds the same alone or
    among 500, and an effect that is added leaves the noise of the others as it was.

    Attributes:
        preset: What is run.
        device: Where its network plays: `cpu` or `cuda`.
        network: The network, loaded; None where the preset has none.
    """

    preset: Preset
    device: str
    network: Network | None

    @classmethod
    def load(cls, preset: Preset, device: str = "cpu") -> Chain:
        """Load a preset's network.

        Raises:
            InputError: if its checkpoint cannot be used, or the sampler cannot draw from it.
            PresetError: if there is a mixer, and the network plays no parts.
        """
        chain = cls(preset, device, load_network(preset, device))
        if chain.network and preset.mixer and not chain.plays_parts:
            raise PresetError(
                "the network plays the whole mix, in which there are no parts to mix",
                where="mixer",
                remedy="leave the mixer out: --set mixer={}; or take a network that plays parts",
            )
        return chain

    @property
    def generator(self) -> tuple[Network, Sampler] | None:
        """The network and what draws from it; None where the source's own audio is processed."""
        if self.network is None or self.preset.sampler is None:
            return None
        return self.network, self.preset.sampler

    def make_take(self, number: int) -> Take:
        """Return a take of the source.

        Raises:
            LofigenError: naming the source, where it cannot give one.
        """
        source = self.preset.source
        with locate_errors(f"source {source.use}", reads=True):
            return source.make_take(self.preset.make_source_context(number, device=self.device))

    def make_score(self, number: int) -> Score | None:
        """Return the score of a take without rendering it; None where only the take tells.

        Raises:
            LofigenError: naming the source, where it cannot give one.
        """
        source = self.preset.source
        with locate_errors(f"source {source.use}", reads=True):
            return source.make_score(self.preset.make_source_context(number, device=self.device))

    def find_licences(self, take: Take) -> dict[str, str]:
        """Return the terms of a take's source and of the weights."""
        network = {"model": self.network.licence} if self.network else {}
        return {"source": take.licence, **network}

    @property
    def plays_parts(self) -> bool:
        """Whether the network plays each part alone; if not, it plays the mix."""
        from lofigen_kit.music.conditioning import plays_parts

        return self.network is not None and plays_parts(self.network.spec.guide)

    def list_generated_parts(self, take: Take) -> list[str]:
        """Return what the network is to play of a take, each a track: its parts, or the mix."""
        if self.network is None:
            return []
        if not self.plays_parts:
            return [MIX]
        heard = self.list_heard_parts(take)
        return [part for part in heard if self.preset.find_strip(part).by == "network"]

    def make_track(self, number: int, take: Take, part: str, *, attempt: int = 0) -> Track:
        """Return what the network is to generate: prime, conditioning and randomness.

        Args:
            number: The take's.
            take: What the source gave.
            part: Of `list_generated_parts`.
            attempt: Draw afresh, for as often as this.
        """
        from lofigen_kit.engine import GuideReader, Track

        assert self.network is not None  # noqa: S101 - whoever calls asked for the generator
        spec = self.network.spec
        score = select_part(take.score, part)
        prime = make_prime(take, part, self.network)
        frames = round(score.duration_s * spec.sample_rate_hz)
        rng = self.make_sampler_rng(number, part, attempt=attempt)
        pieces = _iterate_conditioning(score, self.network, len(prime), frames, rng)
        return Track(
            frames=frames,
            prime=prime,
            guide_reader=GuideReader(pieces) if pieces else None,
            rng=rng,
            sampling_params=self.find_sampling_params(part),
        )

    def find_sampling_params(self, part: str) -> SamplingParams | None:
        """Return how a part is drawn; None for the mix, and where a sampler in Python draws."""
        sampler = self.preset.sampler
        if part == MIX or not isinstance(sampler, ParametricSampler):
            return None
        return sampler.sampling_params_of(part)

    def make_sampler_rng(self, number: int, part: str, *, attempt: int = 0) -> np.random.Generator:
        """Return the random numbers that the samples of a take's part are drawn with."""
        stage = "sampler" if part == MIX else f"sampler.{part}"
        return rng_for(self.preset.seed, number, f"{stage}.attempt{attempt}" if attempt else stage)

    def mix(
        self, number: int, take: Take, generated: Mapping[str, AudioBuffer]
    ) -> tuple[AudioBuffer, dict[str, AudioBuffer]]:
        """Return what goes into the effects: what the network plays, the source, or both.

        Args:
            number: The take's.
            take: What the source gave.
            generated: What the network made of it, by part, at its own rate.

        Returns:
            The mix, stereo, at the output's rate; and each part as it stands in it, as long as the
            mix, their sum to the bit. Where nothing plays in parts there are none, and the mix is
            as long as the score.
        """
        names = self.list_heard_parts(take)
        if not names:
            mixed = self._add_source(take.audio, generated.get(MIX), take.score)
            return mixed.stereo(), {}
        placed = {}
        for name in names:
            with locate_errors(f"mixer {name}"):
                sound = self._add_source(take.parts.get(name), generated.get(name), take.score)
                placed[name] = place_part(
                    name,
                    self.preset.find_strip(name),
                    sound,
                    self._make_effect_contexts(number, take.score.grid_with_kicks),
                    loop=is_loop(self.preset, take.score),
                    tail=self._has_tail,
                )
        mix = sum_parts(placed.values())
        return mix, {name: pad_sound(part, mix.frames) for name, part in placed.items()}

    def _add_source(
        self, source: AudioBuffer | None, generated: AudioBuffer | None, score: Score
    ) -> AudioBuffer:
        """Return what was generated, the source's own, or both mixed, at the output's rate."""
        rate_hz, dry_mix = self.preset.output.sample_rate_hz, self.preset.dry_mix
        if generated is None or (source is not None and dry_mix == 1.0):
            assert source is not None  # noqa: S101 - `list_heard_parts` refuses what nobody plays
            return _resample_to_score(source, rate_hz, score)
        audio = _resample_to_score(generated, rate_hz, score)
        if source is not None and dry_mix:
            dry = _resample_to_score(source, rate_hz, score)
            audio = rack.crossfade(audio.stereo(), dry.stereo(), dry_mix)
        return audio

    def list_stem_names(self, take: Take) -> list[str]:
        """Return the names of a take's stems, in order: its parts, and the stages."""
        parts = self.list_heard_parts(take)
        return [*(PART_STEM + part for part in parts), *list_stage_names(self.preset)]

    def count_channels(self, take: Take, part: str) -> int:
        """Return whether a part comes into the mixer in mono or in stereo."""
        alone = self.plays_parts and self.preset.find_strip(part).by == "network"
        if alone and not self.preset.dry_mix:
            return 1
        sound = take.parts.get(part)
        return sound.channels if sound else 1

    def process_part_blocks(
        self,
        part: str,
        stages: Sequence[Effect],
        sound: AudioFormat,
        blocks: Blocks,
        grid: BeatGrid,
    ) -> tuple[AudioFormat, Blocks]:
        """Run a part of a stream through the stages of its strip; see `rack.process_stream`."""
        contexts = self._make_effect_contexts(0, grid)
        return rack.process_stream(stages, sound, contexts, blocks, within=f"mixer.{part}")

    def list_heard_parts(self, take: Take) -> list[str]:
        """Return the parts of a take that are heard; none where the mix is played as one.

        Raises:
            PresetError: for a part that the preset mixes and the song has not, or nobody plays.
        """
        if self.network and not self.plays_parts:
            return []
        names = take.score.part_names if self.plays_parts else tuple(take.parts)
        if not names and self.preset.mixer:
            raise PresetError(
                f"the source {self.preset.source.use!r} has no parts to mix",
                where="mixer",
                remedy="leave the mixer out: --set mixer={}; or take a source such as band",
            )
        refuse_unknown_parts(self.preset.mixer, names)
        heard = [name for name in names if not self.preset.find_strip(name).mute]
        for name in heard:
            if self.preset.find_strip(name).by == "samples" and name not in take.parts:
                raise PresetError(
                    f"the source {self.preset.source.use!r} has no sound of its own for {name!r}",
                    where=f"mixer.{name}.by",
                    remedy="leave it out, so that the network plays it",
                )
        if names and not heard:
            raise PresetError("every part is mute", where="mixer", remedy="let one be heard")
        return heard

    def mix_blocks_with_source(self, generated: Blocks, source: Blocks) -> Blocks:
        """Yield the mix of the network's audio and the source's, both stereo, at the output's rate.

        Args:
            generated: What the network makes, in pieces of any size.
            source: The source's audio, in pieces of any size.
        """
        rate_hz = self.preset.output.sample_rate_hz
        pairs = zip(rechunk(generated, BLOCK), rechunk(source, BLOCK), strict=True)
        for pair in pairs:
            audio, dry = (AudioBuffer(samples, rate_hz) for samples in pair)
            yield rack.crossfade(audio, dry, self.preset.dry_mix).samples

    def resample_blocks(self, blocks: Blocks, channels: int, rate_hz: int) -> Blocks:
        """Yield a sound of some rate at the output's."""
        from lofigen_kit.dsp.resample import resample_blocks

        return resample_blocks(blocks, channels, rate_hz, self.preset.output.sample_rate_hz)

    def process_whole(
        self, number: int, dry: AudioBuffer, grid: BeatGrid, *, loop: bool
    ) -> Iterator[tuple[str, AudioBuffer]]:
        """Run the effects over a whole sound; yield each stage's name and the sound after it."""
        return rack.process_whole(
            self.preset.effects,
            dry,
            self._make_effect_contexts(number, grid),
            loop=loop,
            tail=self._has_tail,
        )

    def process_blocks(
        self,
        sound: AudioFormat,
        dry: Blocks,
        grid: BeatGrid,
        *,
        live_controls: Mapping[str, rack.LiveControl] | None = None,
    ) -> tuple[AudioFormat, Blocks]:
        """Run the effects over a sound that is no loop, in blocks; see `rack.process_stream`."""
        return rack.process_stream(
            self.preset.effects,
            sound,
            self._make_effect_contexts(0, grid),
            dry,
            tail=self._has_tail,
            live_controls=live_controls,
        )

    def fade_blocks(self, blocks: Iterable[np.ndarray], sound: AudioFormat) -> Iterable[np.ndarray]:
        """Yield a sound with the master's fades, which count in its loudness as all the rest does.

        Args:
            blocks: The sound after the effects, in pieces of any size.
            sound: What it is, its tail counted; a stream fades in alone.
        """
        from lofigen_kit.dsp.fades import apply_fades

        chosen = self.preset.master
        if not chosen.has_fades:
            return blocks
        return apply_fades(
            blocks, sound, fade_in_ms=chosen.fade_in_ms, fade_out_ms=chosen.fade_out_ms
        )

    def master_whole(self, audio: AudioBuffer, *, loop: bool) -> MasteredSound:
        """Return a whole sound with its fades, at the preset's loudness."""
        from lofigen_kit.dsp.mastering import master

        with locate_errors("master"):
            if self.preset.master.has_fades:
                pieces = self.fade_blocks(split_blocks(audio.samples), audio.format)
                audio = audio.with_samples(np.concatenate(list(pieces), axis=1))
            return master(
                audio,
                loudness_lufs=self.preset.master.loudness_lufs,
                true_peak_dbtp=self.preset.master.true_peak_dbtp,
                loop=loop,
            )

    def master_blocks(
        self, blocks: Iterable[np.ndarray], sound: AudioFormat, store: Callable[[], Store]
    ) -> MasteredBlocks:
        """Bring a sound in blocks, its fades included, to the preset's loudness.

        Args:
            blocks: The sound, in pieces of any size.
            sound: What it is.
            store: Makes what keeps the sound between the two passes.
        """
        from lofigen_kit.dsp.mastering import master_blocks

        with locate_errors("master"):
            return master_blocks(
                blocks,
                sound,
                loudness_lufs=self.preset.master.loudness_lufs,
                true_peak_dbtp=self.preset.master.true_peak_dbtp,
                store=store,
            )

    def measure_stream_gain(self, blocks: Blocks, sound: AudioFormat) -> float:
        """Return the gain in dB that brings the beginning of a stream to the preset's loudness."""
        from lofigen_kit.dsp.mastering import compute_master_gain_db
        from lofigen_kit.dsp.streaming_master import remove_dc

        with locate_errors("master"):
            return compute_master_gain_db(
                remove_dc(blocks, sound),
                sound,
                loudness_lufs=self.preset.master.loudness_lufs,
                true_peak_dbtp=self.preset.master.true_peak_dbtp,
            )

    def master_stream(self, blocks: Blocks, sound: AudioFormat, gain_db: float) -> Blocks:
        """Yield a stream with its fade-in, at a gain that was measured before it began."""
        from lofigen_kit.dsp.streaming_master import limit_peaks, remove_dc

        return limit_peaks(
            self.fade_blocks(remove_dc(blocks, sound), sound),
            sound,
            gain_db=gain_db,
            true_peak_dbtp=self.preset.master.true_peak_dbtp,
        )

    @property
    def _has_tail(self) -> bool:
        return self.preset.output.tail == "auto"

    def _make_effect_contexts(self, number: int, grid: BeatGrid) -> rack.Contexts:
        """Return what gives each effect its context, the beats where they fall in the dry sound."""
        return partial(_make_context, self.preset, number, grid=grid, device=self.device)


def load_network(preset: Preset, device: str = "cpu") -> Network | None:
    """Return a preset's network, or None where there is none.

    Raises:
        InputError: if its checkpoint cannot be used, or the sampler cannot draw from it.
    """
    if preset.model is None or preset.sampler is None:
        return None
    with locate_errors(f"model {preset.model.use}", reads=True):
        context = _make_context(preset, 0, "model", grid=BeatGrid(), device=device)
        network = preset.model.load(context)
    if network.spec.head not in preset.sampler.heads:
        heads = " and ".join(repr(head) for head in preset.sampler.heads)
        raise PresetError(
            f"sampler {preset.sampler.use!r} draws from {heads} heads, "
            f"the checkpoint of {preset.model.use} has {network.spec.head!r}",
            remedy="choose another sampler or checkpoint: see `lofigen-kit plugins list`",
        )
    return network


def select_part(score: Score, part: str) -> Score:
    """Return one part of a score alone, or all of it for `MIX`."""
    return score if part == MIX else score.solo(part)


def get_sound(take: Take, part: str) -> AudioBuffer | None:
    """Return the source's own sound of a part, or its mix; None where it has none."""
    return take.audio if part == MIX else take.parts.get(part)


def make_prime(take: Take, part: str, network: Network) -> np.ndarray:
    """Return what the network hears first: what would sound before bar 1 as the loop repeats.

    Args:
        take: What the source gave.
        part: Which part of it, or `MIX`. Before a part of a song, or one without a sound of its
            own, there is silence.
        network: The network.

    Returns:
        np.ndarray [shape=(frames,), dtype=float32], at the network's rate.
    """
    rate_hz = network.spec.sample_rate_hz
    frames = max(PRIME_FRAMES, network.spec.receptive_field)
    sound = get_sound(take, part)
    if sound is None or (part != MIX and not take.score.loop):
        return np.zeros(frames, np.float32)
    past: np.ndarray = _resample_to_score(sound.mono(), rate_hz, take.score).samples[0]
    return past[-frames:]


def list_stage_names(preset: Preset) -> list[str]:
    """Return the names of the stages whose sounds are among the stems, in order."""
    first = "source" if preset.model is None else "model"
    return [first, *(name for name, _ in rack.name_stages(preset.effects))]


def transform_score(preset: Preset, score: Score) -> Score:
    """Return a score as it sounds after a preset's effects: their tempo, their pitch."""
    moved = score.change_speed(compute_speed(preset.effects))
    return moved.shift_pitch(compute_transposition(preset.effects))


def transform_chords(preset: Preset, chords: Sequence[Bar]) -> tuple[Bar, ...]:
    """Return chords as they sound after a preset's effects.

    They are none where the pitch comes to lie between two keys, as the score then has no key.
    """
    return transpose_chart(chords, compute_transposition(preset.effects))


def is_loop(preset: Preset, score: Score) -> bool:
    """Return whether the end of what a preset makes of a score leads into its beginning."""
    return score.loop and preset.output.loop


def _make_context(preset: Preset, take: int, stage: str, *, grid: BeatGrid, device: str) -> Context:
    """Return what a stage of a take is given: its own stream of randomness, and the beats."""
    rng = rng_for(preset.seed, take, stage)
    return Context(rng=rng, grid=grid, device=device, root=preset.root)


def _resample_to_score(audio: AudioBuffer, rate_hz: int, score: Score) -> AudioBuffer:
    from lofigen_kit.dsp.resample import resample_piece

    return resample_piece(audio, rate_hz, duration_s=score.duration_s, loop=score.loop)


def _iterate_conditioning(
    score: Score, network: Network, prime_frames: int, frames: int, rng: np.random.Generator
) -> Iterator[np.ndarray] | None:
    """Return what guides the network through the prime and what it is to generate, in pieces.

    Args:
        score: What it plays.
        network: The network.
        prime_frames: Frames of the past that it hears first.
        frames: Frames to generate.
        rng: The sampler's, from which the noise of the guide is derived.

    Returns:
        Pieces [shape=(guide channels, any)]; None where nothing guides it.
    """
    from lofigen_kit.music.conditioning import excite_noise, iterate_conditioning

    if not network.spec.guide:
        return None
    pieces = iterate_conditioning(
        score,
        network.spec.guide,
        start=-prime_frames,
        frames=prime_frames + frames,
        sample_rate_hz=network.spec.sample_rate_hz,
    )
    return excite_noise(pieces, network.spec.guide, rng_for_part(rng, "noise"))
