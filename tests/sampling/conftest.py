import numpy as np
import pytest

from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")


def random_sampler(config=None, scale=1.0):
    config = config or ModelConfig(len(LETTERS), "gru", 6)
    rng = np.random.default_rng(3)
    shapes = config.weight_shapes().items()
    weights = {name: rng.normal(scale=scale, size=shape).astype(np.float32) for name, shape in shapes}
    return Sampler(Checkpoint(config, LETTERS, weights))


def counting_sampler(text):
    """Return a sampler that spells `text` over and over: an RNN whose state is the last character, one-hot."""
    vocabulary = Vocabulary.from_text(text)
    V = len(vocabulary)
    successor = np.zeros((V, V), np.float32)
    for a, b in zip(text, text[1:] + text[0], strict=True):
        successor[vocabulary.encode(b)[0], vocabulary.encode(a)[0]] = 100
    weights = {
        "layers.0.weight_ih_l0": 10 * np.eye(V, dtype=np.float32),
        "layers.0.weight_hh_l0": np.zeros((V, V), np.float32),
        "layers.0.bias_ih_l0": np.zeros(V, np.float32),
        "layers.0.bias_hh_l0": np.zeros(V, np.float32),
        "output.weight": successor,
        "output.bias": np.zeros(V, np.float32),
    }
    return Sampler(Checkpoint(ModelConfig(V, "rnn", V), vocabulary, weights))


@pytest.fixture
def make():
    """A function that makes a sampler of random weights."""
    return random_sampler


@pytest.fixture
def counting():
    """A function that makes a sampler that spells a text over and over."""
    return counting_sampler
