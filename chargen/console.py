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
                bar.total = round(record.step / record.progress)
                bar.set_description(f"epoch {record.epoch}", refresh=False)
                bar.set_postfix_str(f"perplexity {perplexity(record.loss)}", refresh=False)
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


def show_summary(epochs: list, baselines, path: str) -> None:
    """Show what training reached, beside what simpler means reach on the same text."""
    best = min(epochs, key=lambda record: record.score)
    kind = "training" if best.valid_loss is None else "validation"
    lines = [
        f"saved {path}: {kind} perplexity {perplexity(best.score)},"
        f" {best.score / math.log(2):.3f} bits per character, after epoch {best.epoch} of {len(epochs)},"
        f" {epochs[-1].seconds:.0f} s of training"
    ]
    if baselines:
        lines.append(
            f"for comparison, on the same held-out text: counts of up to 5 characters {baselines.counts:.3f},"
            f" xz -9 {baselines.xz:.3f} bits per character"
        )
    print(*lines, "now try: chargen sample", sep="\n", file=sys.stderr)


def perplexity(loss: float) -> str:
    """Return exp(loss) to two places, or in powers of ten where it is beyond all measure."""
    value = math.exp(min(loss, 700.0))
    return f"{value:.2f}" if value < 1e6 else f"{value:.0e}"


def epoch_line(record) -> str:
    """Return an epoch's figures as one line."""
    figures = [f"epoch {record.epoch:3}", f"train perplexity {perplexity(record.train_loss):>6}"]
    if record.valid_loss is not None:
        figures.append(f"validation perplexity {perplexity(record.valid_loss):>6}")
    figures.append(f"{record.score / math.log(2):.3f} bits per character")
    figures.append(f"{record.characters_per_second:9,.0f} characters/s")
    return "  ".join(figures)
