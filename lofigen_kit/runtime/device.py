"""Where tensors live."""

from __future__ import annotations

from ctypes.util import find_library
from typing import Literal, get_args

from lofigen_kit.errors import InputError

DeviceChoice = Literal["auto", "cpu", "cuda"]


def choose_device(choice: str = "auto") -> str:
    """Return `cpu` or `cuda`.

    Args:
        choice: `auto` takes a CUDA device where there is one.

    Raises:
        InputError: for another word, or for `cuda` where there is none.
    """
    if choice not in get_args(DeviceChoice):
        raise InputError(f"there is no device {choice!r}", remedy="choose auto, cpu or cuda")
    if choice != "cpu" and _cuda_works():
        return "cuda"
    if choice == "cuda":
        raise InputError("no CUDA device answers", remedy="use `--device cpu`")
    return "cpu"


def device_name(device: str) -> str:
    """Return `cpu`, or a CUDA device's own name."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)


def _cuda_works() -> bool:
    # Without the driver's library there is nothing to ask torch, which takes seconds to import.
    if not (find_library("cuda") or find_library("nvcuda")):
        return False
    import torch

    return torch.cuda.is_available()
