"""Parts as tracks: takes and streams in which a network plays each part alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Literal

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Model, Source
from lofigen_kit.dsp.resample import resample
from lofigen_kit.effects import rack
from lofigen_kit.effects.strip import list_part_stages
from lofigen_kit.engine import Track, generate
from lofigen_kit.errors import PresetError
from lofigen_kit.music.conditioning import excite_noise
from lofigen_kit.music.part_channels import CHANNELS
from lofigen_kit.music.score import Hit, Note, Part, Score
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.preset.schema import Preset
from lofigen_kit.provenance.recipe import make_disclosure
from lofigen_kit.render.chain import load_network, make_prime
from lofigen_kit.render.live_controls import LiveControls
from lofigen_kit.render.stream import StreamRenderer, truncate_blocks
from lofigen_kit.render.take import render, render_takes
from lofigen_kit.runtime.seeding import rng_for, rng_for_part
from lofigen_kit_plugins.lowpass import Lowpass
from lofigen_kit_plugins.sidechain_pump import SidechainPump
from lofigen_kit_plugins.temperature import Temperature
from tests.unit.render.networks import make_small_network

RATE_HZ, NETWORK_HZ = 44_100, 12_000
TEMPO_BPM = 137.0  # no bar of it is a whole number of samples
BAR_S = 240.0 / TEMPO_BPM
PARTS = ("drums", "keys", "bass")


class Trio(Source):
    """Three parts that each take draws, their own sounds sines of their own pitch."""

    use: Literal["trio"] = "trio"
    bars: int = 2
    loop: bool = True

    def make_take(self, ctx: Context) -> Take:
        duration_s = self.bars * BAR_S
        times_s = np.sort(ctx.rng.uniform(0.0, duration_s, 6))
        names = ("keys", "bass") * 3
        notes = tuple(
            Note(part=part, midi=float(ctx.rng.integers(40, 70)), onset_s=at, duration_s=0.9)
            for at, part in zip(times_s, names, strict=True)
        )
        kinds: dict[str, Literal["pitched", "percussive"]] = {"drums": "percussive"}
        score = Score(
            tempo_bpm=TEMPO_BPM,
            bars=self.bars,
            duration_s=duration_s,
            loop=self.loop,
            parts=tuple(Part(name=name, kind=kinds.get(name, "pitched")) for name in PARTS),
            notes=notes,
            hits=tuple(Hit(drum="kick", onset_s=at) for at in times_s[:3]),
        )
        seconds = np.arange(round(duration_s * 22_050)) / 22_050
        sounds = {
            name: AudioBuffer(0.2 * np.sin(2 * np.pi * hz * seconds)[None], 22_050)
            for name, hz in zip(PARTS, (180.0, 440.0, 90.0), strict=True)
        }
        mix = AudioBuffer(sum(s.samples for s in sounds.values()), 22_050)  # type: ignore[arg-type]
        return Take(mix, score, licence="CC0-1.0", title="trio", parts=sounds)


class PartPlayer(Model):
    """Three small convolutions with random weights, which hear one part."""

    use: Literal["part-player"] = "part-player"

    def load(self, ctx: Context) -> Network:
        return make_network()


@cache
def make_network() -> Network:
    return make_small_network(CHANNELS, NETWORK_HZ)


def trio(**fields: object) -> Preset:
    whole: dict[str, object] = {
        "version": 1,
        "name": "trio",
        "seed": 5,
        "source": Trio(),
        "model": PartPlayer(),
        "sampler": Temperature(temperature=0.5),
        "mixer": {"keys": {"pan_pct": 30, "effects": [Lowpass(cutoff_hz=2000.0)]}},
    }
    return Preset.model_validate({**whole, **fields})


# Takes


def test_the_parts_are_lanes_and_their_sum_is_the_mix() -> None:
    rendering = render(trio(), stems=True)
    assert list(rendering.played) == list(PARTS)
    assert list(rendering.stems) == ["parts.drums", "parts.keys", "parts.bass", "model"]
    mix = np.zeros_like(rendering.stems["model"].samples)
    for name in PARTS:
        part = rendering.stems[f"parts.{name}"].samples
        assert np.abs(part).max() > 1e-3
        mix += part
    np.testing.assert_array_equal(mix, rendering.stems["model"].samples)


def test_parts_of_a_song_are_as_long_as_the_mix() -> None:
    rendering = render(trio(source=Trio(loop=False)), stems=True)
    mix = rendering.stems["model"]
    assert mix.duration_s > 2 * BAR_S  # a room sounds on
    total = np.zeros_like(mix.samples)
    for name in PARTS:
        assert rendering.stems[f"parts.{name}"].frames == mix.frames
        total += rendering.stems[f"parts.{name}"].samples
    np.testing.assert_array_equal(total, mix.samples)


def test_each_part_has_its_own_guide_prime_and_randomness() -> None:
    preset, network = trio(), make_network()
    rendering = render(preset)
    take = preset.source.make_take(Context(rng_for(5, 0, "source")))
    for name in PARTS:
        alone = take.score.solo(name)
        assert alone.part_names == (name,)
        prime = make_prime(take, name, network)
        own = resample(take.parts[name], NETWORK_HZ).samples[0]
        assert np.corrcoef(prime[-2000:-200], own[-2000:-200])[0, 1] > 0.99
    sounds = [sound.samples[0] for sound in rendering.played.values()]
    assert not any(np.allclose(sounds[0], other) for other in sounds[1:])


@pytest.mark.parametrize("threads", [1, 2])
def test_takes_parts_and_threads_change_no_bit(threads: int) -> None:
    many = list(render_takes(trio(), range(3), threads=threads))
    alone = render(trio(), 2)
    np.testing.assert_array_equal(many[2].audio.samples, alone.audio.samples)
    two = render(trio(mixer={"drums": {"mute": True}}), 2)
    for name in ("keys", "bass"):  # the others are as they were
        np.testing.assert_array_equal(two.played[name].samples, alone.played[name].samples)
    assert "drums" not in two.played


def test_a_part_may_be_played_by_the_sources_own_sound() -> None:
    rendering = render(trio(mixer={"bass": {"by": "samples"}}), stems=True)
    assert list(rendering.played) == ["drums", "keys"]
    assert rendering.players == {"drums": "network", "keys": "network", "bass": "samples"}
    assert make_disclosure(rendering.network_sha256, rendering.players) == (
        "generated with AI by lofigen-kit, but for bass: samples"
    )
    bass = rendering.stems["parts.bass"].mono().samples[0]
    spectrum = np.abs(np.fft.rfft(bass * np.hanning(len(bass))))
    assert np.argmax(spectrum) * RATE_HZ / len(bass) == pytest.approx(90.0, abs=1.0)


def test_a_pump_on_the_sum_follows_the_kicks_of_the_score() -> None:
    pump = SidechainPump(trigger="kick", depth_db=20.0, release_beats=0.05)
    stems = render(trio(effects=(pump,)), stems=True).stems
    take = trio().source.make_take(Context(rng_for(5, 0, "source")))
    before, after = stems["model"].samples[0], stems["effects.sidechain-pump#0"].samples[0]
    for hit in take.score.hits:
        at = round((hit.onset_s + 0.006) * RATE_HZ)
        assert abs(after[at]) < 0.15 * abs(before[at]) + 1e-6
    ducked = np.abs(after) < 0.9 * np.abs(before) - 1e-6
    assert ducked.mean() < 0.1  # and nowhere else


def test_a_song_begins_in_silence() -> None:
    song = Trio(loop=False).make_take(Context(rng_for(5, 0, "source")))
    assert not make_prime(song, "keys", make_network()).any()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mixer": {"kees": {}}}, "the song has no part 'kees'"),
        ({"mixer": {name: {"mute": True} for name in PARTS}}, "every part is mute"),
        ({"mixer": {"lead": {"by": "samples"}}}, ""),
    ],
)
def test_a_mixer_that_does_not_fit_is_refused(fields: dict[str, object], message: str) -> None:
    if not message:  # a common part that this song has not is no mistake
        assert render(trio(**fields)).audio.frames
        return
    with pytest.raises(PresetError, match=message):
        render(trio(**fields))


# Streams


def whole(pieces: Iterator[np.ndarray], frames: int) -> np.ndarray:
    return np.concatenate(list(truncate_blocks(pieces, frames)), axis=1)


def play_in_one_piece(preset: Preset, part: str, bars: int) -> np.ndarray:
    """Return what the network plays of a part, by one call of `generate`."""
    network, endless = load_network(preset), StreamRenderer(preset)
    assert network is not None
    assert preset.sampler is not None
    prime = make_prime(endless.first, part, network)
    pieces = endless._iterate_conditioning(endless.iterate_bars(), network, len(prime), part)
    rng = rng_for(preset.seed, 0, f"sampler.{part}")
    pieces = excite_noise(pieces, network.spec.guide, rng_for_part(rng, "noise"))
    guide = np.concatenate(list(islice(pieces, bars + 1)), axis=1)
    track = Track(guide.shape[1] - len(prime), prime, guide, rng)
    [audio] = generate(network, preset.sampler, [track])
    return audio[None]


def test_a_stream_of_parts_is_the_same_as_in_one_piece() -> None:
    preset, frames = trio(), 6 * RATE_HZ
    endless = StreamRenderer(preset)
    mix = np.zeros((2, frames), np.float32)
    for part in PARTS:
        played = AudioBuffer(play_in_one_piece(preset, part, bars=6), NETWORK_HZ)
        heard = resample(played, RATE_HZ).stereo().samples
        stages = list_part_stages(preset.find_strip(part), 1)
        for name, effect in rack.name_stages(stages, f"mixer.{part}"):
            ctx = Context(rng_for(preset.seed, 0, name), endless.grid)
            wet = rack.apply_blocks(effect, AudioFormat(2, None, RATE_HZ), ctx, iter([heard]))
            heard = np.concatenate(list(wet), axis=1)
        mix += heard[:, :frames]
    assert np.abs(mix).max() > 0.01
    np.testing.assert_array_equal(whole(endless.render_dry(), frames), mix)


def test_mute_and_solo_take_parts_out_and_bring_them_back() -> None:
    preset, frames = trio(), 3 * RATE_HZ
    alone = {
        part: whole(
            StreamRenderer(
                trio(mixer={**{p: {"mute": p != part} for p in PARTS if p != "keys"},
                            "keys": {"mute": part != "keys", "pan_pct": 30,
                                     "effects": [Lowpass(cutoff_hz=2000.0)]}})
            ).render_dry(),
            frames,
        )
        for part in PARTS
    }  # fmt: skip
    controls = LiveControls(preset)
    pieces = StreamRenderer(preset)._mix_dry_sound(controls)
    first = next(pieces)
    place = first.shape[1]
    assert controls.toggle_mute("drums")
    faded = next(pieces)
    stretch = slice(place, place + faded.shape[1])
    left = faded - alone["keys"][:, stretch] - alone["bass"][:, stretch]
    ramp = np.linspace(1.0, 0.0, faded.shape[1])  # no click
    np.testing.assert_allclose(left, alone["drums"][:, stretch] * ramp, atol=1e-5)
    place += faded.shape[1]
    silent = next(pieces)
    stretch = slice(place, place + silent.shape[1])
    np.testing.assert_array_equal(silent, alone["keys"][:, stretch] + alone["bass"][:, stretch])
    place += silent.shape[1]
    assert controls.toggle_solo("drums")  # solo counts before mute
    place += next(pieces).shape[1]
    solo = next(pieces)
    np.testing.assert_array_equal(solo, alone["drums"][:, place : place + solo.shape[1]])


def test_sections_of_a_stream_bring_a_parts_own_sound() -> None:
    preset = trio(mixer={name: {"by": "samples"} for name in PARTS})
    sound = whole(StreamRenderer(preset).render_dry(), 2 * RATE_HZ)
    spectrum = np.abs(np.fft.rfft(sound.mean(axis=0) * np.hanning(2 * RATE_HZ)))
    for hz in (90.0, 180.0, 440.0):
        bin_ = round(hz * 2)
        assert spectrum[bin_ - 2 : bin_ + 3].max() > 30 * np.median(spectrum)
