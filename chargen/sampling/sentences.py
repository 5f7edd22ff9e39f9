"""Where sentences end, in a text that is still being written."""

import re

ENDS = ".!?…।؟۔。！？"
CLOSED = "\"'”’»›)]」』）】》"  # what may follow the end of a sentence before the next one begins
WITHOUT_SPACE = "。！？"  # ends that no space follows
CONTINUES = "-—–,;:"  # what begins no sentence
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Mt|Prof|Rev|Capt|Col|Gen|Lt|Sgt|Hon|Messrs|No|vs|cf|[A-Z])\.$")
NEAR = 100  # characters before a place that decide whether a sentence ends there


def sentence_end(text: str) -> int | None:
    """Return where a sentence ends, if the last character of `text` is the first to show it.

    That is the first character after the spaces, or in Chinese and Japanese after the mark. An empty line ends a
    sentence too.

    >>> sentence_end("He left. S"), sentence_end("He left."), sentence_end("“Who?” s"), sentence_end("Mr. S")
    (8, None, None, None)
    """
    last, before = text[-1:], text[-NEAR:-1]
    body = before.rstrip()
    if not body or not last or last.isspace():
        return None
    end, gap = len(text) - 1 - (len(before) - len(body)), before[len(body) :]
    if gap.count("\n") > 1:
        return end
    marks = body.rstrip(CLOSED)
    if gap:
        over = marks.endswith(tuple(ENDS)) and not (last.islower() or last in CONTINUES or ABBREVIATION.search(marks))
    else:
        over = marks.endswith(tuple(WITHOUT_SPACE)) and last not in CLOSED + ENDS
    return end if over else None


def have_ended(text: str, sentences: int) -> bool:
    """Return whether at least so many sentences have ended in `text`."""
    if len(re.findall(rf"[{ENDS}]|\n\s*\n", text)) < sentences:  # rules out most texts at once
        return False
    return sum(sentence_end(text[:end]) is not None for end in range(len(text) + 1)) >= sentences


def has_sentences(text: str) -> bool:
    """Return whether some sentence has ended in `text`, or ends with it.

    >>> has_sentences("Anna\\nBert\\n"), has_sentences("Anna came.\\n")
    (False, True)
    """
    return re.search(rf"[{ENDS}][{re.escape(CLOSED)}]*(?:\s|$)", text) is not None
