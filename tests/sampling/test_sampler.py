import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError, UnknownCharacterError
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.filters import SamplingSettings, probabilities
from chargen.sampling.sampler import CONTEXT, SIDE_BY_SIDE, Ending, Sampler, until
from chargen.text.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")


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


@pytest.mark.parametrize("prefix", ["abc", ""])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_side_by_side_and_alone_the_same_seed_writes_the_same_text(cell, prefix):
    sampler = make(ModelConfig(len(LETTERS), cell, 6, 2))
    texts = list(sampler.samples(SIDE_BY_SIDE + 5, prefix, 200, seed=9))
    assert texts == [sampler.sample(prefix, 200, seed=(9, n)) for n in range(SIDE_BY_SIDE + 5)]
    assert len(set(texts)) == len(texts)


def test_side_by_side_and_alone_texts_end_at_the_same_place():
    sampler = make()
    texts = list(sampler.samples(20, "abc", 300, seed=9, stop=["ab", "h c"]))
    assert texts == [sampler.sample("abc", 300, seed=(9, n), stop=["ab", "h c"]) for n in range(20)]
    assert len({len(text) for text in texts}) > 5


@given(
    st.text("abcdefgh ", max_size=30), st.lists(st.text("ab ", min_size=1, max_size=3), max_size=3), st.integers(0, 3)
)
def test_a_text_ends_where_a_reader_would_end_it(text, stop, lines):
    text = text.replace("h", "\n")
    naive = next(
        (
            text[: n - len(end)]
            for n in range(len(text) + 1)
            for end in [*stop, *(["\n"] if lines and text[:n].count("\n") == lines else [])]
            if text[:n].endswith(end)
        ),
        text,
    )
    assert "".join(until(Ending(tuple(stop), lines or None), iter(text))) == naive


def test_what_cannot_begin_a_stop_text_is_shown_at_once():
    pieces = until(Ending(("xyz",)), iter("abcdef"))
    assert [next(pieces) for _ in range(3)] == ["a", "b", "c"]
    drawn = []
    pieces = until(Ending(("xyz",)), (drawn.append(c) or c for c in "axbxy!xyz"))
    assert next(pieces) == "a"
    assert drawn == ["a"]
    assert list(pieces) == ["xb", "xy!", ""]


def log_probability(sampler, prefix, text):
    """Return the logarithm of the probability that `text` follows `prefix`."""
    state, total = sampler.begin_state(), 0.0
    ids = sampler.vocabulary.encode(prefix + text)
    for place, char_id in enumerate(ids[:-1], 1):
        logits, state = sampler.step(char_id[None], state)
        if place >= len(prefix):
            total += np.log(probabilities(logits[0], SamplingSettings())[ids[place]])
    return total


def test_a_beam_that_is_wide_enough_finds_the_likeliest_text_of_all():
    sampler = make(ModelConfig(len(LETTERS), "lstm", 6))
    texts = ["".join(text) for text in itertools.product(LETTERS.characters, repeat=3)]
    likeliest = max(texts, key=lambda text: log_probability(sampler, "ab", text))
    assert sampler.likeliest("ab", 3, width=len(LETTERS) ** 2) == likeliest


def test_of_texts_that_end_the_likeliest_per_character_is_found():
    sampler = make(ModelConfig(len(LETTERS), "lstm", 6))
    ended = ["".join(text) + "c" for n in range(3) for text in itertools.product("abdefgh ", repeat=n)]
    whole = ["".join(text) for text in itertools.product("abdefgh ", repeat=3)]
    likeliest = max(ended + whole, key=lambda text: log_probability(sampler, "ab", text) / len(text))
    assert sampler.likeliest("ab", 3, width=len(LETTERS) ** 3, stop="c") == likeliest.removesuffix("c")


def test_a_beam_of_one_is_greedy_and_a_wider_one_is_likelier():
    sampler = make(ModelConfig(len(LETTERS), "rnn", 6), scale=2.0)
    greedy = sampler.sample("ab", 25, settings=SamplingSettings(temperature=0))
    assert sampler.likeliest("ab", 25, width=1) == greedy
    wide = sampler.likeliest("ab", 25, width=30)
    assert log_probability(sampler, "ab", wide) > log_probability(sampler, "ab", greedy)


def test_a_beam_ends_at_a_stop_text():
    assert counting("abcd").likeliest("a", 50, width=3, stop="da") == "bc"
    assert counting("ab\n").likeliest("a", 50, width=3, lines=2) == "b\nab"
    with pytest.raises(InputError, match="a beam 0 wide"):
        counting("abcd").likeliest("a", 5, width=0)
    with pytest.raises(InputError, match="needs a prefix"):
        counting("abcd").likeliest("", 5, width=3)


def test_of_a_long_prefix_the_end_is_read():
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
    assert counting("abcd").sample("a", 6, stop="bb") == "bcdabc"
    assert counting("abcd").sample("a", 7, stop="dad") == "bcdabcd"


def test_length_zero_writes_nothing():
    assert make().sample("abc", 0) == ""


def test_bad_settings_are_named():
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
