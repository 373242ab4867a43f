"""The device of computation: CPU or CUDA."""

from __future__ import annotations

from ctypes.util import find_library
from typing import Literal, get_args

from lofigen_kit.errors import InputError

DeviceChoice = Literal["auto", "cpu", "cuda"]


def choose_device(choice: str = "auto") -> str:
    """Return `cpu` or `cuda`.

    Args:
        choice: `auto` chooses CUDA if it is available.

    Raises:
        InputError: for another choice, or for `cuda` if it is not available.
    """
    if choice not in get_args(DeviceChoice):
        raise InputError(f"there is no device {choice!r}", remedy="choose auto, cpu or cuda")
    if choice != "cpu" and _cuda_works():
        return "cuda"
    if choice == "cuda":
        raise InputError("no CUDA device answers", remedy="use `--device cpu`")
    return "cpu"


def device_name(device: str) -> str:
    """Return `cpu`, or the name of a CUDA device."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)


def _cuda_works() -> bool:
    # Without the driver there is no need to import torch, which takes seconds.
    if not (find_library("cuda") or find_library("nvcuda")):
        return False
    import torch

    return torch.cuda.is_available()
