import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import InputError, UnknownCharacterError
from chargen.text.alike import nearest
from chargen.text.normalization import JOINERS, normalize
from chargen.text.vocabulary import Vocabulary

SHARED = Path(__file__).parents[2].parent / "shared" / "data"

code_points = st.text(st.characters(categories=None))  # lone surrogates too: what argv makes of bytes that are no UTF-8
few_letters = st.text(st.sampled_from("aAbBéÉß \nñ9½☃😀\ud83d"))  # so that a text and a vocabulary overlap often
quick = settings(max_examples=60)


def shared_text(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"THE REAL TEXT {path} IS ABSENT: this test compares with it and has checked nothing")
    return path.read_text("utf-8")


@pytest.mark.parametrize("build", [lambda: normalize("x", "upper"), lambda: Vocabulary("x", "upper")])
def test_unknown_normalization_is_refused(build):
    with pytest.raises(InputError, match=r"^normalization 'upper': must be one of none, prose, lower, letters$"):
        build()


@quick
@given(code_points)
def test_encode_and_decode_equal_a_naive_dictionary(text):
    composed = unicodedata.normalize("NFC", text)
    rank = {character: i for i, character in enumerate(sorted(set(composed)))}
    vocabulary = Vocabulary.from_text(text)
    ids = vocabulary.encode(text)
    assert vocabulary.characters == "".join(rank)
    assert len(vocabulary) == len(rank)
    assert ids.dtype == np.int64
    assert ids.tolist() == [rank[character] for character in composed]
    assert vocabulary.decode(ids) == composed


@quick
@given(few_letters, few_letters.filter(bool))
def test_unknown_policies_equal_a_naive_reference(text, known):
    vocabulary = Vocabulary.from_text(known)
    rank = {character: i for i, character in enumerate(sorted(set(known)))}

    assert vocabulary.encode(text, "skip").tolist() == [rank[c] for c in text if c in rank]
    replaced = "".join(c if c in rank else nearest(c, rank) for c in text)
    assert vocabulary.encode(text, "replace").tolist() == [rank[c] for c in replaced]
    if set(text) <= set(known):
        assert vocabulary.encode(text, "error").tolist() == [rank[c] for c in text]
    else:
        with pytest.raises(UnknownCharacterError):
            vocabulary.encode(text, "error")


def test_error_names_each_unknown_character_once_and_the_remedy():
    vocabulary = Vocabulary.from_text("time traveller")
    with pytest.raises(UnknownCharacterError) as caught:
        vocabulary.encode("Zeit\nZug")
    assert str(caught.value) == (
        "the text has characters that the model has never seen: '\\n' 'Z' 'g' 'u';"
        " set unknown to skip to leave them out, or to replace to take the nearest known ones"
    )
    assert caught.value.exit_code == 2


def test_error_names_ten_characters_at_most_and_the_normalization():
    vocabulary = Vocabulary.from_text("xyz", "lower")
    with pytest.raises(UnknownCharacterError) as caught:
        vocabulary.encode("abcdefghijklm xyz")
    shown = re.escape(
        "' ' 'a' 'b' 'c' 'd' 'e' 'f' 'g' 'h' 'i' and 4 more (normalization lower was applied to its training text);"
    )
    assert re.search(shown, str(caught.value))


def test_skip_and_replace_on_an_example():
    vocabulary = Vocabulary.from_text("Cafe a la mode")
    text = "CÀFÉ À LÁ MODE ☃!"
    assert vocabulary.decode(vocabulary.encode(text, "skip")) == "C    "
    assert vocabulary.decode(vocabulary.encode(text, "replace")) == "Cafe a la mode   "


def test_unknown_policy_itself_is_checked_even_when_nothing_is_unknown():
    with pytest.raises(InputError, match=r"^unknown 'ignore': must be one of error, skip, replace$") as caught:
        Vocabulary.from_text("ab").encode("ab", "ignore")
    assert not isinstance(caught.value, UnknownCharacterError)


def test_characters_beyond_the_table_are_unknown():
    vocabulary = Vocabulary.from_text("".join(map(chr, range(128))))
    beyond = "a\x7f\x80é漢😀\U0010ffffb"
    assert vocabulary.encode(beyond, "skip").tolist() == [97, 127, 98]
    assert vocabulary.decode(vocabulary.encode(beyond, "replace")) == "a\x7fe   b"
    with pytest.raises(UnknownCharacterError, match=re.escape("'\\x80' 'é' '漢' '😀' '\\U0010ffff';")):
        vocabulary.encode(beyond)


def test_surrogates_from_a_broken_argument():
    argument = b"caf\xe9".decode("utf-8", "surrogateescape")  # what sys.argv makes of Latin-1 in a UTF-8 locale
    vocabulary = Vocabulary.from_text("cafe ")
    with pytest.raises(UnknownCharacterError, match=re.escape("'\\udce9'")) as caught:
        vocabulary.encode(argument)
    str(caught.value).encode("utf-8")  # the message can be shown
    assert vocabulary.decode(vocabulary.encode(argument, "skip")) == "caf"
    assert vocabulary.decode(vocabulary.encode(argument, "replace")) == "caf "


def test_encode_prepares_a_prefix_as_the_corpus_was():
    vocabulary = Vocabulary.from_text("The Time Machine", "letters")
    assert vocabulary.characters == " acehimnt"
    assert vocabulary.decode(vocabulary.encode("Ten--MEN!")) == "ten men "


@pytest.mark.parametrize("characters", ["ba", "aa", "abca"])
def test_unsorted_or_repeated_characters_are_refused(characters):
    with pytest.raises(InputError, match="distinct characters in sorted order; build one with from_text"):
        Vocabulary(characters)


def test_the_ids_returned_are_the_callers_own():
    vocabulary = Vocabulary.from_text("abc")
    first = vocabulary.encode("aXc", "replace")
    first[:] = 9  # the caller owns the array; the vocabulary's table is not behind it
    assert vocabulary.encode("abc").tolist() == [0, 1, 2]


@pytest.mark.parametrize("ids", [[2, 0], (2, 0), np.array([2, 0], dtype=np.uint8)])
def test_decode_takes_any_integer_sequence(ids):
    assert Vocabulary("abc").decode(ids) == "ca"


def test_letters_leaves_only_letters_of_all_unicode():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    others = {c for c in normalize(everything, "letters") if not c.isalpha()} - set(JOINERS)
    assert {unicodedata.category(c)[0] for c in others - {" "}} == {"M"}
    assert " " in others


@pytest.mark.parametrize("prompt", ["Be\u030chem \u1112\u1161\u11ab", "B\u011bhem \ud55c"])
@pytest.mark.parametrize("learned", ["Be\u030chem \u1112\u1161\u11ab", "B\u011bhem \ud55c"])
def test_a_prompt_meets_a_text_in_either_unicode_form(prompt, learned):
    vocabulary = Vocabulary.from_text(learned)
    assert vocabulary.decode(vocabulary.encode(prompt)) == "B\u011bhem \ud55c"
    older = Vocabulary("".join(sorted(set(learned))))  # of a text that was not brought into one form
    assert older.decode(older.encode(prompt)) == learned
