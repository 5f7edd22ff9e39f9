"""A check of a text before training: what it holds, what may cause trouble, and what to do about it."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chargen.analysis.text_shape import Finding, shape_findings
from chargen.errors import InputError
from chargen.report.words import counted, percent
from chargen.text.batches import Batching
from chargen.text.corpus import train_length
from chargen.text.decoding import Decoder
from chargen.text.encoder import EVERY_CHARACTER
from chargen.text.normalization import code_points, normalized
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document
from chargen.text.streams import TextStream
from chargen.training.recipe import choose

RARE = 10  # occurrences below which a character is hardly learned
MUCH = 0.01  # of a text in rare characters; every healthy text has some
LOOKED_AT = 10_000_000  # characters at the beginning of a text whose lines are looked at
TRUSTED_VALIDATION = 5_000  # characters of held-out text below which its loss is mostly chance


@dataclass(frozen=True)
class Checkup:
    """What `examine` found; counts are in characters unless they say otherwise.

    Attributes:
        column: the one to learn, where the text is a table and its column was not named.
    """

    name: str
    bytes: int
    characters: int
    vocabulary: int
    train_characters: int
    valid_characters: int
    batching: Batching
    batches_per_epoch: int
    findings: tuple[Finding, ...]
    column: str | None


def examine(
    name: str,
    texts: Sequence[Document],
    options: ReadingOptions,
    batching: Batching | None = None,
    watch: Callable[[int], object] = lambda size: None,
) -> Checkup:
    """Examine documents, read as one text in bounded memory, without refusing any of their bytes.

    Args:
        options: how the text would be read; `max_chars` is not applied.
        batching: how the text would be cut into batches; None for the choice that training makes.
        watch: is called with the number of bytes after each read.

    Raises:
        InputError: the encoding or the normalization is unknown, or a document cannot be read.
    """
    stream = TextStream(texts, options, watch=watch, lenient=True)
    beginning: list[str] = []
    counts = _count(_watched(normalized(stream, options.normalization), beginning))
    length = sum(counts.values())
    findings = _decoding_findings(stream.decoders)
    for table_name, table in stream.tables:
        findings.append(Finding(f"{table_name}: " * (len(texts) > 1) + table.what, table.advice))
    findings += _character_findings(counts)
    if options.normalization != "letters":  # which leaves no lines
        findings += shape_findings("".join(beginning))
    valid = length - train_length(length, options.valid_fraction)
    if batching is None:
        recipe = choose(length - valid, max(len(counts), 1))
        batching = Batching(recipe.batch_size, recipe.num_steps)
    batches = 0
    try:
        batches = batching.batches_per_epoch(length - valid)
    except InputError as error:
        findings.append(Finding(error.message, error.advice, grave=True))
    if 0 < valid < TRUSTED_VALIDATION:
        what = f"only {counted(valid, 'character')} would be held out, too few for a reliable validation loss"
        findings.append(Finding(what, "give a longer text, or a larger {valid_fraction}"))
    if not any(character.strip() for character in counts):
        findings = [Finding("the text is empty", "give a text with some characters to learn from", grave=True)]
    size = sum(decoder.bytes for _, decoder in stream.decoders)
    column = next((table.wordiest for _, table in stream.tables), None)
    return Checkup(name, size, length, len(counts), length - valid, valid, batching, batches, tuple(findings), column)


def _decoding_findings(decoders: Sequence[tuple[str, Decoder]]) -> list[Finding]:
    """Return what was found while the documents were decoded."""
    findings = []
    for name, decoder in decoders:
        found = [Finding(note, "nothing to do; training does the same") for note in decoder.notes]
        codec = decoder.codec
        if decoder.lacks_mark:
            what = f"not {codec}: it does not begin with a byte order mark"
            found.append(
                Finding(what, f"give the order of its bytes as {{encoding}}, {codec}-le or {codec}-be", grave=True)
            )
        if decoder.faults:
            what = f"not {codec}: {counted(decoder.faults, 'byte')}, the first at offset {decoder.first_fault:,}"
            found.append(Finding(what, decoder.advice, grave=True))
        if len(decoders) > 1:
            found = [replace(finding, what=f"{name}: {finding.what}") for finding in found]
        findings += found
    return findings


def _watched(pieces: Iterable[str], beginning: list[str]) -> Iterator[str]:
    """Pass pieces on, and add the first ones to `beginning`."""
    room = LOOKED_AT
    for piece in pieces:
        if room > 0:
            beginning.append(piece[:room])
            room -= len(piece)
        yield piece


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
        what = f"{counted(sum(counts[c] for c in control), 'control character')}: {_named(control, counts)}"
        advice = "remove them unless the model should write them; a NUL means that this is not text"
        findings.append(Finding(what, advice, grave="\0" in counts))
    rare = sorted((c for c in counts if counts[c] < RARE and c not in control), key=lambda c: (counts[c], c))
    share = sum(counts[c] for c in rare) / max(sum(counts.values()), 1)
    if share > MUCH:
        what = f"characters that occur fewer than {RARE} times, {percent(share)} of the text: {_named(rare, counts)}"
        findings.append(Finding(what, "the model hardly learns them; a longer text helps"))
    return findings


def _named(characters: list[str], counts: Counter) -> str:
    shown = ", ".join(f"{c!r} x{counts[c]:,}" for c in characters[:12])
    return shown + (f" and {len(characters) - 12:,} more" if len(characters) > 12 else "")
