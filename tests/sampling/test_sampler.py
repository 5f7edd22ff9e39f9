import pickle

import pytest

from chargen.errors import InputError, UnknownCharacterError
from chargen.network.config import ModelConfig
from chargen.sampling.decoder import AT_A_TIME, MANY
from chargen.sampling.filters import AS_LEARNED, SamplingSettings
from chargen.sampling.sampler import SIDE_BY_SIDE
from chargen.text.vocabulary import Vocabulary

LETTERS = Vocabulary.from_text("abcdefgh ")


def test_the_model_says_what_comes_next(counting):
    assert counting("abcd").sample("ab", 6, settings=SamplingSettings(temperature=0)) == "cdabcd"
    assert counting("abcd").sample("ab", 6, seed=5) == "cdabcd"


def test_the_same_seed_writes_the_same_text_and_another_one_another(make):
    sampler = make()
    assert sampler.sample("abc", 60, seed=4) == sampler.sample("abc", 60, seed=4)
    assert sampler.sample("abc", 60, seed=4) != sampler.sample("abc", 60, seed=5)


def test_a_copy_writes_the_same_text_after_the_kernels_have_run(make):
    sampler = make()
    text = sampler.sample("abc", 60, seed=4)
    list(sampler.samples(MANY, "abc", 60))
    assert pickle.loads(pickle.dumps(sampler)).sample("abc", 60, seed=4) == text


def test_the_stream_is_the_sample_in_pieces(make):
    pieces = list(make().stream("abc", 60, seed=4))
    assert "".join(pieces) == make().sample("abc", 60, seed=4)
    assert max(map(len, pieces)) <= AT_A_TIME


@pytest.mark.parametrize("prefix", ["abc", ""])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_side_by_side_and_alone_the_same_seed_writes_the_same_text(make, cell, prefix):
    sampler = make(ModelConfig(len(LETTERS), cell, 6, 2))
    texts = list(sampler.samples(SIDE_BY_SIDE + 5, prefix, 200, seed=9, settings=AS_LEARNED))
    assert texts == [sampler.sample(prefix, 200, seed=(9, n), settings=AS_LEARNED) for n in range(SIDE_BY_SIDE + 5)]
    assert len(set(texts)) == len(texts)


def test_side_by_side_and_alone_texts_end_at_the_same_place(make):
    sampler = make()
    texts = list(sampler.samples(20, "abc", 300, seed=9, stop=["ab", "h c"]))
    assert texts == [sampler.sample("abc", 300, seed=(9, n), stop=["ab", "h c"]) for n in range(20)]
    assert len({len(text) for text in texts}) > 5


def test_the_prefix_matters(counting):
    greedy = SamplingSettings(temperature=0)
    assert counting("abcd").sample("a", 1, settings=greedy) == "b"
    assert counting("abcd").sample("abc", 1, settings=greedy) == "d"


def test_without_a_prefix_a_text_begins_as_after_a_line_end(counting):
    assert {counting("ab\ncd").sample("", 3, seed=seed) for seed in range(9)} == {"cda"}
    assert counting("ab\ncd").sample("", 3, settings=SamplingSettings(temperature=0)) == "cda"
    assert next(counting("ab\ncd").samples(1, "", 3)) == counting("ab\ncd").beam_search("", 3, 2) == "cda"
    assert counting("ab cd").sample("", 3) == "cda"
    assert counting("a\n b").sample("", 2) == "b" + "a", "no text begins with blank space"


def test_where_a_text_has_empty_lines_it_begins_after_one(make):
    sampler = make(vocabulary=Vocabulary.from_text("ab\n"))
    ends = {name: sampler.sample(name, 40, seed=1) for name in ("\n", "\n\n")}
    assert sampler.sample("", 40, seed=1) == ends["\n\n"]


def test_without_anything_to_begin_after_the_first_character_is_any(counting):
    assert {counting("abcd").sample("", 1, seed=seed) for seed in range(50)} == set("abcd")


@pytest.mark.parametrize("stop", ["e", "efg", "abcdefgh", "gha"])
def test_it_stops_before_the_stop_text(counting, stop):
    text = counting("abcdefgh").sample("a", 100, stop=stop)
    assert text == "bcdefghabcdefgh".partition(stop)[0]


def test_what_might_have_become_the_stop_text_is_written_after_all(counting):
    assert counting("abcd").sample("a", 6, stop="bb") == "bcdabc"
    assert counting("abcd").sample("a", 7, stop="dad") == "bcdabcd"


def test_length_zero_writes_nothing(make):
    assert make().sample("abc", 0) == ""


def test_bad_settings_are_named(make):
    with pytest.raises(InputError, match="length -1"):
        make().sample("", -1)
    with pytest.raises(InputError, match="stop '': must have"):
        make().sample("", stop="")


def test_unknown_characters_of_the_prefix_are_refused(make):
    for write in (make().sample, lambda prefix: next(make().samples(2, prefix)), lambda p: make().beam_search(p, 9, 2)):
        with pytest.raises(UnknownCharacterError, match="'é'"):
            write("é")
