"""Random damage: bytes, values in JSON, tensors, and the cells of tables. Each function returns another input."""

# ruff: noqa: SIM905  (long lists of short texts)

import contextlib
import copy
import itertools
import random
from pathlib import Path

import numpy as np

NUMBERS = [0, -1, 1, 2, 7, 255, 10**6, 2**31, 2**62, 10**30, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf")]
TEXTS = "|x|a/b|..|/dev/zero|http://127.0.0.1:9/x|\0|\x1b[31m|\u202e|\ud800|e\u0301|999999999999999999999999".split("|")
ODD = [None, True, False, [], {}, [[]], ["x"], {"x": 1}, *NUMBERS, *TEXTS]
CELLS = (
    *"NA - nan inf 1e400 1e308 -1e308 5e-324 0 -0 1,5 1.234,5 1'000 -5 --1 1e + 0x10 1_000 12:00 # ' ; =1+1".split(),
    *"2024-13-01 2024-02-30 0000-01-01 0001-01-01 9999-12-31 2024-01-01T00:00:00+14:00 2024-W01 2024Q5".split(),
    *"31/12/2024 sep=; 1e5 1e999999999".split(),
    *"1/2/2024 1700000000 253402300800 2024.5 20240101 ½ ٣ ١٢ \U0001d7d9 \u22121 \ufeff \u202e \0".split(),
    *("", " ", "1 234", "Jan 2024", "2024-01-01 24:00", "2024-01-01 00:00 UTC", "2024-03-31 02:30", "a\nb", "\r"),
    *("\t", '"', '""', '"a', "9" * 400, "9" * 5000),
)


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change, remove, repeat or put in some bytes."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at, end = sorted(rng.randrange(len(changed) + 1) for _ in range(2))
        end = min(rng.choice([end, at + 1, at + 8]), len(changed))
        odd = rng.choice(TEXTS).encode("utf-8", "surrogatepass")
        changed[at:end] = rng.choice([b"", rng.randbytes(end - at), changed[at:end] * 2, odd, b"\xff\xfe"])
    return bytes(changed)


def places(value, path=()):
    """Return the paths of all values in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *itertools.chain.from_iterable(places(one, (*path, key)) for key, one in inner)]


def altered(value, rng: random.Random):
    """Give one or a few values of JSON another type, or take them out of their range, or away."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        *path, last = rng.choice([path for path in places(value) if path] or [("x",)])
        holder = value
        for key in path:
            holder = holder[key]
        old = holder[last] if isinstance(holder, list) or last in holder else None
        match rng.randrange(6):
            case 0 if isinstance(holder, list) or last in holder:
                del holder[last]
            case 1 if isinstance(holder, dict):
                holder[rng.choice([f"{last}x", *TEXTS])] = old
            case 2 if type(old) in (int, float):
                holder[last] = rng.choice([-old, old + 1, old - 1, old * 1000, old / 3, float(old), str(old)])
            case 3 if isinstance(old, str):
                holder[last] = rng.choice([old * 2, old[:-1], old.upper(), old + rng.choice(TEXTS), [old]])
            case 4 if isinstance(old, list):
                holder[last] = rng.choice([old * 2, old[:-1], old[::-1], old * 1000])
            case _:
                holder[last] = rng.choice(ODD)
    return value


def altered_tensors(tensors: dict[str, np.ndarray], rng: random.Random) -> dict[str, np.ndarray]:
    """Give a tensor other values, another type, shape or name, or take it away."""
    tensors = dict(tensors)
    name = rng.choice(sorted(tensors))
    new = tensors.pop(name).copy()
    match rng.randrange(6):
        case 0 if new.size and new.dtype.kind == "f":
            new.flat[rng.randrange(new.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e308, 1e-310, -1, 0])
        case 1:
            new = new.astype(rng.choice([np.float64, np.float32, np.float16, np.int8, np.uint8, np.int64, np.bool_]))
        case 2 if new.ndim:
            new = rng.choice([new[:0], new[..., :-1], new.T, new.reshape(-1), new[None], np.repeat(new, 2, axis=-1)])
        case 3:
            new = np.full(new.shape, rng.choice([0, np.nan, 1e30, -3]), new.dtype) if new.dtype.kind == "f" else new + 1
        case 4:
            name = rng.choice([f"{name}x", *TEXTS[:6], "network.output.weight", "resume.x", "words"])
        case _:
            return tensors
    return tensors | {name: np.ascontiguousarray(new)}


def write_damaged(path: Path, kind: str, source: Path, rng: random.Random) -> None:
    """Write a file like the tensor file `source`: of other bytes, or with a digest that fits what was changed."""
    from chargen.errors import InputError
    from chargen.files.container import read_tensors, write_tensors

    if rng.random() < 0.2:
        path.write_bytes(damaged_bytes(source.read_bytes(), rng))
        return
    about, tensors = read_tensors(source, kind)
    about = altered(about, rng) if rng.random() < 0.75 else about
    with np.errstate(all="ignore"):
        tensors = altered_tensors(tensors, rng) if rng.random() < 0.4 else tensors
    with contextlib.suppress(InputError):
        write_tensors(path, kind, about, tensors)


def damaged_table(text: str, rng: random.Random) -> bytes:
    """Change some cells, columns, rows, separators or bytes of a table."""
    separator = next((mark for mark in "\t;," if mark in text), ",")
    rows = [line.split(separator) for line in text.splitlines()]
    for _ in range(rng.choice([1, 1, 2, 3])):
        row, cell = rng.choice([0, *range(len(rows))]), rng.choice(CELLS)
        column = rng.randrange(max(len(rows[row]), 1))
        match rng.randrange(8):
            case 0 | 1 | 2:
                rows[row][column : column + 1] = [cell]
            case 3:
                rows = [[*cells[:column], cell, *cells[column + 1 :]] for cells in rows]
            case 4:
                rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
            case 5:
                rows = [[*cells, rng.choice([*cells[:1], str(number), cell])] for number, cells in enumerate(rows)]
            case 6:
                parts = [rows[::-1], [rows[0], *rows[:0:-1]], rows * 2, rows[:row], rows[row:], [rows[0], *rows[row:]]]
                rows = rng.choice(parts) or [[""]]
            case 7:
                rows.insert(row, rng.choice([["# no"], [""], ["sep=;"], ["a title"], list(rows[row])]))
    separator = rng.choice([separator, separator, separator, *",;\t| :"])
    table = rng.choice(["\n", "\n", "\r\n", "\r"]).join(map(separator.join, rows)) + "\n" * rng.randrange(2)
    data = table.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]), "replace")
    return damaged_bytes(data, rng) if rng.random() < 0.2 else data
