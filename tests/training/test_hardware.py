import pytest
import torch

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.training import hardware
from chargen.training.hardware import allow_tf32, pick_device, pick_precision

CPU = torch.device("cpu")
SMALL = ModelConfig(5, "lstm", 8)


def test_devices(monkeypatch):
    assert pick_device("cpu") == CPU
    with pytest.raises(InputError, match="device 'abacus': this PyTorch cannot use it; choose one of auto"):
        pick_device("abacus")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == CPU, "recurrent layers are slower on MPS"


@pytest.mark.parametrize(("in_bfloat16", "picked"), [(0.5, "bfloat16"), (1.0, "float32"), (None, "float32")])
def test_the_precision_is_the_faster_one_that_works(monkeypatch, in_bfloat16, picked):
    def layer_seconds(config, precision):
        if precision == "bfloat16" and in_bfloat16 is None:
            raise RuntimeError("could not create a primitive descriptor")
        return in_bfloat16 if precision == "bfloat16" else 1.0

    monkeypatch.setattr(hardware, "layer_seconds", layer_seconds)
    assert pick_precision(CPU, SMALL) == picked


def test_the_precision_is_measured_on_the_layer_that_will_run():
    state = torch.random.get_rng_state()
    assert hardware.layer_seconds(SMALL, "float32") < hardware.layer_seconds(ModelConfig(5, "lstm", 512), "float32")
    assert pick_precision(CPU, SMALL) in {"float32", "bfloat16"}
    assert torch.equal(torch.random.get_rng_state(), state)
    assert pick_precision(torch.device("mps"), SMALL) == "float32"


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
