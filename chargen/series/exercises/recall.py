"""The task of repeating a sequence of bits after a gap."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chargen.series.exercises.networks import Network

LONGEST = 8  # bits of a sequence
GAP = 10  # steps without input between the last bit and the first answer
BATCHES = 10  # in an epoch
TEST_SEQUENCES = 500


class RecallTask:
    """A `chargen.training.trainer.Task`: repeat 1 to 8 bits after a gap of up to 10 steps; every batch is random.

    A step has two inputs: -1 or 1 while a bit is shown, else 0; and 1 where an output is expected, else 0.
    """

    held_out, guessing = 0, math.inf

    def __init__(self, batch_size: int, seed: int):
        """Prepare batches, each a function of the seed, the epoch and the number."""
        self.batch_size, self.seed, self.batches_per_epoch = batch_size, seed, BATCHES

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Return X, (B, T, 2), and the targets of the last n steps, (B, n, 1)."""
        rng = np.random.default_rng([self.seed, epoch, number])
        return sequences(rng, self.batch_size, int(rng.integers(1, LONGEST + 1)), int(rng.integers(0, GAP + 1)))

    def continues(self, epoch: int, number: int) -> bool:
        """Return False: every batch begins with the zero state."""
        return False

    def loss(self, outputs: Tensor, Y: Tensor) -> Tensor:
        """Return the mean cross-entropy of the last steps, in nats per bit."""
        return F.binary_cross_entropy_with_logits(outputs[:, -Y.shape[1] :], Y)

    def evaluation(self, model: nn.Module, precision: str) -> Iterator[float]:
        """Yield nothing: nothing is held out."""
        return iter(())


def sequences(rng: np.random.Generator, count: int, length: int, gap: int) -> tuple[Tensor, Tensor]:
    """Return inputs, (count, 2 * length + gap, 2), and the targets of their last steps, (count, length, 1).

    >>> X, Y = sequences(np.random.default_rng(0), count=1, length=2, gap=1)
    >>> X[0].tolist(), Y[0].tolist()
    ([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[1.0], [1.0]])
    """
    bits = rng.integers(0, 2, (count, length))
    X = np.zeros((count, 2 * length + gap, 2), dtype=np.float32)
    X[:, :length, 0] = 2 * bits - 1
    X[:, length + gap :, 1] = 1
    return torch.from_numpy(X), torch.from_numpy(bits[:, :, None].astype(np.float32))


@torch.no_grad()
def accuracy_by_length(network: Network, seed: int) -> list[float]:
    """Return the share of bits that a network repeats after the longest gap, for each length from 1 to 8 bits."""
    network.eval()
    accuracies = []
    for length in range(1, LONGEST + 1):
        X, Y = sequences(np.random.default_rng([seed, 0, length]), TEST_SEQUENCES, length, GAP)  # no epoch is 0
        outputs, _ = network(X, network.begin_states(TEST_SEQUENCES))
        accuracies.append(((outputs[:, -length:] > 0) == (Y > 0.5)).float().mean().item())
    return accuracies
