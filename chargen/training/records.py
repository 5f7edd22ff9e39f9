"""What training reports, and where it stands."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

from chargen.errors import InputError
from chargen.files.atomic import open_file, unreadable
from chargen.files.typed import typed
from chargen.network.provenance import EpochRecord

LONGEST_HISTORY = 100_000_000  # bytes


@dataclass(frozen=True)
class Progress:
    """Where training stands; repeated unchanged while the held-out text is read.

    Attributes:
        epoch: counted from 1.
        step: steps done.
        progress: how much of the training is done, from 0 to 1.
        loss: mean over the steps since the last record, in nats per character.
        busy: whether one thread computes because other programs keep the processor busy.
    """

    epoch: int
    step: int
    progress: float
    loss: float
    busy: bool = False


def read_history(path: Path) -> list[EpochRecord]:
    """Return the records in a run's history; a last line that a crash has cut short is left out.

    Raises:
        InputError: there is no such file, or it is not a history.
    """
    try:
        with os.fdopen(open_file(path, follow=False), "rb") as file:
            lines = file.read(LONGEST_HISTORY).split(b"\n")
    except FileNotFoundError:
        raise InputError(f"no file {path}", "name a run; only runs have a history") from None
    except OSError as error:
        raise unreadable(path, error) from None
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(typed(EpochRecord, json.loads(line)))
        except (RecursionError, TypeError, ValueError) as error:
            if number == len(lines):  # what follows the last line break: nothing, or a line that was cut short
                break
            advice = "remove the line, or restore the file"
            raise InputError(f"{path} line {number} is not the record of an epoch ({error})", advice) from None
    return records


@dataclass
class Position:
    """Where training stands, as the plain numbers that a save holds.

    Attributes:
        epoch: the current one, counted from 1.
        batch: steps done in it.
        step: steps done since the beginning.
        epoch_loss: sum of the losses of the epoch's steps.
        seconds, epoch_seconds: spent in steps since the beginning, and in this epoch.
        evaluation_seconds: duration of the last evaluation.
        elapsed: seconds since the beginning, everything included.
        learning_rate: of the last step.
        best: the lowest score of an epoch, None before the first.
        epochs_since_best: epochs in a row without a better validation loss.
    """

    epoch: int = 1
    batch: int = 0
    step: int = 0
    epoch_loss: float = 0.0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    elapsed: float = 0.0
    learning_rate: float = 0.0
    best: float | None = None
    epochs_since_best: int = 0

    def __post_init__(self):
        for name, value in vars(self).items():
            if name == "best" and value is None:
                continue
            whole = name in ("epoch", "batch", "step", "epochs_since_best")
            if type(value) not in ((int,) if whole else (int, float)) or not 0 <= value < math.inf:
                raise ValueError(f"{name} {value!r} is not a position in a training")
