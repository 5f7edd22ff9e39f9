"""How many threads compute a training step: all of them, or one for a small network or on a busy machine.

PyTorch's threads wait for each other by spinning. While another program keeps one core busy, each parallel region
waits for that core, and a step takes ten to a hundred times as long (benchmarks/README.md). One thread waits for
nobody.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

SMALL = 2_000_000  # multiplications of one time step up to which one thread is at least as fast as several
FASTER = 0.9  # of the time of a step: another number of threads must take less
SLOW = 1.5  # times the fastest step: from here on the machine may be busy
RECENT = 5  # steps that are looked at
FIRST_LOOK = 8  # steps after which one thread is tried for the first time; the very first are slow on any machine
TRIED_EVERY, TRIED_AT_LEAST = 5.0, 80.0  # seconds between two tries; the first doubles up to the second


class Threads:
    """Watches the time of training steps, and sets PyTorch's number of threads.

    Another number is tried on the next step's gradients, which are thrown away, so that trying changes no result.

    Attributes:
        count: threads that compute now.
    """

    def __init__(self, multiplications: int):
        """Choose the number to begin with.

        Args:
            multiplications: of one time step of a batch: rows times weights.
        """
        self._most = torch.get_num_threads()
        self._fixed = self._most == 1 or multiplications <= SMALL
        self.count = 1 if self._fixed else self._most
        self._used: set[int] = set()
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._fastest = float("inf")
        self._steps, self._interval, self._tried = 0, TRIED_EVERY, -float("inf")

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute in `count` threads inside the context."""
        self._used.add(self.count)
        torch.set_num_threads(self.count)
        try:
            yield
        finally:
            torch.set_num_threads(self._most)

    @property
    def busy(self) -> bool:
        """Whether one thread computes because the machine is busy."""
        return not self._fixed and self.count < self._most

    @property
    def used(self) -> int | str:
        """The number of threads that have computed; where it has changed, all of them."""
        return " and ".join(map(str, sorted(self._used))) if len(self._used) > 1 else self.count

    def before_step(self, gradients: Callable[[], object]) -> None:
        """Change the number of threads if the last steps were slow and another number is faster.

        Args:
            gradients: computes the gradients of the next step, which are then computed once more.
        """
        if self._fixed or not self._recent:
            return
        usual = statistics.median(self._recent)
        if len(self._recent) == RECENT and self.count == self._most:
            self._fastest = min(self._fastest, usual)
        suspicious = self.count < self._most or usual > SLOW * self._fastest
        if self._steps == FIRST_LOOK or (suspicious and time.perf_counter() - self._tried >= self._interval):
            self._try(1 if self.count == self._most else self._most, gradients, usual)

    def after_step(self, seconds: float) -> None:
        """Take note of how long the gradients of a step took."""
        self._steps += 1
        self._recent.append(seconds)

    def _try(self, count: int, gradients: Callable[[], object], usual: float) -> None:
        """Switch to `count` threads if the gradients then take clearly less time than `usual`, in seconds."""
        torch.set_num_threads(count)
        seconds = float("inf")
        for _ in range(2):  # the first one may have to wake the threads
            began = time.perf_counter()
            gradients()
            seconds = min(seconds, time.perf_counter() - began)
            if seconds > 3 * usual:
                break
        self._tried = time.perf_counter()
        if seconds < FASTER * usual:
            self.count, self._interval = count, TRIED_EVERY
            self._recent.clear()
        else:
            self._interval = min(2 * self._interval, TRIED_AT_LEAST)
        torch.set_num_threads(self.count)


def multiplications(model: nn.Module, rows: int) -> int:
    """Return the multiplications of one time step of a batch: rows times the weights of all matrices."""
    return rows * sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
