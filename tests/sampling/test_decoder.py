import os
import subprocess
import sys

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.network.native.library import has_vectors
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


@pytest.mark.skipif(not has_vectors(), reason="the kernels do not read one text here")
@pytest.mark.parametrize(("cell", "layers", "embedding"), [("lstm", 1, 0), ("gru", 2, 0), ("rnn", 2, 5)])
@pytest.mark.parametrize("texts", [1, 9])
def test_the_kernels_write_the_same_characters(make, texts, cell, layers, embedding):
    sampler = make(ModelConfig(len(LETTERS), cell, 20, layers, embedding_size=embedding))
    rng, begin = np.random.default_rng(0), sampler.begin_state(texts)
    for _ in range(30):
        logits = rng.normal(scale=rng.uniform(0.1, 10), size=(texts, len(LETTERS))).astype(np.float32)
        logits[:, rng.integers(len(LETTERS), size=3)] = -np.inf
        settings = SamplingSettings(rng.uniform(0.1, 3), min_p=rng.choice([0, rng.random()]))
        state = tuple(tuple(rng.uniform(-1, 1, part.shape).astype(np.float32) for part in layer) for layer in begin)
        network, uniform, expected = sampler.writer(settings, texts), rng.random((texts, 20)), []
        ids, *found = network.write(logits, state, settings.temperature, settings.min_p, uniform)
        for numbers in uniform.T:
            expected.append(draw(probabilities(logits, settings), numbers))  # (texts,)
            logits, state = sampler.step(expected[-1], state)
        assert ids.T.tolist() == np.array(expected).tolist()
        np.testing.assert_allclose(found[0], logits, atol=1e-4)
        np.testing.assert_allclose(found[1], state, atol=1e-5)


@pytest.mark.skipif(not has_vectors(), reason="the kernels do not read one text here")
def test_logits_that_are_no_numbers_leave_no_character_or_the_first_one(make):
    sampler = make()
    for texts, ids in ((1, np.empty((1, 0))), (9, np.zeros((9, 3)))):
        logits, uniform = np.full((texts, len(LETTERS)), np.nan, np.float32), np.full((texts, 3), 0.5)
        writer = sampler.writer(SamplingSettings(), texts)
        found, *_ = writer.write(logits, sampler.begin_state(texts), 1.0, 0.0, uniform)
        np.testing.assert_array_equal(found[:, :1], ids[:, :1])


def test_only_plain_settings_are_written_by_the_kernels(make):
    sampler = make()
    for texts in (1, 8):
        assert bool(sampler.writer(SamplingSettings(min_p=0.1), texts)) == has_vectors()
    assert sampler.writer(SamplingSettings(), 2) is None
    for settings in ({"temperature": 0}, {"top_k": 3}, {"top_p": 0.9}):
        assert sampler.writer(SamplingSettings(**settings), 1) is None
    sampler.held = {0: 0.5}
    assert sampler.writer(SamplingSettings(), 9) is None


def test_a_bidirectional_model_is_refused_with_the_reason(make):
    with pytest.raises(InputError, match="yet to be"):
        make(ModelConfig(len(LETTERS), "gru", 6, bidirectional=True))


@pytest.mark.parametrize(("wanted", "threads"), [("3,2", 3), ("3", 3), ("many", os.cpu_count()), ("0", os.cpu_count())])
def test_the_kernels_take_as_many_threads_as_openmp(monkeypatch, wanted, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    code = "from chargen.sampling.decoder import THREADS; print(THREADS)"
    assert int(subprocess.check_output([sys.executable, "-c", code])) == threads
