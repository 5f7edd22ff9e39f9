import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.analysis.comparison import Comparison, best_passages
from chargen.analysis.scoring import Piece, Predictions


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 4))
def test_the_best_passages_are_taken_one_after_the_other(gains, length, count):
    text = "".join(chr(97 + place) for place in range(len(gains)))
    length = min(length, len(gains))
    free, expected = set(range(len(gains))), []
    for _ in range(count):
        starts = [start for start in range(len(gains) - length + 1) if free >= set(range(start, start + length))]
        best = max(starts, key=lambda start: (sum(gains[start : start + length]), -start), default=None)
        if best is None or sum(gains[best : best + length]) <= 0:
            break
        expected.append((best, text[best : best + length], sum(gains[best : best + length])))
        free -= set(range(best, best + length))
    assert [tuple(passage) for passage in best_passages(np.array(gains), text, count, length)] == expected


def test_a_comparison_keeps_the_best_passages_of_the_whole_text():
    """In each of two pieces of 100 characters, each model does better on one stretch of 40."""

    def piece(first_gain, other_gain):
        losses = np.zeros((2, 100))
        losses[1, 10:50], losses[0, 60:] = first_gain * math.log(2), other_gain * math.log(2)
        return Piece("x" * 10 + "a" * 40 + "x" * 10 + "b" * 40, tuple(Predictions(row, None, None) for row in losses))

    comparison = Comparison(count=1)
    comparison.add(piece(2, 4))
    comparison.add(piece(3, 1))
    assert comparison.first == [(110, "a" * 40, pytest.approx(120))]
    assert comparison.other == [(60, "b" * 40, pytest.approx(160))]
