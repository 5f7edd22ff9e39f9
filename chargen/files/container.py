"""A safetensors file with a description: written atomically, verified on load, no pickle.

Its metadata holds the description, one JSON object, under a key that names the kind of file, and a digest over it and
the tensors. Whatever a file holds, reading it costs memory in proportion to its size.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.atomic import open_file, unreadable, write_atomically

FORMAT_VERSION = 4  # 1: the digest was over the tensors alone; 3: "metadata" in place of "about"; 4: weights in 8 bits
KINDS = {  # what they are for, said to whoever mistakes one for another
    "chargen": "a model of text, for chargen sample and score",
    "chargen-series": "a forecaster of time series, for chargen series forecast",
}
DEEPEST = 12  # of a description; a corpus of several texts takes 4
LARGEST_HEADER = 32_000_000  # bytes; a vocabulary of all of Unicode takes 14 million
NAMES = 4_000_000  # bytes of it, for the names and shapes of the tensors
COPY_AGAIN = "copy or download it again, or train again"


def write_tensors(
    path: Path,
    kind: str,
    about: dict,
    tensors: dict[str, np.ndarray],
    previous: Path | None = None,
    instead_of: Sequence[Path] = (),
) -> None:
    """Write a file; whoever reads there meanwhile finds the old file or the new one, whole.

    Args:
        kind: what the file is, which `read_tensors` asks for.
        about: the description, as plain JSON values; `format` is added.
        previous, instead_of: as in `write_atomically`.

    Raises:
        SaveError: the file cannot be written.
        InputError: the description is none that `read_tensors` would take.
    """
    from safetensors.numpy import save

    text = _written(path, {"format": FORMAT_VERSION} | about)
    tensors = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    write_atomically(
        path, save(tensors, {kind: text, "digest": _digest(tensors, text)}), previous, instead_of=instead_of
    )


def read_tensors(path: Path, kind: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the description and the tensors of a file, verified by its digest.

    Raises:
        CheckpointError: the file is missing, is not of that kind, was altered, or needs a newer chargen.
    """
    tensors, metadata = _read_safetensors(path)
    if kind not in metadata and (other := next((other for other in KINDS if other in metadata), None)):
        raise CheckpointError(f"{path} is {KINDS[other]}; here it takes {KINDS.get(kind, kind)}")
    try:
        about = json.loads(metadata[kind], parse_float=_finite, parse_constant=_finite)
        version = about["format"]
        if type(version) is not int or version < 1 or _depth(about) > DEEPEST:
            raise ValueError
    except (KeyError, TypeError, ValueError, RecursionError):
        raise DamagedError(f"{path} is a safetensors file, but not one that {kind} wrote") from None
    if version > FORMAT_VERSION:
        raise CheckpointError(f"{path} has format {version}, this chargen reads {FORMAT_VERSION}; upgrade chargen")
    if metadata.get("digest") != _digest(tensors, metadata[kind] if version > 1 else ""):
        raise DamagedError(f"{path} is damaged: what it holds does not match its digest; restore it or train again")
    return about, tensors


def require_shapes(tensors: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ValueError, which names a tensor, unless these are just the tensors of those shapes."""
    for name in sorted(tensors.keys() | shapes.keys()):
        if name not in tensors:
            raise ValueError(f"{name} is missing")
        if name not in shapes:
            raise ValueError(f"{name} does not belong to the network that it describes")
        if tuple(tensors[name].shape) != tuple(shapes[name]):
            raise ValueError(f"{name} has the shape {tuple(tensors[name].shape)}, not {tuple(shapes[name])}")


def _require_memory(path: Path) -> None:
    """Raise CheckpointError if a file, which may take no room on the disk, is larger than this machine's memory."""
    if hasattr(os, "sysconf") and path.stat().st_size > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        raise CheckpointError(f"{path} has {path.stat().st_size:,} bytes, more than this machine has memory")


def _written(path: Path, about: dict) -> str:
    try:
        text = json.dumps(about, allow_nan=False)
        if _depth(about) > DEEPEST or len(json.dumps(text)) > LARGEST_HEADER - NAMES:
            raise ValueError("it is too long or too deep")
        return text
    except (TypeError, ValueError, RecursionError) as error:
        advice = "keep texts, finite numbers, and short lists and dicts of them"
        raise InputError(f"{path} cannot hold its description: {error}", advice) from None


def _finite(text: str) -> float:
    """Return the number that a JSON text stands for; Python would also read NaN, Infinity and 1e999."""
    if math.isfinite(value := float(text)):
        return value
    raise ValueError(f"{text} is not a finite number")


def _depth(value: object) -> int:
    """Return how deep JSON values are nested."""
    depth, level = 0, [value]
    while level:
        level = [inner for one in level if isinstance(one, dict | list | tuple) for inner in _items(one)]
        depth += 1
    return depth


def _items(value: dict | list | tuple) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _digest(tensors: dict[str, np.ndarray], about: str) -> str:
    """Return the SHA-256 over `about`, and the names, types, shapes and bytes of all tensors by name."""
    sha256 = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        array = tensors[name]
        sha256.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with os.fdopen(open_file(path), "rb") as file:
            (header,) = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))
            begins_well = header <= LARGEST_HEADER and file.read(1) == b"{"
        if not begins_well:
            raise DamagedError(f"{path} is not a checkpoint: it does not begin as a safetensors file does")
        if header > path.stat().st_size:
            raise DamagedError(f"{path} is cut off after {path.stat().st_size:,} bytes", COPY_AGAIN)
        _require_memory(path)
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}") from None
    except OSError as error:
        reason = unreadable(path, error)
        raise CheckpointError(reason.message, reason.advice) from None
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{path} is cut off or damaged, or no checkpoint ({error})", COPY_AGAIN) from None
