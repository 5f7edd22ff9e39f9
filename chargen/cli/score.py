"""`chargen score`."""

import json
import math
import sys

import click

from chargen.cli.options import checkpoint_option, positive, refuse_same_file, require_folder, unknown_option


@click.command()
@click.argument("file")
@checkpoint_option
@click.option("--compare", "other", metavar="CHECKPOINT", help="A second model, to see which predicts what better.")
@click.option(
    "--html", type=click.Path(dir_okay=False), help="Write a page that shades each character by its surprise."
)
@click.option("--per-char", is_flag=True, help="Print one JSON object a character.")
@click.option("--top", type=positive, default=3, help="How many of the model's guesses a character is shown with.")
@unknown_option
@click.option("--encoding", default="utf-8", help="How the text's bytes are to be read.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(file, checkpoint, other, html, per_char, top, unknown, encoding, as_json):
    """Measure how well a model predicts the text in FILE.

    FILE is a text file, - for standard input, or any other CORPUS of `chargen train`. It is normalised as the model
    asks. A model's score is the mean over all characters but the first, which nothing comes before.
    """
    from chargen.analysis.scoring import Comparison, Scoring
    from chargen.errors import InputError
    from chargen.text.streams import read_text

    if per_char and as_json:
        raise InputError("--per-char and --json both print to stdout; choose one of them")
    refuse_same_file(file, html)
    require_folder(html)
    paths, samplers = _load([checkpoint] if other is None else [checkpoint, other])
    scoring = Scoring(samplers, unknown, top if per_char or html else 0)
    comparison, beginning = Comparison(), None
    for piece in _with_progress(scoring.read(read_text(file, encoding)), show=not per_char):
        beginning = beginning or piece
        if other is not None:
            comparison.add(piece)
        if per_char:
            _print_characters(piece, samplers)
    _tell_what_was_read(scoring, samplers, unknown)
    if html:
        _write_page(html, file, paths, scoring, samplers, beginning)
    if as_json:
        click.echo(json.dumps(_summary(paths, scoring, comparison)))
    else:
        _show(paths, scoring.scores, comparison, to_stderr=per_char)


def _load(names):
    from chargen.network.checkpoint import Checkpoint, find
    from chargen.sampling.sampler import Sampler

    paths = [find(name) for name in names]
    if names[0] is None:
        click.echo(f"scoring with {paths[0]}", err=True)
    return paths, [Sampler(Checkpoint.load(path)) for path in paths]


def _with_progress(pieces, show):
    from tqdm import tqdm

    with tqdm(
        unit=" characters", unit_scale=True, disable=None if show else True, leave=False, dynamic_ncols=True
    ) as bar:
        for piece in pieces:
            yield piece
            bar.update(len(piece.text))


def _tell_what_was_read(scoring, samplers, unknown):
    shared = scoring.vocabulary
    if any(sampler.vocabulary != shared for sampler in samplers):
        how = f" (--normalize {shared.normalization})" * (shared.normalization != "none")
        click.echo(f"both read the {len(shared)} characters that both know{how}", err=True)
    if scoring.unknown_characters:
        done = "left out" if unknown == "skip" else "replaced"
        click.echo(f"{scoring.unknown_characters:,} unknown characters were {done}", err=True)


def _print_characters(piece, samplers):
    for place, character in enumerate(piece.text):
        accounts = [_account(*model, place) for model in zip(samplers, piece.predictions, strict=True)]
        line = {"character": character, **accounts[0]} | ({"other": accounts[1]} if len(accounts) > 1 else {})
        sys.stdout.write(json.dumps(line) + "\n")


def _account(sampler, predictions, place):
    """Return what a model made of one character; null for the first of a text, which it does not predict."""
    loss = float(predictions.losses[place])
    if math.isnan(loss):
        return {"nats": None, "guesses": None}
    characters = sampler.vocabulary.decode(predictions.guesses[place])
    probabilities = predictions.probabilities[place].astype(float).round(6).tolist()
    return {"nats": round(loss, 6), "guesses": list(zip(characters, probabilities, strict=True))}


def _write_page(html, file, paths, scoring, samplers, beginning):
    from pathlib import Path

    from chargen.analysis.score_page import LIMIT, score_page
    from chargen.files.atomic import write_atomically
    from chargen.network.checkpoint import model_name

    title = "standard input" if file == "-" else Path(file).name
    vocabularies = [sampler.vocabulary for sampler in samplers]
    text = score_page(title, list(map(model_name, paths)), scoring.scores, vocabularies, beginning)
    write_atomically(Path(html), text.encode("utf-8", "replace"))
    shown = f", which shows the first {LIMIT:,} characters" if scoring.scores[0].characters >= LIMIT else ""
    click.echo(f"wrote {html}{shown}", err=True)


def _summary(paths, scoring, comparison):
    models = [
        {
            "checkpoint": str(path),
            "nats_per_character": score.loss,
            "bits_per_character": score.bits,
            "perplexity": score.perplexity,
        }
        for path, score in zip(paths, scoring.scores, strict=True)
    ]
    counts = {"characters": scoring.scores[0].characters, "unknown": scoring.unknown_characters}
    if len(models) == 1:
        return counts | models[0]
    passages = [[passage._asdict() for passage in side] for side in (comparison.first, comparison.other)]
    return counts | models[0] | {"better": passages[0], "other": models[1] | {"better": passages[1]}}


def _show(paths, scores, comparison, to_stderr):
    from chargen.cli.progress import perplexity, printable
    from chargen.network.checkpoint import model_name

    names = list(map(model_name, paths)) if len(paths) > 1 else [""]
    width = max(map(len, names))
    for name, score in zip(names, scores, strict=True):
        figures = (
            f"{score.characters:,} characters  {score.loss:.4f} nats  {score.bits:.4f} bits per character"
            f"  perplexity {perplexity(score.loss)}"
        )
        click.echo(f"{name:{width}}  {figures}".lstrip(), err=to_stderr)
    for name, passages in zip(names, (comparison.first, comparison.other), strict=False):
        if passages:
            click.echo(f"\n{name} is better, in bits and from which character on:", err=to_stderr)
        for passage in passages:
            shown = printable(repr(passage.text), sys.stderr if to_stderr else sys.stdout)
            click.echo(f"  {passage.bits:6.1f}  {passage.start:>11,}  {shown}", err=to_stderr)
