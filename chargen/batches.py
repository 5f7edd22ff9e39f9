"""Ids to batches (X, Y), by random or sequential partitioning: a pure function of ids, settings, seed and epoch.

Both partitions cut the text into windows of T characters that never overlap, from an offset that changes each epoch,
so that over the epochs the windows begin everywhere. What does not fill the last batch is left out of that epoch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError

PARTITIONS = ("sequential", "random")


@dataclass(frozen=True)
class Batching:
    """How a text is cut into batches.

    Attributes:
        batch_size: B, the number of windows read side by side.
        num_steps: T, the length of a window in characters.
        partition: "sequential" (row r of a batch goes on where row r of the batch before ended, so that state can be
            carried) or "random" (windows in random order, each read from the zero state).
        seed: together with the epoch, decides the offset and the order.
    """

    batch_size: int = 16
    num_steps: int = 64
    partition: str = "sequential"
    seed: int = 0

    def __post_init__(self):
        if self.batch_size < 1 or self.num_steps < 1:
            raise InputError(f"batch size {self.batch_size} and {self.num_steps} steps: both must be at least 1")
        if type(self.seed) is not int or self.seed < 0:
            raise InputError(f"seed {self.seed!r}: must be a whole number, and not negative")
        if self.partition not in PARTITIONS:
            raise InputError(f"unknown partition {self.partition!r}; choose one of {', '.join(PARTITIONS)}")

    @property
    def minimum_length(self) -> int:
        """The fewest characters that fill one batch: B * T inputs, and the target of the last one."""
        return self.batch_size * self.num_steps + 1

    def batches_per_epoch(self, num_ids: int) -> int:
        """Return how many batches a text of `num_ids` characters makes, the same number in every epoch.

        Raises:
            InputError: the text does not fill one batch; the message gives the minimum and settings that would fit.
        """
        if num_ids < self.minimum_length:
            raise InputError(self._too_short(num_ids))
        room_for_any_offset = num_ids - self.num_steps
        return max(room_for_any_offset // (self.batch_size * self.num_steps), 1)

    def _too_short(self, num_ids: int) -> str:
        message = (
            f"the training text has {num_ids:,} characters, but batch size {self.batch_size} with"
            f" {self.num_steps} steps needs at least {self.minimum_length:,}"
        )
        if num_ids < 2:
            return f"{message}; give a longer text"
        num_steps = min(self.num_steps, num_ids - 1)
        batch_size = min(self.batch_size, max((num_ids - 1) // num_steps, 1))
        return f"{message}; give a longer text, or try --batch-size {batch_size} --num-steps {num_steps}"


def window_starts(num_ids: int, batching: Batching, epoch: int) -> np.ndarray:
    """Return where the windows of one epoch begin: an int64 array of shape (batches, B).

    Raises:
        InputError: the text does not fill one batch.

    >>> window_starts(13, Batching(batch_size=2, num_steps=3), epoch=0).tolist()
    [[5, 8]]
    """
    B, T = batching.batch_size, batching.num_steps
    num_batches = batching.batches_per_epoch(num_ids)
    rng = np.random.default_rng([batching.seed, epoch])
    if batching.partition == "sequential":
        offset = rng.integers(num_ids - num_batches * B * T)
        rows = offset + np.arange(B) * num_batches * T  # (B,)
        return rows + np.arange(num_batches)[:, None] * T  # (batches, B)
    offset = rng.integers(min(T, num_ids - num_batches * B * T))
    num_windows = (num_ids - 1 - offset) // T
    order = rng.permutation(num_windows)[: num_batches * B]
    return (offset + order * T).reshape(num_batches, B)


def batches(ids: np.ndarray, batching: Batching, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of one epoch: X and Y, each of shape (B, T), with Y one character ahead of X.

    Args:
        ids: array of shape (characters,).
    """
    steps = np.arange(batching.num_steps)
    for starts in window_starts(len(ids), batching, epoch):
        places = starts[:, None] + steps  # (B, T)
        yield ids[places], ids[places + 1]
