import pytest

from chargen.errors import UnknownCharacterError
from chargen.sampling.prompt import read_prompt
from chargen.text.vocabulary import Vocabulary


def read(known, text, unknown="replace"):
    vocabulary = Vocabulary.from_text(known)
    ids, note = read_prompt(vocabulary, text, unknown)
    return vocabulary.decode(ids), note


def test_what_is_replaced_is_said_once():
    assert read("abc .'", "“a…b” 1") == (
        "'a...b'  ",
        "new to the model: “ read as ', … read as ..., ” read as ', 1 read as a space",
    )
    assert read("abc", "ab") == ("ab", "")
    assert read("abc ‘’“”", '"a" b\'c') == ("“a” b’c", "new to the model: \" read as ”, ' read as ’")


def test_what_is_left_out_is_said():
    assert read("abc", "a\x1bb!", "skip") == ("ab", r"new to the model: '\x1b' left out, ! left out")
    assert read("a", "abcdefghijklmn")[1].endswith("k left out and 3 more characters")


@pytest.mark.parametrize("unknown", ["error", "skip", "replace"])
def test_a_prompt_of_which_nothing_is_known_is_refused(unknown):
    with pytest.raises(UnknownCharacterError, match="never seen any character of this text: '漢'; begin with others"):
        read("abc ", "漢", unknown)
