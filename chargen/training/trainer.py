"""The training loop, a generator of records; what is learned is a `Task`. It prints nothing and writes no files."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from chargen.errors import InputError, TrainingError
from chargen.text.batches import Batching
from chargen.training.optimizers import OPTIMIZERS
from chargen.training.processes import ALONE, Processes
from chargen.training.recurrent import MaskGenerator, from_public, to_public

PRECISIONS = ("float32", "tf32", "bfloat16")
VALID_CHARS = 1_000_000  # enough to tell losses that differ by half a hundredth of a nat
REPORT_SECONDS = 0.2  # between two Progress records


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Attributes:
        epochs: passes over the training text.
        seconds: if given, the time there is, with all that is done between two records: the schedule ends when it is
            over, be it in the middle of an epoch, and `epochs` does not count.
        patience: stop after so many epochs in a row without a better validation loss; None never stops early.
        batching: batch size, steps, partition and seed.
        optimizer: "adamw" or "sgd", see `chargen.training.optimizers`.
        learning_rate: the highest one.
        warmup_steps: steps over which the learning rate rises to it.
        final_learning_rate: the share of it that a cosine falls to by the end; 1 keeps it constant.
        weight_decay: of the weight matrices, not the biases: decoupled in AdamW, an L2 penalty in SGD.
        clip: the largest global norm of the gradient; longer ones are scaled down to it.
        valid_chars: how much of what is held out is read after each epoch, at most, from its beginning.
        precision: "float32", or for the products of matrices "bfloat16" or, on NVIDIA's GPUs, "tf32"; weights, state
            and loss stay float32.
    """

    epochs: int = 10
    seconds: float | None = None
    patience: int | None = None
    batching: Batching = field(default_factory=Batching)
    optimizer: str = "adamw"
    learning_rate: float = 0.016
    warmup_steps: int = 50
    final_learning_rate: float = 0.02
    weight_decay: float = 0.03
    clip: float = 1.0
    valid_chars: int = VALID_CHARS
    precision: str = "float32"

    def __post_init__(self):
        for name, choices in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise InputError(f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(choices)}")
        for name in ("epochs", "seconds", "patience", "learning_rate", "clip", "valid_chars"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"{name} {getattr(self, name)}: must be positive")
        if self.learning_rate > 1e38:
            raise InputError(f"learning_rate {self.learning_rate:g}: more than a float32 holds; 1 is much already")
        for name in ("warmup_steps", "final_learning_rate", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} {getattr(self, name)}: must not be negative")


@dataclass(frozen=True)
class Progress:
    """Where training stands; repeated unchanged while the held-out text is read.

    Attributes:
        epoch: counted from 1.
        step: steps done.
        progress: the share of the training that is done, from 0 to 1.
        loss: mean over the steps since the last record, in nats per character.
    """

    epoch: int
    step: int
    progress: float
    loss: float


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch, the line that goes to history.jsonl.

    Attributes:
        epoch: counted from 1.
        step: steps done since the beginning.
        seconds: spent in training steps since the beginning, evaluation apart.
        train_loss: mean over the epoch, in nats per character, measured while the weights changed, with dropout.
        valid_loss: on the held-out text after the epoch, in nats per character; None without one.
        learning_rate: of the epoch's last step.
        characters_per_second: training speed in this epoch.
    """

    epoch: int
    step: int
    seconds: float
    train_loss: float
    valid_loss: float | None
    learning_rate: float
    characters_per_second: float

    @property
    def score(self) -> float:
        """What "best" means: the validation loss, or the training loss where nothing is held out."""
        return self.train_loss if self.valid_loss is None else self.valid_loss


class Task(Protocol):
    """What there is to learn: batches, what is lost on one, and how well a model does on what is held out.

    Attributes:
        batches_per_epoch: the same number in every epoch.
        held_out: values that an evaluation predicts; 0 where nothing is held out.
    """

    batches_per_epoch: int
    held_out: int

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Return the inputs X and the targets Y of a batch, (B, T, ...) each, a function of the arguments alone.

        Args:
            epoch: counted from 1.
            number: counted from 0.
        """

    def continues(self, epoch: int, number: int) -> bool:
        """Return whether the rows of this batch go on where those of the batch before ended."""

    def loss(self, outputs: Tensor, Y: Tensor) -> Tensor:
        """Return the mean loss of the model's outputs, (B, T, ...), as a tensor of one value."""

    def evaluation(self, model: nn.Module, precision: str) -> Iterator[float]:
        """Read what is held out, piece by piece; yield the mean loss so far after each."""


class Trainer:
    """The training loop, and all that its next step depends on.

    A model is called as `outputs, state = model(X, state, generator)`, with the state that its `begin_state` makes.
    Several processes share the rows of each batch, and go by the clock of the first one.
    """

    def __init__(self, model: nn.Module, task: Task, settings: TrainingSettings, processes: Processes = ALONE):
        """Prepare to train `model` in place, on the device it lies on."""
        self.model, self.task, self.settings, self.processes = model, task, settings, processes
        processes.rows(settings.batching.batch_size)  # refuses what cannot be dealt
        self.device = next(model.parameters()).device
        allow_tf32(self.device, settings.precision)
        self.optimizer = OPTIMIZERS[settings.optimizer](model, settings.weight_decay)
        self.generator = MaskGenerator(self.device)
        self.generator.part, self.generator.parts = processes.rank, processes.size
        self.began = time.perf_counter()
        self.now = 0.0  # seconds since then, as all processes know it
        self.state = None  # of this process's rows, carried from batch to batch
        self.at = Position()

    def records(self) -> Iterator[Progress | EpochRecord]:
        """Train until the epochs, the time, or the patience are over.

        Whenever a record is yielded, `snapshot` holds all that the next step depends on.
        """
        self._parallel = self.processes.parallel(self.model)  # takes seconds to load the first time
        self.began = time.perf_counter() - self.at.elapsed
        self._tick()
        try:
            while self.at.batch or not self.finished:
                yield from self._epoch()
        finally:
            del self._parallel  # what it holds must end before the processes part

    @property
    def finished(self) -> bool:
        """Whether the epochs, the time, or the patience are over."""
        return self.progress >= 1 or self.at.epochs_since_best >= (self.settings.patience or math.inf)

    @property
    def progress(self) -> float:
        """The share of the training that is done: of its steps or, where a time is given, of that."""
        if self.settings.seconds is None:
            return self.at.step / (self.task.batches_per_epoch * self.settings.epochs)
        batching, at = self.settings.batching, self.at
        per_value = at.seconds / max(at.step * batching.batch_size * batching.num_steps, 1)
        evaluation = at.evaluation_seconds or self.task.held_out * per_value / 3  # the last one, yet to come
        available = max(self.settings.seconds - evaluation, self.settings.seconds / 2)  # the first steps may mislead
        return min(self.now / available, 1.0)

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        """Return all that the next step depends on, beside the weights: tensors by name, and plain numbers.

        The tensors are those that training goes on to change; copy them before the next record. All processes must
        call it; the state of all rows goes to the first.
        """
        self.at.elapsed = time.perf_counter() - self.began
        state = () if self.state is None else from_public(self.state)
        state = [self.processes.gather(part, dim=1) for part in state]  # (L*D, B, H) each
        tensors = {f"state.{number}": part for number, part in enumerate(state)}
        return tensors | self.optimizer.moments, asdict(self.at)

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int | float]) -> None:
        """Go on from a `snapshot`, with the model's weights as they were then.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one of this training.
        """
        self.at = Position(**numbers)
        self.began, self.now = time.perf_counter() - self.at.elapsed, self.at.elapsed
        for name, moment in self.optimizer.moments.items():
            moment.copy_(_of_shape(moment.shape, tensors[name]))
        parts = [tensors[name].to(self.device) for name in ("state.0", "state.1") if name in tensors]
        if parts:  # there are none before the first step
            begun = from_public(self.model.begin_state(self.settings.batching.batch_size))
            rows = self.processes.rows(self.settings.batching.batch_size)
            whole = [_of_shape(zeros.shape, part) for zeros, part in zip(begun, parts, strict=True)]  # (L*D, B, H) each
            self.state = to_public(tuple(part[:, rows].contiguous() for part in whole))  # (L*D, own rows, H) each

    def _epoch(self) -> Iterator[Progress | EpochRecord]:
        """Go on with the epoch that `self.at` is in, or begin it; validate; yield records on the way."""
        batching, at = self.settings.batching, self.at
        self.model.train()
        for losses in self._chunks_of_steps():
            for loss in losses:  # one by one, so that the sum does not depend on where the chunks end
                at.epoch_loss += loss
            yield Progress(at.epoch, at.step, self.progress, sum(losses) / len(losses))
        train_loss = at.epoch_loss / at.batch
        valid_loss = yield from self._validate(Progress(at.epoch, at.step, self.progress, train_loss))
        record = EpochRecord(
            epoch=at.epoch,
            step=at.step,
            seconds=at.seconds,
            train_loss=train_loss,
            valid_loss=valid_loss,
            learning_rate=at.learning_rate,
            characters_per_second=at.batch * batching.batch_size * batching.num_steps / at.epoch_seconds,
        )
        if valid_loss is not None:  # the training loss says nothing about when to stop
            improved = at.best is None or record.score < at.best
            at.epochs_since_best = 0 if improved else at.epochs_since_best + 1
        at.best = record.score if at.best is None else min(at.best, record.score)
        at.epoch, at.batch, at.epoch_loss, at.epoch_seconds = at.epoch + 1, 0, 0.0, 0.0
        yield record

    def _chunks_of_steps(self) -> Iterator[list[float]]:
        """Take steps until the epoch or the time is over; yield the losses, a fraction of a second's worth at a time.

        Reading a loss waits for the device, so it is done for many steps at once.
        """
        at, losses, began = self.at, [], self._tick()
        while at.batch < self.task.batches_per_epoch and (at.batch == 0 or self.progress < 1):
            losses.append(self._train_step())
            at.step, at.batch = at.step + 1, at.batch + 1
            elapsed = self._tick() - began
            if elapsed >= REPORT_SECONDS or at.batch == self.task.batches_per_epoch or self.progress >= 1:
                values = [value / self.processes.size for value in self.processes.sum(*torch.stack(losses).tolist())]
                elapsed = self._tick() - began
                at.seconds, at.epoch_seconds = at.seconds + elapsed, at.epoch_seconds + elapsed
                largest = torch.stack([weights.detach().abs().max() for weights in self.model.parameters()])
                self._require_numbers(*values, *largest.tolist())
                yield values
                losses, began = [], self._tick()

    def _tick(self) -> float:
        """Return the seconds since the beginning, which all processes go by until the next tick."""
        self.now = self.processes.agree(time.perf_counter() - self.began)
        return self.now

    def _train_step(self) -> Tensor:
        """Take one step on the batch that is next; return the loss, not yet read."""
        settings, at = self.settings, self.at
        at.learning_rate = learning_rate_at(at.step, self.progress, settings)
        self.generator.manual_seed((settings.batching.seed * 1_000_003 + at.step) % 2**63)  # dropout is theirs alone
        X, Y = self.task.batch(at.epoch, at.batch)  # (B, T, ...) each
        rows = self.processes.rows(len(X))
        X, Y = X[rows], Y[rows]  # (own rows, T, ...) each
        if self.state is None or not self.task.continues(at.epoch, at.batch):
            self.state = self.model.begin_state(len(X))
        with autocast(self.device, settings.precision):
            outputs, state = self._parallel(X, self.state, self.generator)  # (own rows, T, ...)
        loss = self.task.loss(outputs, Y)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        if self.device.type == "cpu":  # elsewhere it would be a wait; there the losses tell, before anything is saved
            self._require_numbers(norm.item())  # it is none where the loss is none, and the same in all processes
        self.optimizer.step(at.step, at.learning_rate)
        self.state = to_public(tuple(part.detach() for part in from_public(state)))
        return loss.detach()

    def _require_numbers(self, *values: float) -> None:
        if not all(map(math.isfinite, values)):
            raise TrainingError(
                f"the loss or a weight is no longer a number after {self.at.step:,} steps; train anew with a lower"
                f" --learning-rate (it was {self.settings.learning_rate:g}) or --clip (it was {self.settings.clip:g})"
            )

    def _validate(self, progress: Progress) -> Generator[Progress, None, float | None]:
        """Return the validation loss, or None if nothing is held out; yield `progress` now and then meanwhile."""
        if not self.task.held_out:
            return None
        began, losses = self._tick(), []
        for loss in self.task.evaluation(self.model, self.settings.precision):
            losses.append(loss)
            yield progress
        self.at.evaluation_seconds = self._tick() - began
        self._require_numbers(losses[-1])
        return losses[-1]


@dataclass
class Position:
    """Where a training stands, as plain numbers.

    Attributes:
        epoch: the one that is going on, counted from 1.
        batch: steps done in it; it ends with an evaluation, after which the next epoch is at 0.
        step: steps done since the beginning.
        epoch_loss: sum over the epoch's steps.
        seconds, epoch_seconds: spent in steps since the beginning, and in this epoch.
        evaluation_seconds: of the last one.
        elapsed: seconds since the beginning, with all that was done between two records.
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
                raise ValueError(f"{name} {value!r} of a training cannot be")


def _of_shape(shape: torch.Size, tensor: Tensor) -> Tensor:
    if tensor.shape != shape:
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} where {tuple(shape)} is due")
    return tensor


def learning_rate_at(step: int, progress: float, settings: TrainingSettings) -> float:
    """Return the learning rate of a step: a linear rise over the warm-up, times a cosine down to the final share.

    Args:
        step: counted from 0.
        progress: the share of the training that is done, from 0 to 1.

    >>> settings = TrainingSettings(learning_rate=1.0, warmup_steps=2, final_learning_rate=0.2)
    >>> [round(learning_rate_at(step, step / 6, settings), 3) for step in range(7)]
    [0.5, 0.946, 0.8, 0.6, 0.4, 0.254, 0.2]
    """
    warmup = min((step + 1) / settings.warmup_steps, 1.0) if settings.warmup_steps else 1.0
    final = settings.final_learning_rate
    return settings.learning_rate * warmup * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress)))


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which products of matrices are computed in `precision`."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def allow_tf32(device: torch.device, precision: str) -> None:
    """Let NVIDIA's GPUs compute products of float32 in 10 bits of mantissa, or not: PyTorch's layers would by default.

    Raises:
        InputError: the device has no such units.
    """
    if precision == "tf32" and device.type != "cuda":
        raise InputError(f"precision tf32: {device.type} has none; choose float32 or bfloat16")
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def pick_precision(device: torch.device) -> str:
    """Return the faster precision of a device: "bfloat16" where a product of matrices takes clearly less time in it.

    On a CPU this is measured, in some hundredths of a second, on a product as large as those of an LSTM of 512 units.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(512, 512, dtype=dtype), torch.ones(512, 2048, dtype=dtype)
        timings = []
        for _ in range(6):  # the first one prepares
            began = time.perf_counter()
            a @ b
            timings.append(time.perf_counter() - began)
        seconds[dtype] = min(timings)
    return "bfloat16" if seconds[torch.bfloat16] < 0.75 * seconds[torch.float32] else "float32"
