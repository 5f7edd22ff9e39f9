"""`TextsNetwork`: a network that writes many texts side by side, each thread its share of them."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from chargen.network.cells import CELLS, State
from chargen.network.native.calls import fill, pointer
from chargen.network.native.library import Job, Share, library
from chargen.network.native.packed import PackedLayer, aligned_empty
from chargen.network.native.step import StepNetwork

FEWEST = 4  # texts of a thread: with fewer, it waits for the weights


class TextsNetwork:
    """The layers and the output layer of a network, for many texts."""

    def __init__(self, network: StepNetwork, layers: Sequence[PackedLayer], threads: int):
        """Take over the weights that a `StepNetwork` and its layers have packed."""
        self.network, self.layers, self.threads = network, layers, threads
        self._texts = _Texts(self, 0)  # the last ones
        self._lock = Lock()  # one call at a time, since they share these arrays

    def write(
        self, logits: np.ndarray, state: tuple[State, ...], temperature: float, min_p: float, uniform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, tuple[State, ...]]:
        """Draw the next characters as `chargen.sampling.filters` does without top-k and top-p, and read each.

        Args:
            logits: of the first of them, (B, V).
            state: of each layer (h,), or (h, c) of an LSTM, each (B, H); it is not changed.
            temperature: above 0.
            uniform: a number from 0 to below 1 for each of them, (B, N), float64.

        Returns:
            Their ids, (B, N), the logits of those that follow, and the state.
        """
        B, N = uniform.shape
        ids = np.empty((B, N), np.int64)
        with self._lock:
            if len(self._texts.logits) != B:
                self._texts = _Texts(self, B)
            texts, V = self._texts, logits.shape[1]
            texts.logits[:, :V] = logits
            texts.states[:] = state
            call = self.network.network, texts.shares, len(texts.shares), temperature, min_p
            library().chargen_write_texts(*call, pointer(uniform), N, pointer(ids))
            return ids, texts.logits[:, :V].copy(), tuple(map(tuple, texts.states.copy()))


class _Texts:
    """What the threads read and write for B texts.

    Attributes:
        shares: of the threads.
        logits: (B, V), and some more columns.
        states: (L, 1 or 2, B, H).
    """

    def __init__(self, whole: TextsNetwork, B: int):
        layers, network = whole.layers, whole.network.network
        L, H = len(layers), layers[0].weights.W_hh.shape[1]
        self.logits = np.zeros((B, len(whole.network.bias)), np.float32)
        self.states = np.empty((L, CELLS[layers[0].cell].states, B, H), np.float32)
        self._outputs = np.empty((L, B, H), np.float32)
        self._ids = np.empty(B, np.int64)
        self._x = np.empty((B, network.row_size), np.float32)
        self._of_threads: list = []  # what each has for itself
        count = max(min(whole.threads, B // FEWEST), 1)
        ends = [B * number // count for number in range(count + 1)]
        shares = [self._share(whole, slice(*ends[i : i + 2])) for i in range(count if B else 0)]
        self.shares = (Share * len(shares))(*shares)

    def _share(self, whole: TextsNetwork, rows: slice) -> Share:
        layers, texts, by_ids = whole.layers, rows.stop - rows.start, whole.network.reads_ids
        calls = [layer.one_step(texts, by_ids and number == 0) for number, layer in enumerate(layers)]
        steps = (Job * len(layers))(*(job for job, _ in calls))
        saved = aligned_empty(max(size for _, size in calls))  # one layer runs after the other
        below = self._ids if by_ids else self._x  # (B,) or (B, row_size)
        for step, outputs, state in zip(steps, self._outputs, self.states, strict=True):
            fill(step, {"ids" if below.ndim == 1 else "x": below[rows], "outputs": outputs[rows], "saved": saved})
            fill(step, dict(zip(("h_begin", "c_begin"), state[:, rows], strict=False)))
            fill(step, dict(zip(("h_end", "c_end"), state[:, rows], strict=False)))
            below = outputs  # (B, H)
        h = np.zeros(whole.network.network.output.columns, np.float32)
        self._of_threads += [steps, saved, h]
        share = Share(rows.start, texts, steps, pointer(self._ids[rows]))
        share.x = None if by_ids else pointer(self._x[rows])
        share.h, share.logits = pointer(h), pointer(self.logits[rows])
        return share
