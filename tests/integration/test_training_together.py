"""Two processes train one network over loopback, as `torchrun` starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.corpus.songs import make_corpus
from lofigen_kit.errors import InputError
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.training.distributed import DistributedContext
from lofigen_kit_plugins.beatmaker import Beatmaker

WORKER = """
import sys
from pathlib import Path

import numpy as np
import torch

from lofigen_kit.music.conditioning import channel_names
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.training import loop
from lofigen_kit.corpus.songs import read_songs
from lofigen_kit.training.distributed import join_processes
from lofigen_kit.training.config import TrainingConfig

torch.set_num_threads(1)
songs = read_songs(Path(sys.argv[1]), "train")[:2]
guide = channel_names(song.score for song in songs)
spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2, guide=guide)
config = TrainingConfig(steps=4, batch=4, window=128, warm_up=1, validate_every=2,
                        validated_songs=1, validated_seconds=0.5)
whole_run = loop.Trainer.run

def run(self, *arguments):
    facts = whole_run(self, *arguments)
    rank = self.hardware.ranks.rank
    weights = {name: tensor.numpy() for name, tensor in self.stack.state_dict().items()}
    np.savez(f"{sys.argv[2]}.{rank}.npz", **weights)
    return facts

loop.Trainer.run = run
with join_processes("cpu") as context:
    loop.train(spec, songs, config, Path(f"{sys.argv[2]}.safetensors"), facts={},
               valid=songs[:1], hardware=loop.Hardware(ranks=context))
"""


def start(
    script: Path, corpus: Path, name: Path, *, rank: int, count: int, port: int
) -> subprocess.Popen[str]:
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
    environment = os.environ | {key: str(value) for key, value in told.items()}
    environment |= {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, script, corpus, name], env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    corpus, script = tmp_path / "c", tmp_path / "worker.py"
    make_corpus(corpus, Beatmaker(bars=1), minutes=0.2, seed=5)
    script.write_text(WORKER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        start(script, corpus, tmp_path / "two", rank=rank, count=2, port=port) for rank in range(2)
    ]
    processes.append(start(script, corpus, tmp_path / "one", rank=0, count=1, port=port))
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    first, second, alone = (
        np.load(tmp_path / name) for name in ("two.0.npz", "two.1.npz", "one.0.npz")
    )
    for name in alone.files:
        np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], alone[name], rtol=1e-4, atol=1e-6)
    facts = load(tmp_path / "two.safetensors").facts
    assert facts["steps"] == 4
    assert facts["loss"] == pytest.approx(load(tmp_path / "one.safetensors").facts["loss"])
    assert len((tmp_path / "two.validation.csv").read_text().splitlines()) == 3


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    DistributedContext(1, 2).check(8)
    with pytest.raises(InputError, match="7 crops cannot be shared evenly by 2"):
        DistributedContext(1, 2).check(7)
