"""What runs a recurrent layer in training. Every engine is one function of the signature of `cells.run_layer`.

`run_layer(cell, x, state, weights)` takes dense input (B, T, inputs) or ids (B, T), a state of one or two tensors
(B, H) and a layer's weights, and returns the outputs (B, T, H) and the next state. One test holds all engines to the
same values and gradients. To add an engine, add it to `ENGINES`.

- "native": the kernels in C, on CPUs; see `chargen.network.native`.
- "torch": PyTorch's own layers, everywhere.
- "equations": the equations of `chargen.network.cells` under autograd; slow, and the truth.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from chargen.errors import InputError
from chargen.network import cells
from chargen.network.cells import LayerWeights
from chargen.network.native import library
from chargen.training import native_layers

State = tuple[Tensor, ...]  # (h,), or for the LSTM (h, c), each (B, H)
RunLayer = Callable[[str, Tensor, State, LayerWeights], tuple[Tensor, State]]

FUNCTIONS: dict[str, Callable] = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}


def run_torch_layer(cell: str, x: Tensor, state: State, weights: LayerWeights) -> tuple[Tensor, State]:
    """Run a layer by PyTorch's own functions, the fastest everywhere without the native kernels and on GPUs.

    Ids become one-hot vectors of an even size: with an odd one, PyTorch's LSTM leaves the matrix units of Intel's
    processors and takes up to twice the time (benchmarks/README.md).
    """
    if cell not in FUNCTIONS:
        return cells.run_layer(cell, x, state, weights)
    if not x.is_floating_point():
        V = weights.W_ih.shape[1]
        x = F.embedding(x, _one_hot(V, x.device))  # (B, T, V or V + 1)
        weights = weights._replace(W_ih=F.pad(weights.W_ih, (0, V % 2)))  # (G*H, V or V + 1)
    hx = tuple(part[None] for part in state)  # (1, B, H) each
    try:
        x, *parts = FUNCTIONS[cell](
            x, hx if len(hx) > 1 else hx[0], list(weights), True, 1, 0.0, torch.is_grad_enabled(), False, True
        )  # has biases, one layer, no dropout of its own, training, one direction, batch first
    except RuntimeError as error:
        if "primitive" not in str(error) or not torch.is_autocast_enabled("cpu"):
            raise
        message = f"bfloat16: this processor cannot compute an {cell} layer in it"
        raise InputError(message, "choose float32", setting="precision") from None
    return x, tuple(part[0] for part in parts)


ENGINES: dict[str, RunLayer] = {
    "native": native_layers.run_layer,
    "torch": run_torch_layer,
    "equations": cells.run_layer,
}


def engine_name(engine: str, precision: str) -> str:
    """Return the name of an engine with the path that runs, for people and for comparing results."""
    return f"native ({library.path(precision)})" if engine == "native" else engine


@cache
def _one_hot(V: int, device: torch.device) -> Tensor:
    """Return the one-hot vectors of V ids, padded to an even size: (V, V or V + 1)."""
    return torch.eye(V, V + V % 2, device=device)
