"""`PackedLayer`: a layer whose weights stay packed for the native kernels, for sampling and scoring with NumPy."""

from threading import Lock

import numpy as np

from chargen.network.cells import CELLS, LayerWeights
from chargen.network.native.calls import check, check_input, fill, make_job, memory_sizes, run
from chargen.network.native.library import Job

LINE = 64  # bytes of a cache line, where every row of a panel begins


def aligned_empty(size: int) -> np.ndarray:
    """Return an uninitialised float32 array of `size` elements that begins at a cache line."""
    array = np.empty(size + LINE // 4, np.float32)
    skipped = -array.ctypes.data % LINE // 4
    return array[skipped : skipped + size]


class PackedLayer:
    """A layer that packs its float32 weights once, at its first run, and runs as often as asked."""

    def __init__(self, cell: str, weights: LayerWeights, threads: int = 1):
        """Keep float32 weights of NumPy: W_ih (G*H, inputs), W_hh (G*H, H), b_ih and b_hh (G*H,)."""
        self.cell, self.threads = cell, threads
        self.weights = LayerWeights(*(np.ascontiguousarray(weight, np.float32) for weight in weights))
        self._is_packed: set[int] = set()  # as the keys of _packed
        self._packed: dict[int, np.ndarray] = {}  # by the dimensions of x: ids look rows up, dense input multiplies
        self._jobs: dict[tuple[int, ...], tuple[Job, int]] = {}  # by the shape of x; each with the memory that it needs
        self._memory = aligned_empty(0)  # what all of them work in
        self._lock = Lock()  # one run at a time, since they share these

    def run(self, x: np.ndarray, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Run the layer over a sequence.

        Args:
            x: dense float32 input (B, T, inputs), or integer ids (B, T) that stand for one-hot vectors.
            state: h, or for the LSTM h and c, each (B, H), float32.

        Returns:
            The outputs, (B, T, H), and the next state.

        Raises:
            ValueError: a shape or a type is wrong.
            IndexError: an id is not below the number of inputs.
        """
        x = np.ascontiguousarray(x, np.int64 if x.ndim == 2 and x.dtype.kind in "iu" else x.dtype)
        state = tuple(np.ascontiguousarray(part) for part in state)
        with self._lock:
            return self._run(x, state)

    def _run(self, x: np.ndarray, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        if x.shape not in self._jobs:
            self._prepare(x, state)
        job, size = self._jobs[x.shape]
        check_input(self.cell, x, state, job.H, job.inputs)
        if len(self._memory) < size:
            self._memory = aligned_empty(size)
        job.packed_before = x.ndim in self._is_packed
        outputs = np.empty((job.B, job.T, job.H), np.float32)  # (B, T, H)
        end = tuple(np.empty_like(part) for part in state)  # (B, H) each
        fill(job, {"x" if x.ndim == 3 else "ids": x, "outputs": outputs, "saved": self._memory})
        fill(job, dict(zip(("h_begin", "c_begin"), state, strict=False)))
        fill(job, dict(zip(("h_end", "c_end"), end, strict=False)))
        run("forward", job)
        self._is_packed.add(x.ndim)
        return outputs, end

    def one_step(self, texts: int, ids: bool) -> tuple[Job, int]:
        """Return a call that runs one step of some texts, by ids or dense input, and the floats of `saved` it needs.

        The weights are packed. The arrays of its input and state, and its memory, are left to be filled in.
        """
        x = np.zeros((texts, 1) if ids else (texts, 1, self.weights.W_ih.shape[1]), np.int64 if ids else np.float32)
        if x.ndim not in self._is_packed:
            zeros = np.zeros((texts, self.weights.W_hh.shape[1]), np.float32)  # (B, H)
            self.run(x, (zeros,) * CELLS[self.cell].states)
        job = make_job(self.cell, x, self.weights, threads=1)
        job.forgets = job.packed_before = True
        fill(job, {"packed": self._packed[x.ndim]})
        return job, memory_sizes(job)["saved"]

    def _prepare(self, x: np.ndarray, state: tuple[np.ndarray, ...]) -> None:
        """Make a call for inputs of the shape of x; its first run packs the weights."""
        check(self.cell, x, state, self.weights)
        job = make_job(self.cell, x, self.weights, self.threads)
        job.forgets = True
        sizes = memory_sizes(job)
        if x.ndim not in self._packed:
            self._packed[x.ndim] = aligned_empty(sizes["packed"])
        fill(job, {"packed": self._packed[x.ndim]})
        self._jobs[x.shape] = job, sizes["saved"]
