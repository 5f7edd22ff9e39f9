import pytest

from chargen.text.prose import as_prose


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("It was\nlate.\nHe left.\n", "It was late. He left.\n"),
        ("One  \n\n\n\nTwo", "One\n\nTwo"),
        ("Then:\n    a line\n    and one\nmore", "Then:\n    a line\n    and one more"),
        ("a well-\nknown man--\nand", "a well-known man—and"),
        ("“It’s… ‘it’”", "\"It's... 'it'\""),
        ("this--that – those ― these---end", "this—that — those — these—end"),
        ("灯\n亮了", "灯亮了"),
        ("\nIt", "\nIt"),
    ],
)
def test_paragraphs_become_lines_and_marks_are_written_in_one_way(text, prose):
    assert as_prose(text) == prose
