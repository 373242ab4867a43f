"""Look for bytes that break a reader: `python tests/fuzz/run.py preset --seconds 600`.

Guided by coverage, through atheris (`pip install atheris`, CPython 3.11 to 3.13 on Linux). What it
finds lies afterwards in the current folder as `crash-...` and is tried again by giving its path.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

INSTRUMENTED = ["lofigen_kit", "lofigen_kit_plugins", "yaml", "mutagen"]


def main() -> None:
    """Fuzz one target, or try files on it."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
        from targets import TARGETS  # type: ignore[import-not-found,unused-ignore]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Verbatim)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("files", nargs="*", type=Path, help="Try these once, and search for none.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="Keep what reaches new code here.")
    asked = parser.parse_args()
    target = TARGETS[asked.target]
    if asked.files:
        for file in asked.files:
            target.check(file.read_bytes())
        return
    with tempfile.TemporaryDirectory() as folder:
        corpus = asked.corpus or Path(folder) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = target.seeds()
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        words = Path(folder) / "words"
        words.write_text("".join(f'"{word}"\n' for word in sorted(_words(seeds))))
        flags = [f"-max_total_time={asked.seconds}", f"-seed={asked.seed}", f"-dict={words}",
                 "-timeout=20", "-rss_limit_mb=4096", "-max_len=20000",
                 "-print_final_stats=1"]  # fmt: skip
        atheris.Setup([sys.argv[0], *flags, str(corpus)], target.check)
        atheris.Fuzz()


class _Verbatim(argparse.RawDescriptionHelpFormatter):
    pass


def _words(seeds: list[bytes]) -> set[str]:
    """Return the words of the seeds, for the search to put together anew."""
    found = {word.decode() for seed in seeds for word in re.findall(rb"[A-Za-z_][\w-]{2,30}", seed)}
    return found | {"&a", "*a", "<<", "!!python/object", "---", ".nan", ".inf", "0x1", "1e999"}


if __name__ == "__main__":
    main()
