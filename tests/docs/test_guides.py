"""Every guide works as it stands, from nothing to a component in a chain, on a new machine.

The toolkit is built as a wheel and installed into an environment of its own, where nothing of this
checkout is to be found; only what it depends on is lent from the environment of the tests.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from lofigen_kit.audio.files import read_audio

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
KINDS = sorted(path.stem for path in GUIDES.glob("*.md"))
BLOCK = re.compile(
    r"(?:`(?P<file>[\w/.-]+)`:\n\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL
)
LONG = {"--minutes 10": "--minutes 1", "--steps 2000": "--steps 2"}
"""What takes a person's time, and what a test gives it."""
OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # the option's name is read as the word `no` and its value
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


class NewMachine:
    """An environment with the toolkit's wheel alone, and a home in which nothing lies."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True, symlinks=True)
        self._bin = folder / "venv" / "bin"
        self._env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "LOFIGEN", "PYTEST", "XDG"))
        }
        self._env |= OFFLINE
        self._env |= {
            "PATH": f"{self._bin}{os.pathsep}{os.defpath}",
            "HOME": str(folder),
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", str(folder / "numba")),
        }
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        lent = folder / "venv" / "lib" / version / "site-packages" / "lent.pth"
        lent.write_text(sysconfig.get_path("purelib"))
        self.run(f"pip wheel --quiet --wheel-dir {folder / 'wheels'} {ROOT}", folder)
        (wheel,) = (folder / "wheels").iterdir()
        self.run(f"pip install --quiet --ignore-installed {wheel}", folder)

    def run(self, line: str, folder: Path) -> str:
        """Run a line of a guide and return what it printed."""
        for long, short in LONG.items():
            line = line.replace(long, short)
        program, *words = shlex.split(line)
        assert program in ("lofigen-kit", "pytest", "pip", "python", "cp")
        command = [program, *words]
        if program == "pytest":  # lent, and so without a script
            command = ["python", "-m", "pytest", "-p", "no:cacheprovider", *words]
        done = subprocess.run(
            [shutil.which(command[0], path=self._env["PATH"]) or program, *command[1:]],
            cwd=folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> NewMachine:
    return NewMachine(tmp_path_factory.mktemp("machine"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_guide_leads_to_a_chain_that_is_heard(
    kind: str, machine: NewMachine, tmp_path: Path
) -> None:
    plugins = tmp_path / "plugins-of-mine"
    plugins.mkdir()
    for block in BLOCK.finditer((GUIDES / f"{kind}.md").read_text()):
        if block["language"] == "sh":
            for line in block["text"].splitlines():
                machine.run(line, tmp_path)
        else:
            assert block["language"] in ("python", "yaml")
            (tmp_path / block["file"]).write_text(block["text"])
    made = list(tmp_path.glob("*.wav"))
    assert made
    for path in made:
        audio = read_audio(path)
        assert audio.duration_s == pytest.approx(4 * 60 / 90, abs=0.01)
        assert audio.samples.std() > 0.01


def test_there_is_a_guide_for_each_kind() -> None:
    assert KINDS == ["effect", "instrument", "model", "sampler", "source"]


def test_nothing_of_the_checkout_is_found_on_a_new_machine(
    machine: NewMachine, tmp_path: Path
) -> None:
    code = "import lofigen_kit, lofigen_kit_plugins as p; print(lofigen_kit.__file__, p.__file__)"
    found = machine.run(f"python -c {shlex.quote(code)}", tmp_path)
    assert str(ROOT) not in found
    assert found.count("/machine") == 2
