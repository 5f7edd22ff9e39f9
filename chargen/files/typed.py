"""Values that a file brings, held to the types of the dataclass that they are to make."""

import math
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def typed(kind: type[T], values: object) -> T:
    """Return a dataclass made of JSON values, each of the type that the field's annotation names.

    A tuple is made of a list, and a dataclass in a dataclass of an object. Numbers are finite, and within 64 bits.

    Args:
        kind: the dataclass; its annotations are plain types, lists, tuples, dicts, unions and dataclasses.

    Raises:
        ValueError: a value is of another type, or there is no field of that name.
        TypeError: a field without a default is missing.
        Exception: whatever the dataclass raises where a value is out of its range.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Point:
    ...     x: float
    ...     names: tuple[str, ...] = ()
    >>> typed(Point, {"x": 1, "names": ["a", "b"]})
    Point(x=1, names=('a', 'b'))
    >>> typed(Point, {"x": "1"})
    Traceback (most recent call last):
    ValueError: x is '1'
    """
    if not isinstance(values, dict):
        raise ValueError(f"{kind.__name__} is {_short(values)}")
    hints, known = get_type_hints(kind), {field.name for field in fields(kind) if field.init}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ValueError(f"{kind.__name__} has no {_short(name)}")
    return kind(**{name: value_of(hints[name], value, name) for name, value in values.items()})


def value_of(hint: Any, value: object, name: str) -> Any:
    """Return a JSON value as the type `hint`; `name` is what messages call it.

    Raises:
        ValueError: it is of another type.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _first_that_fits(inner, value, name)
    if is_dataclass(hint) and isinstance(hint, type):
        return typed(hint, value)
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) == len(value):
            return tuple(value_of(kind, one, name) for kind, one in zip(kinds, value, strict=True))
    if origin is list and isinstance(value, list):
        return [value_of(inner[0], one, name) for one in value]
    if origin is dict and isinstance(value, dict):
        return {key: value_of(inner[1], one, f"{name} {_short(key)}") for key, one in value.items()}
    if hint is Any or (_is_plain(hint, value) and _is_in_range(value)):
        return value
    raise ValueError(f"{name} is {_short(value)}")


def _is_plain(hint: Any, value: object) -> bool:
    return type(value) in (int, float) if hint is float else type(value) is (type(None) if hint is None else hint)


def _is_in_range(value: Any) -> bool:
    return abs(value) < 2**63 if type(value) is int else type(value) is not float or math.isfinite(value)


def _first_that_fits(hints: tuple, value: object, name: str) -> Any:
    for hint in hints:
        try:
            return value_of(hint, value, name)
        except ValueError:
            continue
    raise ValueError(f"{name} is {_short(value)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
