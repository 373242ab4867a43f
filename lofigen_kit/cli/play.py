"""`play` and `stream`: generate a preset endlessly, to the sound card or to standard output."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.cli.chain import PresetArgument, load
from lofigen_kit.cli.common import Device, Overrides, Quiet, Seed, load_registry, progress_bar, warn
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.playback.player import Player
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.render.live_controls import LiveControls
    from lofigen_kit.render.stream import StreamRenderer

Bars = Annotated[
    int | None, typer.Option(min=1, help="Bars in each section; by default the source's.")
]

REFRESH_S = 0.25
"""Seconds between two updates of the status line."""

_CLOSED_PIPE_ERRORS = (errno.EPIPE, errno.EINVAL)
"""Error numbers of a write to a pipe whose reader has closed it; Windows gives the second."""

KNOBS = {"t": "temperature", "d": "drive", "f": "cutoff"}
"""The knob of each key: a lower-case letter turns it down, a capital letter up."""

KEYS = "keys: t/T temperature, d/D drive, f/F cutoff, space pause, n next section, q quit"
PART_KEYS = "parts: {parts}; their number mutes one, s and its number plays it alone"


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command()(play)
    root.command()(stream)


def play(
    ctx: typer.Context,
    *,
    preset: PresetArgument,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Minutes to play; by default endless.")
    ] = None,
    bars: Bars = None,
    seed: Seed = None,
    overrides: Overrides = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Play a preset endlessly on the sound card.

    The sound is generated while it plays. Keys change it: t and T turn the network's temperature
    down and up, d and D the drive of the first tape saturation, f and F the cutoff of the first
    low-pass filter. Space pauses, n starts the next section at the next bar, q quits. Where parts
    are played, the number of one mutes it, and s before the number plays it alone.
    """
    from lofigen_kit.cli.keyboard import open_keyboard
    from lofigen_kit.playback import player
    from lofigen_kit.render.live_controls import LiveControls
    from lofigen_kit.render.stream import truncate_blocks

    endless, _ = _open_stream(
        ctx, preset, overrides, bars=bars, seed=seed, device=device, quiet=quiet
    )
    player.check_output(endless.sound)
    controls = LiveControls(endless.preset, endless.device)
    with progress_bar(quiet=quiet):
        measured = endless.measure_gain(time.perf_counter)
    ahead_s = player.compute_buffer_s(measured.speed, minutes)
    if ahead_s > player.BUFFER_S and not quiet:
        warn(
            f"generation runs at {measured.speed:.2f} x real time: "
            f"{ahead_s:.0f} s are buffered before playback starts"
        )
    blocks = endless.render_blocks(measured.gain_db, controls)
    if minutes is not None:
        blocks = truncate_blocks(blocks, round(60 * minutes * endless.sound.sample_rate_hz))
    with player.Player(blocks, endless.sound, ahead_s=ahead_s) as playing:
        with progress_bar(quiet=quiet):
            while not playing.wait_for_sound(REFRESH_S):
                pass
        with player.open_output(endless.sound, playing.fill), open_keyboard() as read_key:
            if not quiet:
                warn(KEYS if read_key else "keys do not work: standard input is not a terminal")
                if read_key and endless.parts:
                    names = ", ".join(f"{n} {part}" for n, part in enumerate(endless.parts, 1))
                    warn(PART_KEYS.format(parts=names))
            show_status = _ignore if quiet else _show_status
            watch(playing, controls, read_key or _wait, show_status, endless.parts)
    if playing.error:
        raise playing.error


def watch(
    playing: Player,
    controls: LiveControls,
    read_key: Callable[[float], str],
    show_status: Callable[[str], object],
    parts: Sequence[str] = (),
) -> None:
    """Show the status and handle keys until the user quits or the player is finished.

    Args:
        playing: The player.
        controls: The controls that keys change.
        read_key: Waits for a key, at most the given seconds.
        show_status: Replaces the status line.
        parts: The parts that can be muted, the first by the key 1.
    """
    message, solo = "", False
    while not playing.is_finished:
        show_status(
            f"{playing.played_s:7.1f} s  {playing.speed:.1f} x real time  "
            f"{playing.queued_s:.1f} s buffered  {playing.gaps} gaps  {message}"
        )
        key = read_key(REFRESH_S)
        if key == "q":
            break
        if key == " ":
            playing.toggle_pause()
            message = "paused" if playing.is_paused else ""
        elif key == "s" and parts:
            solo, message = True, "solo: press a part's number"
        elif key.isdecimal() and 1 <= int(key) <= len(parts):
            message = _toggle_part(controls, parts[int(key) - 1], solo=solo)
            solo = False
        elif key == "n":
            controls.request_next_section()
            message = "the next section starts at the next bar"
        elif key.lower() in KNOBS:
            message = _turn_knob(controls, KNOBS[key.lower()], 1 if key.isupper() else -1)
    show_status("")


def _toggle_part(controls: LiveControls, part: str, *, solo: bool) -> str:
    if solo:
        return f"{part} alone" if controls.toggle_solo(part) else f"{part} no more alone"
    return f"{part} is mute" if controls.toggle_mute(part) else f"{part} is heard"


def _turn_knob(controls: LiveControls, name: str, steps: int) -> str:
    knob = controls.knobs.get(name)
    return f"{name} {knob.turn(steps):.4g}" if knob else f"this preset has no {name} to turn"


def _wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _ignore(_: str) -> None:
    pass


def _show_status(text: str) -> None:
    """Replace the status line on stderr, if it is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


def stream(
    ctx: typer.Context,
    *,
    preset: PresetArgument,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds to write; by default endless.")
    ] = None,
    format: Annotated[  # noqa: A002
        str, typer.Option(metavar="wav|pcm", help="With a WAV header, or raw samples.")
    ] = "wav",
    bit_depth: Annotated[
        int, typer.Option(metavar="16|24|32", help="Bits of a sample; 32 is floating point.")
    ] = 16,
    bars: Bars = None,
    seed: Seed = None,
    overrides: Overrides = None,
    device: Device = "cpu",
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Write no faster than real time.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write a preset's sound endlessly to standard output.

    Pipe it into ffmpeg, for example. Standard output carries only sound; messages go to standard
    error.
    """
    from lofigen_kit.playback import pcm
    from lofigen_kit.provenance import recipe
    from lofigen_kit.render.stream import truncate_blocks
    from lofigen_kit.runtime.seeding import rng_for as rng_of

    _check(format, bit_depth)
    endless, registry = _open_stream(
        ctx, preset, overrides, bars=bars, seed=seed, device=device, quiet=quiet
    )
    rate_hz, channels = endless.sound.sample_rate_hz, endless.sound.channels
    with progress_bar(quiet=quiet):
        gain_db = endless.measure_gain(time.perf_counter).gain_db
    blocks = endless.render_blocks(gain_db)
    if seconds is not None:
        blocks = truncate_blocks(blocks, round(seconds * rate_hz))
    pieces = pcm.encode_pcm(blocks, bit_depth, rng_of(endless.preset.seed, 0, "output"))
    if realtime:
        bytes_per_s = rate_hz * channels * bit_depth / 8
        pieces = pcm.pace_pieces(pieces, bytes_per_s, time.monotonic, time.sleep)
    facts = recipe.make_stream_recipe(endless, gain_db, registry)
    if format == "wav":
        _write(_header(endless, facts, bit_depth), pieces)
        return
    if not quiet:
        warn(
            f"{pcm.PCM_NAMES[bit_depth]}, {rate_hz} Hz, {channels} channels; raw samples carry no "
            f"metadata: {facts['disclosure']}"
        )
    _write(b"", pieces)


def _open_stream(
    ctx: typer.Context,
    preset: str,
    overrides: list[str] | None,
    *,
    bars: int | None,
    seed: int | None,
    device: str,
    quiet: bool,
) -> tuple[StreamRenderer, Registry]:
    """Return the renderer of a preset's endless stream, and the plugins."""
    from lofigen_kit.render.stream import StreamRenderer
    from lofigen_kit.runtime.workers import limit_threads

    registry = load_registry(ctx)
    changes = list(overrides or [])
    if bars is not None:
        changes.append(f"source.bars={bars}")
    if seed is not None:
        changes.append(f"seed={seed}")
    chosen, *_ = load(preset, registry, changes)
    with progress_bar(quiet=quiet):
        endless = StreamRenderer(chosen, device=device)
    limit_threads()  # matrices are small here: numpy's threads would only slow down the toolkit's
    return endless, registry


def _check(format: str, bit_depth: int) -> None:  # noqa: A002
    if format not in ("wav", "pcm"):
        raise InputError(f"there is no format {format!r}", remedy="choose wav or pcm")
    if bit_depth not in (16, 24, 32):
        raise InputError(f"{bit_depth} is not a possible bit depth", remedy="choose 16, 24 or 32")
    if sys.stdout.isatty():
        raise InputError(
            "a terminal cannot play sound",
            where="standard output",
            remedy="pipe it, as in `lofigen-kit stream PRESET | ffplay -`, or use `play`",
        )


def _header(endless: StreamRenderer, facts: dict[str, Any], bit_depth: int) -> bytes:
    """Return the header of a WAV file, with the recipe in it."""
    import json

    from lofigen_kit.audio import riff
    from lofigen_kit.runtime.version import get_program_name

    return riff.make_wav_header(
        endless.sound.channels,
        endless.sound.sample_rate_hz,
        bit_depth,
        title=endless.preset.name,
        comment=json.dumps(facts, ensure_ascii=False, separators=(",", ":")),
        software=get_program_name(),
    )


def _write(header: bytes, pieces: Iterator[bytes]) -> None:
    """Write to standard output until the end, or until the reader closes the pipe."""
    from lofigen_kit.runtime.files import explain_write_errors

    out = sys.stdout.buffer
    with explain_write_errors(Path("standard output")):
        try:
            for piece in chain([header], pieces):
                out.write(piece)
                out.flush()
        except OSError as error:
            if error.errno not in _CLOSED_PIPE_ERRORS:
                raise
            # Python flushes stdout at exit, which would fail: redirect it to the null device.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
