import numpy as np
import pytest

from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.config import ModelConfig
from chargen.sampling.decoder import DecoderState
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.held_units import parse

GREEDY = SamplingSettings(temperature=0)


@pytest.mark.parametrize(
    ("text", "layers", "message"),
    [
        ("3", 1, "'3': must be UNIT=VALUE"),
        ("a=1", 1, "must be UNIT=VALUE"),
        ("-1=1", 1, "must be UNIT=VALUE"),
        ("6=1", 1, "no such unit; the network has units 0 to 5"),
        ("1/0=1", 1, "no such unit"),
        ("3=1", 2, "the network has 2 layers; give LAYER/UNIT=VALUE"),
        ("2/3=1", 2, "no such unit"),
        ("3=1.5", 1, "the value must be from -1 to 1"),
        ("3=nan", 1, "the value must be from -1 to 1"),
        ("3=high", 1, "the value must be from -1 to 1"),
    ],
)
def test_what_is_no_unit_or_activation_is_refused(text, layers, message):
    with pytest.raises(InputError, match=message):
        parse(text, ModelConfig(9, "gru", 6, layers))


@pytest.mark.parametrize("cell", CELLS)
def test_units_are_held_while_the_model_writes_and_not_while_it_reads(make, cell):
    sampler = make(ModelConfig(9, cell, 6, num_layers=2))
    sampler.held = {1: -0.5, 6 + 2: 1.0}
    state = DecoderState(sampler)
    state.read(sampler.vocabulary.encode("abc"))
    before = state.mark()
    assert before[0][0][0][0, 1] != -0.5
    ids = state.draw(GREEDY, [np.random.default_rng(0)])
    (first, second), logits, _ = state.mark()
    assert (first[0][0, 1], second[0][0, 2]) == (-0.5, 1)
    if CELLS[cell].states == 2:
        np.testing.assert_allclose((np.tanh(first[1][0, 1]), np.tanh(second[1][0, 2])), (-0.5, 0.999), atol=1e-6)
    state.rewind(before)
    state.feed(ids)
    assert abs(logits - state.logits).max() > 0.01  # the second layer and the output read what is held


def test_many_texts_side_by_side_are_held_too(make):
    sampler = make(ModelConfig(9, "lstm", 6))
    free = list(sampler.samples(9, "abc", length=30, settings=GREEDY))
    sampler.held = {0: 1.0, 1: -1.0, 2: 1.0}
    held = list(sampler.samples(9, "abc", length=30, settings=GREEDY))
    assert held == [sampler.sample("abc", length=30, settings=GREEDY)] * 9
    assert held != free
