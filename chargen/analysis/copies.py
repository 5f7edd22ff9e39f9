"""Whether a generated text is copied: which of its spans stand word for word in the text that the model learned."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from chargen.errors import InputError
from chargen.report.terminal import merge_spans
from chargen.text.corpus import Corpus, Origin, load_corpus, read_corpus
from chargen.text.encoded_ids import release
from chargen.text.vocabulary import Vocabulary

SPAN = 20  # characters from which on a verbatim span counts as copied; shorter ones are the language's own phrases
NAME_IT = "name the text to compare with: chargen sample --audit CORPUS"
LONGEST_INDEXED = 8_000_000  # characters of training text up to which an index is made of it
GRAM = 16  # characters of a run that is looked for in a longer text; at most SPAN
BLOCK = 1 << 20  # characters of it that are looked through in one go
FACTOR = 0x9E3779B97F4A7C15  # odd, and its bits are well mixed: 2^64 divided by the golden ratio
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
        return _copied(sample, self._ends(sample))

    def _ends(self, sample: str) -> Iterator[int]:
        """Yield, for each place in `sample`, where the longest verbatim span that begins there ends."""
        end = 0
        for begin in range(len(sample)):
            end = self._end_of_longest(sample, begin, max(begin, end))
            yield end

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


class CopyScan:
    """A training text of any size, read through for each audit in flat memory; it finds what a `CopyIndex` would.

    All runs of GRAM characters that the sample has are looked for at once by a hash of each run of the text, computed
    as Karp and Rabin (1987) do but in doubling lengths. What is found is compared character by character, so that no
    hash can report a copy that is none, and followed as far as it goes.

    >>> text = "It was the best of times, it was the worst of times"
    >>> vocabulary = Vocabulary.from_text(text)
    >>> CopyScan(vocabulary.encode(text), vocabulary).audit("She said it was the best of times.").spans
    ((10, 33),)
    """

    def __init__(self, ids: np.ndarray, vocabulary: Vocabulary):
        self._ids, self._vocabulary = ids, vocabulary

    def audit(self, sample: str) -> Copied:
        """Return what of `sample` stands word for word in the text; both should be normalised the same way."""
        characters = {character: number for number, character in enumerate(self._vocabulary.characters)}
        wanted = np.array([characters.get(character, len(characters)) for character in sample], dtype=np.uint32)
        ends = np.arange(len(wanted))
        length = GRAM
        while length and not self._find(wanted, ends, length):  # even the longest span is shorter: look for less
            length //= 2
        return _copied(sample, np.maximum.accumulate(ends).tolist())

    def _find(self, wanted: np.ndarray, ends: np.ndarray, length: int) -> bool:
        """Move `ends` to where spans of at least `length` end that begin at each place; return whether there are any.

        Args:
            wanted: the sample's ids; one that the text lacks is an id beyond all others, (sample characters,).
        """
        from tqdm import tqdm

        grams = _Grams(wanted, length)
        blocks = range(0, len(self._ids) if grams else 0, BLOCK)
        for start in tqdm(blocks, "looking for copies", unit="M", disable=None, leave=False, delay=1):
            block = np.asarray(self._ids[start : start + BLOCK + len(wanted)])  # spans may end in the next one
            known, end = np.maximum.accumulate(ends), 0
            for begin, places in grams.found_in(block):
                end = max(end, known[begin])
                end = ends[begin] = _followed(block, places, wanted, begin, end)
            release(self._ids)
        return bool((ends > np.arange(len(wanted))).any())


class _Grams:
    """All runs of so many characters that a sample has, to be looked for at once; there may be none."""

    def __init__(self, wanted: np.ndarray, length: int):
        self._length, self._begins = length, {}
        for begin, gram in enumerate(_hashes(wanted, length).tolist()):
            self._begins.setdefault(gram, []).append(begin)
        self._grams = np.array(sorted(self._begins), dtype=np.uint64)
        self._sieve = np.zeros(1 << 16, dtype=bool)
        self._sieve[self._grams >> np.uint64(48)] = True

    def __len__(self) -> int:
        return len(self._grams)

    def found_in(self, block: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield where a run begins in the sample, in order, and the places in the block that have its hash."""
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


def copies_of(corpus: Corpus) -> CopyIndex | CopyScan:
    """Return that which audits samples against a corpus's training text: by its length, an index or a scan."""
    if len(corpus.train_ids) > LONGEST_INDEXED:
        return CopyScan(corpus.train_ids, corpus.vocabulary)
    return CopyIndex(corpus.vocabulary.decode(corpus.train_ids))


def training_corpus(
    training: dict, normalization: str, source: str | None = None, encoding: str | None = None
) -> Corpus:
    """Return the corpus against whose training text a model's samples are to be audited.

    Args:
        training: `Checkpoint.training`, which remembers the text that the model learned; what was held out for
            validation is no part of its training text.
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
        return load_corpus(source, encoding=encoding, normalization=normalization, valid_fraction=0)
    if origin.get("source") is None:
        text = training.get("corpus", "not even its name")
        raise InputError(f"the model does not say where the text lies that it learned ({text}); {NAME_IT}")
    return _remembered(origin, str(training.get("corpus_sha256")))


def _remembered(origin: dict, sha256: str) -> Corpus:
    try:
        corpus = read_corpus(origin["source"], Origin(**origin))
    except (InputError, TypeError, ValueError) as error:  # the latter from a file that chargen has not written
        raise InputError(f"the text that the model learned cannot be read: {error}; {NAME_IT}") from None
    if corpus.sha256 != sha256:
        raise InputError(
            f"{_named(origin['source'])}: this is not the text that the model learned"
            f" (its SHA-256 was {sha256[:12]}..., it is {corpus.sha256[:12]}...); bring the old one back, or {NAME_IT}"
        )
    return corpus


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


def _copied(sample: str, ends: Iterable[int]) -> Copied:
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


def _followed(block: np.ndarray, places: np.ndarray, wanted: np.ndarray, begin: int, end: int) -> int:
    """Return where the longest span of the sample from `begin` ends that one of `places` in a block has, or `end`.

    Args:
        end: as far as it is known to go.
    """
    places = places[places + (end - begin) < len(block)]
    if end == len(wanted):
        return end
    places = places[block[places + (end - begin)] == wanted[end]]  # most go no further than is known already
    for length in range(len(wanted) - begin):
        places = places[places + length < len(block)]
        places = places[block[places + length] == wanted[begin + length]]
        if not len(places):
            break
        end = max(end, begin + length + 1)
    return end


def _named(source: str | Sequence[str]) -> str:
    return source if isinstance(source, str) else ", ".join(source)
