"""`chargen inspect`."""

import json
from collections.abc import Iterable
from pathlib import Path

import click

from chargen.cli.commands import positive
from chargen.cli.completion import complete_texts
from chargen.cli.options import (
    checkpoint_option,
    column_option,
    encoding_option,
    load_model,
    overwrite_option,
    quiet_option,
    say,
    tell,
    unknown_option,
)
from chargen.report.words import counted


@click.command()
@click.argument("file", shell_complete=complete_texts)
@checkpoint_option
@click.option(
    "--html",
    type=click.Path(dir_okay=False),
    help="Write a page that colours the first 3,000 characters by the activation of any unit.",
)
@click.option("--top", type=positive, default=3, help="Number of units to show for each feature.")
@column_option
@encoding_option
@unknown_option("error")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@overwrite_option
@quiet_option
def inspect(
    file: str,
    checkpoint: str | None,
    html: str | None,
    top: int,
    column: str | None,
    encoding: str,
    unknown: str,
    as_json: bool,
    overwrite: bool,
):
    """Find the hidden units that follow quotations, lines, words.

    FILE is any CORPUS of `chargen train`, or - for standard input; the first 10,000 characters are read. For each
    feature, units are chosen by their correlation in the first half of these, and measured in the second half.
    Layers and units are counted from 0.
    """
    from chargen.analysis.hidden_units import LONGEST, inspect_text
    from chargen.analysis.hidden_units_page import activation_page
    from chargen.files.atomic import write_atomically
    from chargen.network.checkpoint import model_name
    from chargen.sampling.sampler import Sampler
    from chargen.text.reading_options import ReadingOptions
    from chargen.text.sources import documents
    from chargen.text.streams import TextStream

    name, texts = documents(file)
    path, model = load_model(checkpoint, html, overwrite, *(text.path for text in texts))
    sampler = Sampler(model)
    stream = TextStream(texts, ReadingOptions(encoding, column=column))
    text = _beginning(stream, LONGEST)
    inspection = inspect_text(sampler, text, top, unknown)
    for note in stream.notes:
        say(note)
    if len(text) > LONGEST:
        say(f"{name}: reading the first {LONGEST:,} characters; there are more")
    if html:
        write_atomically(
            Path(html), activation_page(inspection, f"{name}, read by {model_name(path)}").encode("utf-8", "replace")
        )
        say(f"wrote {html}; open it in a browser")
    if as_json:
        click.echo(json.dumps(_as_json(inspection, str(path), name)))
    else:
        _show(inspection)


def _beginning(pieces: Iterable[str], length: int) -> str:
    """Return the beginning of a text, more than `length` characters if it has more."""
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > length:
            break
    return text


def _as_json(inspection, checkpoint: str, name: str) -> dict:
    from dataclasses import asdict

    return {
        "checkpoint": checkpoint,
        "text": name,
        "characters": len(inspection.text),
        "layers": inspection.layers,
        "hidden_size": inspection.activations.shape[1] // inspection.layers,
        "measure": "Pearson correlation",
        "findings": [asdict(finding) for finding in inspection.findings],
    }


def _show(inspection) -> None:
    T, units = inspection.activations.shape
    tell(
        f"{counted(units, 'unit')}, {counted(T, 'character')}; correlations in the second half of the text"
        " (in brackets: in the first half, by which the units were chosen)"
    )
    for finding in inspection.findings:
        first, second = finding.passages
        tell(f"{finding.feature}: {finding.note or f'{first:,} + {second:,} passages'}")
        for score in finding.units:
            name = f"layer {score.layer}, unit {score.unit}" if inspection.layers > 1 else f"unit {score.unit}"
            tell(f"    {name:9}  {score.held_out:+.2f}  ({score.first_half:+.2f})")
