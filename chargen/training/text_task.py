"""Text as a task: predict each next character; `fit` and `evaluate`."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.text.batches import Batching, WindowStarts
from chargen.text.evaluation_rows import EvaluationRows
from chargen.text.stored_ids import StoredIds, TextIds
from chargen.training.hardware import autocast
from chargen.training.model import CharModel
from chargen.training.noise import RareCharacters
from chargen.training.processes import ALONE, Processes
from chargen.training.records import EpochRecord, Progress
from chargen.training.settings import TrainingSettings
from chargen.training.trainer import Trainer


def fit(
    model: CharModel,
    train_ids: TextIds,
    valid_ids: TextIds,
    settings: TrainingSettings,
    processes: Processes = ALONE,
) -> Iterator[Progress | EpochRecord]:
    """Train `model` in place, on the device it lies on, and yield records as it learns.

    The result is a function of the model's weights, the ids and the settings (and of the clock, if `settings.seconds`
    is given); it uses no global random generator.

    In the end it holds the averaged weights, if the settings want an average.

    Args:
        train_ids: integer array (training characters,); `StoredIds` and an `np.memmap` stay in their file.
        valid_ids: the same (held-out characters,); fewer than 2 mean that there is no validation. Of these,
            `settings.valid_chars` are read after each epoch.
        processes: those that train the model together, see `chargen.training.processes.joined`.

    Raises:
        InputError: the model is bidirectional, the training text does not fill one batch, or a batch cannot be shared
            evenly among the processes.
        TrainingError: training diverged.
    """
    return _averaged_in_the_end(text_trainer(model, train_ids, valid_ids, settings, processes))


def _averaged_in_the_end(trainer: Trainer) -> Iterator[Progress | EpochRecord]:
    yield from trainer.records()
    trainer.model.load_state_dict(trainer.average.model.state_dict())


def text_trainer(
    model: CharModel,
    train_ids: TextIds,
    valid_ids: TextIds,
    settings: TrainingSettings,
    processes: Processes = ALONE,
) -> Trainer:
    """Return the `Trainer` that `fit` runs."""
    if model.config.bidirectional:
        raise InputError(
            "a bidirectional network cannot learn to predict the next character, which its right-to-left half has"
            " already read",
            "make it without {bidirectional}",
        )
    device = model.output.weight.device
    task = TextTask(train_ids, valid_ids, settings.batching, device, settings.valid_chars, processes)
    task.guessing = math.log(model.config.vocab_size)
    if settings.noise:
        task.noise = RareCharacters(train_ids, model.config.vocab_size, settings.noise)
    return Trainer(model, task, settings, processes)


class TextTask:
    """The `chargen.training.trainer.Task` of predicting each next character; the loss is in nats per character."""

    guessing = math.inf
    noise: RareCharacters | None = None  # in what is learned

    def __init__(
        self,
        train_ids: TextIds,
        valid_ids: TextIds,
        batching: Batching,
        device: torch.device,
        valid_chars: int | None = None,
        processes: Processes = ALONE,
    ):
        """Prepare batches of one text, and evaluation on the first `valid_chars` characters of another; see `fit`."""
        self.batching, self.processes = batching, processes
        self.batches_per_epoch = batching.batches_per_epoch(len(train_ids))
        self.train_ids, self.valid_ids = Ids(train_ids, device), Ids(valid_ids[:valid_chars], device)
        self.held_out = max(len(self.valid_ids) - 1, 0)
        self._places = torch.arange(batching.num_steps + 1, device=self.train_ids.device)  # (T + 1,)
        self._epoch: int | None = None
        self._starts: Tensor | WindowStarts

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Return ids X and, one character ahead, ids Y, (B, T) each."""
        if epoch != self._epoch:
            starts = WindowStarts(len(self.train_ids), self.batching, epoch)
            self._epoch, self._starts = epoch, self.train_ids.window_starts(starts)
        first = torch.as_tensor(self._starts[number])  # (B,)
        windows = self.train_ids[first[:, None] + self._places]  # (B, T + 1)
        if self.noise is not None:
            seed = (self.batching.seed * 1_000_003 + epoch) * 1_000_003 + number
            windows = self.noise(windows, seed % 2**63)
        return windows[:, :-1], windows[:, 1:]

    def continues(self, epoch: int, number: int) -> bool:
        """Return whether the state is carried to this batch: within an epoch of the sequential partition."""
        return self.batching.partition == "sequential" and number > 0

    def loss(self, logits: Tensor, Y: Tensor) -> Tensor:
        """Return the mean cross-entropy of logits, (B, T, V), at ids Y, (B, T)."""
        return F.cross_entropy(logits.flatten(0, 1), Y.flatten())

    def evaluation(self, model: CharModel, precision: str) -> Iterator[float]:
        """Read the held-out text chunk by chunk; yield the mean loss so far."""
        return evaluation(model, self.valid_ids, precision, self.processes)


class Ids:
    """The ids of a text, gathered a batch at a time: from the model's device, or from their file.

    Attributes:
        device: where the places to gather must lie.
    """

    def __init__(self, ids: TextIds | Tensor, device: torch.device):
        """Bring `ids`, (characters,), to the model's device unless they are in a file."""
        self._target = device
        self._ids: np.memmap | StoredIds | Tensor
        if isinstance(ids, np.memmap | StoredIds):
            self._ids, self.device = ids, torch.device("cpu")
        else:
            if isinstance(ids, np.ndarray) and (ids.dtype in (np.uint16, np.uint32) or not ids.flags.writeable):
                ids = ids.astype(np.int64)  # PyTorch hardly supports these types, and warns about read-only arrays
            self._ids, self.device = torch.as_tensor(ids, device=device), device

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, places: Tensor) -> Tensor:
        """Return the ids at `places`, of any shape, int64 on the model's device."""
        if isinstance(self._ids, Tensor):
            return self._ids[places].long()
        gathered = np.asarray(self._ids[places.numpy()], np.int64)
        return torch.as_tensor(gathered).to(self._target, non_blocking=True)

    def places(self, places: np.ndarray) -> Tensor:
        """Return places where `__getitem__` needs them: on the device of the ids."""
        return torch.as_tensor(places, device=self.device)

    def window_starts(self, starts: WindowStarts) -> Tensor | WindowStarts:
        """Return where windows begin: on the device, or unchanged for a text on the disk."""
        return self.places(np.asarray(starts)) if isinstance(self._ids, Tensor) else starts


def evaluate(
    model: CharModel, ids: TextIds | Tensor, precision: str = "float32", processes: Processes = ALONE
) -> float:
    """Return the mean loss of predicting `ids`, (characters,), in nats per character, read in sequence.

    Args:
        processes: those that share the work; all of them return the result.

    Raises:
        InputError: there are fewer than 2 characters.
    """
    *_, loss = evaluation(model, ids, precision, processes)
    return loss


@torch.no_grad()
def evaluation(
    model: CharModel, ids: TextIds | Tensor | Ids, precision: str, processes: Processes = ALONE
) -> Iterator[float]:
    """Do what `evaluate` does; yield the mean loss so far after each chunk.

    The text is read in `EvaluationRows`, which processes share.
    """
    model.eval()
    device = next(model.parameters()).device
    ids = ids if isinstance(ids, Ids) else Ids(ids, device)
    targets = len(ids) - 1
    if targets < 1:
        raise InputError(f"{counted(len(ids), 'character')}: evaluation needs at least 2", "give a longer text")
    rows = EvaluationRows(targets)
    own = rows.starts(processes.rank, processes.size)  # (rows,)
    with autocast(device, precision):
        _, state = model(ids[ids.places(rows.warmup_places(own))], model.begin_states(len(own)))
    starts = ids.places(own[:, None])  # (rows, 1)
    follows = (starts > 0).to(device)  # (rows, 1)
    state = tuple(part * follows for part in state)  # nothing lies before the first row
    total, read = 0.0, 0.0
    steps = torch.arange(rows.length, device=ids.device)
    for places in (starts + steps).split(rows.chunk(model.config.vocab_size), dim=1):  # (rows, T)
        X, Y = ids[places.clamp(max=targets)], ids[(places + 1).clamp(max=targets)]  # (rows, T) each
        with autocast(device, precision):
            logits, state = model(X, state)
        losses = F.cross_entropy(logits.flatten(0, 1), Y.flatten(), reduction="none").view(Y.shape)
        counts = (places < targets).to(device)
        more, characters = processes.sum((losses * counts).sum().item(), counts.sum().item())
        total, read = total + more, read + characters
        yield total / read
