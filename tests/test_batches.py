import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.batches import Batching, batches, window_starts
from chargen.errors import InputError

settings = st.builds(
    Batching,
    batch_size=st.integers(1, 7),
    num_steps=st.integers(1, 9),
    partition=st.sampled_from(["sequential", "random"]),
    seed=st.integers(0, 2**40),
)
texts = settings.flatmap(
    lambda batching: st.tuples(
        st.just(batching), st.integers(batching.minimum_length, batching.minimum_length + 300), st.integers(0, 50)
    )
)


@given(texts)
def test_y_is_x_one_character_on(drawn):
    batching, length, epoch = drawn
    for X, Y in batches(np.arange(length), batching, epoch):
        assert X.shape == Y.shape == (batching.batch_size, batching.num_steps)
        np.testing.assert_array_equal(Y, X + 1)


@given(texts)
def test_windows_do_not_overlap_and_cover_the_text_up_to_the_remainder(drawn):
    batching, length, epoch = drawn
    read = np.concatenate([X.ravel() for X, _ in batches(np.arange(length), batching, epoch)])
    assert len(np.unique(read)) == len(read)
    assert read.min() >= 0
    assert read.max() <= length - 2  # the last character is only ever a target
    batch = batching.batch_size * batching.num_steps
    assert len(read) == batch * batching.batches_per_epoch(length)
    assert length - len(read) < batch + batching.num_steps + 1 or len(read) == batch


@given(texts)
def test_sequential_rows_go_on_where_they_ended(drawn):
    batching, length, epoch = drawn
    batching = Batching(batching.batch_size, batching.num_steps, "sequential", batching.seed)
    rows = np.concatenate([X for X, _ in batches(np.arange(length), batching, epoch)], axis=1)
    np.testing.assert_array_equal(np.diff(rows, axis=1), 1)


@given(texts)
def test_an_epoch_depends_on_seed_and_epoch_alone(drawn):
    batching, length, epoch = drawn
    np.testing.assert_array_equal(window_starts(length, batching, epoch), window_starts(length, batching, epoch))


@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_epochs_and_seeds_differ(partition):
    def first(seed, epoch):
        return window_starts(1000, Batching(2, 10, partition, seed), epoch).tolist()

    assert first(0, 0) != first(0, 1)
    assert first(0, 0) != first(1, 0)


def test_random_windows_are_shuffled():
    starts = window_starts(10_000, Batching(4, 10, "random"), 0).ravel()
    assert abs(np.corrcoef(starts, np.arange(len(starts)))[0, 1]) < 0.2


@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_over_the_epochs_windows_begin_at_every_offset(partition):
    batching = Batching(2, 5, partition)
    offsets = {int(start) % 5 for epoch in range(60) for start in window_starts(200, batching, epoch).ravel()}
    assert offsets == set(range(5))


def test_a_text_that_is_too_short_names_the_minimum_and_settings_that_fit():
    with pytest.raises(InputError, match="500 characters") as caught:
        Batching(32, 64).batches_per_epoch(500)
    assert "at least 2,049" in str(caught.value)
    assert "--batch-size 7 --num-steps 64" in str(caught.value)
    assert Batching(7, 64).batches_per_epoch(500) == 1


def test_the_shortest_text_that_fits():
    assert Batching(3, 4).batches_per_epoch(13) == 1
    with pytest.raises(InputError):
        Batching(3, 4).batches_per_epoch(12)


@pytest.mark.parametrize(("arguments", "word"), [((0, 5), "0"), ((5, -1), "-1"), ((5, 5, "shuffled"), "shuffled")])
def test_bad_settings_are_named(arguments, word):
    with pytest.raises(InputError, match=word):
        Batching(*arguments)
