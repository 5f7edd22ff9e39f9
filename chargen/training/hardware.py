"""What to train on: the device, the engine, and the precision of matrix products."""

import math
import time
from dataclasses import replace

import torch

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.network.native import library
from chargen.training.model import CharModel

TIMED_BATCH = (16, 16)  # rows and steps of the batch that engines are timed on
CHOICES = (("native", "float32"), ("torch", "float32"), ("torch", "bfloat16"))  # engines and precisions
HANDICAP = {("torch", "bfloat16"): 1.15}  # it rounds more, so it must be clearly faster


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


def pick_engine(
    device: torch.device, config: ModelConfig, engine: str | None = None, precision: str | None = None
) -> tuple[str, str]:
    """Return the fastest engine for a network on a device, and the precision of its matrix products.

    On a CPU the forward and backward pass of one layer is timed on each engine, on PyTorch's layers also in bfloat16,
    which some processors cannot compute them in (PyTorch issue 88136).

    Args:
        engine, precision: what is fixed; None leaves it to the measurement.

    Raises:
        InputError: the engine cannot run on this machine, on this device or in this precision.
    """
    if engine == "native":
        _require_native(device, precision)
    if device.type != "cpu":
        on_cuda = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "torch", precision or ("bfloat16" if on_cuda else "float32")
    choices = [
        (name, way)
        for name, way in CHOICES
        if engine in (None, name) and precision in (None, way) and (name == "torch" or library.path())
    ]
    if len(choices) < 2:
        return choices[0] if choices else ("torch", precision or "float32")
    return min(choices, key=lambda choice: layer_seconds(config, *choice) * HANDICAP.get(choice, 1.0))


def _require_native(device: torch.device, precision: str | None) -> None:
    if library.path() is None:
        raise InputError(
            "native: its kernels were not built on this machine, or are switched off",
            "install a C compiler and chargen again, or choose torch",
            setting="engine",
        )
    if device.type != "cpu" or precision not in (None, "float32"):
        raise InputError(
            f"native: it computes float32 on the CPU, not {precision or 'float32'} on {device}",
            "choose torch",
            setting="engine",
        )


def layer_seconds(config: ModelConfig, engine: str, precision: str) -> float:
    """Return how long a small batch takes forward and backward through one layer on the CPU, in seconds.

    It is infinite where the engine cannot run the layer in this precision here.
    """
    with torch.random.fork_rng(devices=[]):
        model = CharModel(replace(config, num_layers=1), engine=engine)
    B, T = TIMED_BATCH
    X, seconds = torch.zeros(B, T, dtype=torch.long), []  # (B, T)
    try:
        for _ in range(4):  # the first one prepares
            began = time.perf_counter()
            with autocast(X.device, precision):
                logits, _ = model(X, model.begin_state(B))  # (B, T, V)
            logits.sum().backward()
            seconds.append(time.perf_counter() - began)
    except RuntimeError:
        return math.inf
    return min(seconds[1:])
