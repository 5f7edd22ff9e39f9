"""What a text file holds, what in it may trouble training, and what to do about each finding."""

import codecs
import unicodedata
from collections import Counter
from dataclasses import dataclass

from chargen.batches import Batching
from chargen.corpus import likely_encoding, text_codec, tidy, train_length
from chargen.errors import InputError
from chargen.recipe import choose
from chargen.vocabulary import normalize

RARE = 10  # a character that occurs fewer times than this is hardly learned
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
    data: bytes,
    batching: Batching | None = None,
    encoding: str = "utf-8",
    normalization: str = "none",
    valid_fraction: float = 0.1,
) -> Checkup:
    """Return what the bytes of a text file hold, without refusing any.

    Args:
        batching: how the text would be cut; None for as training would by itself.

    Raises:
        InputError: the encoding or the normalisation is unknown.
    """
    text, undecodable = _decode_leniently(data, encoding)
    text, notes = tidy(text)
    findings = [Finding(note, "nothing to do, training does the same") for note in notes]
    if undecodable:
        what = f"not {text_codec(encoding)}: {len(undecodable):,} of the bytes, the first at offset {undecodable[0]:,}"
        findings.append(Finding(what, f"name the right encoding, for example --encoding {likely_encoding(data)}"))
    text = normalize(text, normalization)
    counts = Counter(text)
    findings += _character_findings(counts)
    valid = len(text) - train_length(len(text), valid_fraction)
    if batching is None:
        recipe = choose(len(text) - valid, len(counts))
        batching = Batching(recipe.batch_size, recipe.num_steps)
    batches = 0
    try:
        batches = batching.batches_per_epoch(len(text) - valid)
    except InputError as error:
        what, _, advice = str(error).partition("; ")
        findings.append(Finding(what, advice))
    if 0 < valid < TRUSTED_VALIDATION:
        what = f"only {valid:,} characters would be held out, too few to trust the validation loss"
        findings.append(Finding(what, "give a longer text, or hold out more with --valid-fraction"))
    return Checkup(
        name, len(data), len(text), len(counts), len(text) - valid, valid, batching, batches, tuple(findings)
    )


def _decode_leniently(data: bytes, encoding: str) -> tuple[str, list[int]]:
    """Return the text with U+FFFD for what cannot be decoded, and the offsets of those bytes."""
    offsets = []

    def note(error: UnicodeDecodeError) -> tuple[str, int]:
        offsets.extend(range(error.start, error.end))
        return "\ufffd", error.end

    text_codec(encoding)
    codecs.register_error("chargen.checkup", note)
    return data.decode(encoding, "chargen.checkup"), offsets


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
