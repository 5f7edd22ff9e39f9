"""Prose with a line for each paragraph, and one kind of quotation marks, dashes and dots."""

import re

MARKS = str.maketrans(dict.fromkeys("“”„‟", '"') | dict.fromkeys("‘’‚‛", "'") | {"…": "..."})
DASHES = re.compile("[–―]|-{2,}")
LINE_ENDS = re.compile(r"[ \t]*\n[ \t\n]*")
CLOSED_UP = re.compile("[-–—―\u2e80-\u9fff\uff01-\uffef]")  # what a joined line follows without a space


def as_prose(text: str) -> str:
    r"""Return a text whose paragraphs are lines, with straight quotation marks and long dashes.

    Lines are joined by a space, or by nothing after a hyphen, a dash, and the characters of East Asia. Empty lines and
    indented lines stand as they are. Parts of a text that meet between `apart` characters can be converted each alone.

    >>> as_prose("“It’s a well-\nknown\nword,” he said--\nand left.\n\n\nThen:\n    a line")
    '"It\'s a well-known word," he said—and left.\n\nThen:\n    a line'
    """
    return DASHES.sub("—", LINE_ENDS.sub(_joined, text).translate(MARKS))


def apart(before: str, after: str) -> bool:
    """Whether prose may be cut between two characters: not inside or beside a line end, nor in a dash."""
    return not {before, after} & set(" \t\n-")


def _joined(run: re.Match) -> str:
    """Return what stands for a run of line ends and spaces."""
    indent = run[0].rpartition("\n")[2]
    if run[0].count("\n") > 1:
        return f"\n\n{indent}"
    if run.start() == 0 or run.end() == len(run.string) or len(indent) > 1:
        return f"\n{indent}"
    return "" if CLOSED_UP.match(run.string[run.start() - 1]) else " "
