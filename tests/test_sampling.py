import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from chargen.cells import ModelConfig
from chargen.checkpoint import Checkpoint
from chargen.errors import InputError, UnknownCharacterError
from chargen.sampling import Sampler, SamplingSettings, draw, probabilities
from chargen.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")
logits = npst.arrays(np.float32, st.integers(1, 30), elements=st.floats(-20, 20, width=32))


def make(config=None, scale=1.0):
    config = config or ModelConfig(len(LETTERS), "gru", 6)
    rng = np.random.default_rng(3)
    shapes = config.weight_shapes().items()
    weights = {name: rng.normal(scale=scale, size=shape).astype(np.float32) for name, shape in shapes}
    return Sampler(Checkpoint(config, LETTERS, weights))


def counting(text):
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


@given(logits, st.floats(0.1, 5))
def test_without_filters_it_is_the_softmax_at_the_temperature(x, temperature):
    exact = np.exp(x.astype(float) / temperature - (x.astype(float) / temperature).max())
    p = probabilities(x, SamplingSettings(temperature))
    np.testing.assert_allclose(p, exact / exact.sum(), rtol=1e-9, atol=1e-300)


@given(logits, st.integers(1, 40))
def test_top_k_keeps_the_k_likeliest_in_proportion(x, k):
    p, full = probabilities(x, SamplingSettings(top_k=k)), probabilities(x, SamplingSettings())
    kept = np.flatnonzero(p)
    assert len(kept) <= k
    assert full[kept].min() >= np.sort(full)[::-1][: min(k, len(full))].min()
    np.testing.assert_allclose(p[kept], full[kept] / full[kept].sum(), rtol=1e-9)


@given(logits, st.floats(0.01, 1))
def test_top_p_keeps_the_fewest_that_reach_p(x, top_p):
    p, full = probabilities(x, SamplingSettings(top_p=top_p)), probabilities(x, SamplingSettings())
    kept = np.sort(full[p > 0])[::-1]
    assert kept.sum() >= top_p * (1 - 1e-9)
    assert kept[:-1].sum() < top_p
    assert p.sum() == pytest.approx(1)


def test_temperature_zero_takes_the_likeliest():
    assert probabilities(np.array([1.0, 3.0, 2.0]), SamplingSettings(temperature=0)).tolist() == [0, 1, 0]


def test_draws_follow_the_distribution():
    p, rng = np.array([0.5, 0.0, 0.3, 0.2]), np.random.default_rng(0)
    counts = np.bincount([draw(p, rng) for _ in range(10_000)], minlength=4)
    assert counts[1] == 0
    expected = 10_000 * p[p > 0]
    chi_squared = ((counts[p > 0] - expected) ** 2 / expected).sum()
    assert chi_squared < 13.8  # 2 degrees of freedom: a correct sampler exceeds it once in a thousand seeds


def test_the_model_says_what_comes_next():
    assert counting("abcd").sample("ab", 6, settings=SamplingSettings(temperature=0)) == "cdabcd"
    assert counting("abcd").sample("ab", 6, seed=5) == "cdabcd"


def test_the_same_seed_writes_the_same_text_and_another_one_another():
    sampler = make()
    assert sampler.sample("abc", 60, seed=4) == sampler.sample("abc", 60, seed=4)
    assert sampler.sample("abc", 60, seed=4) != sampler.sample("abc", 60, seed=5)


def test_the_stream_is_the_sample_in_pieces():
    pieces = list(make().stream("abc", 60, seed=4))
    assert pieces == list(make().sample("abc", 60, seed=4))
    assert len(pieces) == 60


def test_the_prefix_matters():
    greedy = SamplingSettings(temperature=0)
    assert counting("abcd").sample("a", 1, settings=greedy) == "b"
    assert counting("abcd").sample("abc", 1, settings=greedy) == "d"


def test_an_empty_prefix_begins_with_any_character():
    first = {make().sample("", 1, seed=seed) for seed in range(200)}
    assert first == set(LETTERS.characters)


@pytest.mark.parametrize("stop", ["e", "efg", "abcdefgh", "gha"])
def test_it_stops_before_the_stop_text(stop):
    text = counting("abcdefgh").sample("a", 100, stop=stop)
    assert text == "bcdefghabcdefgh".partition(stop)[0]


def test_what_might_have_become_the_stop_text_is_written_after_all():
    assert counting("abcabd").sample("d", 20, settings=SamplingSettings(temperature=0), stop="zz") != ""
    assert counting("abcd").sample("a", 6, stop="bb") == "bcdabc"
    assert counting("abcd").sample("a", 7, stop="dad") == "bcdabcd"


def test_length_zero_writes_nothing():
    assert make().sample("abc", 0) == ""


def test_bad_settings_are_named():
    for wrong, word in (({"temperature": -1}, "-1"), ({"top_k": 0}, "top-k 0"), ({"top_p": 1.5}, "top-p 1.5")):
        with pytest.raises(InputError, match=word):
            SamplingSettings(**wrong)
    with pytest.raises(InputError, match="length -1"):
        make().sample("", -1)
    with pytest.raises(InputError, match="is empty"):
        make().sample("", stop="")


def test_unknown_characters_of_the_prefix_follow_the_policy():
    with pytest.raises(UnknownCharacterError, match="'é'"):
        make().sample("é")
    assert make().sample("éa", 9, unknown="skip") == make().sample("a", 9)
    assert make().sample("é", 9, unknown="replace") == make().sample("e", 9)


def test_a_bidirectional_model_is_refused_with_the_reason():
    with pytest.raises(InputError, match="yet to be"):
        make(ModelConfig(len(LETTERS), "gru", 6, bidirectional=True))
