import numpy as np
import pytest

from chargen.text import words
from chargen.text.vocabulary import Vocabulary
from chargen.text.words import find_words, folded


def found(text):
    vocabulary = Vocabulary.from_text(text)
    return find_words(vocabulary.encode(text), vocabulary.characters)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Time-Traveller, 1895", ["the", "time", "traveller"]),
        ("Don’t. 'Don't!' ‘dogs’ ''so'' 'tis rock 'n' roll", ["dogs", "don't", "n", "rock", "roll", "so", "tis"]),
        ("said''he '''", ["he", "said"]),
        ("Été naïve STRASSE Straße", ["naïve", "strasse", "straße", "été"]),
        ("ΟΔΟΣ οδος", ["οδοσ"]),
        ("हिन्दी भाषा", ["भाषा", "हिन्दी"]),
        ("時間 and ไทย 한국어", ["and", "한국어"]),
        ("\n— 12 _ '\n", []),
        ("a" * 61 + " ab", ["ab"]),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_with_apostrophes_between_them(text, expected):
    assert found(text) == sorted(expected)


def test_no_word_is_cut_where_a_block_of_text_ends(monkeypatch):
    text = "It wasn't the time-traveller's 'odd' o''clock; a b cd " * 3
    whole = found(text)
    for block in range(1, 40):
        monkeypatch.setattr(words, "BLOCK", block)
        assert found(text) == whole, block


def test_of_too_many_words_the_frequent_ones_are_kept(monkeypatch):
    monkeypatch.setattr(words, "MOST_WORDS", 2)
    assert found("a b c b c") == ["b", "c"]


def test_ids_of_any_type_are_read():
    ids = np.array([1, 0, 2, 1], np.uint8)
    assert find_words(ids, " ab") == ["a", "ba"]


def test_folding_keeps_the_places_of_characters():
    characters = "İßẞ'’ʼ\n-Aé\u0301時"
    assert folded(characters) == "İßẞ'''  aé\u0301 "
