"""What to train on: the device, the engine, and the precision of matrix products."""

import math
import os

import torch

from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.config import ModelConfig
from chargen.network.native import library
from chargen.report.words import counted, size

WEIGHT_COPIES = 5  # floats that training keeps for a weight: itself, its gradient, two moments, its average
LAYER_COPIES, LOGIT_COPIES = 6, 2  # floats that a step keeps for an output of a layer, and for a logit, at least
LARGE = 256  # units, from which on bfloat16 gains what it costs
MANY = 32  # rows of a batch: with more, a heavy network's native kernels save more of each step than caches hold
HEAVY = 1e6  # recurrent weights of a layer


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
        device = torch.empty(0, device=name).device
        if not available.get(device.type):  # such as "meta", which has no memory
            raise RuntimeError
        return device
    except (RuntimeError, AssertionError):  # an unknown name, and a device that this PyTorch was not built for
        usable = ", ".join(device for device, usable in available.items() if usable)
        raise InputError(
            f"{name!r}: this PyTorch cannot use it", f"choose one of auto, {usable}", setting="device"
        ) from None


def require_memory(config: ModelConfig, characters: int) -> None:
    """Check, before anything is built, that a network can be trained in this machine's memory.

    Args:
        characters: in a batch.

    Raises:
        InputError: it cannot.
    """
    weights = sum(math.prod(shape) for shape in config.weight_shapes().values())
    activations = characters * (
        LAYER_COPIES * config.num_layers * config.hidden_size + LOGIT_COPIES * config.vocab_size
    )
    needed = 4 * (WEIGHT_COPIES * weights + activations)  # bytes
    if hasattr(os, "sysconf") and needed > (there := os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")):
        raise InputError(
            f"{config.hidden_size}: training {counted(config.num_layers, 'layer')} of it,"
            f" {characters:,} characters at a time, takes about {size(needed)} of memory;"
            f" this machine has {size(there)}",
            "choose a smaller network, {batch_size} or {num_steps}",
            setting="hidden_size",
        )


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which matrix products are computed in `precision`."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def allow_tf32(device: torch.device, precision: str) -> None:
    """Let NVIDIA's GPUs round the products of float32 to 10 bits, or forbid it; PyTorch's layers allow it by default.

    Raises:
        InputError: the device cannot compute in tf32.
    """
    if precision == "tf32" and device.type != "cuda":
        raise InputError(f"tf32: {device.type} cannot compute in it", "choose float32", setting="precision")
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def pick_engine(
    device: torch.device,
    config: ModelConfig,
    engine: str | None = None,
    precision: str | None = None,
    batch_size: int = 1,
) -> tuple[str, str]:
    """Return the engine for a network on a device, usually the fastest, and the precision of its matrix products.

    Both follow from the network, the device and the processor, so that the same seed gives the same model however busy
    the machine is. A CPU runs the native kernels where they have vectors, but PyTorch's layers for a large LSTM or RNN
    with large batches, and for a large LSTM on a processor with AMX where only they use its tiles. PyTorch has no layer
    of a capped LSTM. A large network is trained in bfloat16 where the processor multiplies in it.

    Args:
        engine, precision: what is fixed; None leaves it open.

    Raises:
        InputError: the engine cannot run on this machine, on this device or in this precision.
    """
    if engine == "native":
        _require_native(device, precision)
    if device.type != "cpu":
        on_cuda = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "torch", precision or ("bfloat16" if on_cuda else "float32")
    large = config.hidden_size >= LARGE
    has_tiles = _has("_is_amx_tile_supported")
    if engine is None:
        fast = library.has_vectors(precision or "float32")
        heavy = config.cell in ("rnn", "lstm") and CELLS[config.cell].gates * config.hidden_size**2 > HEAVY
        only_theirs = has_tiles and library.path("bfloat16") != "amx"
        beaten = (large and only_theirs and config.cell == "lstm") or (heavy and batch_size > MANY)
        engine = "native" if fast and not beaten else "torch"
    if precision is None:
        multiplies = library.path("bfloat16") if engine == "native" else has_tiles or _has("_is_avx512_bf16_supported")
        precision = "bfloat16" if large and multiplies else "float32"
    return engine, precision


def _has(instructions: str) -> bool:
    """Return whether PyTorch finds instructions of this processor; some versions cannot tell."""
    return getattr(torch.cpu, instructions, bool)()


def _require_native(device: torch.device, precision: str | None) -> None:
    if library.path() is None:
        raise InputError(
            "native: its kernels were not built on this machine, or are switched off",
            "install a C compiler and chargen again, or choose torch",
            setting="engine",
        )
    if device.type != "cpu" or library.path(precision or "float32") is None:
        raise InputError(
            f"native: it cannot compute {precision or 'float32'} on this machine's {device}",
            "choose torch",
            setting="engine",
        )
