"""`StepNetwork`: a network that reads one text, character by character.

A step of one text waits for memory. So the weights of a file with 8 or 16 bits are kept in as many, which lose nothing.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from chargen.network.cells import CELLS, LayerWeights, State
from chargen.network.native.calls import pointer
from chargen.network.native.library import CELL_NUMBERS, Matrix, Network, Step, has_vectors, library, path_number
from chargen.network.native.packed import aligned_empty

PANEL, GROUP = 16, 64  # as in layer.h
LARGEST = 127  # whole number in a row of a file with 8 bits


class StepNetwork:
    """All layers of a network and its output layer, for one text.

    Attributes:
        network: the arrays, as the kernels find them.
        bias: of the output layer, (V,), and some zeros.
        reads_ids: whether the first layer reads ids, not an embedding.
    """

    def __init__(
        self,
        cell: str,
        layers: Sequence[LayerWeights],
        output: tuple[np.ndarray, np.ndarray],
        embedding: np.ndarray | None = None,
    ):
        """Pack float32 weights.

        Args:
            cell: a key of `CELLS`.
            layers: the weights of each layer.
            output: the weight, (V, L*H), and the bias, (V,), of the output layer, which reads all layers.
            embedding: of the characters, (V, E); None for one-hot input.

        Raises:
            RuntimeError: no path for one text runs here.
        """
        if not has_vectors():
            raise RuntimeError("the native kernels read one text on a processor's vectors only, and none are used here")
        L, H, V = len(layers), layers[0].W_hh.shape[1], len(output[1])
        wide = -(-H // PANEL) * PANEL  # the units of whole panels
        self._memory = _zeros((2, L, wide))  # h and c
        h, c = self._memory
        self._layers = [
            _Layer(cell, weights, h[layer], c[layer], ids=layer == 0 and embedding is None)
            for layer, weights in enumerate(layers)
        ]
        self._steps = (Step * L)(*(layer.step for layer in self._layers))
        for below, step in zip(h, self._steps[1:], strict=False):
            step.x = pointer(below)
        weight = np.zeros((V, L, wide), np.float32)
        weight[:, :, :H] = output[0].reshape(V, L, H)
        self._output = _Packed(weight.reshape(V, L * wide), np.arange(V))
        self._logits, self.bias = _zeros((len(self._output.scales),)), _zeros((len(self._output.scales),))
        self.bias[:V] = output[1]
        self._rows = self._layers[0].begin if embedding is None else np.ascontiguousarray(embedding, np.float32)
        if embedding is not None:
            self._steps[0].x = pointer(self._rows)
        self.network = Network(path_number(), L, V, self._rows.shape[1], pointer(self._rows), self._steps)
        self.network.output, self.network.bias = self._output.matrix, pointer(self.bias)
        self.network.h, self.network.logits = pointer(h), pointer(self._logits)
        self._kept = self._memory[: CELLS[cell].states, :, :H]  # (states, L, H)
        self.reads_ids = embedding is None
        self._V, self._read, self._write = V, library().chargen_read, library().chargen_write
        self._after: tuple[State, ...] | None = None  # the state that the memory holds
        self._lock = Lock()  # one text at a time, since they share these arrays

    def step(self, char_id: int, state: tuple[State, ...]) -> tuple[np.ndarray, tuple[State, ...]]:
        """Read one character.

        Args:
            char_id: of the character, at least 0 and below V.
            state: of each layer (h,), or (h, c) of an LSTM, each (1, H); it is not changed.

        Returns:
            The logits of the next character, (1, V), and the next state.
        """
        if not 0 <= char_id < self._V:
            raise IndexError(f"id {char_id} is out of range: ids must be at least 0 and below {self._V}")
        with self._lock:
            self._go_to(state)
            self._read(self.network, char_id)
            return self._predicted()

    def write(
        self, logits: np.ndarray, state: tuple[State, ...], temperature: float, min_p: float, uniform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, tuple[State, ...]]:
        """Draw the next characters as `chargen.sampling.filters` does without top-k and top-p, and read each.

        Args:
            logits: of the first of them, (1, V).
            state: as for `step`.
            temperature: above 0.
            uniform: a number from 0 to below 1 for each of them, (1, N), float64.

        Returns:
            Their ids, (1, N), or fewer where logits leave no character; then the logits and the state, as `step` does.
        """
        ids = np.empty(uniform.shape, np.int64)
        with self._lock:
            self._go_to(state)
            self._logits[: self._V] = logits[0]
            written = self._write(self.network, temperature, min_p, pointer(uniform), ids.size, pointer(ids))
            return ids[:, :written], *self._predicted()

    def _go_to(self, state: tuple[State, ...]) -> None:
        """Let the memory hold a state."""
        held, self._after = self._after, None  # a call that Ctrl-C ends leaves the memory after no state known here
        if state is not held:
            for part, arrays in zip(self._kept, zip(*state, strict=True), strict=True):
                part[:] = np.concatenate(arrays)

    def _predicted(self) -> tuple[np.ndarray, tuple[State, ...]]:
        """Return copies of the logits, (1, V), and the state, which the memory holds."""
        layers = self._kept.swapaxes(0, 1)[:, :, None].copy()  # (L, states, 1, H)
        layers.flags.writeable = False  # it is known by its identity
        self._after = tuple(map(tuple, layers))
        return self._logits[None, : self._V].copy(), self._after


class _Packed:
    """Rows of a float32 matrix as `struct matrix` of layer.h, in as few bytes as lose nothing."""

    def __init__(self, weight: np.ndarray, rows: np.ndarray):
        """Pack the rows of these numbers; -1 stands for zeros."""
        rows, columns = np.append(rows, np.full(-len(rows) % GROUP, -1)), weight.shape[1]
        largest = np.where(rows < 0, 0, np.maximum(weight.max(1), -weight.min(1))[rows])  # (rows,)
        in_bytes = np.where(largest > 0, largest / LARGEST, 1).astype(np.float32)
        one = np.ones(len(rows), np.float32)
        strides = [stride // weight.itemsize for stride in weight.strides]
        for scale, kind in ((in_bytes, np.int8), (one, np.float16), (one, np.float32)):
            self.scales, self.values = scale, np.empty((len(rows), columns), kind)
            values, scales = pointer(self.values), pointer(scale)
            self.matrix = Matrix(len(rows) // GROUP, columns, self.values.itemsize, values, scales)
            if library().chargen_pack(path_number(), weight.ctypes.data, *strides, pointer(rows), self.matrix):
                break


class _Layer:
    """The packed weights of one layer, and its step in the state that it is given."""

    def __init__(self, cell: str, weights: LayerWeights, h: np.ndarray, c: np.ndarray, ids: bool):
        H, wide, slots = weights.W_hh.shape[1], len(h), library().chargen_cell(CELL_NUMBERS[cell]).contents
        hidden = _rows(slots.recurrent_gate[: slots.gates], H, wide)  # (G * wide,), of the first slots
        entering = _rows(slots.input_gate[: slots.gates], H, wide)  # (G * wide,), of the last slots
        self.recurrent = _Packed(weights.W_hh, hidden)
        self.begin = _zeros((weights.W_ih.shape[1] if ids else 1, slots.slots * wide))  # what the slots begin with
        self.begin[:, : len(hidden)] += np.where(hidden < 0, 0, weights.b_hh[hidden])
        self.begin[:, -len(entering) :] += np.where(entering < 0, 0, weights.b_ih[entering])
        self.gates = _zeros((slots.slots * wide + GROUP,))  # the last group of rows may reach over the slots
        self.step = Step(CELL_NUMBERS[cell], wide, self.recurrent.matrix)
        if ids:
            self.begin[:, -len(entering) :] += np.where(entering < 0, 0, weights.W_ih.T[:, entering])
        else:
            self.input = _Packed(weights.W_ih, entering)
            self.step.input = self.input.matrix
        self.step.begin, self.step.gates = pointer(self.begin), pointer(self.gates)
        self.step.h, self.step.c = pointer(h), pointer(c)


def _zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 zeros that begin at a cache line."""
    array = aligned_empty(int(np.prod(shape))).reshape(shape)
    array[:] = 0
    return array


def _rows(gates: list[int], H: int, wide: int) -> np.ndarray:
    """Return the rows of a weight, (G*H, ...), gate by gate in this order, each filled up with -1 to `wide` rows."""
    rows = np.full((len(gates), wide), -1)
    rows[:, :H] = np.array(gates)[:, None] * H + np.arange(H)
    return rows.ravel()  # (G * wide,)
