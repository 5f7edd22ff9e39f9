"""Where the windows of each batch begin, by random or sequential partitioning.

Both partitions cut the text into windows of T characters that do not overlap. The first window begins at an offset that
changes with the epoch, so that over many epochs windows begin everywhere. Characters that do not fill a last batch are
left out of that epoch.
"""

from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError
from chargen.report.words import counted

PARTITIONS = ("sequential", "random")
SHUFFLED = 2**22  # the largest number of windows whose random order is kept as a list
ROUNDS = 6  # of the Feistel network


@dataclass(frozen=True)
class Batching:
    """How a text is cut into batches.

    Attributes:
        batch_size: B, the number of windows read side by side.
        num_steps: T, the length of a window in characters.
        partition: "sequential" (row r of a batch continues row r of the previous batch, so that state can be
            carried) or "random" (windows in random order, each read from the zero state).
        seed: determines, together with the epoch, the offset and the order.
    """

    batch_size: int = 16
    num_steps: int = 64
    partition: str = "sequential"
    seed: int = 0

    def __post_init__(self):
        for name in ("batch_size", "num_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{getattr(self, name)}: must be at least 1", setting=name)
        if type(self.seed) is not int or self.seed < 0:
            raise InputError(f"{self.seed!r}: must be a whole number, at least 0", setting="seed")
        if self.partition not in PARTITIONS:
            raise InputError(f"{self.partition!r}: must be one of {', '.join(PARTITIONS)}", setting="partition")

    @property
    def minimum_length(self) -> int:
        """The smallest number of characters that fills one batch: B * T inputs, and the target of the last one."""
        return self.batch_size * self.num_steps + 1

    def batches_per_epoch(self, num_ids: int) -> int:
        """Return the number of batches in a text of `num_ids` characters, which is the same in every epoch.

        Raises:
            InputError: the text does not fill one batch; the error gives the minimum and settings that would fit.
        """
        if num_ids < self.minimum_length:
            raise self._too_short(num_ids)
        room_for_any_offset = num_ids - self.num_steps
        return max(room_for_any_offset // (self.batch_size * self.num_steps), 1)

    def _too_short(self, num_ids: int) -> InputError:
        message = (
            f"the training text has {counted(num_ids, 'character')}, but batches of"
            f" {self.batch_size} x {self.num_steps} need at least {self.minimum_length:,}"
        )
        if num_ids < 2:
            return InputError(message, "give a longer text")
        num_steps = min(self.num_steps, num_ids - 1)
        batch_size = min(self.batch_size, max((num_ids - 1) // num_steps, 1))
        return InputError(message, f"give a longer text, or try {{batch_size}} {batch_size} {{num_steps}} {num_steps}")


class WindowStarts:
    """Where the windows of one epoch begin: an int64 array (B,) for each batch, computed on demand.

    The random order of up to `SHUFFLED` windows is a list. That of more windows is computed place by place, so that its
    memory does not grow with the text.

    >>> np.asarray(WindowStarts(13, Batching(batch_size=2, num_steps=3), epoch=0)).tolist()
    [[5, 8]]
    """

    def __init__(self, num_ids: int, batching: Batching, epoch: int):
        """Draw the offset and the order.

        Raises:
            InputError: the text does not fill one batch.
        """
        self._batching, self._batches = batching, batching.batches_per_epoch(num_ids)
        left = num_ids - self._batches * batching.batch_size * batching.num_steps  # targets, at least 1
        rng = np.random.default_rng([batching.seed, epoch])
        if batching.partition == "sequential":
            self._offset, self._order = rng.integers(left), None
        else:
            self._offset = rng.integers(min(batching.num_steps, left))
            windows = int((num_ids - 1 - self._offset) // batching.num_steps)
            self._order = rng.permutation(windows) if windows <= SHUFFLED else Shuffle(windows, rng)

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, number: int) -> np.ndarray:
        if not 0 <= number < self._batches:
            raise IndexError(f"batch {number} of {self._batches}")
        return self._of(np.array([number]))[0]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Return all of them, (batches, B)."""
        return self._of(np.arange(self._batches))

    def _of(self, numbers: np.ndarray) -> np.ndarray:
        B, T, rows = self._batching.batch_size, self._batching.num_steps, np.arange(self._batching.batch_size)
        if self._order is None:
            return self._offset + rows * self._batches * T + numbers[:, None] * T
        return self._offset + self._order[numbers[:, None] * B + rows] * T


class Shuffle:
    """A random permutation of the numbers below `length` that computes each element on its own.

    This is a Feistel network (Luby and Rackoff 1988), a bijection of numbers with an even number of bits. A result that
    is not below `length` is mapped again until it is (Black and Rogaway 2002).
    """

    def __init__(self, length: int, rng: np.random.Generator):
        self._length = length
        self._half = np.uint64(max((length - 1).bit_length() + 1, 2) // 2)  # bits
        self._keys = rng.integers(2**63, size=ROUNDS, dtype=np.uint64)

    def __getitem__(self, places: np.ndarray) -> np.ndarray:
        numbers = self._mapped(places.astype(np.uint64))
        while (beyond := numbers >= self._length).any():
            numbers[beyond] = self._mapped(numbers[beyond])
        return numbers.astype(np.int64)

    def _mapped(self, numbers: np.ndarray) -> np.ndarray:
        left, right = numbers >> self._half, numbers & self._mask
        for key in self._keys:
            left, right = right, left ^ (_scattered(right ^ key) & self._mask)
        return left << self._half | right

    @property
    def _mask(self) -> np.uint64:
        return (np.uint64(1) << self._half) - np.uint64(1)


def _scattered(numbers: np.ndarray) -> np.ndarray:
    """Return hashes of 64-bit numbers (SplitMix, Steele et al. 2014)."""
    numbers = (numbers ^ numbers >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ numbers >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return numbers ^ numbers >> np.uint64(31)
