import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.text import batches
from chargen.text.batches import Batching, Shuffle, WindowStarts

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


def inputs(length, batching, epoch):
    """Return the places of the characters that are read: (batches, B, T)."""
    return np.asarray(WindowStarts(length, batching, epoch))[:, :, None] + np.arange(batching.num_steps)


@given(texts)
def test_windows_do_not_overlap_and_cover_the_text_up_to_the_remainder(drawn):
    batching, length, epoch = drawn
    read = inputs(length, batching, epoch).ravel()
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
    rows = np.concatenate(inputs(length, batching, epoch), axis=1)  # (B, batches * T)
    np.testing.assert_array_equal(np.diff(rows, axis=1), 1)


@given(texts)
def test_an_epoch_depends_on_seed_and_epoch_alone(drawn):
    batching, length, epoch = drawn
    np.testing.assert_array_equal(WindowStarts(length, batching, epoch), WindowStarts(length, batching, epoch))


@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_epochs_and_seeds_differ(partition):
    def first(seed, epoch):
        return np.asarray(WindowStarts(1000, Batching(2, 10, partition, seed), epoch)).tolist()

    assert first(0, 0) != first(0, 1)
    assert first(0, 0) != first(1, 0)


def test_random_windows_are_shuffled():
    starts = np.asarray(WindowStarts(10_000, Batching(4, 10, "random"), 0)).ravel()
    assert abs(np.corrcoef(starts, np.arange(len(starts)))[0, 1]) < 0.2


@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_over_the_epochs_windows_begin_at_every_offset(partition):
    batching = Batching(2, 5, partition)
    offsets = {
        int(start) % 5 for epoch in range(60) for start in np.asarray(WindowStarts(200, batching, epoch)).ravel()
    }
    assert offsets == set(range(5))


def test_a_text_that_is_too_short_names_the_minimum_and_settings_that_fit():
    with pytest.raises(InputError, match="500 characters") as caught:
        Batching(32, 64).batches_per_epoch(500)
    assert "at least 2,049" in str(caught.value)
    assert "try batch_size 7 num_steps 64" in str(caught.value)
    assert Batching(7, 64).batches_per_epoch(500) == 1


def test_the_shortest_text_that_fits():
    assert Batching(3, 4).batches_per_epoch(13) == 1
    with pytest.raises(InputError):
        Batching(3, 4).batches_per_epoch(12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "batch_size 0: must be at least 1"),
        ((5, -1), "num_steps -1: must be at least 1"),
        ((5, 5, "shuffled"), "partition 'shuffled': must be one of sequential, random"),
        ((5, 5, "random", -1), "seed -1: must be a whole number, at least 0"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(InputError) as caught:
        Batching(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("length", [1, 2, 3, 5, 64, 1000, 2**16 + 1])
def test_a_shuffle_has_every_number_once_and_follows_from_its_generator(length):
    def shuffled(seed):
        return Shuffle(length, np.random.default_rng(seed))[np.arange(length)]

    order = shuffled(1)
    np.testing.assert_array_equal(np.sort(order), np.arange(length))
    np.testing.assert_array_equal(order, shuffled(1))
    if length >= 64:
        assert (order != shuffled(2)).any()
        assert abs(np.corrcoef(order, np.arange(length))[0, 1]) < 4 / length**0.5
        assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 4 / length**0.5


def test_many_windows_are_shuffled_without_a_list_of_them(monkeypatch):
    batching, length = Batching(4, 10, "random", 3), 10_000
    listed = np.asarray(WindowStarts(length, batching, 0))
    monkeypatch.setattr(batches, "SHUFFLED", 998)
    starts = WindowStarts(length, batching, 0)
    whole = np.asarray(starts)
    assert whole.shape == listed.shape == (249, 4)
    assert not (whole == listed).all()
    np.testing.assert_array_equal(np.unique(whole) % 10, whole[0, 0] % 10)
    assert len(np.unique(whole)) == whole.size
    assert whole.max() + 10 < length
    np.testing.assert_array_equal(starts[248], whole[248])
    with pytest.raises(IndexError):
        starts[249]


@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_the_order_of_ten_billion_characters_takes_no_memory(partition):
    starts = WindowStarts(10**10, Batching(16, 64, partition), epoch=5)
    first, last = starts[0], starts[len(starts) - 1]
    assert len(starts) == 9_765_624
    assert 0 <= min(first.min(), last.min()) <= max(first.max(), last.max()) < 10**10 - 64


def test_the_order_of_a_text_is_what_it_has_always_been():
    """These are from before windows of long texts were drawn one by one."""
    assert WindowStarts(200, Batching(2, 5, "sequential", 7), 3)[1].tolist() == [12, 107]
    assert WindowStarts(200, Batching(2, 5, "random", 7), 3)[1].tolist() == [158, 173]
