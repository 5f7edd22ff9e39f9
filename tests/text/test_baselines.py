import lzma
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.text.baselines import count_model_loss, measure, xz_bits_per_character
from chargen.text.corpus import Corpus
from chargen.text.vocabulary import Vocabulary


def naive_loss(train, valid, order, V):
    """Witten-Bell by the book: a dictionary of counts for each context, characters one at a time."""
    text, total = train + valid, 0.0
    for i in range(len(train), len(text)):
        p = 1 / V
        for k in range(order + 1):
            context = text[max(i - k, 0) : i]
            starts = [j for j in range(len(train)) if text[max(j - k, 0) : j] == context]
            if starts:
                followers = Counter(text[j] for j in starts)
                p = (followers[text[i]] + len(followers) * p) / (len(starts) + len(followers))
        total -= math.log(p)
    return total / len(valid)


@given(st.text("abc", min_size=1, max_size=40), st.text("abc", min_size=1, max_size=15), st.integers(0, 3))
def test_the_count_model_equals_the_naive_one(train, valid, order):
    ids = np.frombuffer((train + valid).encode(), np.uint8).astype(np.int64) - ord("a")
    V = int(ids.max()) + 1
    expected = naive_loss(train, valid, order, V)
    assert count_model_loss(ids[: len(train)], ids[len(train) :], order) == pytest.approx(expected)


def test_a_repetitive_text_is_predicted_by_its_contexts():
    ids = np.tile(np.arange(7), 300)
    assert count_model_loss(ids[:2000], ids[2000:], order=0) == pytest.approx(math.log(7), rel=0.01)
    assert count_model_loss(ids[:2000], ids[2000:], order=2) < 0.01


def test_xz_counts_what_the_held_out_text_adds():
    rng = np.random.default_rng(0)
    noise = "".join(rng.choice(list("abcdefgh"), 4000))
    assert xz_bits_per_character(noise, noise[:1000]) < 1  # found again in the training text
    assert 3 < xz_bits_per_character(noise, "".join(rng.choice(list("abcdefgh"), 1000))) < 4  # 3 bits of entropy
    both, alone = (len(lzma.compress(text.encode(), preset=9)) for text in (noise + "héllo", noise))
    assert xz_bits_per_character(noise, "héllo") == 8 * (both - alone) / 5


def test_baselines_are_in_bits_per_character():
    ids = np.random.default_rng(0).integers(0, 4, 20_000)
    corpus = Corpus("noise", Vocabulary("abcd"), ids[:18_000], ids[18_000:], "0" * 64)
    counts, xz = measure(corpus).values()
    assert counts == pytest.approx(2, abs=0.15)
    assert counts == pytest.approx(count_model_loss(ids[:18_000], ids[18_000:], 5) / math.log(2))
    assert 2 <= xz < 2.6
    assert measure(Corpus("noise", Vocabulary("abcd"), ids, ids[:0], "0" * 64)) == {}
