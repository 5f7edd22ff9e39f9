"""What a person sees of a training run: a bar with live perplexity, a line an epoch, a sample now and then."""

import math
import sys
from collections.abc import Callable, Iterable

from tqdm import tqdm


def show_training(records: Iterable, preview: Callable[[int], str | None]) -> list:
    """Show the records of `chargen.fit` on stderr as they come; return those of the epochs.

    Args:
        preview: called with each epoch's number after it; returns the text to show, or None.
    """
    from chargen.training import Progress

    epochs = []
    with tqdm(unit="step", disable=None, dynamic_ncols=True, leave=False) as bar:
        for record in records:
            if isinstance(record, Progress):
                bar.total = record.total_steps
                bar.set_description(f"epoch {record.epoch}", refresh=False)
                bar.set_postfix_str(f"perplexity {math.exp(record.loss):.2f}", refresh=False)
                bar.update(record.step - bar.n)
                continue
            epochs.append(record)
            is_best = record.score <= min(epoch.score for epoch in epochs)
            bar.write(
                epoch_line(record) + ("  *" if is_best and record.valid_loss is not None else ""), file=sys.stderr
            )
            if (text := preview(record.epoch)) is not None:
                bar.write(f"    | {text}".replace("\n", "\n    | "), file=sys.stderr)
    return epochs


def epoch_line(record) -> str:
    """Return an epoch's figures as one line."""
    figures = [f"epoch {record.epoch:3}", f"train perplexity {math.exp(record.train_loss):6.2f}"]
    if record.valid_loss is not None:
        figures.append(f"validation perplexity {math.exp(record.valid_loss):6.2f}")
    figures.append(f"{record.score / math.log(2):.3f} bits per character")
    figures.append(f"{record.characters_per_second:9,.0f} characters/s")
    return "  ".join(figures)
