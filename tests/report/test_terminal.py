import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.report.terminal import colours, mark, printable


@given(st.text("ab\n", max_size=30), st.data())
def test_just_what_lies_in_a_span_is_marked_line_by_line(text, data):
    places = st.integers(0, len(text))
    spans = sorted((min(pair), max(pair)) for pair in data.draw(st.lists(st.tuples(places, places), max_size=4)))
    marked, inside, found = mark(text, spans, begin="<", end=">"), False, []
    for character in marked:
        if character in "<>":
            assert inside is (character == ">")
            inside = character == "<"
        else:
            found.append((character, inside))
    in_a_span = [any(begin <= place < end for begin, end in spans) for place in range(len(text))]
    assert found == [(c, within and c != "\n") for c, within in zip(text, in_a_span, strict=True)]
    assert not inside


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_marks_are_obeyed_and_control_characters_shown():
    shown = mark("\x1b[31mred\x07", [(3, 8)], lambda piece: printable(piece, Terminal()))
    assert shown == "\\x1b[3" + "\x1b[7m" + "1mred" + "\x1b[27m" + "\\x07"


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_of_people_who_want_them(stream, environment, expected, monkeypatch):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colours(stream) is expected
