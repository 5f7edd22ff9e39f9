"""What the user sees of training: a bar with live figures, a line for each epoch, a sample now and then."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator

from chargen.report.terminal import printable

BUSY = "the machine is busy: training in one thread while that is faster, as now"


def show_training(run, records: Iterable, preview: Callable[[int], str | None]) -> None:
    """Show the `records` of a `chargen.Run` on stderr as they come.

    Args:
        preview: called with each epoch's number after it; returns the text to show, or None.
    """
    from tqdm import tqdm

    from chargen.training.records import Progress
    from chargen.training.run import Saved

    best = math.inf if run.best is None else run.best
    saved_after_epoch, told = False, False
    with tqdm(unit="step", initial=run.step, disable=None, dynamic_ncols=True, leave=False) as bar:
        for record in records:
            if isinstance(record, Progress):
                bar.total = round(record.step / record.progress)
                bar.set_description(f"epoch {record.epoch}", refresh=False)
                bar.set_postfix_str(f"perplexity {perplexity(record.loss)}", refresh=False)
                bar.update(record.step - bar.n)
                if record.busy and not told:
                    told = True
                    bar.write(BUSY, file=sys.stderr)
            elif isinstance(record, Saved):
                saved_after_epoch = record.after_epoch  # the epoch's own line tells
                if not saved_after_epoch:
                    bar.write(f"    saved after {record.step:,} steps", file=sys.stderr)
            else:
                marks = "  *" if record.valid_loss is not None and record.score < best else ""
                bar.write(epoch_line(record) + marks + "  saved" * saved_after_epoch, file=sys.stderr)
                best, saved_after_epoch = min(best, record.score), False
                if (text := preview(record.epoch)) is not None:
                    bar.write(f"    | {printable(text, sys.stderr)}".replace("\n", "\n    | "), file=sys.stderr)


@contextlib.contextmanager
def show_exercise(report_every: int | None) -> Iterator[Callable]:
    """Show the training of networks on stderr: yield a function of a network's name, an epoch's record, and the epochs.

    Args:
        report_every: epochs after which the loss is also written as a line; None writes none.
    """
    from tqdm import tqdm

    with tqdm(unit="epoch", disable=None, dynamic_ncols=True, leave=False) as bar:

        def watch(name: str, record, epochs: int) -> None:
            if record.epoch == 1:
                bar.reset(total=epochs)
                bar.set_description(name)
            bar.set_postfix_str(f"loss {record.train_loss:.2e}", refresh=False)
            bar.update()
            if report_every and record.epoch % report_every == 1:
                bar.write(f"{name}  step {record.step - 1:4}  loss {record.train_loss:.2e}", file=sys.stderr)

        yield watch


def show_fitting(steps: Iterable) -> None:
    """Show the steps of a `chargen.series.Forecaster` that is being fitted on stderr, as they come."""
    from tqdm import tqdm

    from chargen.training.records import Progress

    with tqdm(unit="step", disable=None, dynamic_ncols=True, leave=False) as bar:
        stage, validation = None, ""
        for stage_now, record in steps:
            if stage_now != stage:
                stage, validation = stage_now, ""
                bar.reset()
            if isinstance(record, Progress):
                bar.total = round(record.step / record.progress)
                bar.set_description(f"{stage}, epoch {record.epoch}", refresh=False)
                bar.set_postfix_str(f"loss {record.loss:.4f}{validation}", refresh=False)
                bar.update(record.step - bar.n)
            elif record.valid_loss is not None:
                validation = f", validation {record.valid_loss:.4f}"


def show_summary(run, path: str) -> None:
    """Show what training reached, beside what simpler means reach on the same text, in bits per character by name."""
    best = next((record for record in run.history if record.score == run.best), None)
    if best is None:
        print("the record of the best epoch is lost; what there is goes on with more --epochs", file=sys.stderr)
        return
    kind = "training" if best.valid_loss is None else "validation"
    lines = [
        f"saved {path}: {kind} perplexity {perplexity(best.score)},"
        f" {best.score / math.log(2):.3f} bits per character, after epoch {best.epoch} of {len(run.history)},"
        f" {run.history[-1].seconds:.0f} s of training"
    ]
    if baselines := run.metadata.get("baselines"):
        figures = ", ".join(f"{name} {bits:.3f}" for name, bits in baselines.items())
        lines.append(f"for comparison, on the same held-out text: {figures} bits per character")
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
