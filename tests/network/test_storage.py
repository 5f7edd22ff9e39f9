import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from chargen.errors import DamagedError, InputError
from chargen.files.container import _digest
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.network.storage import pack, unpack
from chargen.text.vocabulary import Vocabulary


def matrices():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 40)).astype(np.float32) * [[1], [1e-3], [0], [100], [1e-44]]
    return {"matrix": matrix.astype(np.float32), "vector": rng.normal(size=7).astype(np.float32)}


@pytest.mark.parametrize(("bits", "error"), [(32, 0), (16, 2**-11), (8, 0.5 / 127)])
def test_weights_come_back_to_within_half_a_step(bits, error):
    weights = matrices()
    restored, stored_in = unpack(pack(weights, bits))
    assert stored_in == bits
    assert {array.dtype for array in restored.values()} == {np.dtype(np.float32)}
    largest = np.abs(weights["matrix"]).max(axis=1, keepdims=True)
    assert (np.abs(restored["matrix"] - weights["matrix"]) <= largest * error * 1.0001 + 1e-43).all()
    np.testing.assert_array_equal(restored["vector"], weights["vector"])
    again, _ = unpack(pack(restored, bits))  # nothing more is lost
    np.testing.assert_array_equal(again["matrix"], restored["matrix"])


def test_what_no_storage_can_hold_is_refused():
    with pytest.raises(InputError, match="16: matrix holds values that are too large for it; choose 8"):
        pack({"matrix": np.full((2, 2), 1e5, np.float32)}, 16)
    with pytest.raises(InputError, match="4: must be one of 32, 16, 8"):
        pack(matrices(), 4)


def forged(path, **tensors):
    """Write a model in 8 bits with some tensors replaced, or left out if None, and a digest that fits."""
    config = ModelConfig(vocab_size=2, cell="rnn", hidden_size=3)
    weights = {name: np.ones(shape, np.float32) for name, shape in config.weight_shapes().items()}
    Checkpoint(config, Vocabulary("ab"), weights, bits=8).save(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    changed = safetensors.numpy.load_file(path) | tensors
    changed = {name: array for name, array in changed.items() if array is not None}
    digest = _digest(changed, metadata["chargen"])
    path.write_bytes(safetensors.numpy.save(changed, metadata | {"digest": digest}))
    assert json.loads(metadata["chargen"])["format"] == 4
    return path


SCALE = "output.weight.scale"


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({SCALE: None}, "output.weight is in 8 bits, but has no scales"),
        ({SCALE: np.ones(3, np.float32)}, "output.weight.scale is not one float32 number for each row"),
        ({SCALE: np.ones((2, 1), np.float32)}, "output.weight.scale is not one float32 number for each row"),
        ({SCALE: np.ones(2, np.float16)}, "output.weight.scale is not one float32 number for each row"),
        ({SCALE: np.array([1, -1], np.float32)}, "output.weight.scale holds values that are negative or not finite"),
        ({SCALE: np.array([1, np.nan], np.float32)}, "output.weight.scale holds values that are negative or not"),
        ({SCALE: np.array([1, 3e38], np.float32)}, "output.weight holds values that are not finite"),
        ({"output.bias": np.ones(2, np.int8)}, "output.bias is in 8 bits, but has no scales"),
        (
            {"output.bias": np.ones(2, np.int8), "output.bias.scale": np.ones(2, np.float32)},
            "output.bias.scale is not one float32 number for each row",
        ),
        ({"output.bias.scale": np.ones(2, np.float32)}, "output.bias.scale does not belong to the network"),
        ({"output.weight": np.ones((2, 3), np.int16)}, "output.weight is of type int16"),
    ],
)
def test_malformed_scales_are_refused(tmp_path, tensors, message):
    with pytest.raises(DamagedError, match=message):
        Checkpoint.load(forged(tmp_path / "model.safetensors", **tensors))
    assert Checkpoint.load(forged(tmp_path / "model.safetensors")).bits == 8
