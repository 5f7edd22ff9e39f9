"""Pictures, from plain numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def save_losses(history: Sequence[dict], path: str | Path) -> None:
    """Draw training and validation perplexity against the epoch, and write a PNG of 1200 by 750 pixels.

    Args:
        history: one dict an epoch with `epoch`, `train_loss` and `valid_loss` (nats per character, or None).
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
    axes.set_xlabel("epoch")
    axes.set_ylabel("perplexity (choices per character)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path)
