import random

import pytest

from chargen.analysis.text_shape import shape_findings

RNG = random.Random(0)
WORDS = ["the", "lamp", "was", "lit", "and", "nobody", "came", "down", "to", "look", "because", "rain", "had", "begun"]


def paragraph(width=None, sentences=6):
    """Return sentences of random words, as one line or broken at a width."""
    text = " ".join(" ".join(RNG.choices(WORDS, k=12)).capitalize() + "." for _ in range(sentences))
    lines, line = [], ""
    for word in text.split():
        if width and len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def prose(paragraphs=40, width=None):
    return "\n\n".join(paragraph(width) for _ in range(paragraphs)) + "\n"


def found(text):
    return [finding.what for finding in shape_findings(text)]


HEALTHY = {
    "prose": prose(),
    "verse": "\n".join(paragraph(sentences=1) for _ in range(200)),
    "names": "\n".join("".join(RNG.choices("aeioulmnrst", k=6)).title() for _ in range(2000)),
    "a play": "\n\n".join(f"{RNG.choice(['ANNA', 'BEN'])}:\n{paragraph(sentences=2)}" for _ in range(100)),
    "last names first": "\n".join(f"{RNG.random()}, Anna" for _ in range(100)),
    "words of code": "\n".join(f"    total{n} = total{n - 1} * {n};" for n in range(300)),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_of_a_healthy_text_nothing_is_said(kind):
    assert found(HEALTHY[kind]) == []


@pytest.mark.parametrize(
    ("text", "what", "advice"),
    [
        (
            f"The Project Gutenberg eBook of Lamps\n\n*** START OF THE PROJECT GUTENBERG EBOOK LAMPS ***\n{prose()}",
            "a header or licence of Project Gutenberg in line 1 and 3",
            "delete it",
        ),
        (prose(8) * 4, "75 % of the text repeats what came before", "one copy"),
        (f"{prose(8)}" + "Subscribe now!\n" * 400, "400 times", "copy"),
        (f"<p>{'</p><p>'.join(paragraph() for _ in range(20))}</p>", "HTML tags such as <p> </p>", "plain text"),
        (" ".join(paragraph() for _ in range(100)), "a line of ", "paragraphs"),
        (prose(width=70), "broken within sentences", "{normalization} prose joins"),
        (prose().replace("The ", '"The" ', 60).replace(" lamp ", " “lamp” "), "double quotation marks (", "one way"),
        (prose().replace(" was ", "--was--").replace(" lamp ", "—lamp—"), "dashes written -- and — (", "one way"),
    ],
    ids=["licence", "copies", "one line", "HTML", "long line", "wrapped", "quotation marks", "dashes"],
)
def test_what_harms_is_named_with_a_remedy(text, what, advice):
    (finding,) = shape_findings(text)
    assert what in finding.what
    assert advice in finding.advice
    assert not finding.grave
