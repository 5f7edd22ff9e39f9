import numpy as np
import pytest

from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")


def random_sampler(config=None, scale=1.0, vocabulary=LETTERS, words=()):
    config = config or ModelConfig(len(vocabulary), "gru", 6)
    rng = np.random.default_rng(3)
    shapes = config.weight_shapes().items()
    weights = {name: rng.normal(scale=scale, size=shape).astype(np.float32) for name, shape in shapes}
    return Sampler(Checkpoint(config, vocabulary, weights, words=list(words)))


@pytest.fixture
def make():
    """A function that makes a sampler of random weights."""
    return random_sampler


@pytest.fixture
def counting(spelling):
    """A function that makes a sampler that spells a text over and over."""
    return lambda text: Sampler(spelling(text))
