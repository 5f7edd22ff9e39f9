from dataclasses import dataclass, field

import pytest

from chargen.files.typed import typed


@dataclass
class Inner:
    x: float = 0.0


@dataclass
class Outer:
    count: int
    pairs: dict[str, tuple[float, int]] = field(default_factory=dict)
    inner: Inner | None = None


def test_values_are_made_what_the_fields_are():
    values = {"count": 1, "pairs": {"a": [1, 2]}, "inner": {"x": 3}}
    assert typed(Outer, values) == Outer(1, {"a": (1, 2)}, Inner(3))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], r"Outer is \[\]"),
        ({"count": True}, "count is True"),
        ({"count": 2**63}, "count is 9223372036854775808"),
        ({"count": 1, "": 2}, "Outer has no ''"),
        ({"count": 1, "pairs": {"a": [1]}}, r"pairs 'a' is \[1\]"),
        ({"count": 1, "pairs": {"a": [1e999, 1]}}, "pairs 'a' is inf"),
        ({"count": 1, "inner": {"": 1}}, "inner is {'': 1}"),
    ],
)
def test_values_of_other_types_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        typed(Outer, values)
