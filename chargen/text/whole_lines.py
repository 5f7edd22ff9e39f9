"""Which whole lines stand in a text, read block by block."""

from collections.abc import Collection

from chargen.text.corpus import Corpus

BLOCK = 1 << 20  # characters that are read at a time


def whole_lines(text: str | Corpus, wanted: Collection[str]) -> set[str]:
    """Return those of the wanted lines that are whole lines of a text, or of a corpus's training part.

    Args:
        wanted: lines without their ends, normalized as the corpus is.
    """
    wanted, found, held = set(wanted), set(), ""
    if isinstance(text, str):
        return wanted.intersection(text.split("\n"))
    most = max(map(len, wanted), default=0) + 1  # a longer line is none of them, whatever follows
    for start in range(0, len(text.train_ids), BLOCK):
        held += text.vocabulary.decode(text.train_ids[start : start + BLOCK])
        *lines, held = held.split("\n")
        held = held[:most]
        found.update(wanted.intersection(lines))
    return found | ({held} & wanted)
