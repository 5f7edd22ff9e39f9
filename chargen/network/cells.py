"""The RNN, GRU and LSTM equations from scratch, one time step each, for NumPy arrays and PyTorch tensors alike.

Letters: `B` batch, `T` time steps, `V` vocabulary size, `H` hidden size, `L` layers, `D` directions, `G` gates.

A step takes `a = x W_ih^T + b_ih`, what the input contributes to the gates, so that a one-hot input costs a look-up of
a row rather than a product. The layout of the weights, the order of the gates and the results are those of
`torch.nn.RNN`, `GRU` and `LSTM`. State goes in and comes out in one structure: h of shape (B, H), and for the LSTM a
pair (h, c).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chargen.errors import InputError

ONE_HOT_LIMIT = 512  # the largest vocabulary that training feeds to the layers as dense one-hot vectors
EMBEDDING_SIZE = 256  # of the projection of the one-hot vector beyond that

Array = Any  # a numpy.ndarray or a torch.Tensor; a function returns what it is given
State = Any  # an Array, or for the LSTM a pair of them


class LayerWeights(NamedTuple):
    """The weights of one layer in one direction."""

    W_ih: Array  # (G*H, inputs)
    W_hh: Array  # (G*H, H)
    b_ih: Array  # (G*H,)
    b_hh: Array  # (G*H,)


def rnn_step(a: Array, h: Array, weights: LayerWeights) -> tuple[Array, Array]:
    """Elman (1990): h' = tanh(a + W_hh h + b_hh).

    Args:
        a: what the input contributes, (B, H).
        h: the state, (B, H).

    Returns:
        The output and the next state, one array of shape (B, H) twice.
    """
    h = tanh(a + h @ weights.W_hh.T + weights.b_hh)  # (B, H)
    return h, h


def gru_step(a: Array, h: Array, weights: LayerWeights) -> tuple[Array, Array]:
    """Cho et al. (2014), in the reset-after form that cuDNN and `torch.nn.GRU` compute.

    r = sigmoid(a_r + u_r);  z = sigmoid(a_z + u_z);  n = tanh(a_n + r * u_n);  h' = n + z * (h - n),
    with u = W_hh h + b_hh. The paper instead resets h before the product, W_hn (r * h).

    Args:
        a: what the input contributes to r, z and n, (B, 3H).
        h: the state, (B, H).

    Returns:
        The output and the next state, one array of shape (B, H) twice.
    """
    H = h.shape[-1]
    u = h @ weights.W_hh.T + weights.b_hh  # (B, 3H)
    gates = sigmoid(a[:, : 2 * H] + u[:, : 2 * H])  # (B, 2H)
    r, z = gates[:, :H], gates[:, H:]
    n = tanh(a[:, 2 * H :] + r * u[:, 2 * H :])  # (B, H)
    h = n + z * (h - n)  # (B, H)
    return h, h


def lstm_step(a: Array, state: tuple[Array, Array], weights: LayerWeights) -> tuple[Array, tuple[Array, Array]]:
    """Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).

    With s = a + W_hh h + b_hh: i, f, o = sigmoid(s_i, s_f, s_o);  g = tanh(s_g);  c' = f * c + i * g;
    h' = o * tanh(c').

    Args:
        a: what the input contributes to i, f, g and o, (B, 4H).
        state: h and c, each (B, H).

    Returns:
        The output, (B, H), and the next state, a pair of (B, H).
    """
    h, c = state
    H = h.shape[-1]
    s = a + h @ weights.W_hh.T + weights.b_hh  # (B, 4H)
    gates = sigmoid(s)  # (B, 4H), that of g in vain: one call takes less time than two
    g = tanh(s[:, 2 * H : 3 * H])  # (B, H)
    c = gates[:, H : 2 * H] * c + gates[:, :H] * g  # (B, H)
    h = gates[:, 3 * H :] * tanh(c)  # (B, H)
    return h, (h, c)


class Cell(NamedTuple):
    """A kind of cell: how many gates its weights hold, how many arrays its state has, and its equations."""

    gates: int
    states: int
    step: Callable


CELLS = {"rnn": Cell(1, 1, rnn_step), "gru": Cell(3, 1, gru_step), "lstm": Cell(4, 2, lstm_step)}


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a network: everything that must be known to allocate its weights.

    Each layer reads the outputs of the layer below; the output layer reads those of all layers side by side, the skip
    connections of Graves (2013), "Generating Sequences With Recurrent Neural Networks".

    Attributes:
        vocab_size: V, the number of characters.
        cell: "rnn", "gru" or "lstm".
        hidden_size: H, units in a layer.
        num_layers: L.
        dropout: the share of a layer's outputs that training silences, which the next layer and the output layer read.
        bidirectional: whether a second set of layers reads from right to left (D = 2).
        embedding_size: the size of a learned projection of the one-hot input, or 0 for the one-hot input itself.
        recurrent_dropout: the share of the recurrent weights that training silences, new ones for every window.
    """

    vocab_size: int
    cell: str = "lstm"
    hidden_size: int = 512
    num_layers: int = 1
    dropout: float = 0.0
    bidirectional: bool = False
    embedding_size: int = 0
    recurrent_dropout: float = 0.0

    def __post_init__(self):
        if self.cell not in CELLS:
            raise InputError(f"unknown cell {self.cell!r}; choose one of {', '.join(CELLS)}")
        for name in ("vocab_size", "hidden_size", "num_layers", "embedding_size"):
            if type(getattr(self, name)) is not int:
                raise InputError(f"{name} {getattr(self, name)!r}: must be a whole number")
        for name in ("vocab_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)}: must be at least 1")
        if self.embedding_size < 0:
            raise InputError(f"embedding_size {self.embedding_size}: must be positive, or 0 for one-hot input")
        for name in ("dropout", "recurrent_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)}: must be at least 0 and below 1")

    @property
    def num_directions(self) -> int:
        """D, 1 or 2."""
        return 2 if self.bidirectional else 1

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its name, the names that `torch.nn` gives them."""
        G, H, D = CELLS[self.cell].gates, self.hidden_size, self.num_directions
        shapes = {"embedding.weight": (self.vocab_size, self.embedding_size)} if self.embedding_size else {}
        for layer in range(self.num_layers):
            inputs = D * H if layer else self.embedding_size or self.vocab_size
            for suffix in ("", "_reverse")[:D]:
                shapes |= {
                    f"layers.{layer}.weight_ih_l0{suffix}": (G * H, inputs),
                    f"layers.{layer}.weight_hh_l0{suffix}": (G * H, H),
                    f"layers.{layer}.bias_ih_l0{suffix}": (G * H,),
                    f"layers.{layer}.bias_hh_l0{suffix}": (G * H,),
                }
        return shapes | {"output.weight": (self.vocab_size, self.num_layers * D * H), "output.bias": (self.vocab_size,)}


def embedding_size_for(vocab_size: int) -> int:
    """Return the `embedding_size` that suits a vocabulary: 0, the one-hot vector itself, unless it is large."""
    return 0 if vocab_size <= ONE_HOT_LIMIT else EMBEDDING_SIZE


def layer_weights(weights: dict[str, Array], layer: int) -> LayerWeights:
    """Return the forward weights of one layer out of a model's named weights."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return LayerWeights(*(weights[f"layers.{layer}.{name}"] for name in names))


def run_layer(cell: str, x: Array, state: State, weights: LayerWeights) -> tuple[list[Array], State]:
    """Run one layer over a whole sequence, step by step.

    Args:
        x: dense input of shape (B, T, inputs), or ids of shape (B, T), which stand for one-hot vectors.
        state: the layer's state, (B, H) or a pair of them.

    Returns:
        The outputs, T arrays of shape (B, H), and the next state.
    """
    outputs = []
    for t in range(x.shape[1]):
        output, state = CELLS[cell].step(input_gates(x[:, t], weights), state, weights)
        outputs.append(output)
    return outputs, state


def begin_state(cell: str, zeros: Callable[[], Array]) -> State:
    """Return the structure of a cell's state filled by calls of `zeros`: one array, or for the LSTM a pair."""
    return zeros() if CELLS[cell].states == 1 else (zeros(), zeros())


def map_state(function: Callable, *states: State) -> State:
    """Return `function` of the arrays of one or more states, in the structure of a state.

    >>> map_state(lambda a, b: a + b, ("h", "c"), ("1", "2"))
    ('h1', 'c2')
    """
    return tuple(map(function, *states)) if isinstance(states[0], tuple) else function(*states)


def input_gates(x: Array, weights: LayerWeights) -> Array:
    """Return what an input contributes to the gates, of shape (B, G*H).

    Args:
        x: dense input of shape (B, inputs), or ids of shape (B,): a one-hot vector times W_ih^T is a row of W_ih^T.
    """
    return (weights.W_ih.T[x] if x.ndim == 1 else x @ weights.W_ih.T) + weights.b_ih


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent of an array of either library."""
    return np.tanh(x) if isinstance(x, np.ndarray) else x.tanh()


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), written with tanh so that no x overflows."""
    return 0.5 * tanh(0.5 * x) + 0.5
