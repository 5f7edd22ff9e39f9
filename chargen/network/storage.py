"""How a checkpoint stores its weights: matrices in 32, 16 or 8 bits, vectors in float32.

In 8 bits, a row of a matrix is a row of integers from -127 to 127 times one scale, which a tensor beside it holds.
"""

from collections.abc import Callable, Mapping

import numpy as np

from chargen.errors import InputError

SCALE = ".scale"  # suffix of the tensor that holds the scales of a matrix in 8 bits
LARGEST = 127

Tensors = dict[str, np.ndarray]


def pack(weights: Mapping[str, np.ndarray], bits: int) -> Tensors:
    """Return the tensors that store these weights.

    Args:
        weights: float arrays by name.
        bits: of an element of a matrix, a key of `PACKERS`.

    Raises:
        InputError: there is no storage in that number of bits, or values are too large for it.
    """
    if bits not in PACKERS:
        raise InputError(f"{bits}: must be one of {', '.join(map(str, PACKERS))}", setting="bits")
    tensors: Tensors = {}
    for name, array in weights.items():
        tensors |= PACKERS[bits if array.ndim == 2 else 32](name, array)
    return tensors


def unpack(tensors: Mapping[str, np.ndarray]) -> tuple[Tensors, int]:
    """Return the weights that tensors store, in float32, and the bits of an element of their matrices.

    Raises:
        ValueError: a tensor has a type that weights are not stored in, or a matrix in 8 bits has no sound scales.
    """
    scaled = {name for name, array in tensors.items() if array.dtype == np.int8}
    scales = {f"{name}{SCALE}" for name in scaled}
    weights: Tensors = {}
    for name, array in tensors.items():
        if array.dtype not in (np.float32, np.float16, np.int8):
            raise ValueError(f"{name} is of type {array.dtype}, not float32, float16 or int8")
        if name in scaled:
            scales_of_rows = _scales(name, array, tensors.get(f"{name}{SCALE}"))
            with np.errstate(over="ignore"):  # what is not finite is the caller's to refuse
                weights[name] = array * scales_of_rows
        elif name not in scales:
            weights[name] = array.astype(np.float32, copy=False)
    return weights, min((8 * array.itemsize for array in tensors.values() if array.ndim == 2), default=32)


def _in_float32(name: str, array: np.ndarray) -> Tensors:
    return {name: array.astype(np.float32, copy=False)}


def _in_float16(name: str, array: np.ndarray) -> Tensors:
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError(f"16: {name} holds values that are too large for it", "choose 8", setting="bits")
    return {name: half}


def _in_int8(name: str, array: np.ndarray) -> Tensors:
    scale = (np.abs(array).max(axis=1, initial=0) / LARGEST).astype(np.float32)  # (rows,)
    divisor = np.where(scale > 0, scale, 1)[:, None]  # (rows, 1); a row of zeros has the scale 0
    integers = np.rint(array / divisor).clip(-LARGEST, LARGEST).astype(np.int8)  # (rows, columns)
    return {name: integers, f"{name}{SCALE}": scale}


# By the bits of an element: from a name and an array to the tensors that store it.
PACKERS: dict[int, Callable[[str, np.ndarray], Tensors]] = {32: _in_float32, 16: _in_float16, 8: _in_int8}


def _scales(name: str, array: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """Return the scales of a matrix in 8 bits, (rows, 1).

    Raises:
        ValueError: they are missing or make no sense.
    """
    if scale is None:
        raise ValueError(f"{name} is in 8 bits, but has no {SCALE[1:]}s")
    if array.ndim != 2 or scale.dtype != np.float32 or scale.shape != array.shape[:1]:
        raise ValueError(f"{name}{SCALE} is not one float32 number for each row of {name}")
    if not (np.isfinite(scale) & (scale >= 0)).all():
        raise ValueError(f"{name}{SCALE} holds values that are negative or not finite")
    return scale[:, None]
