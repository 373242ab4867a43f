from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.engine import generate
from lofigen_kit.errors import InputError, PresetError, RenderError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.save import name_rendering
from lofigen_kit.render.take import TAKES_AT_ONCE, render, render_takes
from lofigen_kit_plugins.audio_file import AudioFile
from lofigen_kit_plugins.lowpass import Lowpass
from lofigen_kit_plugins.mix import Mix
from lofigen_kit_plugins.tape_hiss import TapeHiss

Load = Callable[..., Preset]


def test_a_take_is_as_long_as_its_score_to_the_sample(load: Load) -> None:
    for rate_hz in (44100, 48000):
        rendering = render(load(f"output.sample_rate_hz={rate_hz}", "source.tempo_bpm=177"))
        assert rendering.audio.sample_rate_hz == rate_hz
        assert rendering.audio.samples.shape == (2, round(240 / 177 * rate_hz))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_take_is_the_same_alone_and_among_others(
    load: Load, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setitem(TAKES_AT_ONCE, "cpu", 2)
    together = list(render_takes(load(), range(5), threads=threads))
    assert [rendering.take for rendering in together] == [0, 1, 2, 3, 4]
    alone = render(load(), 3)
    assert np.array_equal(together[3].audio.samples, alone.audio.samples)
    assert not np.array_equal(together[2].audio.samples, alone.audio.samples)


def test_the_network_plays_on_the_device_that_was_asked_for(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def generate_anyhow(*args: Any, device: str, **kwargs: Any) -> list[np.ndarray]:
        asked.append(device)
        return generate(*args, **kwargs)

    monkeypatch.setattr("lofigen_kit.engine.batch.generate", generate_anyhow)
    monkeypatch.setattr("lofigen_kit.render.take.choose_device", lambda word: word)
    for device in ("cpu", "cuda"):
        assert render(load(), device=device).device == device
    assert asked == ["cpu", "cuda"]


def test_there_are_two_devices(load: Load) -> None:
    with pytest.raises(InputError, match="no device 'tpu'"):
        render(load(), device="tpu")


def test_an_effect_added_leaves_the_others_noise_alone(load: Load) -> None:
    few = render(load("effects.0.level=0"), stems=True).stems
    many = render(load("effects.0.level=0.5"), stems=True).stems
    noise = [s["effects.fake-noise#1"].samples - s["effects.fake-noise#0"].samples
             for s in (few, many)]  # fmt: skip
    assert np.allclose(noise[0], noise[1], atol=1e-6)


def test_a_dry_effect_passes_bit_for_bit(load: Load) -> None:
    stems = render(load("effects.0.mix=0"), stems=True).stems
    assert np.array_equal(stems["effects.fake-noise#0"].samples, stems["model"].samples)


def test_mix_is_a_linear_crossfade(load: Load) -> None:
    dry, half, wet = (
        render(load(f"effects.1.mix={mix}"), stems=True).stems["effects.fake-noise#1"].samples
        for mix in (0, 0.5, 1)
    )
    assert np.allclose(half, (dry + wet) / 2, atol=1e-6)


def test_without_a_model_the_source_is_processed(load: Load) -> None:
    rendering = render(load("model=null", "sampler=null"), stems=True)
    assert rendering.network_sha256 is None
    assert rendering.licences == {"source": "CC0-1.0"}
    assert list(rendering.stems) == ["source", "effects.fake-noise#0", "effects.fake-noise#1"]


def test_dry_mix_lets_the_source_through(load: Load) -> None:
    source = render(load("model=null", "sampler=null"), stems=True).stems["source"]
    dry = render(load("dry_mix=1"), stems=True).stems["model"]
    assert np.array_equal(dry.samples, source.samples)


class Rings(Effect):
    """Sounds on for a quarter of a second."""

    use: Literal["rings"] = "rings"

    @property
    def tail_s(self) -> float:
        return 0.25

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        late = np.roll(audio.samples, round(0.25 * audio.sample_rate_hz), axis=1)
        return audio.with_samples(audio.samples + 0.5 * late)


@pytest.mark.parametrize(("tail", "duration_s"), [("auto", 1.25), ("none", 1.0)])
def test_a_piece_that_is_no_loop_may_ring_on(
    load: Load, tmp_path: Path, tail: str, duration_s: float
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 44_100))
    write_audio(tmp_path / "take.wav", AudioBuffer(noise, 44_100), format="wav", bit_depth=24,
                comment="", rng=np.random.default_rng(0))  # fmt: skip
    preset = load("model=null", "sampler=null", f"output.tail={tail}")
    preset = preset.with_source(AudioFile(path=str(tmp_path / "take.wav")))
    rendering = render(preset.model_copy(update={"effects": (Rings(),)}))
    assert rendering.audio.duration_s == rendering.score.duration_s == duration_s


def test_the_score_goes_as_fast_as_what_is_heard(load: Load) -> None:
    slow = render(load("effects.0.use=varispeed", "effects.0.semitones=-5"), stems=True)
    speed = 2 ** (-5 / 12)
    assert slow.score.tempo_bpm == pytest.approx(200 * speed)
    assert slow.audio.frames == round(52_920 / speed)
    assert slow.stems["effects.fake-noise#0"].frames == slow.audio.frames
    assert name_rendering(slow).startswith("small_149.831bpm_Amin_")  # it was D minor


def test_the_plugins_within_branches_are_in_the_recipe(load: Load, registry: Registry) -> None:
    preset = load("model=null", "sampler=null")
    branched = Mix(branches=((Lowpass(),), (Mix(branches=((TapeHiss(),),)),)))
    rendering = render(preset.model_copy(update={"effects": (branched,)}))
    plugins = recipe.make_recipe(rendering, registry, "", frames=1)["plugins"]
    assert {"mix", "lowpass", "tape-hiss"} <= set(plugins)


def test_the_master_reaches_its_loudness(load: Load) -> None:
    rendering = render(load("model=null", "sampler=null", "master.loudness_lufs=-20"))
    assert rendering.loudness_lufs == pytest.approx(-20, abs=0.1)
    assert rendering.target_unreached is None


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan", "effects.breaks#0: the audio holds samples that are not numbers"),
        ("shape", "effects.breaks#0: it gave "),
        ("raise", "effects.breaks#0: ZeroDivisionError: by the plugin"),
    ],
)
def test_the_stage_that_breaks_is_named(load: Load, how: str, message: str) -> None:
    preset = load("effects.0.use=breaks", f"effects.0.how={how}")
    with pytest.raises(RenderError) as error:
        render(preset)
    assert str(error.value).startswith(message)
    assert error.value.exit_code == 1


def test_a_sampler_that_cannot_draw_from_the_head_is_refused(load: Load) -> None:
    with pytest.raises(PresetError, match=r"draws from 'mol' and 'mulaw' heads.*has 'mse'"):
        render(load("model.head=mse"))
    assert render(load("model.head=mse", "sampler.use=mean")).audio.frames


def test_takes_are_shown_before_they_are_played(load: Load) -> None:
    seen: list[int] = []
    list(render_takes(load(), [4, 2], on_take=lambda number, _, __: seen.append(number)))
    assert seen == [4, 2]
