"""The training loop, a generator of records; what is learned is a `Task`. It prints nothing and writes no files."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from typing import Any, Protocol

import torch
from torch import Tensor

from chargen.errors import InputError, TrainingError
from chargen.files.container import require_shapes
from chargen.report.words import counted
from chargen.training.anchor import Anchor
from chargen.training.averaging import WeightAverage
from chargen.training.clock import seconds_worked
from chargen.training.dropout import DropoutMasks
from chargen.training.hardware import allow_tf32, autocast
from chargen.training.optimizers import make_optimizer
from chargen.training.processes import ALONE, Processes
from chargen.training.records import EpochRecord, Position, Progress
from chargen.training.recurrent import Stateful
from chargen.training.settings import TrainingSettings, learning_rate_at
from chargen.training.threads import Threads, multiplications

REPORT_SECONDS = 0.2  # between two Progress records
HOPELESS = 5  # times the loss of guessing: training does not recover from an epoch that is worse


class Task(Protocol):
    """What is learned: batches, the loss of one, and an evaluation on held-out data.

    Attributes:
        batches_per_epoch: the same number in every epoch.
        held_out: values that an evaluation predicts; 0 where nothing is held out.
        guessing: the mean loss of guessing, without any training; infinite where it has no meaning.
    """

    batches_per_epoch: int
    held_out: int
    guessing: float

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

    def evaluation(self, model: Any, precision: str) -> Iterator[float]:
        """Evaluate on the held-out data piece by piece; yield the mean loss so far after each."""


class Trainer:
    """The training loop, and all that its next step depends on.

    A model is called as `outputs, state = model(X, state, masks)`, with a state that is a tuple of tensors, made by its
    `begin_states`, and a `DropoutMasks`. Several processes share the rows of each batch, and their clocks go on while
    none of them is stopped.

    Attributes:
        average: of the weights, if the settings want one; it is what is evaluated.
    """

    def __init__(self, model: Stateful, task: Task, settings: TrainingSettings, processes: Processes = ALONE):
        """Prepare to train `model` in place, on the device it lies on."""
        self.model, self.task, self.settings, self.processes = model, task, settings, processes
        own_rows = processes.rows(settings.batching.batch_size)  # refuses a batch that cannot be shared evenly
        self.device = next(model.parameters()).device
        allow_tf32(self.device, settings.precision)
        self.optimizer = make_optimizer(settings.optimizer, model, settings.weight_decay)
        self.average = WeightAverage(model, settings.averaging)
        self._anchor = Anchor(model, settings.anchoring)
        self._kept = self.optimizer.moments | self.average.tensors | self._anchor.tensors  # changed in place
        self.masks = DropoutMasks(self.device, processes.rank, processes.size)
        self.threads = Threads(multiplications(model, own_rows.stop - own_rows.start))
        self.now = 0.0  # seconds of training, as all processes know it
        self.looked = seconds_worked()  # when that was so
        self.state: tuple[Tensor, ...] | None = None  # of this process's rows, carried from batch to batch
        self.position = Position()

    def records(self) -> Iterator[Progress | EpochRecord]:
        """Train until the epochs, the time budget, or the patience run out.

        Whenever a record is yielded, `snapshot` returns all that the next step depends on.
        """
        self._parallel = self.processes.parallel(self.model)  # takes seconds to load the first time
        if self.position.step == 0:  # now that all processes have the weights of the first one
            self._anchor.begin()
        self.looked = seconds_worked()
        self._tick()
        try:
            while self.position.batch or not self.finished:
                yield from self._epoch()
        finally:
            del self._parallel  # it holds the process group, which must outlive it

    @property
    def finished(self) -> bool:
        """Whether the epochs, the time budget, or the patience have run out."""
        return self.progress >= 1 or self.position.epochs_since_best >= (self.settings.patience or math.inf)

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1: of its steps, or of its time budget where there is one."""
        if self.settings.seconds is None:
            return self.position.step / (self.task.batches_per_epoch * self.settings.epochs)
        batching, position = self.settings.batching, self.position
        per_value = position.seconds / max(position.step * batching.batch_size * batching.num_steps, 1)
        evaluation = position.evaluation_seconds or self.task.held_out * per_value / 3  # the last one, yet to come
        available = max(self.settings.seconds - evaluation, self.settings.seconds / 2)  # the first steps may mislead
        return min(self.now / available, 1.0)

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that the next step depends on besides the weights: tensors by name, and plain numbers.

        Training goes on to change the tensors; copy them before the next record. All processes must call this; the
        state of all rows goes to the first.
        """
        self.position.elapsed = self._tick()
        state = [self.processes.gather(part, dim=1) for part in self.state or ()]  # (L*D, B, H) each
        tensors = {f"state.{number}": part for number, part in enumerate(state)}
        return tensors | self._kept, asdict(self.position)

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from a `snapshot`, with the model's weights as they were then.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one of this training.
        """
        self.position = Position(**numbers)
        self.now = self.position.elapsed
        shapes: dict[str, tuple[int, ...]] = {name: kept.shape for name, kept in self._kept.items()}
        states = {}
        if "state.0" in tensors:  # there is none before the first step
            B = self.settings.batching.batch_size
            states = {f"state.{number}": one.shape for number, one in enumerate(self.model.begin_states(B))}
        require_shapes(tensors, shapes | states)
        for name, kept in self._kept.items():
            kept.copy_(tensors[name])
        if states:
            rows = self.processes.rows(self.settings.batching.batch_size)
            parts = (tensors[name][:, rows] for name in states)  # (L*D, own rows, H) each
            self.state = tuple(part.to(self.device).contiguous() for part in parts)

    def _epoch(self) -> Iterator[Progress | EpochRecord]:
        """Go on with the current epoch or begin it, then validate; yield records on the way."""
        position = self.position
        self.model.train()
        for losses in self._chunks_of_steps():
            for loss in losses:  # one by one, so that the sum does not depend on where the chunks end
                position.epoch_loss += loss
            yield self._progress(sum(losses) / len(losses))
        train_loss = position.epoch_loss / position.batch
        valid_loss = yield from self._validate(self._progress(train_loss))
        yield self._end_epoch(train_loss, valid_loss)

    def _progress(self, loss: float) -> Progress:
        return Progress(self.position.epoch, self.position.step, self.progress, loss, self.threads.busy)

    def _end_epoch(self, train_loss: float, valid_loss: float | None) -> EpochRecord:
        """Return the record of the epoch that is over, and begin the next one."""
        batching, position = self.settings.batching, self.position
        if train_loss > 1 + self.task.guessing * (1 if self.progress >= 1 else HOPELESS):
            raise self._diverged(f"the mean loss of epoch {position.epoch} is {train_loss:.3g}")
        record = EpochRecord(
            epoch=position.epoch,
            step=position.step,
            seconds=position.seconds,
            train_loss=train_loss,
            valid_loss=valid_loss,
            learning_rate=position.learning_rate,
            characters_per_second=position.batch * batching.batch_size * batching.num_steps / position.epoch_seconds,
        )
        if valid_loss is not None:  # the training loss says nothing about when to stop
            improved = position.best is None or record.score < position.best
            position.epochs_since_best = 0 if improved else position.epochs_since_best + 1
        position.best = record.score if position.best is None else min(position.best, record.score)
        position.epoch, position.batch, position.epoch_loss, position.epoch_seconds = position.epoch + 1, 0, 0.0, 0.0
        return record

    def _chunks_of_steps(self) -> Iterator[list[float]]:
        """Take steps until the epoch or the time is over; yield their losses every fraction of a second.

        Reading a loss waits for the device, so the losses of many steps are read at once.
        """
        position, losses, began = self.position, list[Tensor](), self._tick()
        while position.batch < self.task.batches_per_epoch and (position.batch == 0 or self.progress < 1):
            try:
                with self.threads.computing():
                    losses.append(self._train_step())
            except InputError:  # the text can no longer be read
                if losses and self.processes.size == 1:  # then nothing is missing in a snapshot
                    yield self._read(losses, began)
                raise
            position.step, position.batch = position.step + 1, position.batch + 1
            elapsed = self._tick() - began
            if elapsed >= REPORT_SECONDS or position.batch == self.task.batches_per_epoch or self.progress >= 1:
                yield self._read(losses, began)
                losses, began = [], self._tick()

    def _read(self, losses: list[Tensor], began: float) -> list[float]:
        """Return the losses of the steps since `began`, means over all processes; refuse what is not finite."""
        position = self.position
        values = [value / self.processes.size for value in self.processes.sum(*torch.stack(losses).tolist())]
        elapsed = self._tick() - began
        position.seconds, position.epoch_seconds = position.seconds + elapsed, position.epoch_seconds + elapsed
        largest = torch.stack([weights.detach().abs().max() for weights in self.model.parameters()])
        self._require_finite(*values, *largest.tolist())
        return values

    def _tick(self) -> float:
        """Return the seconds of training, which all processes go by until the next tick."""
        looked = seconds_worked()
        self.now -= self.processes.largest(self.looked - looked)  # the smallest: one that is stopped stops all
        self.looked = looked
        return self.now

    def _train_step(self) -> Tensor:
        """Take one step on the next batch; return the loss, not yet read."""
        settings, position = self.settings, self.position
        position.learning_rate = learning_rate_at(position.step, self.progress, settings)
        X, Y = self.task.batch(position.epoch, position.batch)  # (B, T, ...) each
        rows = self.processes.rows(len(X))
        X, Y = X[rows], Y[rows]  # (own rows, T, ...) each
        if self.state is None or not self.task.continues(position.epoch, position.batch):
            self.state = self.model.begin_states(len(X))
        state = self.state
        if self.device.type == "cpu" and self.processes.size == 1:
            self.threads.before_step(lambda: self._gradients(X, Y, state))
        began = time.perf_counter()
        loss, self.state = self._gradients(X, Y, state)
        self.threads.after_step(time.perf_counter() - began)
        gradients = [weights.grad for weights in self.model.parameters() if weights.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.device.type == "cpu":  # reading it waits for a GPU; there the losses tell, before anything is saved
            self._require_finite(norm.item())  # the norm is finite if the loss is, and the same in all processes
        self.optimizer.step(position.step, position.learning_rate, (norm / settings.clip).clamp(min=1))
        self._anchor.update(position.learning_rate)
        self.average.update(position.step)
        return loss

    def _gradients(self, X: Tensor, Y: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Leave the gradients of a batch at the parameters; return the loss and the next state, both detached."""
        seed = self.settings.batching.seed * 1_000_003 + self.position.step
        self.masks.seed(seed % 2**63)  # so that dropout is a function of seed and step
        with autocast(self.device, self.settings.precision):
            outputs, state = self._parallel(X, state, self.masks)  # (own rows, T, ...)
        loss = self.task.loss(outputs, Y)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach(), tuple(part.detach() for part in state)

    def _require_finite(self, *values: float) -> None:
        if not all(map(math.isfinite, values)):
            raise self._diverged(
                f"the loss or a weight is no longer a number after {counted(self.position.step, 'step')}"
            )

    def _diverged(self, how: str) -> TrainingError:
        rate, clip = self.settings.learning_rate, self.settings.clip
        advice = f"train again with a lower {{learning_rate}} (it was {rate:g}) or {{clip}} (it was {clip:g})"
        if (decay := self.settings.weight_decay) > 1 and rate * decay > 1:  # each step turns the weights round
            advice = f"train again with a lower {{weight_decay}} (it was {decay:g})"
        return TrainingError(f"training diverged: {how}", advice)

    def _validate(self, progress: Progress) -> Generator[Progress, None, float | None]:
        """Return the validation loss, or None if nothing is held out; yield `progress` now and then meanwhile."""
        if not self.task.held_out:
            return None
        began, losses = self._tick(), []
        evaluation = self.task.evaluation(self.average.model, self.settings.precision)
        while True:
            with self.threads.computing():
                loss = next(evaluation, None)
            if loss is None:
                break
            losses.append(loss)
            yield progress
        self.position.evaluation_seconds = self._tick() - began
        self._require_finite(losses[-1])
        return losses[-1]
