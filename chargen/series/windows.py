"""Windows of a time series as something to learn, for the training loop that text is learned with."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chargen.training.trainer import autocast

EVALUATION_ROWS = 1024  # windows that are read side by side


def sliding(values: np.ndarray, length: int, step: int = 1) -> np.ndarray:
    """Return all windows of so many rows, each `step` after the one before.

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

    The windows come in a new random order in each epoch and are read from the zero state. Or, where the state is
    `carried`, the rows of each batch go on where those of the batch before ended, over all epochs; the windows are then
    in the order in which they are read, and an epoch after the last window begins again with the first one.
    """

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
            batch_size: B, at most N; None reads all windows in one batch. What does not fill a batch waits for
                another epoch.
            held_out: X and Y to evaluate on.
            loss: of outputs and targets, the mean over their values.
        """
        self.X, self.Y = as_tensor(X), as_tensor(Y)
        self.held = tuple(map(as_tensor, held_out)) if held_out else None
        self.batch_size = min(batch_size or len(X), len(X))
        self.carried, self.seed, self._loss = carried, seed, loss
        self.batches_per_epoch = 1 if carried else len(X) // self.batch_size
        self.held_out = self.held[1].numel() if self.held else 0
        self._epoch = None

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
        """Return the mean loss of the last steps of the outputs."""
        return self._loss(outputs[:, -Y.shape[1] :], Y)

    @torch.no_grad()
    def evaluation(self, model: nn.Module, precision: str = "float32") -> Iterator[float]:
        """Predict what is held out; yield the mean loss so far."""
        model.eval()
        X, Y = self.held
        total = 0.0
        for first in range(0, len(X), EVALUATION_ROWS):
            rows = slice(first, first + EVALUATION_ROWS)
            with autocast(X.device, precision):
                outputs, _ = model(X[rows], model.begin_state(len(X[rows])))
            total += self.loss(outputs, Y[rows]).item() * len(X[rows])
            yield total / (first + len(X[rows]))


def as_tensor(values: np.ndarray) -> Tensor:
    """Return a copy of an array as a float32 tensor of the same shape."""
    return torch.from_numpy(np.array(values, dtype=np.float32))
