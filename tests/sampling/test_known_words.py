import pickle

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.sampling.decoder import DecoderState
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.known_words import KnownWords
from chargen.text.vocabulary import Vocabulary
from chargen.text.words import find_words

VOCABULARY = Vocabulary.from_text(" -'’.absABS\n")
WORDS = ["a", "ab", "abba", "b", "bab's", "sab", "éa"]
BETWEEN = " -'’.\n"
WILD = SamplingSettings(temperature=3)


@pytest.fixture
def keeping(make):
    """A function that makes a sampler of random weights that keeps to known words."""

    def keeping(words=WORDS, vocabulary=VOCABULARY):
        sampler = make(vocabulary=vocabulary, words=words)
        sampler.keep_to_known_words()
        return sampler

    return keeping


def words_in(text):
    return set(find_words(VOCABULARY.encode(text), VOCABULARY.characters))


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("", BETWEEN + "absABS"),
        ("a", BETWEEN + "bB"),
        ("ab-", BETWEEN + "absABS"),
        ("AB", BETWEEN + "bB"),
        ("abb", "aA"),
        ("sa", "bB"),
        ("bab", "'’"),
        ("bab’", "sS"),
        ("bab's", BETWEEN),
        ("ab'", BETWEEN),  # a closing quotation mark
        ("'a", BETWEEN + "bB"),
        ("a''", BETWEEN + "absABS"),
        ("ss", BETWEEN),  # of a prefix; no word begins so
        ("ss'", BETWEEN),
    ],
)
def test_what_may_follow(text, following):
    known, begun = KnownWords(WORDS, VOCABULARY.characters), [""]
    for place in VOCABULARY.encode(text):
        begun = known.read(begun, place[None])
    allowed = known.bars(begun)[0] == 0
    assert {c for c, may in zip(VOCABULARY.characters, allowed, strict=True) if may} == set(following)


def test_all_known_words_are_written_and_no_others(keeping):
    sampler = keeping()
    assert words_in(sampler.sample("", 3000, settings=WILD, seed=1)) == set(WORDS) - {"éa"}


def test_a_copy_keeps_to_the_same_words(keeping):
    sampler = keeping()
    text = sampler.sample("sa", 60, settings=WILD)
    assert pickle.loads(pickle.dumps(sampler)).sample("sa", 60, settings=WILD) == text


def test_texts_side_by_side_by_beam_search_and_by_greed_keep_to_known_words(keeping):
    sampler, greedy = keeping(), SamplingSettings(temperature=0)
    texts = [f"sa{text}" for text in sampler.samples(12, "sa", 200, settings=WILD, seed=2)]
    texts += [f"-{sampler.beam_search('-', 60, width=4)}", sampler.sample("", 200, settings=greedy)]
    for text in texts:
        assert words_in(text.rpartition(" ")[0]) <= set(WORDS)


def test_what_is_taken_back_has_begun_no_word(keeping):
    state = DecoderState(keeping())
    state.read(VOCABULARY.encode("a"))
    mark = state.mark()
    state.read(VOCABULARY.encode(" "))
    state.rewind(mark)
    state.read(VOCABULARY.encode("b"))
    assert state.logits[0, VOCABULARY.encode("a")] == -np.inf  # "aba" begins no word, but "ba" does


@pytest.mark.parametrize(
    ("words", "characters"),
    [([], " ab"), (["ä"], " ab"), (["ab"], "ab"), (["ab"], " ab时间天地")],
    ids=["none", "none that can be written", "nothing between words", "Chinese"],
)
def test_a_model_without_words_is_refused(keeping, words, characters):
    with pytest.raises(InputError, match="known_words needs the words"):
        keeping(words, Vocabulary.from_text(characters))
