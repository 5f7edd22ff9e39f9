"""The copy audit: which spans of a generated text stand word for word in the text that the model learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from operator import itemgetter

import numpy as np
from tqdm import tqdm

from chargen.report.terminal import merge_spans
from chargen.text.corpus import Corpus
from chargen.text.vocabulary import code_points
from chargen.text.whole_lines import whole_lines

SPAN = 20  # a verbatim span counts as copied from this many characters on; shorter ones are common phrases
GRAM = 16  # characters per hash; at most SPAN
BLOCK = 1 << 18  # characters of the training text hashed at a time
FACTOR = 0x9E3779B97F4A7C15  # odd, with well-mixed bits: 2^64 divided by the golden ratio
ABSENT = 2**32 - 1  # the id of a character that the training text cannot have


@dataclass(frozen=True)
class Copied:
    """The part of a sample that stands verbatim in the training text.

    Attributes:
        longest: the longest verbatim span, the first of several; also when it is shorter than SPAN.
        share: the share of the sample's characters that lie in `spans`, from 0 to 1; 0 for an empty sample.
        spans: begin and end, in characters, of each verbatim span of at least SPAN characters that cannot be extended
            on either side, in order. Where two passages were joined, their spans may overlap.
        lines: the number of the sample's lines that are not empty, its beginning with the prefix.
        whole_lines: those of them that are lines of the training text.
    """

    longest: str
    share: float
    spans: tuple[tuple[int, int], ...]
    lines: int = field(default=0, compare=False)
    whole_lines: tuple[str, ...] = field(default=(), compare=False)


class CopyScan:
    """Finds verbatim spans by reading the training text once, in memory that does not grow with the text.

    Every run of GRAM characters in the text is hashed (Karp and Rabin 1987, in doubling lengths) and looked up among
    the runs of the samples. Hits are compared character by character, so a hash collision is never reported.

    >>> scan = CopyScan("It was the best of times, it was the worst of times")
    >>> found = scan.audit("She said it was the best of times.")
    >>> found.longest, found.share, found.spans
    ('t was the best of times', 0.6764705882352942, ((10, 33),))
    """

    def __init__(self, text: str | Corpus):
        """Prepare to compare with a text, or with the training part of a corpus; normalize the samples like it."""
        self._text = text
        self._ids = code_points(text) if isinstance(text, str) else text.train_ids  # (text characters,)
        self._vocabulary = None if isinstance(text, str) else text.vocabulary

    def audit(self, sample: str) -> Copied:
        """Return what of `sample` stands verbatim in the text."""
        return self.audit_all([sample])[0]

    def audit_all(self, samples: Sequence[str], prefix: str = "") -> list[Copied]:
        """Return the same for each of many samples that go on from a prefix, in one pass through the text."""
        if not samples:
            return []
        lines = [[line for line in (prefix + sample).split("\n") if line.strip()] for sample in samples]
        known = whole_lines(self._text, {line for of_sample in lines for line in of_sample})
        ends = self._ends([self._encode(sample) for sample in samples], GRAM)
        return [
            replace(
                _copied(sample, found.tolist()),
                lines=len(of_sample),
                whole_lines=tuple(line for line in of_sample if line in known),
            )
            for sample, found, of_sample in zip(samples, ends, lines, strict=True)
        ]

    def _encode(self, sample: str) -> np.ndarray:
        """Return the sample in the text's ids, (sample characters,) uint32."""
        if self._vocabulary is None:
            return code_points(sample)
        ids = {character: number for number, character in enumerate(self._vocabulary.characters)}
        return np.array([ids.get(character, ABSENT) for character in sample], dtype=np.uint32)

    def _ends(self, samples: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
        """Return, for each place in each sample, where the longest verbatim span that begins there ends.

        Args:
            length: of the shortest spans to look for; a sample that has none is read again for spans half as long.
        """
        ends = self._read_through(samples, length)
        without = [n for n, found in enumerate(ends) if length > 1 and (found == np.arange(len(found))).all()]
        if without:
            for n, found in zip(without, self._ends([samples[n] for n in without], length // 2), strict=True):
                ends[n] = found
        return ends

    def _read_through(self, samples: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
        """Return the same; spans shorter than `length` are not found."""
        wanted = np.concatenate([np.append(sample, np.uint32(ABSENT)) for sample in samples])  # (all characters,)
        ends, grams = np.arange(len(wanted)), _Grams(wanted, length)
        overlap = max(map(len, samples))  # what begins in one block may end in the next
        blocks = range(0, len(self._ids) if grams else 0, BLOCK)
        for start in tqdm(blocks, "looking for copies", unit="M", disable=None, leave=False, delay=1):
            block = np.asarray(self._ids[start : start + BLOCK + overlap])
            known, end = np.maximum.accumulate(ends), 0
            for begin, places in grams.found_in(block):
                end = max(end, known[begin])
                end = ends[begin] = _end_of_longest(block, places, wanted, begin, end)
        firsts = np.cumsum([0, *(len(sample) + 1 for sample in samples)])  # (samples + 1,)
        parts = zip(samples, firsts[:-1], strict=True)
        return [np.maximum.accumulate(ends[first : first + len(sample)]) - first for sample, first in parts]


CopyIndex = CopyScan  # its public name


class _Grams:
    """All runs of `length` characters in the samples, to be looked up at once; there may be none."""

    def __init__(self, wanted: np.ndarray, length: int):
        self._length = length
        self._begins: dict[int, list[int]] = {}
        for begin, gram in enumerate(_hashes(wanted, length).tolist()):
            self._begins.setdefault(gram, []).append(begin)
        self._grams = np.array(sorted(self._begins), dtype=np.uint64)
        self._sieve = np.zeros(1 << 16, dtype=bool)
        self._sieve[self._grams >> np.uint64(48)] = True

    def __len__(self) -> int:
        return len(self._grams)

    def found_in(self, block: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield where a run begins in the samples, in order, and the places in the block that have its hash."""
        hashes = _hashes(block, self._length)[:BLOCK]
        near = np.flatnonzero(self._sieve[hashes >> np.uint64(48)])
        hashes = hashes[near]
        ranks = np.minimum(np.searchsorted(self._grams, hashes), len(self._grams) - 1)
        same = self._grams[ranks] == hashes
        ranks, places = ranks[same], near[same]
        order = np.argsort(ranks, kind="stable")
        found, firsts = np.unique(ranks[order], return_index=True)
        places_of = dict(zip(self._grams[found].tolist(), np.split(places[order], firsts[1:]), strict=False))
        by_begin = {begin: places_of[gram] for gram in places_of for begin in self._begins[gram]}
        yield from sorted(by_begin.items(), key=itemgetter(0))


def _copied(sample: str, ends: Sequence[int]) -> Copied:
    """Return what is copied, given where the longest verbatim span ends that begins at each place of `sample`."""
    spans, longest, before = [], "", 0
    for begin, end in enumerate(ends):
        if end - begin > len(longest):
            longest = sample[begin:end]
        if end - begin >= SPAN and end > before:  # or else it lies inside the one before
            spans.append((begin, end))
        before = end
    copied = sum(end - begin for begin, end in merge_spans(spans))
    return Copied(longest, copied / max(len(sample), 1), tuple(spans))


def _hashes(ids: np.ndarray, length: int) -> np.ndarray:
    """Return a uint64 hash of each run of `length` ids, which is a power of two: (ids - length + 1,), or empty."""
    if len(ids) < length:
        return np.empty(0, dtype=np.uint64)
    hashes, factor, reach = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(FACTOR), FACTOR, 1
    while reach < length:
        hashes = hashes[:-reach] * np.uint64(factor) + hashes[reach:]
        factor, reach = factor * factor % 2**64, 2 * reach
    return hashes


def _end_of_longest(block: np.ndarray, places: np.ndarray, wanted: np.ndarray, begin: int, end: int) -> int:
    """Return where the longest span ends that begins at `begin` in the samples and at one of `places` in the block.

    Args:
        end: where a span from `begin` is known to end; returned if none is longer.
    """
    if wanted[end] == ABSENT:
        return end
    places = places[places + (end - begin) < len(block)]
    places = places[block[places + (end - begin)] == wanted[end]]  # most go no further than is known
    places = places[(places == 0) | (block[places - 1] != wanted[begin - 1])]  # or the span began earlier, and is known
    for length in count():
        places = places[places + length < len(block)]
        places = places[block[places + length] == wanted[begin + length]]
        if not len(places):
            return max(end, begin + length)
    raise AssertionError("a span ends with its sample")
