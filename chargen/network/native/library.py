"""Loads the native kernels, where they could be built, and says which path of theirs runs on this processor."""

import ctypes
import os
from functools import cache
from pathlib import Path

from chargen.errors import InputError

VARIABLE = "CHARGEN_NATIVE"  # an environment variable: a path's name, or "off"
PATHS = {  # the precision of their products; the fastest first
    "amx": "bfloat16",
    "avx512bf16": "bfloat16",
    "avx512": "float32",
    "avx2": "float32",
    "portable": "float32",
}
CELL_NUMBERS = {"rnn": 0, "gru": 1, "lstm": 2, "capped-lstm": 3}
NUMBERS = ("path", "cell", "B", "T", "inputs", "H", "threads", "packed_before", "forgets")
FORWARD = ("ids", "x", "W_ih", "W_hh", "b_ih", "b_hh", "h_begin", "c_begin", "outputs", "h_end", "c_end")
MEMORY = ("packed", "saved", "scratch")
BACKWARD = ("d_outputs", "d_h_end", "d_c_end", "dW_ih", "dW_hh", "db_ih", "db_hh", "dx", "dh_begin", "dc_begin")


class Job(ctypes.Structure):
    """One call: `struct layer` of layer.h, which says what the fields are."""

    _fields_ = [(name, ctypes.c_int64) for name in NUMBERS] + [
        (name, ctypes.c_void_p) for name in FORWARD + MEMORY + BACKWARD
    ]


class Slots(ctypes.Structure):
    """How the gates of a cell are laid out: `struct cell` of layer.h."""

    _fields_ = [
        ("gates", ctypes.c_long),
        ("slots", ctypes.c_long),
        ("states", ctypes.c_long),
        ("recurrent_gate", ctypes.c_long * 4),
        ("input_gate", ctypes.c_long * 4),
    ]


class Matrix(ctypes.Structure):
    """A matrix for products with one vector: `struct matrix` of layer.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("groups", "columns", "value_size")),
        *((name, ctypes.c_void_p) for name in ("values", "scales")),
    ]


class Step(ctypes.Structure):
    """One layer's step of one text: `struct step` of step.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("cell", "H")),
        *((name, Matrix) for name in ("recurrent", "input")),
        *((name, ctypes.c_void_p) for name in ("begin", "x", "gates", "h", "c")),
    ]


class Network(ctypes.Structure):
    """A step of a whole network: `struct network` of step.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("path", "layers", "V", "row_size")),
        ("rows", ctypes.c_void_p),
        ("steps", ctypes.POINTER(Step)),
        ("output", Matrix),
        *((name, ctypes.c_void_p) for name in ("bias", "h", "logits")),
    ]


class Share(ctypes.Structure):
    """Some texts that one thread writes side by side: `struct share` of step.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("first", "texts")),
        ("steps", ctypes.POINTER(Job)),
        *((name, ctypes.c_void_p) for name in ("ids", "x", "h", "logits")),
    ]


WHOLE, REAL, POINTER = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
DRAWS = (REAL, REAL, POINTER, WHOLE, POINTER)  # temperature, min_p, random numbers, characters, ids
SIGNATURES = {  # what the functions return, and what they take
    "chargen_layer_size": (WHOLE,),
    "chargen_network_size": (WHOLE,),
    "chargen_path": (WHOLE, ctypes.c_char_p),
    "chargen_sizes": (None, ctypes.POINTER(Job), ctypes.POINTER(WHOLE)),
    "chargen_forward": (WHOLE, ctypes.POINTER(Job)),
    "chargen_backward": (WHOLE, ctypes.POINTER(Job)),
    "chargen_read": (None, ctypes.POINTER(Network), WHOLE),
    "chargen_write": (WHOLE, ctypes.POINTER(Network), *DRAWS),
    "chargen_write_texts": (None, ctypes.POINTER(Network), ctypes.POINTER(Share), WHOLE, *DRAWS),
    "chargen_cell": (ctypes.POINTER(Slots), WHOLE),
    "chargen_pack": (WHOLE, WHOLE, POINTER, WHOLE, WHOLE, POINTER, ctypes.POINTER(Matrix)),
}


def path(precision: str = "float32") -> str | None:
    """Return the name of the fastest path that multiplies in a precision.

    There is none where the kernels were not built or CHARGEN_NATIVE is "off", and often none for bfloat16. If
    CHARGEN_NATIVE names a path, the faster ones do not run.

    Raises:
        InputError: CHARGEN_NATIVE asks for a path that cannot run here.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "off":
        return None
    usable = usable_paths()
    if wanted and wanted not in usable:
        choices = ", ".join([*usable, "off"])
        raise InputError(f"{VARIABLE}={wanted}: not available on this machine", f"choose one of {choices}")
    slower = usable[usable.index(wanted) :] if wanted else usable
    return next((name for name in slower if PATHS[name] == precision), None)


def has_vectors(precision: str = "float32") -> bool:
    """Return whether a path runs that uses the processor's vectors; the portable one is slower than NumPy."""
    return path(precision) not in (None, "portable")


def path_number(precision: str = "float32") -> int:
    """Return the number by which a `Job` names the path that runs.

    Raises:
        RuntimeError: there is none.
    """
    return library(precision).chargen_path(str(path(precision)).encode())


def library(precision: str = "float32") -> ctypes.CDLL:
    """Return the library that was built when the package was installed.

    Raises:
        RuntimeError: there is none, or none of its paths runs in this precision, or CHARGEN_NATIVE is "off".
    """
    loaded = find_library()
    if loaded is None or path(precision) is None:
        raise RuntimeError(f"the native kernels were not built for {precision}, or {VARIABLE} is off")
    return loaded


@cache
def find_library() -> ctypes.CDLL | None:
    """Return the library, or None where it was not built or cannot be loaded."""
    return next((loaded for file in sorted(Path(__file__).parent.glob("_kernels*")) if (loaded := load(file))), None)


@cache
def load(file: Path) -> ctypes.CDLL | None:
    """Load a library, or return None where this system cannot, or it is of another version."""
    try:
        loaded = ctypes.CDLL(str(file))
        for name, (returned, *taken) in SIGNATURES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = returned, taken
        layer = ctypes.sizeof(Job) + len(CELL_NUMBERS) * ctypes.sizeof(Slots)
        network = ctypes.sizeof(Network) + ctypes.sizeof(Step) + ctypes.sizeof(Share)
        if (loaded.chargen_layer_size(), loaded.chargen_network_size()) != (layer, network):
            return None
    except (OSError, AttributeError):
        return None
    return loaded


@cache
def usable_paths() -> tuple[str, ...]:
    """Return the names of the paths that this processor can run, the fastest first."""
    loaded = find_library()
    return tuple(name for name in PATHS if loaded.chargen_path(name.encode()) >= 0) if loaded else ()
