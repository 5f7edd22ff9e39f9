import subprocess
import sys

import pytest
import torch
from torch import nn

from chargen.training.optimizers import make_optimizer


def trained(make, steps=5):
    """Return the weights of a small network after some steps, and with it what made them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    X, Y = torch.randn(16, 4), torch.randint(3, (16,))
    optimizer = make(model)
    for step in range(steps):
        model.zero_grad()
        nn.functional.cross_entropy(model(X), Y).backward()
        optimizer(step, 0.1 / (step + 1), torch.tensor(1.0 + step))
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def library(kind, **options):
    """The classes of torch.optim, with the decay for matrices alone."""

    def make(model):
        groups = [{"params": [p], "weight_decay": 0.3 if p.ndim > 1 else 0.0} for p in model.parameters()]
        optimizer = kind(groups, lr=1.0, **options)

        def step(_, learning_rate, scale):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            for parameter in model.parameters():
                parameter.grad /= scale
            optimizer.step()

        return step

    return make


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("adamw", library(torch.optim.AdamW, betas=(0.9, 0.99), fused=True)),
        ("sgd", library(torch.optim.SGD)),
    ],
)
def test_the_weights_are_those_of_the_library(name, reference):
    ours = trained(lambda model: make_optimizer(name, model, weight_decay=0.3).step)
    torch.testing.assert_close(ours, trained(reference), rtol=1e-6, atol=1e-7)


def test_the_moments_are_all_there_is_to_go_on_from():
    def interrupted(model):
        optimizer = make_optimizer("adamw", model, weight_decay=0.3)

        def step(number, learning_rate, scale):
            nonlocal optimizer
            if number == 3:
                fresh = make_optimizer("adamw", model, weight_decay=0.3)
                for name, moment in optimizer.moments.items():
                    fresh.moments[name].copy_(moment)
                optimizer = fresh
            optimizer.step(number, learning_rate, scale)

        return step

    whole = trained(lambda model: make_optimizer("adamw", model, weight_decay=0.3).step)
    assert torch.equal(trained(interrupted), whole)


def test_training_does_not_load_the_compiler():
    """Which would take a second at every start."""
    program = """
import sys, numpy, torch, chargen
ids = numpy.arange(200) % 5
settings = chargen.TrainingSettings(epochs=1, batching=chargen.Batching(2, 8))
list(chargen.fit(chargen.CharModel(5, hidden_size=4), ids, ids, settings))
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
