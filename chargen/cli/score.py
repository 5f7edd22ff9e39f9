"""`chargen score`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chargen.cli.commands import positive
from chargen.cli.completion import complete_models, complete_texts
from chargen.cli.options import (
    checkpoint_option,
    column_option,
    encoding_option,
    load_model,
    overwrite_option,
    quiet,
    quiet_option,
    say,
    tell,
    unknown_option,
    use_one_blas_thread,
)
from chargen.report.terminal import fitted, table, width_of
from chargen.report.words import counted

if TYPE_CHECKING:  # these take a while to load
    from chargen.analysis.comparison import Comparison
    from chargen.analysis.line_scores import LineScore
    from chargen.analysis.scoring import Piece, Predictions, Score, Scoring
    from chargen.network.checkpoint import Checkpoint
    from chargen.sampling.sampler import Sampler
    from chargen.training.adaptation import Adaptation


@click.command()
@click.argument("file", shell_complete=complete_texts)
@checkpoint_option
@click.option(
    "--compare",
    "other",
    metavar="MODEL",
    shell_complete=complete_models,
    help="A second model, to see which one predicts what better.",
)
@click.option(
    "--adapt", is_flag=True, help="Also measure a copy of the model that learns each piece once it has predicted it."
)
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page that shades each character by its bits.")
@click.option("--per-char", is_flag=True, help="Print one JSON object for each character.")
@click.option("--lines", "by_line", is_flag=True, help="Print the bits per character of each line, and the line.")
@click.option("--top", type=positive, default=3, help="Number of likeliest characters to show at each place.")
@unknown_option("error")
@column_option
@encoding_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@overwrite_option
@quiet_option
def score(
    file: str,
    checkpoint: str | None,
    other: str | None,
    adapt: bool,
    html: str | None,
    per_char: bool,
    by_line: bool,
    top: int,
    unknown: str,
    column: str | None,
    encoding: str,
    as_json: bool,
    overwrite: bool,
):
    """Measure how well a model predicts the text in FILE.

    FILE is a text file, - for standard input, or any other CORPUS of `chargen train`. It is normalized like the model's
    training text. The score is the mean over all characters but the first.
    """
    use_one_blas_thread()
    from chargen.analysis.comparison import Comparison
    from chargen.analysis.line_scores import LineScores
    from chargen.analysis.scoring import Scoring
    from chargen.errors import InputError
    from chargen.sampling.sampler import Sampler
    from chargen.text.reading_options import ReadingOptions
    from chargen.text.sources import documents
    from chargen.text.streams import TextStream

    if per_char + by_line + as_json > 1:
        raise InputError("--per-char, --lines and --json all print to stdout", "choose one of them")
    texts = documents(file)[1]
    named = [checkpoint] if other is None else [checkpoint, other]
    loaded = [load_model(name, html, overwrite, *(text.path for text in texts)) for name in named]
    paths, models = zip(*loaded, strict=True)
    samplers, adaptations = [Sampler(model) for model in models], _adaptations(models) if adapt else []
    scoring = Scoring(samplers, unknown, top if per_char or html else 0)
    comparison, lines, beginning = Comparison(), LineScores(len(samplers)), None
    stream = TextStream(texts, ReadingOptions(encoding, column=column))
    for piece in _with_progress(scoring.read(stream), samplers, adaptations, show=not (per_char or by_line or quiet())):
        beginning = beginning or piece
        if other is not None:
            comparison.add(piece)
        if per_char:
            _print_characters(piece, samplers)
        if by_line:
            _print_lines(lines.add(piece))
    if by_line:
        _print_lines(lines.rest())
    for note in stream.notes:
        say(note)
    _report_what_was_read(scoring, samplers, unknown)
    if html and beginning:
        _write_page(html, file, paths, scoring, samplers, beginning, comparison)
    if as_json:
        click.echo(json.dumps(_summary(paths, scoring, comparison, adaptations)))
    else:
        _show(paths, scoring.scores, comparison, adaptations, to_stderr=per_char or by_line)


def _adaptations(models: Sequence[Checkpoint]) -> list[Adaptation]:
    from chargen.training.adaptation import Adaptation

    return [Adaptation(model) for model in models]


def _with_progress(
    pieces: Iterable[Piece], samplers: Sequence[Sampler], adaptations: Sequence[Adaptation], show: bool
) -> Iterator[Piece]:
    """Yield the pieces, which the adaptations read after that."""
    from tqdm import tqdm

    with tqdm(
        unit=" characters", unit_scale=True, disable=None if show else True, leave=False, dynamic_ncols=True
    ) as bar:
        for piece in pieces:
            yield piece
            end = bar.n + len(piece.text)
            adapted = [
                adaptation.read(sampler.vocabulary.encode(piece.text))
                for adaptation, sampler in zip(adaptations, samplers, strict=False)
            ]
            for predicted, *_ in zip(*adapted, strict=True):
                bar.update(predicted - bar.n)
            bar.update(end - bar.n)


def _report_what_was_read(scoring: Scoring, samplers: Sequence[Sampler], unknown: str) -> None:
    shared = scoring.vocabulary
    if any(sampler.vocabulary != shared for sampler in samplers):
        how = f" (--normalize {shared.normalization})" * (shared.normalization != "none")
        say(f"compared on the {counted(len(shared), 'character')} both models know{how}")
    if scoring.unknown_characters:
        done = "left out" if unknown == "skip" else "replaced"
        count = scoring.unknown_characters
        say(f"{counted(count, 'unknown character')} {'was' if count == 1 else 'were'} {done}")


def _print_lines(lines: Iterable[LineScore]) -> None:
    for line in lines:
        figures = "  ".join("      " if math.isnan(bits) else f"{bits:6.3f}" for bits in line.bits)
        tell(f"{figures}  {line.text}".rstrip(), len(figures) + 2)


def _print_characters(piece: Piece, samplers: Sequence[Sampler]) -> None:
    for place, character in enumerate(piece.text):
        first, *others = [_predicted(*model, place) for model in zip(samplers, piece.predictions, strict=True)]
        line = {"character": character, **first} | ({"other": others[0]} if others else {})
        sys.stdout.write(json.dumps(line) + "\n")


def _predicted(sampler: Sampler, predictions: Predictions, place: int) -> dict:
    """Return what a model predicted at one place; null for the first character, which is not predicted."""
    loss = float(predictions.losses[place])
    if math.isnan(loss):
        return {"nats": None, "guesses": None}
    characters = sampler.vocabulary.decode(predictions.guesses[place])
    probabilities = predictions.probabilities[place].astype(float).round(6).tolist()
    return {"nats": round(loss, 6), "guesses": list(zip(characters, probabilities, strict=True))}


def _write_page(
    html: str,
    file: str,
    paths: Sequence[Path],
    scoring: Scoring,
    samplers: Sequence[Sampler],
    beginning: Piece,
    comparison: Comparison,
) -> None:
    from chargen.analysis.score_page import LIMIT, score_page
    from chargen.files.atomic import write_atomically
    from chargen.network.checkpoint import model_name

    title = "standard input" if file == "-" else Path(file).name
    vocabularies = [sampler.vocabulary for sampler in samplers]
    passages = [comparison.first, comparison.other] if len(paths) > 1 else []
    text = score_page(title, list(map(model_name, paths)), scoring.scores, vocabularies, beginning, passages)
    write_atomically(Path(html), text.encode("utf-8", "replace"))
    shown = f", which shows the first {LIMIT:,} characters" if scoring.scores[0].characters >= LIMIT else ""
    say(f"wrote {html}{shown}")


def _summary(
    paths: Sequence[Path], scoring: Scoring, comparison: Comparison, adaptations: Sequence[Adaptation]
) -> dict:
    models: list[dict] = [
        {"checkpoint": str(path)} | _figures(score) for path, score in zip(paths, scoring.scores, strict=True)
    ]
    for model, adaptation in zip(models, adaptations, strict=False):
        model["adapted"] = _figures(_score(adaptation))
    counts = {"characters": scoring.scores[0].characters, "unknown": scoring.unknown_characters}
    if len(models) == 1:
        return counts | models[0]
    passages = [[passage._asdict() for passage in side] for side in (comparison.first, comparison.other)]
    return counts | models[0] | {"better": passages[0], "other": models[1] | {"better": passages[1]}}


def _figures(score: Score) -> dict:
    return {"nats_per_character": score.loss, "bits_per_character": score.bits, "perplexity": score.perplexity}


def _score(adaptation: Adaptation) -> Score:
    from chargen.analysis.scoring import Score

    return Score(adaptation.characters, adaptation.loss / adaptation.characters)


def _show(
    paths: Sequence[Path],
    scores: Sequence[Score],
    comparison: Comparison,
    adaptations: Sequence[Adaptation],
    to_stderr: bool,
) -> None:
    from chargen.cli.progress import perplexity
    from chargen.network.checkpoint import model_name

    names = list(map(model_name, paths)) if len(paths) > 1 else [""]
    rows = list(zip(names, scores, strict=True))
    if adaptations:
        rows = [(name or "plain", score) for name, score in rows]
        rows += [(f"{name} adapted".lstrip(), _score(one)) for name, one in zip(names, adaptations, strict=True)]
    stream = sys.stderr if to_stderr else sys.stdout
    cells = [
        (
            name,
            counted(score.characters, "character"),
            f"{score.loss:.4f} nats",
            f"{score.bits:.4f} bits per character",
            f"perplexity {perplexity(score.loss)}",
        )
        for name, score in rows
    ]
    unnamed = len(rows) == 1
    for line in table([row[unnamed:] for row in cells], width_of(stream)):
        click.echo(line, err=to_stderr)
    for name, passages in zip(names, (comparison.first, comparison.other), strict=False):
        if passages:
            click.echo(fitted(f"\n{name} is better here (bits, first character, text):", stream), err=to_stderr)
        for passage in passages:
            line = f"  {passage.bits:6.1f}  {passage.start:>11,}  {passage.text!r}"
            click.echo(fitted(line, stream, 23), err=to_stderr)
