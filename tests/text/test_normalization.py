import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text.normalization import JOINERS, NORMALIZATIONS, normalize, normalized

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
AWKWARD = st.lists(
    st.sampled_from(["\r\n", *"-–…“\n", *"aZ.' ΣΑσς\r\n\ufeffİé\u0301\U0001d400\u0323\u200dकि\u1100\u1161\u11a8"]),
    max_size=40,
).map("".join)

code_points = st.text(st.characters(categories=None))  # lone surrogates too
quick = settings(max_examples=60)


def naive_letters(text):
    """Letters with the marks that follow them; a space for each run of anything else."""
    kept, inside = [], False
    for character in unicodedata.normalize("NFC", text).lower():
        belongs = unicodedata.category(character)[0] == "M" or character in JOINERS
        inside = character.isalpha() or (inside and belongs)
        kept.append(character if inside else " ")
    return re.sub(" +", " ", "".join(kept))


def test_letters_on_the_time_machine_is_the_textbook_preparation():
    path = SHARED / "timemachine.txt"
    if not path.exists():
        pytest.skip(f"THE REAL TEXT {path} IS ABSENT: this test compares with it and has checked nothing")
    text = path.read_text("utf-8")
    prepared = normalize(text, "letters")
    assert prepared == re.sub("[^A-Za-z]+", " ", text).lower()
    assert "".join(sorted(set(prepared))) == " abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        ("prose", 'À la Carte: 2½ ÷ x² — snake_case\r\n\n("Ω")'),
        ("none", "À la Carte: 2½ ÷ x² — snake_case\r\n\n(“Ω”)"),
        ("lower", "à la carte: 2½ ÷ x² — snake_case\r\n\n(“ω”)"),
        ("letters", "à la carte x snake case ω "),
    ],
)
def test_normalizations(normalization, expected):
    assert normalize("À la Carte: 2½ ÷ x² — snake_case\r\n\n(“Ω”)", normalization) == expected


@quick
@given(code_points)
def test_letters_equals_a_naive_reference(text):
    assert normalize(text, "letters") == naive_letters(text)


@quick
@given(code_points, st.sampled_from(NORMALIZATIONS), st.integers(0, 20))
def test_normalization_is_idempotent_on_every_beginning(text, normalization, length):
    beginning = normalize(text, normalization)[:length]  # what max_chars keeps is normalised again by encode
    assert normalize(beginning, normalization) == beginning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में लिखा।", "हिन्दी में लिखा "),
        ("ที่นี่, น้ำ!", "ที่นี่ น้ำ "),
        ("Be\u030chem 2\u20e3 x\u030c", "b\u011bhem x\u030c"),  # a mark on a digit is no letter
        ("می\u200cخواهم ❤\ufe0f", "می\u200cخواهم "),  # noqa: RUF001
    ],
)
def test_letters_keep_their_marks(text, words):
    assert normalize(text, "letters") == words


@given(st.lists(AWKWARD, max_size=6), st.sampled_from(NORMALIZATIONS))
def test_pieces_are_normalised_as_the_whole(pieces, normalization):
    assert "".join(normalized(pieces, normalization)) == normalize("".join(pieces), normalization)
