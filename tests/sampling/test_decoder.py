import numpy as np
import pytest

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.network.native.library import path
from chargen.sampling.decoder import CONTEXT
from chargen.sampling.filters import SamplingSettings, draw, probabilities
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")


def test_of_a_long_prefix_the_end_is_read(make):
    sampler = make()
    prefix = "abc d" * 5000
    assert sampler.sample(prefix, 20, seed=1) == sampler.sample(prefix[-CONTEXT:], 20, seed=1)
    assert len(prefix) > CONTEXT


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_logits_are_those_of_pytorch_over_2000_steps(cell):
    torch = pytest.importorskip("torch")
    from chargen.training.model import CharModel

    torch.manual_seed(0)
    model = CharModel(len(LETTERS), cell, 24, 2).eval()
    sampler = Sampler(model.to_checkpoint(LETTERS))
    ids = np.random.default_rng(0).integers(len(LETTERS), size=2000)
    with torch.no_grad():
        expected, _ = model(torch.as_tensor(ids)[None], model.begin_state(1))
    state, logits = sampler.begin_state(), []
    for char_id in ids:
        step, state = sampler.step(char_id[None], state)
        logits.append(step[0])
    np.testing.assert_allclose(logits, expected[0], atol=1e-4)


@pytest.mark.skipif(path() in (None, "portable"), reason="the kernels do not read one text here")
def test_the_kernels_draw_the_same_character(make):
    sampler, rng = make(), np.random.default_rng(0)
    for _ in range(1000):
        logits = rng.normal(scale=rng.uniform(0.1, 10), size=(1, len(LETTERS))).astype(np.float32)
        logits[0, rng.integers(len(LETTERS), size=3)] = -np.inf
        settings = SamplingSettings(rng.uniform(0.01, 3), min_p=rng.choice([0, rng.random()]))
        uniform = rng.random(1)
        expected = draw(probabilities(logits, settings), uniform)
        network = sampler._step_network
        assert network.draw(logits, settings.temperature, settings.min_p, uniform[0]) == expected
        assert sampler.choose(logits, settings, uniform) == expected
    assert network.draw(np.full_like(logits, np.nan), 1.0, 0.0, 0.5) is None


def test_a_bidirectional_model_is_refused_with_the_reason(make):
    with pytest.raises(InputError, match="yet to be"):
        make(ModelConfig(len(LETTERS), "gru", 6, bidirectional=True))
