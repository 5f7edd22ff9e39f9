"""What a text file holds, what in it may trouble training, and what to do about each finding."""

import codecs
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError
from chargen.text.batches import Batching
from chargen.text.corpus import train_length
from chargen.text.encoded_ids import EVERY_CHARACTER
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document, likely_encoding, text_codec, tidying_notes
from chargen.text.streams import CHUNK, Tidied, normalized
from chargen.text.vocabulary import code_points
from chargen.training.recipe import choose

RARE = 10  # a character that occurs fewer times than this is hardly learned
ORDERS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}  # with which a text in these encodings begins
TRUSTED_VALIDATION = 5_000  # characters of held-out text below which its loss is mostly luck


@dataclass(frozen=True)
class Finding:
    """Something about a text that its owner may want to know, and what to do about it."""

    what: str
    advice: str


@dataclass(frozen=True)
class Checkup:
    """What `examine` found; counts are in characters unless they say otherwise."""

    name: str
    bytes: int
    characters: int
    vocabulary: int
    train_characters: int
    valid_characters: int
    batching: Batching
    batches_per_epoch: int
    findings: tuple[Finding, ...]


def examine(
    name: str,
    texts: Sequence[Document],
    options: ReadingOptions,
    batching: Batching | None = None,
    watch: Callable[[int], object] = lambda size: None,
) -> Checkup:
    """Return what documents hold, read as one text in flat memory, without refusing any of their bytes.

    Args:
        options: how the text would be read; `max_chars` is not applied.
        batching: how the text would be cut; None for as training would by itself.
        watch: is called with the number of bytes after each read.

    Raises:
        InputError: the encoding or the normalisation is unknown, or a document cannot be read.
    """
    reading = _Lenient(texts, text_codec(options.encoding), options.separator, watch)
    counts = _count(normalized(reading.pieces(), options.normalization))
    length = sum(counts.values())
    findings = reading.findings + _character_findings(counts)
    valid = length - train_length(length, options.valid_fraction)
    if batching is None:
        recipe = choose(length - valid, len(counts))
        batching = Batching(recipe.batch_size, recipe.num_steps)
    batches = 0
    try:
        batches = batching.batches_per_epoch(length - valid)
    except InputError as error:
        what, _, advice = str(error).partition("; ")
        findings.append(Finding(what, advice))
    if 0 < valid < TRUSTED_VALIDATION:
        what = f"only {valid:,} characters would be held out, too few to trust the validation loss"
        findings.append(Finding(what, "give a longer text, or hold out more with --valid-fraction"))
    return Checkup(name, reading.bytes, length, len(counts), length - valid, valid, batching, batches, tuple(findings))


class _Lenient:
    """Reads documents with U+FFFD for what cannot be decoded.

    Attributes:
        bytes: read so far.
        findings: on the documents that have been read.
    """

    def __init__(self, texts: Sequence[Document], codec: str, separator: str, watch: Callable[[int], object]):
        self.bytes, self.findings = 0, []
        self._texts, self._codec, self._separator, self._watch = texts, codec, separator, watch

    def pieces(self) -> Iterator[str]:
        """Yield the text, tidied."""
        for number, text in enumerate(self._texts):
            if number:
                yield self._separator
            tidied, found = Tidied(), []
            yield from tidied.pieces(self._decoded(text, found))
            notes = tidying_notes(tidied.marked, tidied.crlf)
            found = [Finding(note, "nothing to do, training does the same") for note in notes] + found
            if len(self._texts) > 1:
                found = [Finding(f"{text.name}: {finding.what}", finding.advice) for finding in found]
            self.findings += found

    def _decoded(self, text: Document, found: list[Finding]) -> Iterator[str]:
        """Yield the text of a document; append to `found` what training would not decode."""
        faults = _Faults()
        codecs.register_error("chargen.analysis.text_check", faults.note)
        codec = self._codec
        with text.reading(), text.open() as file:
            chunk = file.read(CHUNK)
            if codec in ORDERS and not chunk.startswith(ORDERS[codec]):
                what = f"not {codec}: it does not begin with a byte order mark"
                found.append(Finding(what, f"name the order of its bytes, {codec}-le or {codec}-be"))
                codec += "-le"
            decoder = codecs.getincrementaldecoder(codec)("chargen.analysis.text_check")
            while chunk:
                self.bytes, faults.read = self.bytes + len(chunk), faults.read + len(chunk)
                self._watch(len(chunk))
                yield decoder.decode(chunk)
                chunk = file.read(CHUNK)
            yield decoder.decode(b"", final=True)
        if faults.count:
            what = f"not {self._codec}: {faults.count:,} of the bytes, the first at offset {faults.first:,}"
            found.append(Finding(what, f"name the right encoding, for example --encoding {faults.likely}"))


class _Faults:
    """Counts the bytes of a document that cannot be decoded.

    Attributes:
        read: bytes that the decoder has been given.
        count: bytes that cannot be decoded.
        first: the offset of the first one.
        likely: an encoding worth trying.
    """

    def __init__(self):
        self.read = self.count = self.first = 0
        self.likely = ""

    def note(self, error: UnicodeDecodeError) -> tuple[str, int]:
        """Count, as a handler of errors, and go on after them."""
        if not self.count:
            self.first = self.read - len(error.object) + error.start
            self.likely = likely_encoding(error.object)
        self.count += error.end - error.start
        return "\ufffd", error.end


def _count(pieces: Iterable[str]) -> Counter:
    """Return how often each character occurs."""
    counts = np.zeros(EVERY_CHARACTER, dtype=np.int64)
    for piece in pieces:
        points = np.frombuffer(piece.encode(), np.uint8) if piece.isascii() else code_points(piece)
        found = np.bincount(points)
        counts[: len(found)] += found
    return Counter({chr(point): int(counts[point]) for point in np.flatnonzero(counts)})


def _character_findings(counts: Counter) -> list[Finding]:
    findings = []
    control = sorted(c for c in counts if unicodedata.category(c) == "Cc" and c not in "\n\t")
    if control:
        what = f"{sum(counts[c] for c in control):,} control characters: {_named(control, counts)}"
        findings.append(
            Finding(what, "remove them unless the model is to write them; a NUL means that this is no text")
        )
    rare = sorted((c for c in counts if counts[c] < RARE and c not in control), key=lambda c: (counts[c], c))
    if rare:
        what = f"{len(rare):,} characters occur fewer than {RARE} times: {_named(rare, counts)}"
        findings.append(
            Finding(what, "replace them by common ones, or use --normalize lower or letters, for a smaller vocabulary")
        )
    return findings


def _named(characters: list[str], counts: Counter) -> str:
    shown = ", ".join(f"{c!r} x{counts[c]:,}" for c in characters[:12])
    return shown + (f" and {len(characters) - 12:,} more" if len(characters) > 12 else "")
