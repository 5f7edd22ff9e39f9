import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.sampling.stop_condition import StopCondition


@given(
    st.text("abcdefgh ", max_size=30), st.lists(st.text("ab ", min_size=1, max_size=3), max_size=3), st.integers(0, 3)
)
def test_a_text_ends_where_a_reader_would_end_it(text, stop, lines):
    text = text.replace("h", "\n")
    naive = next(
        (
            text[: n - len(end)]
            for n in range(len(text) + 1)
            for end in [*stop, *(["\n"] if lines and text[:n].count("\n") == lines else [])]
            if text[:n].endswith(end)
        ),
        text,
    )
    assert "".join(StopCondition(len(text), stop, lines or None).cut(iter(text))) == naive


def test_what_cannot_begin_a_stop_text_is_shown_at_once():
    pieces = StopCondition(6, "xyz").cut(iter("abcdef"))
    assert [next(pieces) for _ in range(3)] == ["a", "b", "c"]
    assert list(StopCondition(9, "xyz").cut(iter(["ab", "cdx", "y!fg", "hi"]))) == ["ab", "cd", "xy!fg"]
    drawn = []
    pieces = StopCondition(9, "xyz").cut(drawn.append(c) or c for c in "axbxy!xyz")
    assert next(pieces) == "a"
    assert drawn == ["a"]
    assert list(pieces) == ["xb", "xy!"]


def write(text, **options):
    return "".join(StopCondition(**options).cut(iter(text)))


def test_without_a_length_the_last_sentence_is_finished():
    text = "It was a long way off. " * 50
    assert write(text) == text[:505]
    assert write(text, length=500) == text[:500]


def test_a_text_of_lines_ends_with_a_line():
    assert write("Annabel Lee\n" * 60) == ("Annabel Lee\n" * 42).rstrip()


def test_a_text_without_an_end_is_ended_between_words_or_anywhere():
    assert write("the sea. " + "the sea " * 200) == ("the sea. " + "the sea " * 99).rstrip()
    assert len(write("x" * 2000)) == 851


def test_sentences_are_counted():
    text = "One. Two is 'it.' Three? four.\n\nFive."
    assert [write(text, sentences=n) for n in (1, 2, 3)] == [
        "One.",
        "One. Two is 'it.'",
        "One. Two is 'it.' Three? four.",
    ]
    assert write(text, sentences=3, length=20) == text[:20]
    assert write("a b. A" * 400, sentences=400) == ("a b. A" * 400)[:-2]


def test_numbers_below_1_are_refused():
    for name in ("lines", "sentences"):
        with pytest.raises(InputError, match=f"{name} 0: must be at least 1"):
            StopCondition(**{name: 0})
