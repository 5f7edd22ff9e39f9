import itertools

import pytest

from chargen.sampling.sentences import has_sentences, have_ended, sentence_end


def sentences(text):
    """Return the sentences that are over in a text that is read character by character."""
    ends = [0, *(end for n in range(len(text) + 1) if (end := sentence_end(text[:n])) is not None)]
    return [text[a:b].strip() for a, b in itertools.pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?"]),
        ("'Who?' he said. Then", ["'Who?' he said."]),
        ("“It is,” he said... “No!” “Yes.” -- “A", ["“It is,” he said...", "“No!”"]),
        ("Mr. H. G. Wells met Dr. Who.\nThen", ["Mr. H. G. Wells met Dr. Who."]),
        ("CHAPTER I\n\nthe sea", ["CHAPTER I"]),
        ("a line\nanother", []),
        ("It cost 3.5. A", ["It cost 3.5."]),
        ("子曰。「學！」他說？！好", ["子曰。", "「學！」", "他說？！"]),
        ("राम गया। वह", ["राम गया।"]),
        ("One.", []),
        ("", []),
        (". \n", []),
    ],
)
def test_sentences_are_told_apart(text, expected):
    assert sentences(text) == expected
    assert have_ended(text, len(expected))
    assert not have_ended(text, len(expected) + 1)


def test_a_text_of_lines_has_no_sentences():
    assert not has_sentences("Anna\nBert\nx = f.g(3)\n")
    assert has_sentences("He said 'no.'\n")
