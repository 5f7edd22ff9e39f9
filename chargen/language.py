"""Text as something to learn: each next character from those before; `fit` and `evaluate`."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chargen.batches import Batching, window_starts
from chargen.cells import map_state
from chargen.errors import InputError
from chargen.model import CharModel
from chargen.processes import ALONE, Processes
from chargen.training import EpochRecord, Progress, Trainer, TrainingSettings, autocast

EVALUATION_ROWS = 64  # rows of validation text read side by side
EVALUATION_WARMUP = 256  # characters that a row reads before its own
EVALUATION_CHUNK = 256  # characters of each row read in one go, or fewer:
EVALUATION_LOGITS = 2**23  # numbers that are computed in one go, at most, which bounds the memory


def fit(
    model: CharModel,
    train_ids: np.ndarray,
    valid_ids: np.ndarray,
    settings: TrainingSettings,
    processes: Processes = ALONE,
) -> Iterator[Progress | EpochRecord]:
    """Train `model` in place, on the device it lies on, and yield records as it learns.

    The result depends on the model's weights, the ids and the settings alone (and on the clock, if `settings.seconds`
    is given); no global generator is used.

    Args:
        train_ids: integer array (training characters,).
        valid_ids: integer array (held-out characters,); fewer than 2 mean that there is no validation.
        processes: those that train the model together, see `chargen.processes.joined`.

    Raises:
        InputError: the model reads in both directions, the training text does not fill one batch, or a batch cannot
            be dealt to the processes.
        TrainingError: the loss is no longer a number.
    """
    return text_trainer(model, train_ids, valid_ids, settings, processes).records()


def text_trainer(
    model: CharModel,
    train_ids: np.ndarray,
    valid_ids: np.ndarray,
    settings: TrainingSettings,
    processes: Processes = ALONE,
) -> Trainer:
    """Return the `Trainer` that `fit` runs."""
    if model.config.bidirectional:
        raise InputError(
            "a bidirectional network cannot be trained to predict the next character: its right-to-left half has"
            " already read it; train without bidirectional"
        )
    task = TextTask(train_ids, valid_ids, settings.batching, model.output.weight.device, processes)
    return Trainer(model, task, settings, processes)


class TextTask:
    """The `chargen.training.Task` of predicting each next character; the loss is in nats per character."""

    def __init__(
        self,
        train_ids: np.ndarray,
        valid_ids: np.ndarray,
        batching: Batching,
        device: torch.device,
        processes: Processes = ALONE,
    ):
        """Prepare to cut a text into batches, and to evaluate on another; see `fit`."""
        self.batching, self.processes = batching, processes
        self.batches_per_epoch = batching.batches_per_epoch(len(train_ids))
        self.held_out = max(len(valid_ids) - 1, 0)
        self.train_ids = torch.as_tensor(train_ids, device=device)  # (training characters,)
        self.valid_ids = torch.as_tensor(valid_ids, device=device)  # (held-out characters,)
        self._places = torch.arange(batching.num_steps + 1, device=device)  # (T + 1,)
        self._epoch = None

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Return ids X and, one character ahead, ids Y, (B, T) each."""
        if epoch != self._epoch:
            starts = window_starts(len(self.train_ids), self.batching, epoch)
            self._epoch, self._starts = epoch, torch.as_tensor(starts, device=self.train_ids.device)  # (batches, B)
        windows = self.train_ids[self._starts[number][:, None] + self._places]  # (B, T + 1)
        return windows[:, :-1], windows[:, 1:]

    def continues(self, epoch: int, number: int) -> bool:
        """Return whether the state is carried to this batch: within an epoch that is read in sequence."""
        return self.batching.partition == "sequential" and number > 0

    def loss(self, logits: Tensor, Y: Tensor) -> Tensor:
        """Return the mean cross-entropy of logits, (B, T, V), at ids Y, (B, T)."""
        return F.cross_entropy(logits.flatten(0, 1), Y.flatten())

    def evaluation(self, model: CharModel, precision: str) -> Iterator[float]:
        """Read the held-out text; yield the mean loss so far, chunk by chunk."""
        return evaluation(model, self.valid_ids, precision, self.processes)


def evaluate(
    model: CharModel, ids: np.ndarray | Tensor, precision: str = "float32", processes: Processes = ALONE
) -> float:
    """Return the mean loss of predicting `ids`, (characters,), in nats per character, read in sequence.

    Args:
        processes: those that share the work; all of them get the result.

    Raises:
        InputError: there are fewer than 2 characters.
    """
    *_, loss = evaluation(model, ids, precision, processes)
    return loss


@torch.no_grad()
def evaluation(
    model: CharModel, ids: np.ndarray | Tensor, precision: str, processes: Processes = ALONE
) -> Iterator[float]:
    """Do what `evaluate` does, and yield the mean loss of what has been read, chunk by chunk.

    The text is cut into rows that are read side by side. To start from the state that reading in sequence would have
    brought, every row but the first begins by reading the characters before it, which do not count. Processes share
    the rows; where those cannot be dealt evenly, the last ones lie behind the end of the text and do not count.
    """
    model.eval()
    ids = torch.as_tensor(ids, device=next(model.parameters()).device)
    targets = len(ids) - 1
    if targets < 1:
        raise InputError(f"{len(ids)} characters: it takes two to predict one from the other")
    rows = min(max(targets // EVALUATION_WARMUP, 1), EVALUATION_ROWS)
    length = math.ceil(targets / rows)
    chunk = max(min(EVALUATION_CHUNK, EVALUATION_LOGITS // (rows * model.config.vocab_size)), 1)
    rows = math.ceil(rows / processes.size)  # of this process
    starts = (processes.rank * rows + torch.arange(rows, device=ids.device)[:, None]) * length  # (rows, 1)
    warmup = starts + torch.arange(-EVALUATION_WARMUP, 0, device=ids.device)  # (rows, warm-up)
    with autocast(ids.device, precision):
        _, state = model(ids[warmup.clamp(min=0, max=targets)], model.begin_state(rows))
    state = map_state(lambda part: part * (starts > 0), state)  # nothing lies before the first row
    total, read = 0.0, 0
    for places in (starts + torch.arange(length, device=ids.device)).split(chunk, dim=1):  # (rows, T)
        X, Y = ids[places.clamp(max=targets)], ids[(places + 1).clamp(max=targets)]  # (rows, T) each
        with autocast(ids.device, precision):
            logits, state = model(X, state)
        losses = F.cross_entropy(logits.flatten(0, 1), Y.flatten(), reduction="none").view(Y.shape)
        counts = places < targets
        more, characters = processes.sum((losses * counts).sum().item(), counts.sum().item())
        total, read = total + more, read + characters
        yield total / read
