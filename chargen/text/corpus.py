"""A text ready to be learned: its vocabulary, its ids, and which of them are held out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from chargen.errors import InputError
from chargen.text.encoded_ids import IN_MEMORY, Reading, encode
from chargen.text.sources import SEPARATOR, Source, anywhere, documents
from chargen.text.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text ready to be learned: its vocabulary, and its ids split into a training part and a held-out tail.

    Attributes:
        name: a short name fit for a folder.
        vocabulary: the characters of the whole text.
        train_ids: array of shape (training characters,), of the smallest unsigned type that holds every id; of a large
            text an `np.memmap`, to be read in place.
        valid_ids: the same of shape (held-out characters,), the text that follows the training part; may be empty.
        sha256: hex digest of the bytes as read, comparable with `sha256sum FILE`; of several texts, of the lines that
            `sha256sum FILES | cut -c-64` prints.
        notes: what was silently different about the text and had to be repaired, one sentence each.
        origin: the arguments of `load_corpus` that read the same text again, from any folder; the source is None for
            standard input, which cannot be read again.
    """

    name: str
    vocabulary: Vocabulary
    train_ids: np.ndarray
    valid_ids: np.ndarray
    sha256: str
    notes: tuple[str, ...] = ()
    origin: dict = field(default_factory=dict)


def load_corpus(
    source: Source | Sequence[Source] = None,
    *,
    encoding: str = "utf-8",
    normalization: str = "none",
    max_chars: int | None = None,
    valid_fraction: float = 0.1,
    separator: str = SEPARATOR,
    in_memory: int = IN_MEMORY,
) -> Corpus:
    """Return the corpus that `source` names.

    Args:
        source: the path of a text file, "-" for standard input, an http(s) URL, a name of the registry
            (`chargen corpora list`), or None for the bundled text. A file comes before a name. A folder stands for all
            its .txt files, those in folders below it too, sorted by path; a list for all that is in it, in that order.
        encoding: how the bytes are to be read, a name that Python's codecs know.
        normalization: "none", "lower" or "letters", see `chargen.text.vocabulary.normalize`.
        max_chars: keep only so many characters from the beginning, counted after normalisation.
        valid_fraction: the share of the text, at its end, that is held out for validation; 0 holds out nothing.
        separator: what stands between two texts.
        in_memory: bytes above which the ids go to a file in the cache folder and are read from there.

    Raises:
        InputError: there is no such text, or it is empty, binary, or not in `encoding`.
        DownloadError: a URL or a registered corpus could not be fetched.
        SaveError: the cache folder cannot hold the ids.

    >>> corpus = load_corpus(normalization="letters", valid_fraction=0.25)
    >>> corpus.name, len(corpus.vocabulary)
    ('lamp-at-low-water', 27)
    """
    if not 0 <= valid_fraction < 1:
        raise InputError(f"valid fraction {valid_fraction}: must be at least 0 and below 1")
    reading = Reading(encoding, normalization, max_chars, separator)
    name, texts = documents(source)
    text = encode(name, texts, reading, in_memory)
    split = train_length(len(text.ids), valid_fraction)
    origin = {"source": anywhere(source), **vars(reading), "valid_fraction": valid_fraction}
    return Corpus(name, text.vocabulary, text.ids[:split], text.ids[split:], text.sha256, text.notes, origin)


def train_length(length: int, valid_fraction: float) -> int:
    """Return how many of `length` characters are trained on; the rest, at the end, is held out."""
    return int(length * (1 - valid_fraction))
