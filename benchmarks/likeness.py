"""Where a copy is told from a song that was never heard: calibrates `inspect --against`.

    lofigen-kit corpus make -o CORPUS --minutes 60 --seed 1
    python benchmarks/likeness.py CORPUS

Prints the tables of docs/provenance.md. The waveform is `lofigen_kit.evaluation.memorisation`, the
chroma `lofigen_kit.evaluation.memorisation_chroma`. Copies are of sixteen seconds, sent at 44.1 kHz
through the kit's own effects, and compared with their song alone: what is asked is how much of the
likeness the change leaves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from lofigen_kit.analysis import mono_8k
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.corpus.songs import Song, read_manifest, read_songs
from lofigen_kit.dsp.resample import resample
from lofigen_kit.effects.rack import apply_effect
from lofigen_kit.evaluation import memorisation, memorisation_chroma
from lofigen_kit.evaluation.memorisation import SongIndex
from lofigen_kit.evaluation.memorisation_chroma import ChromaIndex
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.plugins.loader import load_plugins

RATE_HZ, PLAYED_HZ = 8_000, 44_100
SONGS, SECONDS, START_S = 12, 16, 1.0
"""How much is copied: this many training songs, so many seconds of each, from there."""

Change = Callable[[np.ndarray], np.ndarray]
REGISTRY = load_plugins()


def effect(name: str, **parameters: float) -> Change:
    """Return what an effect of the kit does."""
    chosen = REGISTRY.find("effect", name).model_validate(parameters)

    def play(samples: np.ndarray) -> np.ndarray:
        audio = resample(AudioBuffer(samples[None], RATE_HZ), PLAYED_HZ)
        ctx = Context(rng=np.random.default_rng(1), grid=BeatGrid(tempo_bpm=80.0))
        return mono_8k(apply_effect(chosen, audio, ctx, loop=False))  # type: ignore[arg-type]

    return play


def noisy(snr_db: float) -> Change:
    """Return what adds white noise."""
    share, rng = 10 ** (-snr_db / 20), np.random.default_rng(2)
    return lambda x: x + share * x.std() * rng.standard_normal(len(x))


def one_after_another(*changes: Change) -> Change:
    """Return what makes all changes."""
    return lambda samples: reduce(lambda x, change: change(x), changes, samples)


def transposed(semitones: float) -> Change:
    """Return what moves the pitch and keeps the tempo."""
    rate = float(2.0 ** (-semitones / 12.0))
    return one_after_another(
        effect("varispeed", semitones=semitones), effect("time-stretch", rate=rate)
    )


TAPE = (
    effect("tape-saturation", drive_db=12),
    effect("wow-flutter", wow_depth_pct=0.8),
    effect("tape-hiss", level_dbfs=-45),
)
COPIES: dict[str, Change] = {
    "a third of the level, upside down": lambda x: -x / 3,
    "155 ms later": lambda x: x[1237:],
    "noise at 20 dB": noisy(20),
    "noise at 10 dB": noisy(10),
    "low-pass at 800 Hz": effect("lowpass", cutoff_hz=800),
    "high-pass at 100 Hz": effect("highpass", cutoff_hz=100),
    "high-pass at 300 Hz": effect("highpass", cutoff_hz=300),
    "reverb of 2.5 s, mixed to 40 %": effect("reverb", decay_s=2.5, mix=0.4),
    "tape: driven by 12 dB, wow of 0.8 %, hiss": one_after_another(*TAPE),
    **{
        f"varispeed {st:+g} semitones": effect("varispeed", semitones=st)
        for st in (-6, -4, -2, -1, -0.5, -0.2, 0.2, 0.5, 1, 2, 4, 6)
    },
    **{f"pitch alone {st:+g} semitones": transposed(st) for st in (-6, -4, -2, -1, 1, 2, 4, 6)},
    **{
        f"tempo alone x {rate}": effect("time-stretch", rate=rate)
        for rate in (0.9, 0.95, 0.98, 1.02, 1.05, 1.1)
    },
    "varispeed -2, low-pass at 2 kHz, reverb, tape": one_after_another(
        effect("varispeed", semitones=-2),
        effect("lowpass", cutoff_hz=2000),
        effect("reverb", mix=0.4),
        *TAPE,
    ),
}


def main(corpus: Path) -> None:
    """Print how alike songs are that were never heard, and copies."""
    train = read_songs(corpus, "train")
    held_out = read_songs(corpus, "test") + read_songs(corpus, "valid")
    print("| not in the training songs | measure | songs | windows | median | 99 % below "
          "| all below | flagged | called copies |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    strangers = [(song, train) for song in held_out]
    for ear in ("waveform", "chroma"):
        _print_unheard("other progressions", ear, strangers)
        _print_unheard("the same progression", ear, list(_siblings(corpus, train)))
    chosen = train[:: max(1, len(train) // SONGS)][:SONGS]
    print("\n| copy | waveform, minimum | median | missed | chroma, minimum | median | not flagged "
          "| missed |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name, change in COPIES.items():
        start = round(START_S * RATE_HZ)
        clips = [change(s.samples[start : start + SECONDS * RATE_HZ].astype(float)) for s in chosen]
        waveform, chroma = (
            np.array([_best(_heard(ear, [song], clip)) for song, clip in zip(chosen, clips,
                                                                            strict=True)])
            for ear in ("waveform", "chroma")
        )  # fmt: skip
        print(f"| {name} | {waveform.min():.2f} | {np.median(waveform):.2f} | "
              f"{_share(waveform < memorisation.COPY_THRESHOLD)} | {chroma.min():.2f} | "
              f"{np.median(chroma):.2f} | "
              f"{_share(chroma < memorisation_chroma.CHROMA_SUSPECT_THRESHOLD)} | "
              f"{_share(chroma < memorisation_chroma.CHROMA_COPY_THRESHOLD)} |",
              flush=True)  # fmt: skip


def _siblings(corpus: Path, train: Sequence[Song]) -> Iterable[tuple[Song, list[Song]]]:
    """Yield each training song and the others of its progression, as if it had not been heard."""
    groups = {entry["file"]: entry["group"] for entry in read_manifest(corpus)[0]["songs"]}
    for song in train:
        others = [o for o in train if o is not song and groups[o.file] == groups[song.file]]
        if others:
            yield song, others


def _print_unheard(name: str, ear: str, pairs: Sequence[tuple[Song, Sequence[Song]]]) -> None:
    cache: dict[int, SongIndex | ChromaIndex] = {}
    found = []
    for song, others in pairs:
        if id(others) not in cache:
            cache = {id(others): _memory(ear, others)}
        found.append(_similarities(cache[id(others)], song.samples.astype(float)))
    windows, best = np.concatenate(found), np.array([f.max() for f in found if len(f)])
    flag, copy = (
        (memorisation_chroma.CHROMA_SUSPECT_THRESHOLD, memorisation_chroma.CHROMA_COPY_THRESHOLD)
        if ear == "chroma"
        else (memorisation.COPY_THRESHOLD, memorisation.COPY_THRESHOLD)
    )
    middle, high = np.quantile(windows, [0.5, 0.99])
    print(f"| {name} | {ear} | {len(pairs)} | {len(windows)} | {middle:.2f} | {high:.2f} | "
          f"{windows.max():.3f} | {_share(best >= flag)} | {_share(best >= copy)} |",
          flush=True)  # fmt: skip


def _share(hits: np.ndarray) -> str:
    return f"{int(hits.sum())} of {len(hits)}"


def _memory(ear: str, songs: Sequence[Song]) -> SongIndex | ChromaIndex:
    return ChromaIndex(songs) if ear == "chroma" else SongIndex(songs)


def _heard(ear: str, songs: Sequence[Song], clip: np.ndarray) -> np.ndarray:
    return _similarities(_memory(ear, songs), clip)


def _similarities(ear: SongIndex | ChromaIndex, clip: np.ndarray) -> np.ndarray:
    return np.array([like.similarity for like in ear.find_nearest(clip)])


def _best(similarities: np.ndarray) -> float:
    return float(similarities.max(initial=0.0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
