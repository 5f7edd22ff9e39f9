"""Ids that are read from a file as if they were an array, while nobody changes the file."""

import hashlib
import os

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.text.stored_ids import StoredIds

IDS = np.random.default_rng(0).integers(0, 900, 1000).astype(np.uint16)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ids"
    path.write_bytes(IDS.tobytes() + b"what follows")
    return path


def stored(path):
    return StoredIds(path, IDS.dtype, len(IDS), hashlib.sha256(IDS.tobytes()).hexdigest())


@pytest.mark.parametrize("part", [slice(None), slice(100, -50), slice(990, 2000), slice(7, 7), slice(9, 3)])
def test_they_are_those_of_the_array(path, part):
    ids, expected = stored(path)[part], IDS[part]
    assert (len(ids), ids.dtype) == (len(expected), np.uint16)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(ids[3:5], expected[3:5])
    table = np.arange(900) * 3
    np.testing.assert_array_equal(table[ids], table[expected])


@pytest.mark.parametrize(
    "places",
    [
        np.array([[5, 6, 7], [0, 1, 2], [797, 798, 799]]),
        np.array([[799, 799, 798], [3, 3, 3]]),
        np.arange(2000) % 800,
        np.empty((0, 4), int),
        799,
    ],
    ids=["windows", "clamped", "around", "none", "one"],
)
def test_they_are_gathered_as_from_the_array(path, places):
    np.testing.assert_array_equal(stored(path)[100:900][places], IDS[100:900][places])


@pytest.mark.parametrize("places", [np.array([[5, 800]]), np.array([-1])])
def test_no_place_beyond_their_ends_is_read(path, places):
    with pytest.raises(IndexError):
        stored(path)[100:900][places]


@pytest.mark.parametrize("change", ["shorter", "another", "empty"])
@pytest.mark.parametrize("read", [lambda ids: ids[np.arange(10)], np.asarray], ids=["gathered", "whole"])
def test_a_file_that_is_changed_is_noticed(path, change, read):
    ids = stored(path)
    os.utime(path, (1, 1))
    np.testing.assert_array_equal(ids, IDS)  # a time alone does not matter
    with path.open("r+b") as file:
        if change == "another":
            file.write(b"\x01\x02")
        else:
            file.truncate(1500 if change == "shorter" else 0)
    for _ in range(2):
        with pytest.raises(InputError, match="ids was changed while it was read; leave the files of the cache alone"):
            read(ids)
