import pytest
import torch

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.network.native import library
from chargen.training.engines import FUNCTIONS
from chargen.training.hardware import allow_tf32, autocast, pick_device, pick_engine, require_memory
from chargen.training.model import CharModel

CPU = torch.device("cpu")
SMALL = ModelConfig(5, "lstm", 8)


def test_devices(monkeypatch):
    assert pick_device("cpu") == CPU
    for name in ("abacus", "meta", ""):
        with pytest.raises(InputError, match=f"device {name!r}: this PyTorch cannot use it; choose one of auto"):
            pick_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == CPU, "recurrent layers are slower on MPS"


def let_run(monkeypatch, **paths):
    """Let these paths, by precision, be all that run."""
    monkeypatch.setattr(library, "path", lambda precision="float32": paths.get(precision))


@pytest.mark.parametrize(
    ("cell", "units", "processor", "fixed", "picked"),
    [
        ("lstm", 512, "avx2", (), ("native", "float32")),
        ("lstm", 512, "avx512bf16", (), ("native", "bfloat16")),
        ("lstm", 512, "avx512bf16", (None, "float32"), ("native", "float32")),
        ("lstm", 512, "avx512bf16", ("native",), ("native", "bfloat16")),
        ("lstm", 512, "avx512bf16", ("torch",), ("torch", "bfloat16")),
        ("lstm", 64, "avx512bf16", (), ("native", "float32")),
        ("lstm", 64, "avx512bf16", (None, "bfloat16"), ("native", "bfloat16")),
        ("lstm", 64, "avx512bf16", ("torch",), ("torch", "float32")),
        ("gru", 512, "avx2", (None, "bfloat16"), ("torch", "bfloat16")),
        ("lstm", 512, "amx", (), ("native", "bfloat16")),
        ("lstm", 512, "amx", (None, None, 64), ("torch", "bfloat16")),
        ("lstm", 512, "amx by PyTorch alone", (), ("torch", "bfloat16")),
        ("lstm", 512, "amx by PyTorch alone", ("native",), ("native", "bfloat16")),
        ("capped-lstm", 512, "amx by PyTorch alone", (), ("native", "bfloat16")),
        ("gru", 512, "amx", (), ("native", "bfloat16")),
        ("lstm", 512, "avx512bf16", (None, None, 32), ("native", "bfloat16")),
        ("lstm", 512, "avx512bf16", (None, None, 64), ("torch", "bfloat16")),
        ("gru", 512, "avx512bf16", (None, None, 64), ("native", "bfloat16")),
        ("lstm", 64, "avx512bf16", (None, None, 64), ("native", "float32")),
        ("capped-lstm", 512, "avx512bf16", (None, None, 64), ("native", "bfloat16")),
        ("capped-lstm", 512, "amx", (), ("native", "bfloat16")),
    ],
)
def test_engine_and_precision_follow_from_the_network_and_the_processor(
    monkeypatch, cell, units, processor, fixed, picked
):
    bfloat16 = processor != "avx2"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bfloat16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: "amx" in processor, raising=False)
    let_run(monkeypatch, float32="avx2", bfloat16={"avx2": None, "amx": "amx"}.get(processor, "avx512bf16"))
    assert pick_engine(CPU, ModelConfig(5, cell, units), *fixed) == picked


@pytest.mark.parametrize("path", [None, "portable"])
def test_without_fast_kernels_pytorch_trains(monkeypatch, path):
    let_run(monkeypatch, float32=path)
    assert pick_engine(CPU, SMALL) == ("torch", "float32")
    assert pick_engine(torch.device("mps"), SMALL) == ("torch", "float32")


def test_kernels_that_were_not_built_are_not_chosen(monkeypatch):
    let_run(monkeypatch)
    with pytest.raises(InputError, match=r"engine native: its kernels were not built .*choose torch"):
        pick_engine(CPU, SMALL, "native")


@pytest.mark.parametrize(("device", "precision"), [("cpu", "bfloat16"), ("cuda", None)])
def test_kernels_are_refused_where_they_cannot_compute(monkeypatch, device, precision):
    let_run(monkeypatch, float32="avx2")
    with pytest.raises(InputError, match=f"engine native: it cannot compute .* on this machine's {device}"):
        pick_engine(torch.device(device), SMALL, "native", precision)


def test_a_precision_that_the_processor_cannot_compute_is_refused(monkeypatch):
    def fails(*_):
        raise RuntimeError("could not create a primitive descriptor for the LSTM forward propagation primitive")

    monkeypatch.setitem(FUNCTIONS, "lstm", fails)
    model, ids = CharModel(SMALL), torch.zeros(1, 2, dtype=torch.long)
    with (
        autocast(CPU, "bfloat16"),
        pytest.raises(InputError, match="precision bfloat16: this processor cannot compute"),
    ):
        model(ids, model.begin_state(1))


def test_a_network_that_does_not_fit_in_memory_is_refused_before_it_is_built():
    require_memory(ModelConfig(100, "lstm", 1024, 2), 1024)
    with pytest.raises(InputError, match=r"hidden_size 100000: training 3 layers .* takes about 4,009 GB of memory"):
        require_memory(ModelConfig(100, "lstm", 100_000, 3), 1024)
    with pytest.raises(InputError, match="choose a smaller network, batch_size or num_steps"):
        require_memory(ModelConfig(100, "rnn", 8), 10**12)


def test_tf32_is_used_where_it_is_asked_for_and_nowhere_else():
    flags = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [each.allow_tf32 for each in flags]
    try:
        for precision in ("tf32", "float32", "tf32", "bfloat16"):
            allow_tf32(torch.device("cuda"), precision)
            assert [each.allow_tf32 for each in flags] == [precision == "tf32"] * 2
    finally:
        for each, allowed in zip(flags, before, strict=True):
            each.allow_tf32 = allowed
    with pytest.raises(InputError, match="precision tf32: cpu cannot compute in it"):
        allow_tf32(CPU, "tf32")
