"""`load_corpus`: a text with its vocabulary and its ids, split into a training part and a held-out part."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from chargen.text import ids_cache
from chargen.text.encoder import Encoded, Encoder
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document, Source, anywhere, documents, repeatable
from chargen.text.stored_ids import TextIds
from chargen.text.streams import progress_bar
from chargen.text.vocabulary import Vocabulary

IN_MEMORY = 256_000_000  # bytes of text up to which its ids are held in memory


@dataclass(frozen=True)
class Origin(ReadingOptions):
    """Where a text came from and how it was read: `read_corpus(origin.source, origin)` reads it again, from any folder.

    Attributes:
        source: see `load_corpus`; None for standard input, which cannot be read again.
    """

    source: str | list[str] | None = None


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text to train on: its vocabulary, and its ids split into a training part and a held-out end.

    Attributes:
        name: a short name fit for a folder.
        vocabulary: the characters of the whole text.
        train_ids: array of shape (training characters,), of the smallest unsigned type that holds every id; of a large
            text `StoredIds`, which stay in their file and become an array where NumPy is given them.
        valid_ids: the same of shape (held-out characters,), the text that follows the training part; may be empty.
        sha256: hex digest of the bytes as read, comparable with `sha256sum FILE`; of several texts, of the lines that
            `sha256sum FILES | cut -c-64` prints. Of standard input or a pipe that is cut by `max_chars`, only what was
            needed is read.
        notes: what was repaired while reading, and what looks odd, one sentence each; settings stand in braces.
        origin: where the text came from and how it was read.
    """

    name: str
    vocabulary: Vocabulary
    train_ids: TextIds
    valid_ids: TextIds
    sha256: str
    notes: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)


def load_corpus(
    source: Source | Sequence[Source] = None,
    *,
    encoding: str = ReadingOptions.encoding,
    normalization: str = ReadingOptions.normalization,
    max_chars: int | None = ReadingOptions.max_chars,
    valid_fraction: float = ReadingOptions.valid_fraction,
    separator: str = ReadingOptions.separator,
    column: str | None = ReadingOptions.column,
    in_memory: int = IN_MEMORY,
) -> Corpus:
    """Return the corpus that `source` names.

    Args:
        source: the path of a text file, "-" for standard input, an http(s) URL, a name of the registry
            (`chargen corpora list`), or None for the bundled text. A file comes before a name. A folder stands for all
            its .txt files, those in folders below it too, sorted by path; a list for all that is in it, in that order.
        encoding, normalization, max_chars, valid_fraction, separator, column: see `ReadingOptions`.
        in_memory: the size of the text in bytes above which its ids are kept in a file in the cache folder and read
            from there.

    Raises:
        InputError: there is no such text, or it is empty, binary, or not in `encoding`.
        DownloadError: a URL or a registered corpus could not be fetched.
        SaveError: the cache folder cannot hold the ids.

    >>> corpus = load_corpus(normalization="letters", valid_fraction=0.25)
    >>> corpus.name, len(corpus.vocabulary)
    ('lamp-at-low-water', 27)
    """
    reading = ReadingOptions(encoding, normalization, max_chars, separator, valid_fraction, column)
    return read_corpus(source, reading, in_memory)


def read_corpus(source: Source | Sequence[Source], reading: ReadingOptions, in_memory: int = IN_MEMORY) -> Corpus:
    """Return the corpus that `source` names, read as `reading` says; see `load_corpus`."""
    name, texts = documents(source)
    text = _encode(name, texts, reading, in_memory)
    split = train_length(len(text.ids), reading.valid_fraction)
    options = {field.name: getattr(reading, field.name) for field in fields(ReadingOptions)}
    origin = Origin(**options, source=anywhere(source))
    return Corpus(name, text.vocabulary, text.ids[:split], text.ids[split:], text.sha256, text.notes, origin)


def train_length(length: int, valid_fraction: float) -> int:
    """Return the number of training characters of `length`; the rest, at the end, is held out."""
    return int(length * (1 - valid_fraction))


def _encode(name: str, texts: Sequence[Document], reading: ReadingOptions, in_memory: int) -> Encoded:
    """Return the ids of documents, read as one text; those of a large text are kept in the cache."""
    texts = [repeatable(text, in_memory) for text in texts]
    size = sum(text.size for text in texts)
    signature = ids_cache.signature_of(texts, reading) if size > in_memory else None
    if signature and (known := ids_cache.recall(signature)):
        return known
    with progress_bar(f"encoding {name}", 2 * size) as bar:
        encoder = Encoder(name, texts, reading, bar.update)
        if max(size, encoder.length) <= in_memory:  # a packed text may be longer than its file, a stream has no size
            return encoder.in_memory()
        return ids_cache.cached(encoder, signature)
