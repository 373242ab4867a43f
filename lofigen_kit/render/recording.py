"""Recordings through a preset's effects and master, of any length, in constant memory.

A file is read twice: to see that it is audio to its end, how long it is and where its beats fall;
and to go block by block through the effects of the `Chain` into a temporary file, from which it is
mastered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.audio.block_file import BlockFile
from lofigen_kit.audio.blocks import Blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.audio.files import check_fits, quantise_blocks, read_audio_blocks
from lofigen_kit.audio.hashing import SoundHash
from lofigen_kit.errors import AudioError, PresetError
from lofigen_kit.music.score import BeatGrid, Score
from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.chain import Chain, transform_score
from lofigen_kit.render.limits import check_recording
from lofigen_kit.render.result import Result
from lofigen_kit.runtime.names import to_text
from lofigen_kit.runtime.progress import Progress
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.dsp.mastering import MasteredBlocks

ANALYSIS_S = 60.0
"""How much of a file is analysed to find its beat."""
ANALYSIS_RATE_HZ = 8000

MAX_BARS = 10_000
FRAMES_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class Recording:
    """A sound file that was read to its end.

    Attributes:
        path: The file.
        sound: What it holds: one channel, or two.
        grid: Where its beats fall.
        sha256: The hash of its samples.
    """

    path: Path
    sound: AudioFormat
    grid: BeatGrid
    sha256: str


@dataclass(frozen=True)
class ProcessedRecording:
    """A file that went through the effects and the master.

    Attributes:
        result: What is known of it.
        sound: Its channels, length and rate.
        blocks: Gives it as its file will hold it, from its beginning, as often as it is called.
        audio_sha256: The hash of that.
    """

    result: Result
    sound: AudioFormat
    blocks: Callable[[], Blocks]
    audio_sha256: str


@contextmanager
def process_recording(
    recording: Recording,
    preset: Preset,
    folder: Path,
    *,
    target: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[ProcessedRecording]:
    """Process a file without writing it; what it becomes can be read while the context lasts.

    Args:
        recording: The file.
        preset: Whose effects and master to run.
        folder: Where there is room for temporary files.
        target: The file that is to hold it, to refuse in time what cannot.
        progress: Told the seconds that are processed, and those there are.

    Raises:
        InputError: if the file is no audio, or its format cannot hold it.
        RenderError: naming the stage that broke.
    """
    output = preset.output
    if output.midi:
        raise PresetError("a recording has no score to write", where="output.midi",
                          remedy="set output.midi=false")  # fmt: skip
    check_recording(preset, recording.sound.duration_s)
    chain = Chain.load(preset.without_model())
    piece, blocks = _process_blocks(recording, chain)
    if target:
        check_fits(target, piece, format=output.format, bit_depth=output.bit_depth)
    with ExitStack() as files:

        def store() -> BlockFile:
            return files.enter_context(BlockFile(folder))

        processed = _report_progress(blocks, piece, progress)
        faded = _fade_blocks(processed, piece, chain, store)
        mastered = chain.master_blocks(faded, piece, store)
        sound = replace(piece, length_frames=mastered.frames)

        def quantised() -> Blocks:
            return quantise_blocks(
                mastered.blocks(),
                format=output.format,
                bit_depth=output.bit_depth,
                rng=rng_for(preset.seed, 0, "output"),
            )

        result = _make_result(recording, preset, sound, mastered)
        yield ProcessedRecording(result, sound, quantised, _hash_blocks(quantised(), sound))


def examine(path: Path, *, salvage: bool = False) -> Recording:
    """Read a file to its end.

    The beat is looked for in its first minute alone, whatever its effects need: a piece of
    constant tempo is known by then, and any other has no grid.

    Args:
        path: The file.
        salvage: Take it as far as it goes where it is damaged.

    Raises:
        AudioError: if it is no audio, damaged, or its shape, rate or samples are impossible.
    """
    from lofigen_kit.analysis import beat_track
    from lofigen_kit.dsp.resample import resample

    opening: list[np.ndarray] = []
    channels = frames = rate_hz = 0
    digest: SoundHash | None = None
    for block in read_audio_blocks(path, frames=FRAMES_AT_ONCE, strict=not salvage):
        channels, rate_hz = block.channels, block.sample_rate_hz
        digest = digest or SoundHash(channels, rate_hz)
        digest.update(block.samples)
        if frames < ANALYSIS_S * rate_hz:
            opening.append(block.mono().samples)
        frames += block.frames
    assert digest is not None  # noqa: S101 - a file without samples was refused
    analysed = AudioBuffer(np.concatenate(opening, axis=1), rate_hz)
    tempo_bpm, start_s = beat_track(resample(analysed, ANALYSIS_RATE_HZ))
    return Recording(
        path,
        AudioFormat(min(channels, 2), frames, rate_hz),
        BeatGrid(tempo_bpm=tempo_bpm, start_s=start_s),
        digest.hexdigest(),
    )


def hash_recording(path: Path, *, salvage: bool = False) -> str:
    """Return the hash of a file's samples, as `examine` does, without looking for its beat.

    Raises:
        AudioError: as `examine`.
    """
    digest: SoundHash | None = None
    for block in read_audio_blocks(path, frames=FRAMES_AT_ONCE, strict=not salvage, again=salvage):
        digest = digest or SoundHash(block.channels, block.sample_rate_hz)
        digest.update(block.samples)
    assert digest is not None  # noqa: S101 - a file without samples was refused
    return digest.hexdigest()


def _compute_output_format(recording: Recording, rate_hz: int) -> AudioFormat:
    from lofigen_kit.dsp.resample import count_resampled_frames

    sound = recording.sound
    frames = count_resampled_frames(sound.frames, sound.sample_rate_hz, rate_hz)
    if not frames:
        raise AudioError(
            "the file holds no sound", where=recording.path, remedy="choose another one"
        )
    return AudioFormat(sound.channels, frames, rate_hz)


def _process_blocks(recording: Recording, chain: Chain) -> tuple[AudioFormat, Blocks]:
    """Return what a file becomes at the output's rate, through all effects, and its blocks."""
    sound = _compute_output_format(recording, chain.preset.output.sample_rate_hz)
    rate_hz = recording.sound.sample_rate_hz
    dry = chain.resample_blocks(_read_blocks(recording), sound.channels, rate_hz)
    return chain.process_blocks(sound, dry, recording.grid)


def _fade_blocks(
    blocks: Blocks, piece: AudioFormat, chain: Chain, store: Callable[[], BlockFile]
) -> Blocks:
    """Yield a sound with its fades; where it ends, with its tail, is known at its end alone."""
    if not chain.preset.master.has_fades:
        yield from blocks
        return
    kept, frames = store(), 0
    for block in blocks:
        kept.append(block)
        frames += block.shape[1]
    yield from chain.fade_blocks(kept, replace(piece, length_frames=frames))


def _read_blocks(recording: Recording) -> Blocks:
    """Yield a file's samples, as they were when it was examined."""
    left = recording.sound.frames
    for block in read_audio_blocks(recording.path, frames=FRAMES_AT_ONCE, again=True):
        samples = (block if block.channels < 3 else block.stereo()).samples
        yield samples[:, :left]
        left -= block.frames
    if left > 0:
        raise AudioError("the file has changed", where=recording.path, remedy="process it again")


def _report_progress(blocks: Blocks, sound: AudioFormat, progress: Progress | None) -> Blocks:
    """Yield blocks, and tell how far they are."""
    frames = 0
    for block in blocks:
        frames += block.shape[1]
        if progress:
            done_s = round(frames / sound.sample_rate_hz)
            progress("processing", done_s, round(sound.duration_s))
        yield block


def _make_result(
    recording: Recording, preset: Preset, sound: AudioFormat, mastered: MasteredBlocks
) -> Result:
    grid = recording.grid
    bars = round(max(recording.sound.duration_s - grid.start_s, 0.0) / (4 * grid.beat_s))
    score = Score(
        tempo_bpm=grid.tempo_bpm,
        bars=min(bars, MAX_BARS),
        start_s=grid.start_s,
        duration_s=recording.sound.duration_s,
    )
    processed = transform_score(preset, score).model_copy(update={"duration_s": sound.duration_s})
    return Result(
        preset=preset,
        take=0,
        title=to_text(recording.path.stem),
        score=processed,
        loudness_lufs=mastered.loudness_lufs,
        true_peak_dbtp=mastered.true_peak_dbtp,
        target_unreached=mastered.target_unreached,
        source_sha256=recording.sha256,
        network_sha256=None,
        licences={"source": "unknown"},
        command="process",
    )


def _hash_blocks(blocks: Blocks, sound: AudioFormat) -> str:
    digest = SoundHash(sound.channels, sound.sample_rate_hz)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
