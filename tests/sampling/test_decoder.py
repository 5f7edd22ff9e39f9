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
def test_the_kernels_write_the_same_characters(make):
    sampler, rng = make(), np.random.default_rng(0)
    for _ in range(100):
        logits = rng.normal(scale=rng.uniform(0.1, 10), size=(1, len(LETTERS))).astype(np.float32)
        logits[0, rng.integers(len(LETTERS), size=3)] = -np.inf
        settings, state = (
            SamplingSettings(rng.uniform(0.1, 3), min_p=rng.choice([0, rng.random()])),
            sampler.begin_state(),
        )
        network, uniform, expected = sampler.writer(settings), rng.random(20), []
        ids, *found = network.write(logits, state, settings.temperature, settings.min_p, uniform)
        for number in uniform:
            expected += draw(probabilities(logits, settings), np.array([number])).tolist()
            logits, state = sampler.step(np.array(expected[-1:]), state)
        assert ids.tolist() == expected
        np.testing.assert_equal(found, [logits, state])
    ids, *_ = network.write(np.full_like(logits, np.nan), state, 1.0, 0.0, uniform)
    assert len(ids) == 0


def test_only_plain_settings_are_written_by_the_kernels(make):
    sampler = make()
    assert bool(sampler.writer(SamplingSettings(min_p=0.1))) == (path() not in (None, "portable"))
    for settings in ({"temperature": 0}, {"top_k": 3}, {"top_p": 0.9}):
        assert sampler.writer(SamplingSettings(**settings)) is None
    sampler.held = {0: 0.5}
    assert sampler.writer(SamplingSettings()) is None


def test_a_bidirectional_model_is_refused_with_the_reason(make):
    with pytest.raises(InputError, match="yet to be"):
        make(ModelConfig(len(LETTERS), "gru", 6, bidirectional=True))
