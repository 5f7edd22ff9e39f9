import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.text.evaluation_rows import WARMUP, EvaluationRows


@pytest.mark.parametrize(
    ("targets", "count", "length"),
    [(1, 1, 1), (511, 1, 511), (512, 2, 256), (513, 2, 257), (16_384, 64, 256), (1_000_001, 64, 15_626)],
)
def test_up_to_64_rows_of_at_least_256_characters(targets, count, length):
    rows = EvaluationRows(targets)
    assert (rows.count, rows.length) == (count, length)


@given(st.integers(1, 40_000), st.sampled_from([0, WARMUP]), st.integers(1, 5))
def test_the_rows_of_all_processes_cover_the_text_once(targets, first, processes):
    rows = EvaluationRows(targets, first)
    starts = np.concatenate([rows.starts(rank, processes) for rank in range(processes)])
    np.testing.assert_array_equal(starts[: rows.count], rows.starts())
    places = (starts[:, None] + np.arange(rows.length)).ravel()
    np.testing.assert_array_equal(places[:targets], first + np.arange(targets))


def test_the_warm_up_is_what_lies_before_a_row_within_the_text():
    rows = EvaluationRows(1000)
    places = rows.warmup_places(np.array([0, 334, 2000]))
    assert places[0].tolist() == [0] * 256
    assert places[1].tolist() == list(range(78, 334))
    assert places[2].tolist() == [1000] * 256
    assert EvaluationRows(1000, first=256).warmup_places(np.array([256]))[0].tolist() == list(range(256))


@pytest.mark.parametrize(
    ("targets", "vocab_size", "chunk"), [(10**6, 65, 256), (10**6, 5000, 26), (300, 5000, 256), (10**6, 10**6, 1)]
)
def test_chunks_bound_the_logits(targets, vocab_size, chunk):
    assert EvaluationRows(targets).chunk(vocab_size) == chunk
