"""Writes docs/effects/ and docs/presets.md: texts from the code, pictures and sounds from the rack.

    python -m tools.make_effects

Everything is seeded, so that the same versions give the same bytes again. What was measured stands
in figures.json beside the pages. With `--check`, nothing is played and nothing written, and the
exit code is 1 where a text would change.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import signal

from lofigen_kit.analysis import (
    centroid_hz,
    crest_db,
    level_dbfs,
    rolloff_hz,
    speed_pct,
    wow_pct,
)
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.audio.files import write_audio
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.components.parameters import read_description
from lofigen_kit.dsp.fades import apply_fades
from lofigen_kit.dsp.mastering import master
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import BlockEffect, BranchedEffect, compute_speed
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import Preset, load_preset
from lofigen_kit.render.chain import list_stage_names
from lofigen_kit.render.take import render
from lofigen_kit.runtime.resources import presets_dir
from lofigen_kit.runtime.seeding import rng_for
from tools import effect_probes as probes
from tools.effect_pictures import draw_picture
from tools.effect_probes import RATE_HZ, SEED, Case, Probe
from tools.pages import Pages, format_parameters, format_table, list_builtin, run

FIGURES = "figures.json"

DRY_BEATS = 5
LONGEST_S = 5.0
PRESET_START_BARS, PRESET_S = 2, 7.5
FADES_MS = (3.0, 40.0)
ROOM = "room.flac"
TONE_HZ, PROBE_S = 1000.0, 12.0


@dataclass(frozen=True)
class Example:
    """How an effect's page shows it.

    Attributes:
        probe: What measures it; None for what can be neither seen nor heard by itself.
        settings: What its preset line says.
        before: Effects through which the dry sound went already, so that there is something to do.
        note: What has to be said beside.
    """

    probe: Probe | None
    settings: dict[str, Any] = field(default_factory=dict)
    before: tuple[dict[str, Any], ...] = ()
    note: str = ""


EXAMPLES = {
    "ambience-bed": Example(probes.measure_noise, {"bed": "rain", "level_lufs": -30}),
    "bitcrush": Example(probes.measure_steps, {"bits": 5}),
    "chorus": Example(
        probes.measure_one_voice,
        {"rate_hz": 0.8, "depth_ms": 3, "mix": 0.5},
        note="Measured on one voice alone.",
    ),
    "codec": Example(probes.measure_spectra, {"codec": "gsm"}),
    "compressor": Example(
        probes.measure_levels, {"threshold_db": -30, "ratio": 6, "attack_ms": 2, "release_ms": 120}
    ),
    "convolution": Example(
        probes.measure_decay,
        {"path": ROOM, "mix": 0.5},
        note=f"`{ROOM}` is a recording of your own beside the preset; here it is noise that falls "
        "by 60 dB in 1.2 s, its treble faster.",
    ),
    "delay": Example(probes.measure_echoes, {"division": "1/8d", "feedback_pct": 50, "mix": 0.4}),
    "downsample": Example(probes.measure_images, {"rate_hz": 7350}),
    "dropout": Example(probes.measure_gain, {"rate_per_min": 60, "depth_db": 18, "length_ms": 200}),
    "eq": Example(
        probes.measure_response,
        {"low_db": 6, "peak_hz": 500, "peak_db": -9, "high_hz": 2500, "high_db": 6},
    ),
    "gain": Example(probes.measure_levels, {"gain_db": -12}),
    "head-bump": Example(probes.measure_response, {"bump_hz": 80, "bump_db": 6}),
    "highpass": Example(probes.measure_response, {"cutoff_hz": 400, "order": 4}),
    "lowpass": Example(probes.measure_response, {"cutoff_hz": 800, "order": 4}),
    "mix": Example(
        probes.measure_levels,
        {
            "branches": [[], [{"use": "compressor", "threshold_db": -48, "ratio": 20}]],
            "levels_db": [0, 12],
        },
        note="Parallel compression: what is quiet comes up, and what is loud keeps its strokes.",
    ),
    "noise-gate": Example(
        probes.measure_levels,
        {"threshold_db": -12, "ratio": 10, "release_ms": 60},
        before=({"use": "tape-hiss", "level_dbfs": -50},),
    ),
    "phaser": Example(
        probes.measure_notches, {"rate_hz": 0.4, "depth_octaves": 2, "feedback_pct": 30}
    ),
    "reverb": Example(probes.measure_decay, {"decay_s": 2, "mix": 0.35}),
    "sidechain-pump": Example(probes.measure_gain, {"depth_db": 12, "division": "1/4"}),
    "stereo-width": Example(
        probes.measure_width,
        {"width_pct": 200, "mono_below_hz": 200},
        before=({"use": "reverb", "mix": 0.2},),
    ),
    "tape-hiss": Example(probes.measure_noise, {"level_dbfs": -42, "slope_db_oct": -3}),
    "tape-loss": Example(
        probes.measure_response, {"speed_ips": 1.875, "gap_um": 3, "spacing_um": 4}
    ),
    "tape-saturation": Example(probes.measure_harmonics, {"mode": "hysteresis", "drive_db": 15}),
    "telephone": Example(probes.measure_response, {"low_hz": 300, "high_hz": 3400}),
    "time-stretch": Example(probes.measure_tempo, {"rate": 0.8}),
    "varispeed": Example(probes.measure_tempo, {"semitones": -3}),
    "vibrato": Example(probes.measure_speed, {"rate_hz": 5, "depth_cents": 40}),
    "vinyl-crackle": Example(
        probes.measure_crackles, {"rate_hz": 20, "pop_rate_hz": 0.5, "level_dbfs": -24}
    ),
    "vinyl-rumble": Example(probes.measure_noise, {"level_dbfs": -36}),
    "vinyl-warp": Example(probes.measure_speed, {"depth_pct": 1}),
    "vst3": Example(
        None,
        {"path": "~/.vst3/Some.vst3", "parameters": {"decay_s": 2}},
        note="It sounds as the plugin does that you name.",
    ),
    "wow-flutter": Example(
        probes.measure_speed, {"wow_rate_hz": 0.6, "wow_depth_pct": 1.2, "flutter_depth_pct": 0.2}
    ),
}

Figures = dict[str, dict[str, Any]]


def make_effect_page(cls: type[Effect], example: Example, figures: dict[str, str]) -> str:
    """Return the page of an effect."""
    name = cls.name()
    before = f"{name}-before" if example.before else "dry"
    told = [f"Before it: `{_format_settings(settings)}`." for settings in example.before] + (
        [example.note] if example.note else []
    )
    heard = told
    if example.probe:
        heard = [
            f"![Spectrograms before and after, and what is measured](pictures/{name}.png)",
            f"Hear it: [before](sounds/{before}.ogg), [after](sounds/{name}.ogg).",
            *told,
            format_table(("measured", ""), figures.items()),
        ]
    parts = [
        f"# {name}",
        read_description(cls),
        _describe_movement(cls),
        f"```yaml\neffects:\n  - {_format_settings({'use': name, **example.settings})}\n```",
        *heard,
        "## Parameters",
        format_parameters(cls),
        f"[Its code]({_find_code(cls)}). [All effects](README.md).",
    ]
    return "\n\n".join(parts) + "\n"


def make_effects_index(classes: Iterable[type[Effect]]) -> str:
    """Return the list of all effects."""
    rows = [
        (
            f"[{cls.name()}]({cls.name()}.md)",
            cls.summary(),
            f"[after](sounds/{cls.name()}.ogg)" if EXAMPLES[cls.name()].probe else "",
        )
        for cls in classes
    ]
    return f"""# The effects

Each is a line among a preset's `effects`, in the order in which they sound:

```yaml
effects:
  - {{use: tape-saturation, drive_db: 9}}
  - {{use: wow-flutter, wow_depth_pct: 0.4}}
```

The pages show them alone, and stronger than a preset needs, on a few beats that the shipped network
plays: [before](sounds/dry.ogg). Nothing is mastered, so that levels can be compared.
[The presets](../presets.md) show them together.

{format_table(("effect", "what it does", "sound"), rows)}

Pages, pictures and sounds are made by `python -m tools.make_effects`.
"""


def make_presets_page(presets: Iterable[Path], figures: Figures) -> str:
    """Return the page of the bundled presets."""
    parts = [
        "# The presets",
        "Each is a file in [presets/](../presets/); `lofigen-kit chain preset NAME` plays it. The "
        "pictures and sounds are a few seconds of it: what the network plays, brought to the same "
        "loudness, and what the effects make of that. The figures are taken between network and "
        "master; noise is what the effects play while nothing is played, and the speed is that of "
        "a tone through them.",
    ]
    for path in presets:
        name = path.stem
        parts += [
            f"## {name}",
            load_preset(path).description,
            "\n".join(_list_chain(path)),
            f"![Spectrograms and spectra before and after](presets/pictures/{name}.png)",
            f"Hear it: [before](presets/sounds/{name}-before.ogg), "
            f"[after](presets/sounds/{name}.ogg).",
            format_table(
                ("", "before", "after"), [(what, *both) for what, both in figures[name].items()]
            ),
        ]
    parts.append(
        "[What each effect does](effects/README.md). "
        "This page is made by `python -m tools.make_effects`."
    )
    return "\n\n".join(parts) + "\n"


def make_pages(docs: Path) -> Pages:
    """Return every page of a docs folder by its path, with the figures that lie beside them."""
    classes = find_effects()
    effects, presets = (
        json.loads((docs / kind / FIGURES).read_text()) for kind in ("effects", "presets")
    )
    pages = {
        docs / "effects" / f"{name}.md": make_effect_page(
            cls, EXAMPLES[name], effects.get(name, {})
        )
        for name, cls in classes.items()
    }
    pages[docs / "effects" / "README.md"] = make_effects_index(classes.values())
    pages[docs / "presets.md"] = make_presets_page(find_presets(), presets)
    return pages


def find_effects() -> dict[str, type[Effect]]:
    """Return the effects that come with the kit, by name.

    Raises:
        SystemExit: where one has no example.
    """
    classes: dict[str, Any] = list_builtin(load_plugins(), "effect")
    if missing := sorted(set(classes) ^ set(EXAMPLES)):
        sys.exit(f"give these an example in {__file__}, or take it away: {', '.join(missing)}")
    return classes


def find_presets() -> list[Path]:
    """Return the files of the presets that come with the kit."""
    return sorted(presets_dir().glob("*.yaml"))


def _describe_movement(cls: type[Effect]) -> str:
    if issubclass(cls, BlockEffect):
        return "It works block by block: its numbers may move along the bars."
    if issubclass(cls, BranchedEffect):
        return "Each branch works block by block where its effects do."
    return "It takes the whole sound at once: its numbers stay as they are."


def _find_code(cls: type[Effect]) -> str:
    """Return the way from a page to the module of an effect."""
    file = "/__init__.py" if hasattr(sys.modules[cls.__module__], "__path__") else ".py"
    return "../../plugins/" + cls.__module__.replace(".", "/") + file


def _list_chain(path: Path) -> list[str]:
    """Return a preset's effects as they are written, numbered."""
    lines = []
    for number, told in enumerate(yaml.safe_load(path.read_text())["effects"], start=1):
        name = told.pop("use")
        lines.append(
            f"{number}. [{name}](effects/{name}.md)"
            + (f" `{_format_settings(told)}`" if told else "")
        )
    return lines


def _format_settings(settings: dict[str, Any]) -> str:
    """Return settings as one line of a preset."""
    text: str = yaml.safe_dump(
        settings, default_flow_style=True, sort_keys=False, width=float("inf")
    )
    return text.strip()


def record(docs: Path) -> None:
    """Write the sounds, pictures and figures of all effects and presets."""
    for kind, play in (("effects", play_effects), ("presets", play_presets)):
        figures = play(docs / kind)
        text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
        (docs / kind / FIGURES).write_text(text)


def play_effects(folder: Path) -> Figures:
    """Write the sounds and pictures of all effects, and return their figures."""
    classes = find_effects()
    dry, grid = play_dry_beats()
    _write_sound(folder / "sounds" / "dry.ogg", dry)
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_audio(root / ROOM, make_room(), format="flac", bit_depth=24, comment="", rng=None)
        for name, cls in classes.items():
            example = EXAMPLES[name]
            if not example.probe:
                continue
            first = [classes[line["use"]].model_validate(line) for line in example.before]
            before = _shorten(_apply_effects(first, dry, grid, root))
            if example.before:
                _write_sound(folder / "sounds" / f"{name}-before.ogg", before)
            effect = cls.model_validate(example.settings, context={"registry": load_plugins()})
            after = _shorten(_apply_effects([effect], before, grid, root))
            _write_sound(folder / "sounds" / f"{name}.ogg", after)
            figures[name], draw = example.probe(Case(effect, before, after, grid, root))
            _write_picture(folder / "pictures" / f"{name}.png", draw_picture((before, after), draw))
            print(name, figures[name])
    return figures


def play_presets(folder: Path) -> Figures:
    """Write the sounds and pictures of all presets, and return their figures."""
    figures = {}
    for path in find_presets():
        preset = load_preset(path)
        rendering = render(preset, stems=True)
        stems = [rendering.stems[stage] for stage in list_stage_names(preset)]
        played = master(
            stems[0],
            loudness_lufs=preset.master.loudness_lufs,
            true_peak_dbtp=preset.master.true_peak_dbtp,
            loop=rendering.loop,
        ).audio
        speed = compute_speed(preset.effects)
        start_s = PRESET_START_BARS * 4 * rendering.score.grid.beat_s
        before = _cut(played, start_s * speed, PRESET_S)
        after = _cut(rendering.audio, start_s, PRESET_S)
        _write_sound(folder / "sounds" / f"{path.stem}-before.ogg", before)
        _write_sound(folder / "sounds" / f"{path.stem}.ogg", after)
        spectra = probes.draw_spectra((before, after))
        _write_picture(
            folder / "pictures" / f"{path.stem}.png", draw_picture((before, after), spectra)
        )
        figures[path.stem] = measure_preset(preset, stems[0], stems[-1])
        print(path.stem, figures[path.stem])
    return figures


def measure_preset(preset: Preset, before: AudioBuffer, after: AudioBuffer) -> dict[str, list[str]]:
    """Return what is known of a preset's sound before and after its effects."""
    grid = BeatGrid(tempo_bpm=getattr(preset.source, "tempo_bpm", None) or 80.0)

    def through(samples: np.ndarray) -> AudioBuffer:
        audio = AudioBuffer(samples[None], RATE_HZ).stereo()
        return _apply_effects(preset.effects, audio, grid, preset.root, tail=False)

    times_s = np.arange(round(PROBE_S * RATE_HZ)) / RATE_HZ
    pink = make_pink_noise(len(times_s))
    sung = through(0.25 * np.sin(2 * np.pi * TONE_HZ * times_s))
    coloured = AudioBuffer(pink[None], RATE_HZ), through(pink)
    noise_dbfs = level_dbfs(through(np.zeros_like(times_s)))
    cents = 1200 * np.log2(1 + speed_pct(sung, TONE_HZ).mean() / 100)
    return {
        "middle of the spectrum of pink noise": [f"{centroid_hz(one):.0f} Hz" for one in coloured],
        "85 % of its power lie below": [f"{rolloff_hz(one):.0f} Hz" for one in coloured],
        "peaks of the music above its level": [f"{crest_db(x):.1f} dB" for x in (before, after)],
        "noise": ["none", f"{noise_dbfs:.1f} dBFS" if np.isfinite(noise_dbfs) else "none"],
        "greatest deviation of speed": ["none", f"{wow_pct(sung, TONE_HZ):.2f} %"],
        "pitch": ["as played", f"{cents:+.0f} cents" if abs(cents) > 2 else "as played"],
        "length": [f"{one.duration_s:.2f} s" for one in (before, after)],
    }


def make_pink_noise(frames: int) -> np.ndarray:
    """Return noise of -20 dBFS with equal power in each octave from 20 Hz on."""
    white = np.fft.rfft(rng_for(SEED, 0, "pink").standard_normal(frames))
    frequencies_hz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    tilt = (frequencies_hz > 20) / np.sqrt(np.maximum(frequencies_hz, 20))
    noise = np.fft.irfft(white * tilt, frames)
    return np.asarray(0.1 * noise / noise.std())


def play_dry_beats() -> tuple[AudioBuffer, BeatGrid]:
    """Return a few beats that the shipped network plays, and where they fall."""
    preset = load_preset(presets_dir() / "mono-deck.yaml", overrides=["source.bars=2"])
    rendering = render(preset, stems=True)
    grid = rendering.score.grid
    return _cut(rendering.stems["model"], 0.0, DRY_BEATS * grid.beat_s), grid


def make_room() -> AudioBuffer:
    """Return an impulse response: noise that dies away, its treble faster."""
    times_s = np.arange(round(1.5 * RATE_HZ)) / RATE_HZ
    noise = rng_for(SEED, 0, "room").standard_normal((2, len(times_s)))
    dull = signal.sosfilt(signal.butter(1, 1500, fs=RATE_HZ, output="sos"), noise)
    answer = noise * 10 ** (-3 * times_s / 0.5) * 0.3 + dull * 10 ** (-3 * times_s / 1.2)
    return AudioBuffer(0.1 * answer, RATE_HZ)


def _apply_effects(
    effects: Sequence[Effect],
    audio: AudioBuffer,
    grid: BeatGrid,
    root: Path | None,
    *,
    tail: bool = True,
) -> AudioBuffer:
    """Return a sound after effects."""

    def context(stage: str) -> Context:
        return Context(rng_for(SEED, 0, stage), grid=grid, root=root)

    for _, heard in rack.process_whole(effects, audio, context, loop=False, tail=tail):
        audio = heard
    return audio


def _cut(audio: AudioBuffer, start_s: float, duration_s: float) -> AudioBuffer:
    """Return a part of a sound, with soft ends."""
    first = round(start_s * RATE_HZ)
    samples = audio.samples[:, first : first + round(duration_s * RATE_HZ)]
    sound = AudioFormat(audio.channels, samples.shape[1], RATE_HZ)
    fade_in_ms, fade_out_ms = FADES_MS
    pieces = apply_fades(
        split_blocks(samples), sound, fade_in_ms=fade_in_ms, fade_out_ms=fade_out_ms
    )
    return audio.with_samples(np.concatenate(list(pieces), axis=1))


def _write_picture(path: Path, png: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)


def _shorten(audio: AudioBuffer) -> AudioBuffer:
    return _cut(audio, 0.0, LONGEST_S) if audio.duration_s > LONGEST_S else audio


def _write_sound(path: Path, audio: AudioBuffer) -> None:
    """Write a sound.

    Raises:
        SystemExit: where it would clip.
    """
    if np.abs(audio.samples).max() > 1:
        sys.exit(f"{path.name} clips: make the example quieter")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, audio, format="ogg", bit_depth=16, comment="", rng=None, force=True)


if __name__ == "__main__":
    sys.exit(run(make_pages, about=__doc__, record=record))
