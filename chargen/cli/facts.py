"""What a model's file holds, in lines for people."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chargen.cli.options import tell
from chargen.report.words import counted, size

if TYPE_CHECKING:
    from chargen.network.provenance import EpochRecord, Provenance

CHARACTERS = 200  # of a vocabulary that are shown
MARGIN = 15  # columns of the names


def show_model(path: Path, model) -> None:
    """Print what is known about a `chargen.Checkpoint`."""
    from chargen.network.checkpoint import model_name

    config, made, vocabulary = model.config, model.provenance, model.vocabulary
    parameters = sum(array.size for array in model.weights.values())
    shape = f"{config.cell} {config.num_layers} x {config.hidden_size}{', both ways' * config.bidirectional}"
    reads = f"embedding of {config.embedding_size}" if config.embedding_size else "one-hot input"
    shown = vocabulary.characters[:CHARACTERS]
    rest = f" and {len(vocabulary) - CHARACTERS:,} more" if len(vocabulary) > CHARACTERS else ""
    baselines, version = made.metadata.get("baselines") or {}, f"chargen {made.chargen}" if made.chargen else ""
    facts = {
        "model": f"{model_name(path)}, {size(path.stat().st_size)}",
        "file": path,
        "network": f"{shape}, {parameters:,} weights in {model.bits} bits, {reads}",
        "characters": f"{len(vocabulary)}: {repr(shown)[1:-1]}{rest}",
        "normalization": vocabulary.normalization,
        "text": _text(made),
        "begun from": made.metadata.get("init_from"),
        "reached": _reached(made.reached),
        "simpler": ", ".join(f"{name} {bits:.3f} bits" for name, bits in baselines.items()),
        "settings": _settings(made, config, path),
        "saved": ", ".join(filter(None, (made.saved[:16].replace("T", " "), version))),
    }
    show_facts(facts)


def show_forecaster(path: Path) -> None:
    """Print what is known about a `chargen.series.Forecaster`."""
    from chargen.cli.fit import show_backtest
    from chargen.series import Forecaster

    forecaster = Forecaster.load(path)
    about, seasons = forecaster.about, forecaster.framing.seasons if forecaster.framing else ()
    rows = sum(len(forecaster.history(name)) for name in forecaster.names)
    facts = {
        "forecaster": f"{path}, {size(path.stat().st_size)}",
        "file": about.get("file"),
        "values": about.get("column"),
        "times": about.get("time"),
        "series": f"{len(forecaster.names)}, {counted(rows, 'row')} kept to go on from",
        "season": ", ".join(counted(length, "row") for length in seasons) or "none",
        "horizon": counted(forecaster.settings.horizon, "row"),
    }
    show_facts(facts)
    if forecaster.tested:
        click.echo()
        show_backtest(forecaster)


def show_facts(facts: dict[str, Any]) -> None:
    """Print names and values, each value in lines of its own column; paths stay whole, so that they can be copied."""
    for name, value in facts.items():
        if isinstance(value, Path):
            click.echo(f"{name:{MARGIN}}{value}")
        elif value:
            tell(f"{name:{MARGIN}}{value}", MARGIN)


def _text(made) -> str:
    if not made.train_characters:
        return made.corpus
    return f"{made.corpus}, {counted(made.train_characters, 'character')} to learn, {made.valid_characters:,} held out"


def _reached(record: "EpochRecord | None") -> str:
    import math

    from chargen.cli.progress import perplexity
    from chargen.report.words import duration

    if record is None:
        return ""
    valid = "" if record.valid_loss is None else f", held-out {perplexity(record.valid_loss)}"
    return (
        f"epoch {record.epoch}, {duration(record.seconds)}: training perplexity"
        f" {perplexity(record.train_loss)}{valid}, {record.score / math.log(2):.3f} bits per character"
    )


def _settings(made: "Provenance", config, path: Path) -> str:
    from chargen.errors import DamagedError, InputError
    from chargen.files.typed import typed
    from chargen.report.words import duration
    from chargen.training.settings import TrainingSettings

    if not {"epochs", "batching", "optimizer", "learning_rate", "precision"} <= made.settings.keys():  # of another hand
        return ""
    try:
        settings = typed(TrainingSettings, made.settings)
    except (TypeError, ValueError, InputError) as error:
        raise DamagedError(f"{path} is damaged: its description does not make sense ({error})") from None
    budget = made.metadata.get("budget")
    parts = [
        f"a budget of {duration(budget)}" if budget else counted(settings.epochs, "epoch"),
        f"{settings.batching.batch_size} x {settings.batching.num_steps} a step",
        f"{settings.optimizer} {settings.learning_rate:.4g}",
        f"dropout {config.dropout:g} / {config.recurrent_dropout:g}",
        settings.precision,
    ]
    return ", ".join(parts)
