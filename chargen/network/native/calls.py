"""Calls the native kernels with NumPy arrays or PyTorch tensors, once everything about them has been checked."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from chargen.network.cells import CELLS, LayerWeights
from chargen.network.native.library import CELL_NUMBERS, MEMORY, Job, library, path_number

Array = Any  # a numpy.ndarray or a torch.Tensor on the CPU
Empty = Callable[..., Array]  # makes an uninitialised float32 array of a shape: numpy.empty or torch.empty


class Gradients(NamedTuple):
    """What `backward` returns."""

    x: Array | None  # (B, T, inputs), or None for ids or where it was not wanted
    state: tuple[Array, ...]  # (B, H) each
    weights: LayerWeights


def check(cell: str, x: Array, state: tuple[Array, ...], weights: LayerWeights) -> None:
    """Refuse what the kernels cannot read.

    Raises:
        ValueError: a shape or a type is wrong, or an array is not dense or not in main memory.
    """
    G, (H, inputs) = CELLS[cell].gates, (weights.W_hh.shape[-1], weights.W_ih.shape[-1])
    check_input(cell, x, state, H, inputs)
    shapes = (G * H, inputs), (G * H, H), (G * H,), (G * H,)
    for name, weight, shape in zip(LayerWeights._fields, weights, shapes, strict=True):
        check_array(name, weight, shape)


def check_input(cell: str, x: Array, state: tuple[Array, ...], H: int, inputs: int) -> None:
    """Refuse an input or a state that the kernels cannot read; raises ValueError."""
    if x.ndim not in (2, 3) or 0 in x.shape or 0 in (H, inputs):
        raise ValueError(
            f"x of shape {tuple(x.shape)}, hidden size {H}: nothing may be empty, x must be (B, T[, inputs])"
        )
    if len(state) != CELLS[cell].states:
        raise ValueError(f"a state of {len(state)} arrays: the {cell} has {CELLS[cell].states}")
    B, T = x.shape[:2]
    check_array("x", x, (B, T, inputs)[: x.ndim], "int64" if x.ndim == 2 else "float32")
    for part in state:
        check_array("state", part, (B, H))


def check_array(name: str, array: Array, shape: tuple[int, ...], dtype: str = "float32") -> None:
    """Refuse an array that is not as the kernels read it; raises ValueError."""
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}, expected {shape}")
    if type_name(array.dtype) != dtype:
        raise ValueError(f"{name} has type {array.dtype}, expected {dtype}")
    is_tensor = hasattr(array, "data_ptr")
    if is_tensor and (array.device.type != "cpu" or str(array.layout) != "torch.strided"):
        raise ValueError(f"{name} is on {array.device}, expected a dense tensor on the CPU")
    if not (array.is_contiguous() if is_tensor else array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{name} has gaps between its elements, expected a contiguous array")


@cache
def type_name(dtype: Any) -> str:
    """Return the name of a type of elements of either library; the first time takes 5 microseconds."""
    return str(dtype).removeprefix("torch.")


def pointer(array: Array | None) -> int | None:
    """Return the address of an array's first element; None, a null pointer, for None."""
    if array is None:
        return None
    return array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data


def make_job(cell: str, x: Array, weights: LayerWeights, threads: int, precision: str = "float32") -> Job:
    """Return a call with its sizes, its input and its weights, which have been checked."""
    job = Job(path=path_number(precision), cell=CELL_NUMBERS[cell], B=x.shape[0], T=x.shape[1], threads=threads)
    job.H, job.inputs = weights.W_hh.shape[1], weights.W_ih.shape[1]
    fill(job, {"ids" if x.ndim == 2 else "x": x} | weights._asdict())
    return job


def fill(job: Job, arrays: dict[str, Array | None]) -> None:
    """Set pointers of a call."""
    for name, array in arrays.items():
        setattr(job, name, pointer(array))


def memory_sizes(job: Job) -> dict[str, int]:
    """Return how many floats a call needs: for packed weights, for what backward reads, and for backward's scratch."""
    floats = (ctypes.c_int64 * len(MEMORY))()
    library().chargen_sizes(job, floats)
    return dict(zip(MEMORY, floats, strict=True))


def run(direction: str, job: Job) -> None:
    """Run a call "forward" or "backward".

    Raises:
        IndexError: an id is not below the number of inputs.
    """
    if getattr(library(), f"chargen_{direction}")(job):
        raise IndexError(f"an id is out of range: ids must be at least 0 and below {job.inputs}")


def forward(
    cell: str,
    x: Array,
    state: tuple[Array, ...],
    weights: LayerWeights,
    empty: Empty,
    threads: int = 1,
    precision: str = "float32",
    workspace: Empty | None = None,
    forgets: bool = False,
) -> tuple[Array, tuple[Array, ...], Array]:
    """Run a layer over a whole sequence.

    Args:
        x: dense float32 input (B, T, inputs), or int64 ids (B, T) that stand for one-hot vectors.
        state: h, or h and c, each (B, H).
        threads: how many run together; their number changes no bit of the results.
        precision: of the numbers that products multiply; they add in float32.
        workspace: makes memory that nothing reads after the call; by default `empty`.
        forgets: do without the memory that `backward` reads, which cannot follow then.

    Returns:
        The outputs, (B, T, H); the next state; and what `backward` reads.

    Raises:
        ValueError: an array is not as described, or not dense.
        IndexError: an id is not below the number of inputs.
        RuntimeError: no path runs in this precision.
    """
    check(cell, x, state, weights)
    job = make_job(cell, x, weights, threads, precision)
    job.forgets = forgets
    sizes = memory_sizes(job)
    packed, saved = (workspace or empty)(sizes["packed"]), empty(sizes["saved"])
    outputs = empty((job.B, job.T, job.H))  # (B, T, H)
    end = tuple(empty((job.B, job.H)) for _ in state)  # (B, H) each
    fill(job, {"packed": packed, "saved": saved, "outputs": outputs})
    fill(job, dict(zip(("h_begin", "c_begin"), state, strict=False)))
    fill(job, dict(zip(("h_end", "c_end"), end, strict=False)))
    run("forward", job)
    return outputs, end, saved


def backward(
    cell: str,
    x: Array,
    weights: LayerWeights,
    saved: Array,
    d_outputs: Array | None,
    d_end: tuple[Array | None, ...],
    empty: Empty,
    threads: int = 1,
    precision: str = "float32",
    wants_dx: bool = True,
    workspace: Empty | None = None,
) -> Gradients:
    """Return the gradients of the input, the state at the beginning and the weights.

    Args:
        x, weights, precision: as `forward` read them.
        saved: what `forward` returned.
        d_outputs: the gradient of the outputs, (B, T, H), or None for zeros.
        d_end: the gradients of the next state, each (B, H) or None for zeros.
        wants_dx: whether dense input gets a gradient.
        workspace: as for `forward`.

    Raises:
        ValueError, IndexError: as for `forward`.
    """
    d_begin = tuple(empty((len(x), weights.W_hh.shape[-1])) for _ in d_end)  # (B, H) each
    check(cell, x, d_begin, weights)
    job = make_job(cell, x, weights, threads, precision)
    B, T, H = job.B, job.T, job.H
    if d_outputs is not None:
        check_array("the gradient of the outputs", d_outputs, (B, T, H))
    for part in d_end:
        if part is not None:
            check_array("the gradient of the state", part, (B, H))
    sizes = memory_sizes(job)
    check_array("saved", saved, (sizes["saved"],))
    scratch = (workspace or empty)(sizes["scratch"])
    dx = empty((B, T, job.inputs)) if x.ndim == 3 and wants_dx else None  # (B, T, inputs)
    d_weights = LayerWeights(*(empty(tuple(weight.shape)) for weight in weights))
    fill(job, {"saved": saved, "scratch": scratch, "d_outputs": d_outputs, "dx": dx})
    fill(job, dict(zip(("d_h_end", "d_c_end"), d_end, strict=False)))
    fill(job, dict(zip(("dh_begin", "dc_begin"), d_begin, strict=False)))
    fill(job, {f"d{name}": gradient for name, gradient in d_weights._asdict().items()})
    run("backward", job)
    return Gradients(dx, d_begin, d_weights)
