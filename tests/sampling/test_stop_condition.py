from hypothesis import given
from hypothesis import strategies as st

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
    drawn = []
    pieces = StopCondition(9, "xyz").cut(drawn.append(c) or c for c in "axbxy!xyz")
    assert next(pieces) == "a"
    assert drawn == ["a"]
    assert list(pieces) == ["xb", "xy!", ""]
