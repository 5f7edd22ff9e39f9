"""What the lines of a text tell before training: what repeats, what does not belong there, what could be tidied."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from chargen.report.words import counted, percent

REPEATED = 0.25  # of a text's characters, in sentences and lines that stood in it before
FEW = 10  # of what stands in a text so seldom, nothing is said
LESSER = 0.05  # the share of the less frequent of two kinds from which on they are mixed
LONGEST_LINE = 10_000  # characters
WRAPPED = range(40, 121)  # characters of lines that someone has broken
LICENCE = re.compile(r"\*\*\* ?(?:START|END) OF TH\w+ PROJECT GUTENBERG|^The Project Gutenberg e", re.I | re.M)
MARKUP = re.compile(
    r"</?(?:p|br|div|span|a|i|b|em|strong|h[1-6]|li|ul|ol|t[dr]|html|body|font|sup|hr)(?: [^<>\n]{0,200})?/?>"
    r"|&(?:amp|nbsp|lt|gt|quot|[lr][sd]quo|mdash|#\d{2,5});",
    re.I,
)
PASSAGE = re.compile(r"\n|(?<=[.!?]) ")
LINE = re.compile(r"[^\n]+")
LINE_IN_PARAGRAPH = re.compile(r"^[^\n]*\S\n(?=(\S))", re.M)
MIXED = {  # the kinds of a mark, of which a text should have one
    "straight and curly double quotation marks": ('"', "[“”]"),
    "straight and curly apostrophes or single quotation marks": ("'", "[‘’]"),
    "dashes written -- and —": ("--+", "—"),
}
PROSE = "{normalization} prose"


@dataclass(frozen=True)
class Finding:
    """Something about a text that its owner may want to know.

    Attributes:
        what: what was found.
        advice: what to do about it; settings stand in braces, as in `chargen.errors.ChargenError`.
        grave: whether the text cannot be learned before something is done.
    """

    what: str
    advice: str
    grave: bool = False


def shape_findings(text: str) -> list[Finding]:
    """Return what the lines of a text, or of its beginning, tell."""
    return [finding for check in CHECKS if (finding := check(text))]


def _licence(text: str) -> Finding | None:
    found = [text.count("\n", 0, match.start()) + 1 for match in LICENCE.finditer(text)]
    what = f"a header or licence of Project Gutenberg in line {' and '.join(f'{line:,}' for line in found[:4])}"
    return Finding(what, "delete it, or the model learns to write licences") if found else None


def _markup(text: str) -> Finding | None:
    found = MARKUP.findall(text)
    what = f"{counted(len(found), 'HTML tag')} such as {' '.join(dict.fromkeys(found[:20]))[:60]}"
    return (
        Finding(what, "save the page as plain text, or the model learns to write tags") if len(found) >= FEW else None
    )


def _repeats(text: str) -> Finding | None:
    times = Counter(passage.strip() for passage in PASSAGE.split(text))
    again, whole = (sum((n - less) * len(passage) for passage, n in times.items()) for less in (1, 0))
    share = again / max(whole, 1)
    if share < REPEATED:
        return None
    passage, most = max(times.items(), key=lambda item: item[1] * len(item[0]))
    example = f"{passage[:40]!r}{'...' * (len(passage) > 40)} occurs {most:,} times"
    return Finding(
        f"{percent(share)} of the text repeats what came before: {example}",
        "keep one copy; with several, the held-out part is known from training, and its figures mean nothing",
    )


def _long_line(text: str) -> Finding | None:
    longest = max(map(len, LINE.findall(text)), default=0)
    what, advice = (
        f"a line of {longest:,} characters",
        "break it into paragraphs, or the model hardly learns to end one",
    )
    return Finding(what, advice) if longest > LONGEST_LINE else None


def _wrapped(text: str) -> Finding | None:
    """Find lines that end within sentences: what follows in their paragraph mostly begins with a small letter."""
    lines = [(len(match[0]) - 1, match[1]) for match in LINE_IN_PARAGRAPH.finditer(text)]
    broken = sum(length in WRAPPED and after.islower() for length, after in lines)
    if broken < FEW or broken < len(lines) / 2:
        return None
    return Finding(
        "lines that are broken within sentences, which the model learns too",
        f"{PROSE} joins the lines of a paragraph",
    )


def _mixed(text: str) -> Finding | None:
    mixed = []
    for name, kinds in MIXED.items():
        counts = [len(re.findall(kind, text)) for kind in kinds]
        if min(counts) >= max(FEW, LESSER * sum(counts)):
            mixed.append(f"{name} ({counts[0]:,} and {counts[1]:,})")
    return Finding(", ".join(mixed), f"{PROSE} writes them in one way") if mixed else None


CHECKS: tuple[Callable[[str], Finding | None], ...] = (
    _licence,
    _markup,
    _repeats,
    _long_line,
    _wrapped,
    _mixed,
)
