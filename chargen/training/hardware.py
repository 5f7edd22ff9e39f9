"""The device to train on, and the precision of its matrix products."""

import time

import torch

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.training.model import CharModel

TIMED_BATCH = (16, 16)  # rows and steps of the batch that a precision is timed on


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; "auto" takes CUDA where there is one, else the CPU.

    Apple's MPS must be asked for: recurrent layers are several times slower on it than on the same machine's CPU
    (PyTorch issue 123148).

    Raises:
        InputError: this machine, or this build of PyTorch, has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = "cuda" if available["cuda"] else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):  # an unknown name, and a device that this PyTorch was not built for
        usable = ", ".join(device for device, usable in available.items() if usable)
        raise InputError(
            f"{name!r}: this PyTorch cannot use it", f"choose one of auto, {usable}", setting="device"
        ) from None


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which matrix products are computed in `precision`."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def allow_tf32(device: torch.device, precision: str) -> None:
    """Let NVIDIA's GPUs round the products of float32 to 10 bits, or forbid it; PyTorch's layers allow it by default.

    Raises:
        InputError: the device cannot compute in tf32.
    """
    if precision == "tf32" and device.type != "cuda":
        raise InputError(f"tf32: {device.type} cannot compute in it", "choose float32 or bfloat16", setting="precision")
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def pick_precision(device: torch.device, config: ModelConfig) -> str:
    """Return the faster precision of a network on a device: "float32" or "bfloat16".

    On a CPU the forward and backward pass of one layer is timed in both. bfloat16 is taken if it is clearly faster;
    some processors cannot run the layer in it at all (PyTorch issue 88136).
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    try:
        in_bfloat16 = layer_seconds(config, "bfloat16")
    except RuntimeError:
        return "float32"
    return "bfloat16" if in_bfloat16 < 0.85 * layer_seconds(config, "float32") else "float32"


def layer_seconds(config: ModelConfig, precision: str) -> float:
    """Return how long a small batch takes forward and backward through one layer on the CPU, in seconds.

    Raises:
        RuntimeError: PyTorch cannot run the layer in this precision here.
    """
    with torch.random.fork_rng(devices=[]):
        model = CharModel(config.vocab_size, config.cell, config.hidden_size, embedding_size=config.embedding_size)
    B, T = TIMED_BATCH
    X, seconds = torch.zeros(B, T, dtype=torch.long), []  # (B, T)
    for _ in range(3):  # the first one prepares
        began = time.perf_counter()
        with autocast(X.device, precision):
            logits, _ = model(X, model.begin_state(B))  # (B, T, V)
        logits.sum().backward()
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
