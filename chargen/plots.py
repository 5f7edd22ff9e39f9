"""Pictures, from plain numbers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chargen.errors import InputError, SaveError


def read_history(path: str | Path) -> list[dict]:
    """Return the epochs that a run's history file holds, as `save_losses` takes them.

    Raises:
        InputError: there is no such file, or it is not a history.
    """
    try:
        history = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; only a run's own folder has a history") from None
    except ValueError:
        raise InputError(f"{path} is not the history of a run") from None
    if not all(isinstance(record, dict) and "train_loss" in record for record in history):
        raise InputError(f"{path} is not the history of a run")
    if not history:
        raise InputError(f"{path}: no epoch is finished yet")
    return history


def save_losses(history: Sequence[dict], path: str | Path, baselines: Mapping[str, float] | None = None) -> None:
    """Draw training and validation perplexity against the epoch, and write a PNG of 1200 by 750 pixels.

    Args:
        history: one dict an epoch with `epoch`, `train_loss` and `valid_loss` (nats per character, or None).
        baselines: what simpler means reach on the held-out text, in bits per character, by their names.

    Raises:
        SaveError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    epochs = [record["epoch"] for record in history]
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    marker = "o" if len(epochs) <= 30 else None
    axes.plot(epochs, np.exp([record["train_loss"] for record in history]), marker=marker, ms=4, label="training")
    validated = [
        (record["epoch"], np.exp(record["valid_loss"])) for record in history if record["valid_loss"] is not None
    ]
    if validated:
        axes.plot(*zip(*validated, strict=True), marker=marker, ms=4, label="validation")
        best_epoch, best = min(validated, key=lambda point: point[1])
        axes.plot(best_epoch, best, "*", ms=16, color="black", label=f"best: {best:.2f} after epoch {best_epoch}")
    for (name, bits), style in zip((baselines or {}).items(), ("--", ":"), strict=False):
        axes.axhline(2**bits, color="gray", ls=style, label=f"{name}: {2**bits:.2f}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("perplexity (choices per character)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror}; choose another place") from None
