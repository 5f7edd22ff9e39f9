"""What the user sees of training: a bar with live figures, a line for each epoch, a sample now and then."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator

from chargen.cli.options import quiet
from chargen.report.terminal import fitted, printable, width_of, wrapped
from chargen.report.words import counted, duration

BUSY = "the machine is busy: training in one thread while that is faster, as now"
BAR = "{desc}  {percentage:3.0f} %  {remaining} left{postfix}  |{bar}|"  # a narrow terminal loses its end
MARGIN = "    | "
WIDEST = 100  # characters of a sample's line


def show_training(run, records: Iterable, preview: Callable[[bool], str | None]) -> None:
    """Show the `records` of a `chargen.Run` on stderr as they come.

    Args:
        preview: returns a sample to show if one is due; called often, with whether the training has ended.
    """
    from chargen.training.records import EpochRecord, Progress

    if quiet():
        for _ in records:
            pass
        return
    best = math.inf if run.best is None else run.best
    saved, busy = False, False
    with _bar(initial=run.step) as bar:
        for record in records:
            if isinstance(record, Progress):
                _show_progress(bar, record, epoch_of(run, record.epoch))
                if record.busy and not busy:
                    busy = True
                    bar.write(fitted(BUSY, sys.stderr), file=sys.stderr)
            elif isinstance(record, EpochRecord):
                marks = "*" * (record.valid_loss is not None and record.score < best), "saved" * saved
                bar.write(epoch_line(record, epoch_of(run, record.epoch), *marks), file=sys.stderr)
                best, saved = min(best, record.score), False
            else:
                saved = record.after_epoch  # the epoch's own line tells
                if not saved and bar.disable:  # in a file; on a terminal the bar says how far it is
                    bar.write(f"    saved after {how_far(run)}", file=sys.stderr)
            if text := preview(isinstance(record, EpochRecord) and run.finished):
                bar.write(quoted(text), file=sys.stderr)


def _bar(**options):
    from tqdm import tqdm

    return tqdm(bar_format=BAR, disable=quiet() or None, dynamic_ncols=True, leave=False, **options)


def _show_progress(bar, record, description: str) -> None:
    bar.total = round(record.step / record.progress)
    bar.set_description_str(description, refresh=False)
    bar.set_postfix_str(f"training {perplexity(record.loss)}", refresh=False)
    bar.update(record.step - bar.n)


def quoted(text: str) -> str:
    """Return a sample for stderr: wrapped at words, behind a line in the margin."""
    width = min(width_of(sys.stderr) or WIDEST, WIDEST) - len(MARGIN)
    lines = wrapped(printable(text, sys.stderr), width)
    return "\n".join(f"{MARGIN}{line}" for line in lines)


def epoch_of(run, epoch: int) -> str:
    """Return "epoch  3/16", or "epoch 3" where their number follows from the time."""
    if run.settings.seconds is not None:
        return f"epoch {epoch:2}"
    epochs = str(run.settings.epochs)
    return f"epoch {epoch:{len(epochs)}}/{epochs}"


def how_far(run) -> str:
    """Return how far the training is, for people and for machines."""
    used = "" if run.settings.seconds is None else f", {duration(run.seconds)} of its budget used"
    return f"{counted(run.step, 'step')}, {100 * run.progress:.0f} % done{used}"


def epoch_line(record, epoch: str, best: str = "", saved: str = "") -> str:
    """Return an epoch's figures as one line; where it is too long for the terminal, some of them are left out."""
    thousands = record.characters_per_second / 1000
    speed = f"{thousands:.1f}k" if thousands < 10 else f"{thousands:.0f}k"
    figures = {
        "epoch": epoch,
        "training": f"training {perplexity(record.train_loss):>5}",
        "held-out": "" if record.valid_loss is None else f"held-out {perplexity(record.valid_loss):>5}",
        "bits": f"{record.score / math.log(2):.3f} bits",
        "speed": f"{speed:>4} chars/s",
        "marks": f"{best or ' '} {saved}".rstrip(),
    }
    line = "  ".join(filter(None, figures.values()))
    for least in ("speed", "training", "bits", "marks"):
        if len(line) <= (width_of(sys.stderr) or math.inf):
            break
        del figures[least]
        line = "  ".join(filter(None, figures.values()))
    return line


@contextlib.contextmanager
def show_exercise(networks: int, epochs: int) -> Iterator[Callable]:
    """Show the training of all networks as one bar on stderr: yield a function of a network's name and a record."""
    with _bar(total=networks * epochs, mininterval=0.2) as bar:

        def watch(name: str, record) -> None:
            bar.set_description_str(f"{name}, epoch {record.epoch}/{epochs}", refresh=False)
            bar.set_postfix_str(f"loss {record.train_loss:.2e}", refresh=False)
            bar.update()

        yield watch


def show_fitting(steps: Iterable) -> None:
    """Show the steps of a `chargen.series.Forecaster` that is being fitted on stderr, as they come."""
    from chargen.training.records import Progress

    with _bar() as bar:
        stage, validation = None, ""
        for stage_now, record in steps:
            if stage_now != stage:
                stage, validation = stage_now, ""
                bar.reset()
            if isinstance(record, Progress):
                bar.total = round(record.step / record.progress)
                bar.set_description_str(f"{stage}, epoch {record.epoch}", refresh=False)
                bar.set_postfix_str(f"loss {record.loss:.4f}{validation}", refresh=False)
                bar.update(record.step - bar.n)
            elif record is None:
                bar.set_description(stage, refresh=False)
                bar.update(0)
            elif record.valid_loss is not None:
                validation = f", validation {record.valid_loss:.4f}"


def perplexity(loss: float) -> str:
    """Return exp(loss) to two places, or in powers of ten where it is beyond all measure."""
    value = math.exp(min(loss, 700.0))
    return f"{value:.2f}" if value < 1e6 else f"{value:.0e}"
