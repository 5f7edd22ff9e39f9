import json
import os
import stat
import sys

import numpy as np
import pytest
import safetensors.numpy

from chargen import checkpoint
from chargen.cells import ModelConfig
from chargen.checkpoint import Checkpoint, find, write_atomically
from chargen.errors import CheckpointError, SaveError
from chargen.vocabulary import Vocabulary

CONFIG = ModelConfig(vocab_size=4, cell="gru", hidden_size=3, num_layers=2)


def make(config=CONFIG):
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in config.weight_shapes().items()}
    return Checkpoint(config, Vocabulary("aé\n😀"[2] + "aé😀", "lower"), weights, {"corpus": "poem", "valid_loss": 1.5})


def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    make().save(path)
    return path


def rewrite(path, weights=None, about=None, **metadata):
    """Write the checkpoint again with something changed, as a forger would: with a digest that fits."""
    loaded = Checkpoint.load(path)
    original = json.loads(safetensors_metadata(path)["chargen"])
    weights = {**loaded.weights, **(weights or {})}
    metadata = {
        "chargen": json.dumps({**original, **(about or {})}),
        "digest": checkpoint._digest(weights),
        **metadata,
    }
    path.write_bytes(safetensors.numpy.save(weights, metadata))


def safetensors_metadata(path):
    with safetensors.safe_open(path, "numpy") as file:
        return file.metadata()


def test_what_is_saved_is_loaded(tmp_path):
    original, loaded = make(), Checkpoint.load(saved(tmp_path))
    assert loaded.config == original.config
    assert loaded.vocabulary == original.vocabulary
    assert loaded.training == original.training
    assert loaded.weights.keys() == original.weights.keys()
    for name, array in original.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)


def test_any_safetensors_reader_can_read_the_weights(tmp_path):
    arrays = safetensors.numpy.load_file(saved(tmp_path))
    assert {name: array.shape for name, array in arrays.items()} == CONFIG.weight_shapes()


def test_an_altered_weight_is_noticed(tmp_path):
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="do not match their digest"):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"about": {"format": 99}}, "upgrade chargen"),
        ({"about": {"config": {"vocab_size": 4, "hidden_size": -1}}}, "does not make sense"),
        ({"about": {"vocabulary": {"characters": "ab", "normalization": "none"}}}, "do not fit"),
        ({"about": {"vocabulary": {"characters": "ba", "normalization": "none"}}}, "does not make sense"),
        ({"weights": {"output.bias": np.zeros(5, np.float32)}}, "do not fit"),
        ({"chargen": "{"}, "not one that chargen wrote"),
        ({"chargen": "[]"}, "not one that chargen wrote"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path, change, message):
    path = saved(tmp_path)
    rewrite(path, **change)
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, b"\xff" * 9])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.safetensors is not a checkpoint"):
        Checkpoint.load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        Checkpoint.load(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        Checkpoint.load(tmp_path)


def test_find_takes_a_file_a_folder_or_the_name_of_a_run(tmp_path):
    run = tmp_path / "checkpoints" / "poem"
    run.mkdir(parents=True)
    best = run / "best.safetensors"
    make().save(best)
    assert find(best) == find(run) == find("poem", tmp_path / "checkpoints") == best


def test_find_takes_the_newest_run(tmp_path):
    for age, name in enumerate(["new", "newer", "newest"]):
        (tmp_path / name).mkdir()
        make().save(tmp_path / name / "best.safetensors")
        os.utime(tmp_path / name / "best.safetensors", (age, age))
    assert find(folder=tmp_path).parent.name == "newest"


def test_find_says_what_there_is(tmp_path):
    assert find(folder=tmp_path).name == find("time-machine", tmp_path).name == "time-machine.safetensors"
    (tmp_path / "poem").mkdir()
    make().save(tmp_path / "poem" / "best.safetensors")
    with pytest.raises(CheckpointError, match=r"'prose'.*poem, time-machine"):
        find("prose", tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_cannot_be_written(tmp_path):
    with pytest.raises(SaveError, match="cannot write"):
        write_atomically(tmp_path / "none" / "file", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX")
def test_the_file_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_float16_halves_the_file_and_keeps_three_digits(tmp_path):
    original = make()
    original.to_float16().save(tmp_path / "small.safetensors")
    loaded = Checkpoint.load(tmp_path / "small.safetensors")
    for name, array in original.weights.items():
        assert loaded.weights[name].dtype == np.float16
        np.testing.assert_allclose(loaded.weights[name], array, rtol=1e-3)
    assert loaded.vocabulary == original.vocabulary
