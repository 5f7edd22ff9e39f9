import dataclasses
import json
import math
import os
import random
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import CheckpointError, InputError
from chargen.files import container as tensorfile
from chargen.network.checkpoint import Checkpoint, find, model_name
from chargen.network.config import ModelConfig
from chargen.network.provenance import Provenance
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

CONFIG = ModelConfig(vocab_size=4, cell="gru", hidden_size=3, num_layers=2)


def make(config=CONFIG):
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in config.weight_shapes().items()}
    return Checkpoint(
        config, Vocabulary("aé\n😀"[2] + "aé😀", "lower"), weights, Provenance("poem", valid_characters=5)
    )


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
        **metadata,
    }
    metadata = {"digest": tensorfile._digest(weights, metadata["chargen"]), **metadata}
    path.write_bytes(safetensors.numpy.save(weights, metadata))


def safetensors_metadata(path):
    with safetensors.safe_open(path, "numpy") as file:
        return file.metadata()


def test_what_is_saved_is_loaded(tmp_path):
    original, loaded = make(), Checkpoint.load(saved(tmp_path))
    assert loaded.config == original.config
    assert loaded.vocabulary == original.vocabulary
    assert loaded.provenance == original.provenance
    assert loaded.weights.keys() == original.weights.keys()
    for name, array in original.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)


def test_equal_models_have_the_same_digest_whenever_they_were_saved(tmp_path):
    original, loaded = make(), Checkpoint.load(saved(tmp_path))
    later = dataclasses.replace(loaded, provenance=Provenance("poem", saved="2030-01-01"))
    assert original.digest == loaded.digest == later.digest
    name, array = next(iter(loaded.weights.items()))
    assert dataclasses.replace(loaded, weights=loaded.weights | {name: np.nextafter(array, 9)}).digest != loaded.digest


def test_words_are_kept_and_damaged_ones_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    replace(make(), words=["time", "é"]).save(path)
    assert Checkpoint.load(path).words == ["time", "é"]
    rewrite(path, weights={"words": np.array([255], np.uint8)})
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(path)


def test_any_safetensors_reader_can_read_the_weights(tmp_path):
    arrays = safetensors.numpy.load_file(saved(tmp_path))
    assert {name: array.shape for name, array in arrays.items()} == CONFIG.weight_shapes()


def test_what_only_resuming_needs_is_kept_apart(tmp_path):
    path = tmp_path / "last.safetensors"
    replace(make(), resume={"optimizer.0.step": np.float32(3)}).save(path)
    loaded = Checkpoint.load(path)
    assert loaded.resume == {"optimizer.0.step": 3}
    assert loaded.weights.keys() == CONFIG.weight_shapes().keys()


def test_the_file_before_is_kept_under_a_second_name(tmp_path):
    path, previous = tmp_path / "last.safetensors", tmp_path / "previous.safetensors"
    make().save(path, previous)
    assert not previous.exists()
    before = path.read_bytes()
    replace(make(), provenance=Provenance()).save(path, previous)
    assert previous.read_bytes() == before != path.read_bytes()


def test_an_altered_weight_is_noticed(tmp_path):
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="does not match its digest"):
        Checkpoint.load(path)


def is_refused(path):
    try:
        Checkpoint.load(path)
    except CheckpointError:
        return True
    return False


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    path = saved(tmp_path)
    data, rng = path.read_bytes(), random.Random(0)
    for _ in range(1000):
        place, bit = rng.randrange(len(data)), rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        assert is_refused(path), f"bit {bit} of byte {place} was flipped, and the file loaded"


def test_no_truncated_file_loads(tmp_path):
    path = saved(tmp_path)
    data = path.read_bytes()
    for length in {*range(0, len(data), 64), len(data) - 1}:
        path.write_bytes(data[:length])
        assert is_refused(path), f"the first {length} of {len(data)} bytes loaded"


def tensor(start, end, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": tensor(0, 4), "b": tensor(0, 4)},
        {"a": tensor(0, 4), "b": tensor(2, 6)},
        {"a": tensor(-4, 0)},
        {"a": tensor(0, 2**62, shape=(2**60,))},
        {"a": tensor(0, 4, shape=(-1,))},
        {"a": tensor(0, 8, shape=(2**63,))},
        {"a": tensor(0, 4, "F8_E4M3", (4,))},
        {"a": tensor(0, 4, "BF16", (2,))},
        {"a": tensor(0, 4, "PICKLE")},
        {"a": tensor(0, 4), "__metadata__": {"chargen": 5}},
        {"a": tensor(0, 4), "__metadata__": {"chargen": "no JSON"}},
        {"a": tensor(0, 4), "__metadata__": {"chargen": "[" * 100_000}},
        {"a": tensor(0, 4), "__metadata__": {"chargen": '{"format": ' + "9" * 5000 + "}"}},
        {"a": tensor(0, 4), "__metadata__": {"chargen": '{"format": NaN}'}},
        {"a": tensor(0, 4), "__metadata__": {"chargen": '{"format": Infinity}'}},
        {"a": tensor(0, 4), "__metadata__": {"chargen": '{"format": -1}'}},
        {},
        [],
        "x",
    ],
    ids=lambda header: json.dumps(header)[:60],
)
def test_a_crafted_header_is_refused(tmp_path, header):
    text = json.dumps(header).encode()
    path = tmp_path / "crafted.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(CheckpointError):
        Checkpoint.load(path)


@given(header=st.binary(max_size=200), length=st.integers(0, 300) | st.integers(0, 2**64 - 1))
def test_headers_of_any_bytes_are_refused(header, length, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header)
    with pytest.raises(CheckpointError):
        Checkpoint.load(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    about=st.fixed_dictionaries(
        {"format": st.just(2) | JSON},
        optional={
            "config": JSON | st.dictionaries(st.sampled_from(list(vars(CONFIG))), JSON),
            "vocabulary": JSON | st.dictionaries(st.sampled_from(["characters", "normalization"]), JSON),
            "training": JSON,
        },
    )
)
def test_descriptions_that_fit_their_digest_but_nothing_else_are_refused(about, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "forged.safetensors"
    weights, text = make().weights, json.dumps(about)
    metadata = {"chargen": text, "digest": tensorfile._digest(weights, text)}
    path.write_bytes(safetensors.numpy.save(weights, metadata))
    with pytest.raises(CheckpointError):
        Checkpoint.load(path)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells a process's peak memory so")
def test_a_header_of_100_mb_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "huge.safetensors"
    text = b'{"__metadata__":{' + b'"key":"a value",' * 7_000_000 + b"}}"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    assert path.stat().st_size > 99_000_000
    program = f"""
from chargen.network.checkpoint import Checkpoint, CheckpointError
try: Checkpoint.load({str(path)!r})
except CheckpointError as error: print(error)
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    message, kilobytes = result.stdout.splitlines()
    assert "does not begin as a safetensors file does" in message
    assert int(kilobytes) < 90_000


@pytest.mark.skipif(sys.platform != "linux", reason="files of which most is not written, and sysconf")
def test_a_file_larger_than_memory_is_refused_before_it_is_read(tmp_path):
    path = saved(tmp_path)
    os.truncate(path, 1 << 42)
    with pytest.raises(CheckpointError, match="has 4,398,046,511,104 bytes, more than this machine has memory"):
        Checkpoint.load(path)


def test_a_network_of_a_billion_layers_is_refused_at_once(tmp_path):
    path = saved(tmp_path)
    rewrite(path, about={"config": {"vocab_size": 4, "hidden_size": 3, "num_layers": 10**9}})
    with pytest.raises(CheckpointError, match="num_layers 1,000,000,000: must be at most 1,000"):
        Checkpoint.load(path)


LOGITS = [1.93774, -0.82771, -0.71389, 0.38542, -0.44275, -0.53907]
IN_8_BITS = [1.93916, -0.82047, -0.71554, 0.39067, -0.44593, -0.53645]


@pytest.mark.parametrize(("version", "expected"), [(1, LOGITS), (2, LOGITS), (3, LOGITS), (4, IN_8_BITS)])
def test_files_of_every_format_load_for_ever(version, expected):
    """Written by the version of chargen that introduced the format; never to be written again."""
    golden = Path(__file__).parents[1] / "golden" / f"format-{version}.safetensors"
    about = json.loads(safetensors_metadata(golden)["chargen"])
    assert about["format"] == version
    loaded = Checkpoint.load(golden)
    assert loaded.vocabulary == Vocabulary("\n aeé😀", "lower")
    assert loaded.provenance.corpus == "golden"
    sampler = Sampler(loaded)
    state = sampler.begin_state()
    for char_id in (2, 4, 5):
        logits, state = sampler.step(np.array([char_id]), state)
    np.testing.assert_allclose(logits[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"about": {"format": 99}}, "upgrade chargen"),
        ({"about": {"config": {"vocab_size": 4, "hidden_size": -1}}}, "does not make sense"),
        (
            {"about": {"vocabulary": {"characters": "ab", "normalization": "none"}}},
            "2 characters, and a network for 4",
        ),
        ({"about": {"vocabulary": {"characters": "ba", "normalization": "none"}}}, "does not make sense"),
        ({"about": {"vocabulary": {"characters": ["a", "b"], "normalization": "none"}}}, "does not make sense"),
        ({"about": {"config": {"vocab_size": 4.0, "hidden_size": 3, "num_layers": 2}}}, "vocab_size is 4.0"),
        ({"about": {"config": {"vocab_size": 4, "hidden_size": 3, "dropout": "0.5"}}}, "dropout is '0.5'"),
        ({"about": {"config": {"vocab_size": 4, "depth": 2}}}, "ModelConfig has no 'depth'"),
        ({"about": {"training": {"metadata": {"baselines": None}}, "format": 2.5}}, "not one that chargen wrote"),
        ({"about": {"training": {"metadata": {"baselines": {"xz": "3"}}}}}, "baselines is {'xz': '3'}"),
        ({"about": {"training": {"metadata": []}}}, "metadata is \\[\\]"),
        ({"about": {"training": {"metadata": {"x": math.nan}}}}, "not one that chargen wrote"),
        ({"about": {"training": {"reached": {"epoch": 1}}}}, "missing 6 required positional arguments"),
        ({"about": {"training": {"settings": json.loads("[" * 50 + "]" * 50)}}}, "not one that chargen wrote"),
        ({"weights": {"output.bias": np.zeros(5, np.float32)}}, r"output.bias has the shape \(5,\), not \(4,\)"),
        (
            {"weights": {"output.bias": np.array([0, 1, np.nan, 2], np.float32)}},
            "output.bias holds values that",
        ),
        ({"weights": {"output.bias": np.zeros(4, np.float64)}}, "output.bias is of type float64"),
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
    with pytest.raises(CheckpointError, match=r"x\.safetensors is (damaged, or no|not a) checkpoint"):
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


def test_find_takes_the_best_model_then_the_last_save_then_the_one_before(tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("previous", "last", "best"):
        make().save(tmp_path / "run" / f"{name}.safetensors")
        assert find(folder=tmp_path) == find("run", tmp_path) == tmp_path / "run" / f"{name}.safetensors"


def test_find_says_what_there_is(tmp_path):
    assert find(folder=tmp_path).name == find("time-machine", tmp_path).name == "time-machine.safetensors"
    (tmp_path / "poem").mkdir()
    make().save(tmp_path / "poem" / "best.safetensors")
    with pytest.raises(CheckpointError, match=r"no model 'prose'; known: poem, english, time-machine"):
        find("prose", tmp_path)
    with pytest.raises(CheckpointError, match=r"no model 'po'; did you mean poem\?"):
        find("po", tmp_path)


def test_a_model_of_a_run_is_named_after_the_run(tmp_path, monkeypatch):
    (tmp_path / "poem").mkdir()
    monkeypatch.chdir(tmp_path / "poem")
    assert [model_name(Path(f"{name}.safetensors")) for name in ("best", "last", "previous", "first")] == [
        "poem",
        "poem/last",
        "poem/previous",
        "first",
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"x", json.loads("[" * 50 + "]" * 50), "x" * 40_000_000])
def test_what_could_not_be_read_again_is_not_written(tmp_path, value):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="cannot hold its description"):
        dataclasses.replace(make(), provenance=Provenance(metadata={"x": value})).save(path)
    assert not path.exists()
