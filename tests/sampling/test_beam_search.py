import itertools

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.network.config import ModelConfig
from chargen.sampling.filters import AS_LEARNED, SamplingSettings, probabilities
from chargen.text.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")


def log_probability(sampler, prefix, text):
    """Return the logarithm of the probability that `text` follows `prefix`."""
    state, total = sampler.begin_state(), 0.0
    ids = sampler.vocabulary.encode(prefix + text)
    for place, char_id in enumerate(ids[:-1], 1):
        logits, state = sampler.step(char_id[None], state)
        if place >= len(prefix):
            total += np.log(probabilities(logits[0], AS_LEARNED)[ids[place]])
    return total


def test_a_beam_that_is_wide_enough_finds_the_likeliest_text_of_all(make):
    sampler = make(ModelConfig(len(LETTERS), "lstm", 6))
    texts = ["".join(text) for text in itertools.product(LETTERS.characters, repeat=3)]
    likeliest = max(texts, key=lambda text: log_probability(sampler, "ab", text))
    assert sampler.beam_search("ab", 3, width=len(LETTERS) ** 2) == likeliest


def test_of_texts_that_end_the_likeliest_per_character_is_found(make):
    sampler = make(ModelConfig(len(LETTERS), "lstm", 6))
    ended = ["".join(text) + "c" for n in range(3) for text in itertools.product("abdefgh ", repeat=n)]
    whole = ["".join(text) for text in itertools.product("abdefgh ", repeat=3)]
    likeliest = max(ended + whole, key=lambda text: log_probability(sampler, "ab", text) / len(text))
    assert sampler.beam_search("ab", 3, width=len(LETTERS) ** 3, stop="c") == likeliest.removesuffix("c")


def test_a_beam_of_one_is_greedy_and_a_wider_one_is_likelier(make):
    sampler = make(ModelConfig(len(LETTERS), "rnn", 6), scale=2.0)
    greedy = sampler.sample("ab", 25, settings=SamplingSettings(temperature=0))
    assert sampler.beam_search("ab", 25, width=1) == greedy
    wide = sampler.beam_search("ab", 25, width=30)
    assert log_probability(sampler, "ab", wide) > log_probability(sampler, "ab", greedy)


def test_a_beam_ends_at_a_stop_text(counting):
    assert counting("abcd").beam_search("a", 50, width=3, stop="da") == "bc"
    assert counting("ab\n").beam_search("a", 50, width=3, lines=2) == "b\nab"
    assert counting("abcd").beam_search("a", 0, width=3) == ""
    with pytest.raises(InputError, match="width 0"):
        counting("abcd").beam_search("a", 5, width=0)
    with pytest.raises(InputError, match="needs a prefix"):
        counting("abcd").beam_search("", 5, width=3)
