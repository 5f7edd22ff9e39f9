import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text.normalization import NORMALIZATIONS, normalize, normalized

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
AWKWARD = st.lists(st.sampled_from(["\r\n", *"aZ.' ΣΑσς\r\n\ufeffİé\u0301\U0001d400"]), max_size=40).map("".join)

code_points = st.text(st.characters(categories=None))  # lone surrogates too
quick = settings(max_examples=60, deadline=None)


def naive_letters(text):
    runs = itertools.groupby(text.lower(), str.isalpha)
    return "".join("".join(run) if letters else " " for letters, run in runs)


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


@given(st.lists(AWKWARD, max_size=6), st.sampled_from(NORMALIZATIONS))
def test_pieces_are_normalised_as_the_whole(pieces, normalization):
    assert "".join(normalized(pieces, normalization)) == normalize("".join(pieces), normalization)
