"""What a model writes at different temperatures and filters: invented words, repetition, variety, copies.

    python benchmarks/writing.py MODEL TEXT [WORDS]

TEXT is what the model learned. A word is invented if it stands neither in it nor in the list WORDS (Debian's package
wamerican). Each row is 8 texts of 3,000 characters, from the same seed.
"""

import sys
from collections import Counter
from pathlib import Path

from chargen.analysis.copies import CopyScan
from chargen.network.checkpoint import Checkpoint, find
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.sampler import Sampler
from chargen.text.corpus import load_corpus
from chargen.text.words import find_words, folded

WORDS = "/usr/share/dict/words"
TEXTS, LENGTH = 8, 3_000
TEMPERATURES = 0.6, 0.7, 0.8, 0.9, 1.0
MIN_P = 0, 0.02, 0.05, 0.1


def words_of(text: str) -> list[str]:
    """Return the words of a text in their order."""
    return [word.strip("'") for word in folded(text).split() if word.strip("'")]


def share(part: float, whole: int) -> str:
    """Return a share in per cent."""
    return f"{100 * part / max(whole, 1):.1f} %"


def measured(texts: list[str], known: set[str]) -> tuple[str, str, str]:
    """Return the shares of invented words, of sequences of four words that were there before, and of distinct words."""
    sequences, words = Counter[tuple[str, ...]](), []
    for text in texts:
        own = words_of(text)[:-1]  # the last one may be cut
        words += own
        sequences.update(zip(own, own[1:], own[2:], own[3:], strict=False))
    invented = sum(not known & {word, word.removesuffix("'s")} for word in words)
    repeated = sequences.total() - len(sequences)
    return share(invented, len(words)), share(repeated, sequences.total()), share(len(set(words)), len(words))


def main(model: str, text: str, word_list: str = WORDS) -> None:
    """Write with each of the settings, and print a row of a table for each."""
    checkpoint = Checkpoint.load(find(model))
    sampler, keeping = Sampler(checkpoint), Sampler(checkpoint)
    corpus = load_corpus(text, normalization=checkpoint.vocabulary.normalization, valid_fraction=0)
    known = {*find_words(corpus.train_ids, corpus.vocabulary.characters), *words_of(Path(word_list).read_text("utf-8"))}
    settings = [(sampler, SamplingSettings(t, min_p=p)) for t in TEMPERATURES for p in MIN_P]
    if checkpoint.words:
        keeping.keep_to_known_words()
        settings += [(keeping, SamplingSettings(t, min_p=p)) for t in TEMPERATURES for p in (0, 0.05)]
    print(
        "| temperature | min-p | known words | invented | repeated | distinct | copied |\n|---|---|---|---|---|---|---|"
    )
    written = [list(writer.samples(TEXTS, length=LENGTH, settings=how, seed=1)) for writer, how in settings]
    audits = iter(CopyScan(corpus).audit_all([text for texts in written for text in texts]))
    for (writer, how), texts in zip(settings, written, strict=True):
        copied = sum(next(audits).share for _ in texts) / TEXTS
        row = how.temperature, how.min_p, "yes" * (writer is keeping), *measured(texts, known), share(copied, 1)
        print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    main(*sys.argv[1:])
