import math

import pytest
import torch

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.network.native import library
from chargen.training import hardware
from chargen.training.engines import ENGINES
from chargen.training.hardware import allow_tf32, pick_device, pick_engine

CPU = torch.device("cpu")
SMALL = ModelConfig(5, "lstm", 8)


def test_devices(monkeypatch):
    assert pick_device("cpu") == CPU
    with pytest.raises(InputError, match="device 'abacus': this PyTorch cannot use it; choose one of auto"):
        pick_device("abacus")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == CPU, "recurrent layers are slower on MPS"


TIMES = {("native", "float32"): 1.0, ("torch", "float32"): 2.0, ("torch", "bfloat16"): 3.0}


@pytest.mark.parametrize(
    ("changed", "fixed", "picked"),
    [
        ({}, (), ("native", "float32")),
        ({("torch", "float32"): 0.9}, (), ("torch", "float32")),
        ({("torch", "bfloat16"): 0.8}, (), ("torch", "bfloat16")),
        ({("torch", "bfloat16"): 0.9}, (), ("native", "float32")),  # too little is gained
        ({("torch", "bfloat16"): math.inf}, ("torch",), ("torch", "float32")),
        ({}, ("torch",), ("torch", "float32")),
        ({}, (None, "bfloat16"), ("torch", "bfloat16")),
        ({("torch", "float32"): 0.1}, ("native",), ("native", "float32")),
    ],
)
def test_the_fastest_engine_and_precision_are_taken(monkeypatch, changed, fixed, picked):
    monkeypatch.setattr(hardware, "layer_seconds", lambda config, *choice: (TIMES | changed)[choice])
    monkeypatch.setattr(library, "path", lambda: "portable")
    assert pick_engine(CPU, SMALL, *fixed) == picked


def test_without_kernels_pytorch_trains(monkeypatch):
    monkeypatch.setattr(hardware, "layer_seconds", lambda config, *choice: TIMES[choice])
    monkeypatch.setattr(library, "path", lambda: None)
    assert pick_engine(CPU, SMALL) == ("torch", "float32")
    with pytest.raises(InputError, match=r"engine native: its kernels were not built .*choose torch"):
        pick_engine(CPU, SMALL, "native")


@pytest.mark.parametrize(("device", "precision"), [("cpu", "bfloat16"), ("cuda", None)])
def test_the_kernels_compute_float32_on_the_cpu(monkeypatch, device, precision):
    monkeypatch.setattr(library, "path", lambda: "portable")
    with pytest.raises(InputError, match="engine native: it computes float32 on the CPU"):
        pick_engine(torch.device(device), SMALL, "native", precision)


def test_the_layer_that_will_run_is_timed():
    state = torch.random.get_rng_state()
    large = ModelConfig(5, "lstm", 512)
    assert hardware.layer_seconds(SMALL, "torch", "float32") < hardware.layer_seconds(large, "torch", "float32")
    assert pick_engine(CPU, SMALL) in TIMES
    assert torch.equal(torch.random.get_rng_state(), state)
    assert pick_engine(torch.device("mps"), SMALL) == ("torch", "float32")


def test_a_precision_that_cannot_run_takes_for_ever(monkeypatch):
    def fails(*_):
        raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setitem(ENGINES, "torch", fails)
    assert hardware.layer_seconds(SMALL, "torch", "bfloat16") == math.inf


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
