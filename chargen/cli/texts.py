"""The texts that `chargen sample` writes: in pieces, chosen, only new, or audited."""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from chargen.cli.options import say
from chargen.report.words import counted

if TYPE_CHECKING:
    from chargen.analysis.copies import Copied, CopyScan
    from chargen.network.checkpoint import Checkpoint
    from chargen.sampling.filters import SamplingSettings
    from chargen.sampling.sampler import Sampler
    from chargen.text.corpus import Corpus

TRIES = 20  # texts written for each new one that is asked for


def write(
    sampler: "Sampler",
    prefix: str,
    settings: "SamplingSettings",
    seed: int,
    beam: int | None,
    num_samples: int,
    best_of: int | None,
    **limits,
) -> Iterator[Iterable[str]]:
    """Yield each text in pieces; `limits` are those of `StopCondition`."""
    if beam:
        yield [sampler.beam_search(prefix, width=beam, **limits)]
    elif best_of:
        from chargen.sampling.selection import likeliest

        texts = sampler.samples(best_of, prefix, settings=settings, seed=seed, **limits)
        yield from ([text] for text in likeliest(sampler, prefix, texts, num_samples))
    elif num_samples == 1:
        yield sampler.stream(prefix, settings=settings, seed=(seed, 0), **limits)
    else:
        yield from ([text] for text in sampler.samples(num_samples, prefix, settings=settings, seed=seed, **limits))


def new_lines(
    sampler: "Sampler", prefix: str, settings: "SamplingSettings", seed: int, corpus: "Corpus", num_samples, **limits
) -> Iterator[Iterable[str]]:
    """Yield the lines of each text that are not lines of a corpus; a text of which none is left is written again."""
    from chargen.text.whole_lines import whole_lines

    limits = {name: limits[name] for name in ("length", "stop", "lines", "sentences")}
    drawn = sampler.samples(TRIES * num_samples, prefix, settings=settings, seed=seed, **limits)
    shown, known = 0, set()
    while shown < num_samples and (batch := list(itertools.islice(drawn, max(num_samples, 8)))):
        texts = [[line for line in (prefix + text).split("\n") if line.strip()] for text in batch]
        known |= whole_lines(corpus, {line for lines in texts for line in lines})
        for lines in texts:
            new = [line for line in dict.fromkeys(lines) if line not in known]
            if new and shown < num_samples:
                known.update(new)  # none is shown twice
                shown += 1
                yield ["\n".join(new)]
    if shown < num_samples:
        say(f"{counted(shown, 'new text')} in {counted(TRIES * num_samples, 'try')}; a higher --temperature finds more")


def audited(
    texts: Iterable[Iterable[str]], prefix: str, scan: "CopyScan | None"
) -> Iterator[tuple[Iterable[str], "Copied | None"]]:
    """Yield each text's pieces and what is copied in them, None without an audit."""
    if scan is None:
        yield from ((pieces, None) for pieces in texts)
        return
    whole = ["".join(pieces) for pieces in texts]
    yield from zip(([text] for text in whole), scan.audit_all(whole, prefix), strict=True)


def show(separator: str, prefix: str, pieces: Iterable[str], copied: "Copied | None") -> None:
    """Write a text to standard output, piece by piece; an audited one with its copies highlighted."""
    from chargen.report.terminal import WordWrap, broken_at_words, colours, mark, printable, width_of

    wrap = WordWrap(width_of(sys.stdout))
    sys.stdout.write(separator)
    if copied is None:
        for piece in itertools.chain([prefix], pieces):
            sys.stdout.write(wrap.add(piece))
            sys.stdout.flush()
        sys.stdout.write(wrap.rest() + "\n")
        return
    from chargen.analysis.copies import SPAN
    from chargen.report.words import percent

    marked = copied.spans if colours(sys.stdout) else ()
    text = broken_at_words(prefix + "".join(pieces), width_of(sys.stdout))
    sys.stdout.write(text[: len(prefix)])
    trusted = getattr(sys.stdout, "trusted", sys.stdout)  # for the marks
    trusted.write(mark(text[len(prefix) :], marked, lambda piece: printable(piece, sys.stdout)) + "\n")
    sys.stdout.flush()
    longest = f"; the longest: {copied.longest!r}" if copied.longest else ""
    whole = f"; {len(copied.whole_lines)} of {counted(copied.lines, 'line')} copied whole" if copied.whole_lines else ""
    say(f"{percent(copied.share)} copied (passages of {SPAN}+ characters){longest}{whole}")


def copy_scan(model: "Checkpoint", corpus: str, encoding: str | None, prefix: str) -> "CopyScan":
    """Return what finds copies from a corpus, or if it is "" from the model's training text."""
    from chargen.analysis.copies import CopyScan
    from chargen.text.registry import registry

    if corpus and not prefix and not os.path.exists(corpus) and corpus not in registry():
        raise click.UsageError(f"--audit: no text called {corpus!r}; if it is the prefix, put --audit after it")
    return CopyScan(training_text(model, corpus or None, encoding))


def training_text(model: "Checkpoint", corpus: str | None, encoding: str | None) -> "Corpus":
    """Return a corpus, or the text that the model learned where it is None."""
    from chargen.analysis.training_text import training_corpus

    if base := model.provenance.metadata.get("init_from"):
        say(f"the model was fine-tuned from {base}; copies from the text of that one are not found")
    return training_corpus(model.provenance, model.vocabulary.normalization, corpus, encoding)
