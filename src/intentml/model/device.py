"""Where the network runs.

What comes in: auto, cpu or cuda, as a person writes it. What goes out: a torch device.
"""

from __future__ import annotations

import torch

from intentml.errors import ModelError

DEVICES = ("auto", "cpu", "cuda")


def device_of(name: str) -> torch.device:
    """The device; `auto` takes a GPU where there is one.

    Raises:
        ModelError: There is no such device here.
    """
    if name not in DEVICES:
        raise ModelError(f"{name!r} is no device", hint=f"choose {', '.join(DEVICES)}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("no GPU is to be had here", hint="train with --device cpu or auto")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The device as a person knows it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
