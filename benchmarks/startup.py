"""What `--help` and listings cost beside a bare `import typer`: CPU time, best of alternating runs.

    python benchmarks/startup.py

The aim for the first two is under 3; measured on an EPYC core: `--help` 1.6 to 1.7, `plugins list`
2.7 to 2.9, `chain list` about 3.4. A typer command that does nothing takes 2.1 to 2.4.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile

ROUNDS = 9
COMMANDS = (("--help",), ("plugins", "list"), ("chain", "list"))


def cpu_seconds(code: str, environment: dict[str, str]) -> float:
    """Return the user and system time of one interpreter that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def ratio(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """Return how many times `import typer` a command takes; what else runs only ever slows."""
    ours = f"from lofigen_kit.__main__ import main; main({list(arguments)!r})"
    cpu_seconds(ours, environment)  # compiles the bytecode
    bare_s, ours_s = [], []
    for _ in range(ROUNDS):
        bare_s.append(cpu_seconds("import typer", environment))
        ours_s.append(cpu_seconds(ours, environment))
    return min(ours_s) / min(bare_s)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as an installed package is, whatever this process's variables say.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for command in COMMANDS:
            print(f"{' '.join(command):14}  {ratio(command, environment):.2f} x import typer")
