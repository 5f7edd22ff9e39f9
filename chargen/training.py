"""`fit`: the training loop, a generator of records. It prints nothing and writes no files."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chargen.batches import Batching, window_starts
from chargen.cells import map_state
from chargen.errors import InputError, TrainingError
from chargen.model import CharModel

OPTIMIZERS = ("adamw", "sgd")
PRECISIONS = ("float32", "bfloat16")
REPORT_SECONDS = 0.2  # between two Progress records
EVALUATION_ROWS = 64  # rows of validation text read side by side
EVALUATION_WARMUP = 256  # characters that a row reads before its own
EVALUATION_CHUNK = 256  # characters of each row read in one go, which bounds the memory


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Attributes:
        epochs: passes over the training text.
        seconds: if given, the time there is, with all that is done between two records: the schedule ends when it is
            over, be it in the middle of an epoch, and `epochs` does not count.
        patience: stop after so many epochs in a row without a better validation loss; None never stops early.
        batching: batch size, steps, partition and seed.
        optimizer: "adamw" (betas 0.9 and 0.99) or "sgd" (plain).
        learning_rate: the highest one.
        warmup_steps: steps over which the learning rate rises to it.
        final_learning_rate: the share of it that a cosine falls to by the end; 1 keeps it constant.
        weight_decay: of the weight matrices, not the biases: decoupled in AdamW, an L2 penalty in SGD.
        clip: the largest global norm of the gradient; longer ones are scaled down to it.
        precision: "float32", or "bfloat16" for the products of matrices; weights, state and loss stay float32.
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
    precision: str = "float32"

    def __post_init__(self):
        for name, choices in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise InputError(f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(choices)}")
        for name in ("epochs", "seconds", "patience", "learning_rate", "clip"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"{name} {getattr(self, name)}: must be positive")
        for name in ("warmup_steps", "final_learning_rate", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} {getattr(self, name)}: must not be negative")


@dataclass(frozen=True)
class Progress:
    """Where training stands.

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


def fit(
    model: CharModel, train_ids: np.ndarray, valid_ids: np.ndarray, settings: TrainingSettings
) -> Iterator[Progress | EpochRecord]:
    """Train `model` in place, on the device it lies on, and yield records as it learns.

    The result depends on the model's weights, the ids and the settings alone (and on the clock, if `settings.seconds`
    is given); no global generator is used.

    Args:
        train_ids: integer array (training characters,).
        valid_ids: integer array (held-out characters,); fewer than 2 mean that there is no validation.

    Raises:
        InputError: the model reads in both directions, or the training text does not fill one batch.
        TrainingError: the loss is no longer a number.
    """
    return Trainer(model, train_ids, valid_ids, settings).records()


class Trainer:
    """The training loop, and all that its next step depends on."""

    def __init__(self, model: CharModel, train_ids: np.ndarray, valid_ids: np.ndarray, settings: TrainingSettings):
        """Prepare to train; see `fit`."""
        if model.config.bidirectional:
            raise InputError(
                "a bidirectional network cannot be trained to predict the next character: its right-to-left half has"
                " already read it; train without bidirectional"
            )
        self.model, self.settings = model, settings
        self.steps_per_epoch = settings.batching.batches_per_epoch(len(train_ids))
        self.device = model.output.weight.device
        self.train_ids = torch.as_tensor(train_ids, device=self.device)  # (training characters,)
        self.valid_ids = torch.as_tensor(valid_ids, device=self.device)  # (held-out characters,)
        self.optimizer = make_optimizer(model, settings)
        self.generator = torch.Generator(self.device)
        self.step = 0  # steps done
        self.state = None  # carried from batch to batch
        self.seconds = 0.0  # spent in steps
        self.evaluation_seconds = 0.0  # of the last one
        self.began = time.perf_counter()
        self.best, self.epochs_since_best = math.inf, 0

    def records(self) -> Iterator[Progress | EpochRecord]:
        """Train until the epochs, the time, or the patience are over."""
        self.began = time.perf_counter()
        patience = self.settings.patience or math.inf
        while self.progress < 1 and self.epochs_since_best < patience:
            yield from self._epoch()

    @property
    def progress(self) -> float:
        """The share of the training that is done: of its steps or, where a time is given, of that."""
        if self.settings.seconds is None:
            return self.step / (self.steps_per_epoch * self.settings.epochs)
        batching = self.settings.batching
        per_character = self.seconds / max(self.step * batching.batch_size * batching.num_steps, 1)
        evaluation = self.evaluation_seconds or len(self.valid_ids) * per_character / 3  # the last one, yet to come
        available = max(self.settings.seconds - evaluation, 1e-9)
        return min((time.perf_counter() - self.began) / available, 1.0)

    def _epoch(self) -> Iterator[Progress | EpochRecord]:
        batching = self.settings.batching
        epoch = self.step // self.steps_per_epoch + 1
        starts = window_starts(len(self.train_ids), batching, epoch)
        starts = torch.as_tensor(starts, device=self.device)  # (batches, B)
        first_step, first_seconds, summed_loss = self.step, self.seconds, 0.0
        self.state = self.model.begin_state(batching.batch_size)
        self.model.train()
        for losses in self._chunks_of_steps(starts):
            summed_loss += sum(losses)
            yield Progress(epoch, self.step, self.progress, sum(losses) / len(losses))
        steps = self.step - first_step
        valid_loss = self._evaluate()
        record = EpochRecord(
            epoch=epoch,
            step=self.step,
            seconds=self.seconds,
            train_loss=summed_loss / steps,
            valid_loss=valid_loss,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            characters_per_second=steps * batching.batch_size * batching.num_steps / (self.seconds - first_seconds),
        )
        if valid_loss is not None:  # the training loss says nothing about when to stop
            self.epochs_since_best = 0 if record.score < self.best else self.epochs_since_best + 1
        self.best = min(self.best, record.score)
        yield record

    def _chunks_of_steps(self, starts: Tensor) -> Iterator[list[float]]:
        """Take steps until the epoch or the time is over; yield the losses, a fraction of a second's worth at a time.

        Reading a loss waits for the device, so it is done for many steps at once.
        """
        settings, losses, began = self.settings, [], time.perf_counter()
        for number, batch_starts in enumerate(starts, 1):
            losses.append(self._train_step(batch_starts))
            self.step += 1
            elapsed = time.perf_counter() - began
            if elapsed >= REPORT_SECONDS or number == len(starts):
                values = torch.stack(losses).tolist()
                self.seconds += time.perf_counter() - began
                if not all(map(math.isfinite, values)):
                    raise TrainingError(
                        f"the loss is no longer a number by step {self.step}: lower --learning-rate"
                        f" (it was {settings.learning_rate:g}) or --clip (it was {settings.clip:g})"
                    )
                yield values
                if self.progress >= 1:
                    return
                losses, began = [], time.perf_counter()

    def _train_step(self, starts: Tensor) -> Tensor:
        """Take one step on the windows that begin at `starts`, (B,); return the loss, not yet read."""
        settings, batching = self.settings, self.settings.batching
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.progress, settings)
        self.generator.manual_seed((batching.seed * 1_000_003 + self.step) % 2**63)  # dropout is theirs alone
        if batching.partition == "random":
            self.state = self.model.begin_state(batching.batch_size)
        windows = self.train_ids[starts[:, None] + torch.arange(batching.num_steps + 1, device=self.device)]
        X, Y = windows[:, :-1], windows[:, 1:]  # (B, T) each
        with autocast(self.device, settings.precision):
            logits, state = self.model(X, self.state, self.generator)  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), Y.flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimizer.step()
        self.state = map_state(Tensor.detach, state)
        return loss.detach()

    def _evaluate(self) -> float | None:
        if len(self.valid_ids) < 2:
            return None
        began = time.perf_counter()
        loss = evaluate(self.model, self.valid_ids, self.settings.precision)
        self.evaluation_seconds = time.perf_counter() - began
        return loss


@torch.no_grad()
def evaluate(model: CharModel, ids: np.ndarray | Tensor, precision: str = "float32") -> float:
    """Return the mean loss of predicting `ids`, (characters,), in nats per character, read in sequence.

    The text is cut into rows that are read side by side. To start from the state that reading in sequence would have
    brought, every row but the first begins by reading the characters before it, which do not count.

    Raises:
        InputError: there are fewer than 2 characters.
    """
    model.eval()
    ids = torch.as_tensor(ids, device=next(model.parameters()).device)
    targets = len(ids) - 1
    if targets < 1:
        raise InputError(f"{len(ids)} characters: it takes two to predict one from the other")
    rows = min(max(targets // EVALUATION_WARMUP, 1), EVALUATION_ROWS)
    length = math.ceil(targets / rows)
    starts = torch.arange(rows, device=ids.device)[:, None] * length  # (rows, 1)
    warmup = starts + torch.arange(-EVALUATION_WARMUP, 0, device=ids.device)  # (rows, warm-up)
    total = 0.0
    with autocast(ids.device, precision):
        _, state = model(ids[warmup.clamp(min=0, max=targets)], model.begin_state(rows))
        state = map_state(lambda part: part * (starts > 0), state)  # nothing lies before the first row
        for places in (starts + torch.arange(length, device=ids.device)).split(EVALUATION_CHUNK, dim=1):  # (rows, T)
            X, Y = ids[places.clamp(max=targets)], ids[(places + 1).clamp(max=targets)]  # (rows, T) each
            logits, state = model(X, state)
            losses = F.cross_entropy(logits.flatten(0, 1), Y.flatten(), reduction="none").view(Y.shape)
            total += (losses * (places < targets)).sum().item()
    return total / targets


def make_optimizer(model: CharModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer that `settings` describes, over the parameters of `model`."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)


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
