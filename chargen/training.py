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
from chargen.cells import State, map_state
from chargen.errors import InputError
from chargen.model import CharModel

OPTIMIZERS = ("adamw", "sgd")
REPORT_SECONDS = 0.2  # between two Progress records
EVALUATION_ROWS = 64  # rows of validation text read side by side
EVALUATION_WARMUP = 256  # characters that a row reads before its own
EVALUATION_CHUNK = 256  # characters of each row read in one go, which bounds the memory


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Attributes:
        epochs: passes over the training text.
        batching: batch size, steps, partition and seed.
        optimizer: "adamw" (betas 0.9 and 0.99) or "sgd" (plain).
        learning_rate: the highest one.
        warmup_steps: steps over which the learning rate rises to it.
        final_learning_rate: the share of it that a cosine falls to by the last step; 1 keeps it constant.
        weight_decay: of the weight matrices, not the biases: decoupled in AdamW, an L2 penalty in SGD.
        clip: the largest global norm of the gradient; longer ones are scaled down to it.
    """

    epochs: int = 10
    batching: Batching = field(default_factory=Batching)
    optimizer: str = "adamw"
    learning_rate: float = 0.006
    warmup_steps: int = 50
    final_learning_rate: float = 0.02
    weight_decay: float = 0.1
    clip: float = 1.0

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"unknown optimizer {self.optimizer!r}; choose one of {', '.join(OPTIMIZERS)}")
        for name in ("epochs", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} {getattr(self, name)}: must be positive")
        for name in ("warmup_steps", "final_learning_rate", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} {getattr(self, name)}: must not be negative")


@dataclass(frozen=True)
class Progress:
    """Where training stands within an epoch; `loss` is the mean over the steps since the last record, in nats."""

    epoch: int
    step: int
    total_steps: int
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

    The result depends on the model's weights, the ids and the settings alone; no global generator is used.

    Args:
        train_ids: integer array (training characters,).
        valid_ids: integer array (held-out characters,); fewer than 2 mean that there is no validation.

    Raises:
        InputError: the model reads in both directions, or the training text does not fill one batch.
    """
    if model.config.bidirectional:
        raise InputError(
            "a bidirectional network cannot be trained to predict the next character: its right-to-left half has"
            " already read it; train without bidirectional"
        )
    batching = settings.batching
    steps_per_epoch = batching.batches_per_epoch(len(train_ids))
    total_steps = steps_per_epoch * settings.epochs
    device = model.output.weight.device
    ids = torch.as_tensor(train_ids, device=device)  # (training characters,)
    valid = torch.as_tensor(valid_ids, device=device)  # (held-out characters,)
    generator = torch.Generator(device)
    optimizer = make_optimizer(model, settings)
    seconds, step = 0.0, 0
    for epoch in range(1, settings.epochs + 1):
        starts = torch.as_tensor(window_starts(len(ids), batching, epoch), device=device)  # (batches, B)
        state = model.begin_state(batching.batch_size)
        epoch_loss, unreported_loss, reported_step = 0.0, torch.zeros((), device=device), step
        seconds_before, resumed = seconds, time.perf_counter()
        model.train()
        for batch_starts in starts:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(step, total_steps, settings)
            generator.manual_seed(batching.seed * 1_000_003 + step)  # so that dropout depends on seed and step alone
            if batching.partition == "random":
                state = model.begin_state(batching.batch_size)
            loss, state = _train_step(model, optimizer, ids, batch_starts, state, settings, generator)
            unreported_loss += loss
            step += 1
            elapsed = time.perf_counter() - resumed
            if elapsed >= REPORT_SECONDS or step == epoch * steps_per_epoch:
                summed = unreported_loss.item()  # waits for the device, so only now and then
                seconds += time.perf_counter() - resumed
                yield Progress(epoch, step, total_steps, summed / (step - reported_step))
                epoch_loss, reported_step = epoch_loss + summed, step
                unreported_loss.zero_()
                resumed = time.perf_counter()
        characters = steps_per_epoch * batching.batch_size * batching.num_steps
        yield EpochRecord(
            epoch=epoch,
            step=step,
            seconds=seconds,
            train_loss=epoch_loss / steps_per_epoch,
            valid_loss=evaluate(model, valid) if len(valid) > 1 else None,
            learning_rate=optimizer.param_groups[0]["lr"],
            characters_per_second=characters / (seconds - seconds_before),
        )


def train_step(model, optimizer, ids, starts, state, settings, generator) -> tuple[Tensor, Tensor]:
    """Take one step on the windows that begin at `starts` (B,); return the detached loss and state."""
    T = settings.batching.num_steps
    windows = ids[starts[:, None] + torch.arange(T + 1, device=ids.device)]  # (B, T + 1)
    X, Y = windows[:, :-1], windows[:, 1:]  # (B, T) each
    logits, state = model(X, state, generator)  # (B, T, V)
    loss = F.cross_entropy(logits.flatten(0, 1), Y.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimizer.step()
    state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
    return loss.detach(), state


@torch.no_grad()
def evaluate(model: CharModel, ids: Tensor) -> float:
    """Return the mean loss of predicting `ids`, (characters,), in nats per character, read in sequence.

    The text is cut into rows that are read side by side. To start from the state that reading in sequence would have
    brought, every row but the first begins by reading the characters before it, which do not count.
    """
    model.eval()
    targets = len(ids) - 1
    rows = min(max(targets // EVALUATION_WARMUP, 1), EVALUATION_ROWS)
    length = math.ceil(targets / rows)
    starts = torch.arange(rows, device=ids.device)[:, None] * length  # (rows, 1)
    warmup = starts + torch.arange(-EVALUATION_WARMUP, 0, device=ids.device)  # (rows, warm-up)
    _, state = model(ids[warmup.clamp(min=0, max=targets)], model.begin_state(rows))
    state = map_state(lambda part: part * (starts > 0), state)  # nothing lies before the first row
    total = torch.zeros((), dtype=torch.float64, device=ids.device)
    for places in (starts + torch.arange(length, device=ids.device)).split(EVALUATION_CHUNK, dim=1):  # (rows, T)
        X, Y = ids[places.clamp(max=targets)], ids[(places + 1).clamp(max=targets)]  # (rows, T) each
        logits, state = model(X, state)
        losses = F.cross_entropy(logits.flatten(0, 1), Y.flatten(), reduction="none").view(Y.shape)
        total += (losses * (places < targets)).sum()
    return total.item() / targets


def make_optimizer(model: CharModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer that `settings` describes, over the parameters of `model`."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)


def learning_rate_at(step: int, total_steps: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step: a linear rise, then half a cosine down to the final share.

    >>> settings = TrainingSettings(learning_rate=1.0, warmup_steps=2, final_learning_rate=0.0)
    >>> [round(learning_rate_at(step, 6, settings), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.25, 0.0]
    """
    warmup = min(settings.warmup_steps, total_steps // 2)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(total_steps - warmup - 1, 1)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return settings.learning_rate * (settings.final_learning_rate + (1 - settings.final_learning_rate) * cosine)


def _train_step(model, optimizer, ids, starts, state, settings, generator) -> tuple[Tensor, State]:
    """Take one step on the windows that begin at `starts`, (B,); return the detached loss and state."""
    steps = torch.arange(settings.batching.num_steps + 1, device=ids.device)
    windows = ids[starts[:, None] + steps]  # (B, T + 1)
    X, Y = windows[:, :-1], windows[:, 1:]  # (B, T) each
    logits, state = model(X, state, generator)  # (B, T, V)
    loss = F.cross_entropy(logits.flatten(0, 1), Y.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimizer.step()
    return loss.detach(), map_state(Tensor.detach, state)
