"""Windows of time series as a task for chargen's training loop."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chargen.training.hardware import autocast

EVALUATION_ROWS = 1024  # windows in a batch of evaluation


def sliding(values: np.ndarray, length: int, step: int = 1) -> np.ndarray:
    """Return all windows of `length` rows, `step` rows apart.

    Args:
        values: array (points, features).

    Returns:
        A view, (windows, length, features).

    >>> sliding(np.arange(4)[:, None], 2)[:, :, 0].tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)  # (windows, features, length)
    return np.moveaxis(windows, 1, 2)[::step]


class WindowTask:
    """A training task: windows X, (N, T, inputs), and the targets Y of their last steps, (N, T', outputs).

    By default the windows come in a new random order in each epoch, each from the zero state. Where the state is
    `carried`, each batch continues the rows of the batch before, and an epoch is one batch: the windows stand in the
    order of reading, and begin again with the first one after the last.
    """

    guessing = math.inf

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        batch_size: int | None = None,
        *,
        held_out: tuple[np.ndarray, np.ndarray] | None = None,
        carried: bool = False,
        seed: int = 0,
        loss: Callable[[Tensor, Tensor], Tensor] = F.mse_loss,
    ):
        """Keep the windows as float32.

        Args:
            batch_size: B; None or 0 for all windows in one batch. An epoch leaves out the windows that do not fill one.
            held_out: X and Y to evaluate on.
            loss: a function of outputs and targets, the mean over their values.
        """
        self.X, self.Y = as_tensor(X), as_tensor(Y)
        self.held = (as_tensor(held_out[0]), as_tensor(held_out[1])) if held_out else None
        self.batch_size = min(batch_size or len(X), len(X))
        self.carried, self.seed, self._loss = carried, seed, loss
        self.batches_per_epoch = 1 if carried else len(X) // self.batch_size
        self.held_out = self.held[1].numel() if self.held else 0
        self._epoch = 0  # of `_order`

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Return X and Y of a batch."""
        if self.carried:
            first = (epoch - 1) * self.batch_size % (len(self.X) // self.batch_size * self.batch_size)
            return self.X[first : first + self.batch_size], self.Y[first : first + self.batch_size]
        if epoch != self._epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.X))
            self._epoch, self._order = epoch, torch.from_numpy(order)  # (N,)
        rows = self._order[number * self.batch_size : (number + 1) * self.batch_size]  # (B,)
        return self.X[rows], self.Y[rows]

    def continues(self, epoch: int, number: int) -> bool:
        """Return whether the state is carried to this batch."""
        return self.carried and epoch > 1

    def loss(self, outputs: Tensor, Y: Tensor) -> Tensor:
        """Return the mean loss of the outputs' last steps."""
        return self._loss(outputs[:, -Y.shape[1] :], Y)

    @torch.no_grad()
    def evaluation(self, model: Any, precision: str = "float32") -> Iterator[float]:
        """Predict the held-out windows; yield the mean loss so far."""
        if self.held is None:
            return
        model.eval()
        X, Y = self.held  # (N, T, inputs), (N, T', outputs)
        total = 0.0
        for first in range(0, len(X), EVALUATION_ROWS):
            rows = slice(first, first + EVALUATION_ROWS)
            with autocast(X.device, precision):
                outputs, _ = model(X[rows], model.begin_states(len(X[rows])))
            total += self.loss(outputs, Y[rows]).item() * len(X[rows])
            yield total / (first + len(X[rows]))


def as_tensor(values: np.ndarray) -> Tensor:
    """Return a copy of an array as a float32 tensor of the same shape."""
    return torch.from_numpy(np.array(values, dtype=np.float32))
