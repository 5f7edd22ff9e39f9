import math

import numpy as np
import pytest

from chargen.analysis.line_scores import LineScores
from chargen.analysis.scoring import Piece, Predictions

TEXT = "ab\n\ncde\nf"
BITS = [math.nan, 1, 9, 9, 2, 3, 4, 9, 5]


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_the_lines_of_a_text_are_the_same_however_it_is_cut(cut):
    lines, found = LineScores(2), []
    for part in (slice(0, cut), slice(cut, None)):
        losses = np.array(BITS[part]) * math.log(2)
        predictions = [Predictions(factor * losses, np.empty((0, 0)), np.empty((0, 0))) for factor in (1, 2)]
        found += lines.add(Piece(TEXT[part], tuple(predictions)))
    found += lines.rest()
    assert [line.text for line in found] == ["ab", "", "cde", "f"]
    (ab, empty, cde, f) = (line.bits for line in found)
    assert (ab, cde, f) == (pytest.approx([1, 2]), pytest.approx([3, 6]), pytest.approx([5, 10]))
    assert all(map(math.isnan, empty))
