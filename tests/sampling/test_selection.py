import numpy as np
import pytest

from chargen.sampling.filters import AS_LEARNED, probabilities
from chargen.sampling.selection import likeliest, mean_losses


def test_the_loss_of_a_text_is_that_of_its_characters(make):
    sampler = make()
    ids = sampler.vocabulary.encode("abcade")
    logits, _ = sampler.read(ids[None], sampler.begin_state())
    losses = -np.log(probabilities(logits[0, 2:5], AS_LEARNED)[np.arange(3), ids[3:]])
    assert mean_losses(sampler, "abc", ["b", "ade", ""])[1:] == [pytest.approx(losses.mean(), rel=1e-6), 0]


def test_the_likeliest_come_first(counting):
    assert likeliest(counting("abcd"), "ab", ["ca", "cd", "db"], 2) == ["cd", "ca"]
