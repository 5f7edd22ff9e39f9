import pytest

from chargen.text.alike import curled, nearest
from chargen.text.vocabulary import Vocabulary

STRAIGHT, CURLY = " aeisto.,'\"-", " aeisto.,‘’“”—…"


@pytest.mark.parametrize(
    ("known", "character", "near"),
    [
        (STRAIGHT, "“", '"'),
        (STRAIGHT, "«", '"'),
        (STRAIGHT, "’", "'"),
        (STRAIGHT, "—", "--"),
        (STRAIGHT, "–", "-"),
        (STRAIGHT, "−", "-"),
        (STRAIGHT, "…", "..."),
        (STRAIGHT, "É", "e"),
        (STRAIGHT, "Œ", "oe"),
        (STRAIGHT, "ß", "ss"),
        (STRAIGHT, "\xa0", " "),
        (STRAIGHT, "\n", " "),
        (STRAIGHT, "\u0301", ""),
        (STRAIGHT, "\u200b", ""),
        (STRAIGHT, "漢", " "),
        (CURLY, '"', "”"),
        (CURLY, "'", "’"),
        (CURLY, "„", "“"),
        (CURLY, "-", "—"),
        ("a'-", "“", "'"),
        ("ab", "“", ""),
        ("T", "t", "T"),
    ],
)
def test_what_comes_nearest(known, character, near):
    assert nearest(character, known) == near


def test_straight_quotation_marks_open_where_a_word_begins():
    assert curled('"It\'s \'so\' -" ("a")', CURLY) == "“It's ‘so' -\" (“a\")"
    assert curled('"a"', '"“') == '"a"', "a mark that is known stays"


def test_a_text_with_longer_substitutes_is_encoded_whole():
    vocabulary = Vocabulary.from_text(STRAIGHT)
    assert vocabulary.decode(vocabulary.encode("“A—e…”漢t", "replace")) == '"a--e..." t'
    assert vocabulary.substitutes("e“—“") == {"“": '"', "—": "--"}
