"""Whether a generated text is copied: which of its spans stand word for word in the text that the model learned."""

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TextIO

import numpy as np

from chargen.corpus import Corpus, load_corpus
from chargen.errors import InputError

SPAN = 20  # characters from which on a verbatim span counts as copied; shorter ones are the language's own phrases
NAME_IT = "name the text to compare with: chargen sample --audit CORPUS"
STRIDE = 8  # suffixes that begin so many characters apart are sorted together


@dataclass(frozen=True)
class Copied:
    """What of a sample stands word for word in the training text.

    Attributes:
        longest: the longest verbatim span, the first of several; also when it is shorter than SPAN.
        share: of the sample's characters, those that lie in `spans`, from 0 to 1; 0 for an empty sample.
        spans: begin and end, in characters, of each span of at least SPAN that is verbatim and cannot be made longer
            on either side, in order; `sample[begin:end]` stands in the training text. Where two passages were joined,
            their spans may overlap.
    """

    longest: str
    share: float
    spans: tuple[tuple[int, int], ...]


class CopyIndex:
    """All suffixes of a training text in order, so that any span is looked up in it as in a dictionary.

    This is a suffix array (Manber and Myers 1993), in STRIDE parts: suffix p is in the part p modulo STRIDE. To sort
    the suffixes of one part takes the doubling of their method for a text of len / STRIDE blocks; each further part
    then follows from one sort, by the first character and the rank of the suffix after it. That is several times
    faster than one array, and a text that repeats itself costs little more than any other.

    >>> index = CopyIndex("It was the best of times, it was the worst of times")
    >>> found = index.audit("She said it was the best of times.")
    >>> found.longest, found.share, found.spans
    ('t was the best of times', 0.6764705882352942, ((10, 33),))
    """

    def __init__(self, text: str):
        self._text = text
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)  # (characters,)
        blocks = np.zeros((len(text) // STRIDE + 1, STRIDE), dtype=np.int64)  # the last one alone ends in a 0
        blocks.reshape(-1)[: len(text)] = points + np.uint32(1)
        ranks = np.roll(_suffix_ranks(_block_names(blocks)), -1)  # of the suffix after each block, (blocks,)
        self._parts = []
        for column in reversed(range(STRIDE)):
            order = np.argsort(blocks[:, column] * len(blocks) + ranks)  # (blocks,)
            ranks[order] = np.arange(len(blocks))
            self._parts.append(memoryview(order * STRIDE + column))

    def audit(self, sample: str) -> Copied:
        """Return what of `sample` stands word for word in the text; both should be normalised the same way."""
        spans, longest, end = [], "", 0
        for begin in range(len(sample)):
            before, end = end, self._end_of_longest(sample, begin, max(begin, end))
            if end - begin > len(longest):
                longest = sample[begin:end]
            if end - begin >= SPAN and end > before:  # or else it lies inside the one before
                spans.append((begin, end))
        copied = sum(end - begin for begin, end in _union(spans))
        return Copied(longest, copied / max(len(sample), 1), tuple(spans))

    def _end_of_longest(self, sample: str, begin: int, end: int) -> int:
        """Return where the longest verbatim span that begins at `begin` ends; as far as `end` it is known to go."""
        for part in self._parts:
            reach = begin
            while reach <= end < len(sample):  # what agrees as far as was compared may agree further
                reach = end + SPAN
                for place in self._neighbours(part, sample[begin:reach]):
                    while end < len(sample) and self._text.startswith(sample[begin : end + 1], place):
                        end += 1
        return end

    def _neighbours(self, part: Sequence[int], wanted: str) -> Sequence[int]:
        """Return where the suffixes begin between which `wanted` would be sorted; none agrees with more of it."""
        place = bisect_left(part, wanted, key=lambda begin: self._text[begin : begin + len(wanted)])
        return part[max(place - 1, 0) : place + 1]


def training_text(training: dict, normalization: str, source: str | None = None, encoding: str | None = None) -> str:
    """Return the text against which a model's samples are to be audited.

    Args:
        training: `Checkpoint.training`, which remembers the text that the model learned; what was held out for
            validation is no part of it.
        normalization: that of the model's vocabulary.
        source: see `chargen.load_corpus`; the whole of this text in place of the one that is remembered.
        encoding: of the source; None for that of the text that is remembered.

    Raises:
        InputError: there is no such text, or it is not the one that the model learned, or the model remembers none.
        DownloadError: it could not be fetched.
    """
    origin = training.get("origin")
    origin = origin if isinstance(origin, dict) else {}  # older checkpoints have none
    if source is not None:
        encoding = encoding or origin.get("encoding", "utf-8")
        corpus = load_corpus(source, encoding=encoding, normalization=normalization, valid_fraction=0)
    elif origin.get("source") is None:
        text = training.get("corpus", "not even its name")
        raise InputError(f"the model does not say where the text lies that it learned ({text}); {NAME_IT}")
    else:
        corpus = _remembered(origin, str(training.get("corpus_sha256")))
    return corpus.vocabulary.decode(corpus.train_ids)


def _remembered(origin: dict, sha256: str) -> Corpus:
    try:
        corpus = load_corpus(**origin)
    except (InputError, TypeError, ValueError) as error:  # the latter from a file that chargen has not written
        raise InputError(f"the text that the model learned cannot be read: {error}; {NAME_IT}") from None
    if corpus.sha256 != sha256:
        raise InputError(
            f"{origin['source']}: this is not the text that the model learned (its SHA-256 was {sha256[:12]}...,"
            f" it is {corpus.sha256[:12]}...); bring the old one back, or {NAME_IT}"
        )
    return corpus


def mark(
    text: str,
    spans: Sequence[tuple[int, int]],
    show: Callable[[str], str] = str,
    begin: str = "\x1b[7m",
    end: str = "\x1b[27m",
) -> str:
    r"""Return `text` with its spans between `begin` and `end`, by default in a terminal's reverse video.

    Args:
        spans: begin and end in characters, in order; they may overlap.
        show: what each piece of text goes through before the marks are set, such as `chargen.console.printable`, which
            would make them visible otherwise.
        begin, end: the marks; each line is marked by itself, or else a terminal might mark the margin too.

    >>> mark("one, two,\nthree\x07 four", [(5, 8), (7, 16)], ascii, "[", "]")
    "'one, '['two,\\nthree\\x07']' four'"
    """
    cuts = [0, *(cut for span in _union(spans) for cut in span), len(text)]
    pieces = [show(text[here:there]) for here, there in pairwise(cuts)]  # by turns outside of spans and inside
    pieces[1::2] = [re.sub(r"[^\n]+", lambda line: begin + line[0] + end, piece) for piece in pieces[1::2]]
    return "".join(pieces)


def colours(stream: TextIO) -> bool:
    """Return whether marks may be written to `stream`: a terminal that knows them, of a person who does not object.

    The objection is the environment variable NO_COLOR, see https://no-color.org.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _block_names(blocks: np.ndarray) -> np.ndarray:
    """Return (blocks, characters) as a number for each block, in the blocks' order: of shape (blocks,)."""
    while blocks.shape[1] > 1:
        blocks = _ranked(blocks[:, ::2] * (blocks.max() + 1) + blocks[:, 1::2])  # half as many columns
    return _ranked(blocks[:, 0])


def _suffix_ranks(names: np.ndarray) -> np.ndarray:
    """Return the rank of each suffix of `names` (ranks; the last is like no other) among all: of shape (blocks,)."""
    ranks, reach = names, 1
    while ranks.max() + 1 < len(names):  # some suffixes have the same first `reach` names
        following = np.roll(ranks, -reach)  # that it begins anew is no matter, since the last name decided before
        ranks = _ranked(ranks * len(names) + following)
        reach *= 2
    return ranks


def _ranked(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1].reshape(values.shape)


def _union(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same ground in spans that neither overlap nor touch."""
    apart = []
    for begin, end in spans:
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((begin, end))
    return apart
