"""The native kernels as an engine for training: `run_layer` with gradients, for float32 tensors on the CPU.

Under autocast to bfloat16 its products round what they multiply to bfloat16; all else is float32.
"""

import threading
from typing import Any

import torch
from torch import Tensor

from chargen.network.cells import LayerWeights
from chargen.network.native.calls import backward, forward

WORK = 1e6  # floating point operations of a step that are worth a thread, which meets the others after each


def empty(shape: int | tuple[int, ...]) -> Tensor:
    """Return a tensor that the kernels can write to, whatever type and device PyTorch makes tensors on by default."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


class Workspace(threading.local):
    """Memory that only one call uses, kept for the next one: the system zeroes what is new, page by page."""

    _memory = empty(0)

    def __call__(self, size: int) -> Tensor:
        """Return at least `size` floats with any values, which the next call may overwrite."""
        if len(self._memory) < size:
            self._memory = empty(size)
        return self._memory


workspace = Workspace()


class NativeLayer(torch.autograd.Function):
    """One layer over a whole sequence. A second derivative is refused."""

    @staticmethod
    def forward(
        ctx: Any, cell: str, threads: int, precision: str, forgets: bool, x: Tensor, *arrays: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the outputs, (B, T, H), and the next state, each (B, H).

        Args:
            forgets: whether no gradients will be asked for.
            x: dense input (B, T, inputs), or ids (B, T).
            arrays: the four weights and the state.
        """
        x = x.long() if x.ndim == 2 and not x.is_floating_point() else x
        x = x.contiguous()  # (B, T) or (B, T, inputs)
        weights = LayerWeights(*(array.contiguous() for array in arrays[:4]))
        state = tuple(array.contiguous() for array in arrays[4:])  # (B, H) each
        outputs, end, saved = forward(cell, x, state, weights, empty, threads, precision, workspace, forgets)
        ctx.cell, ctx.threads, ctx.precision = cell, threads, precision
        ctx.save_for_backward(x, saved, *weights)
        ctx.set_materialize_grads(False)
        return outputs, *end

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor | None, *d_end: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` was given.

        Raises:
            RuntimeError: they should have gradients of their own.
        """
        if torch.is_grad_enabled():
            raise RuntimeError(
                "the native kernels have no second derivative; leave out create_graph or use PyTorch's layers"
            )
        x, saved, *weights = ctx.saved_tensors
        d_outputs, *d_state = (d if d is None else d.contiguous() for d in (d_outputs, *d_end))
        gradients = backward(
            ctx.cell,
            x,
            LayerWeights(*weights),
            saved,
            d_outputs,
            tuple(d_state),
            empty,
            ctx.threads,
            ctx.precision,
            wants_dx=ctx.needs_input_grad[4],
            workspace=workspace,
        )
        return None, None, None, None, gradients.x, *gradients.weights, *gradients.state


def run_layer(
    cell: str, x: Tensor, state: tuple[Tensor, ...], weights: LayerWeights, threads: int | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer over a whole sequence with the native kernels.

    Args:
        cell: a key of `CELLS`.
        x: dense input (B, T, inputs), or integer ids (B, T) that stand for one-hot vectors.
        state: h, or for the LSTM h and c, each (B, H).
        weights: of the layer.
        threads: how many run together, by default as many as are useful, at most PyTorch's number; their number changes
            no bit of the results.

    Returns:
        The outputs, (B, T, H), and the next state.

    Raises:
        ValueError: a shape is wrong, or a tensor is not float32 on the CPU.
        IndexError: an id is not below the number of inputs.
    """
    threads = threads or useful_threads(len(x), *weights.W_hh.shape)
    precision = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
    forgets = not torch.is_grad_enabled()
    outputs, *end = NativeLayer.apply(cell, threads, precision, forgets, x, *weights, *state)
    return outputs, tuple(end)


def useful_threads(B: int, rows: int, H: int) -> int:
    """Return how many threads have enough to do with a product of (B, H) and (H, rows), at most PyTorch's number."""
    return max(1, min(torch.get_num_threads(), int(2 * B * rows * H / WORK)))
