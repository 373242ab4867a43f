"""Measure this machine and write RESULTS.md.

    python benchmarks/results.py [-o FILE] [--generate '--rounds 15'] [--train '--rounds 5']

It takes some minutes, of which `bench train` needs most; let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from lofigen_kit.bench import tables

HEAD = """\
# Results

Written by `python benchmarks/results.py`, which runs `lofigen-kit bench generate` and
`lofigen-kit bench train`: all cases in turn, {rounds} rounds of generation and {train_rounds} of
training, medians. On a machine that was not quiet, times by the clock hold what others took of it;
those by CPU time do not.

{machine}
"""

GENERATE = """
## Generation

Random weights, a mixture head of ten logistics, 35 channels of guide, sampling included; 1 x real
time is {rate_hz} samples/s. `window` runs a window of 8192 samples through torch's own Conv1d for
every new sample, as the reference does; `ring` is a step of every layer in numpy; `torch-blocked`
and `engine` are [relaxed convolution](../docs/engine.md). The columns `x engine`, `x ring` and
`x window` say how many times faster a case is than one track of these, on one core. `us a step` is
for all tracks that advance side by side.

`of floor` is what share of the machine's speed is reached, which is measured in the same run: the
time to read the weights of a step, or to do its multiply-adds, whichever is longer. Butterflies and
the draw are not counted; small tiles come from nearer caches than the floor assumes, so that a
little over 100 % is possible.
"""

TRAIN = """
## A step of training

Forward and backward pass of the loss, {batch} crops of {frames} samples, threads: {threads}. The
errors are the largest of a gradient, relative to the largest gradient of its tensor; where they are
large, a rounding has moved the input of a ReLU across zero.

"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "RESULTS.md")
    parser.add_argument("--generate", default="", help="more options of `bench generate`")
    parser.add_argument("--train", default="", help="more options of `bench train`")
    chosen = parser.parse_args()
    generated = measured("generate", chosen.generate)
    trained = measured("train", chosen.train)
    chosen.output.write_text(page(generated, trained))


def measured(command: str, options: str) -> dict[str, Any]:
    """Return what one of the commands says in JSON."""
    words = [sys.executable, "-m", "lofigen_kit", "bench", command, *shlex.split(options), "--json"]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own code
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def page(generated: dict[str, Any], trained: dict[str, Any]) -> str:
    """Return the results in Markdown."""
    machine = "  \n".join(tables.machine(generated["machine"]))
    parts = [
        HEAD.format(rounds=generated["rounds"], train_rounds=trained["rounds"], machine=machine),
        GENERATE.format(rate_hz=8000),
    ]
    for heading, rows in tables.generation(generated).items():
        parts.append(f"\n### {heading}\n\n{markdown(rows)}")
    for method, reason in generated["left_out"].items():
        parts.append(f"\nLeft out: `{method}` ({reason}).\n")
    parts += [TRAIN.format(**trained["step"]), markdown(tables.training(trained["cases"]))]
    return "".join(parts)


def markdown(rows: tables.Rows) -> str:
    """Return a table whose first row names the columns."""
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
