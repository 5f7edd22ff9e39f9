"""The equations of the RNN, GRU, LSTM and capped LSTM from scratch, for NumPy arrays and PyTorch tensors alike.

Letters: `B` batch, `T` time steps, `H` hidden size, `G` gates.

The layout of the weights, the order of the gates and the results are those of `torch.nn.RNN`, `GRU` and `LSTM`; the
capped LSTM, which PyTorch lacks, is laid out like the LSTM. A step takes `a = x W_ih^T + b_ih`, what the input
contributes to the gates, so that a one-hot input costs a look-up of a row instead of a product. The state of every cell
is a tuple of arrays (B, H): (h,), and (h, c) for the LSTMs. The output of a step is the h of its next state.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

Array = Any  # a numpy.ndarray or a torch.Tensor; a function returns the kind that it is given
State = tuple[Array, ...]  # (h,), and (h, c) for the LSTMs; each (B, H)


class LayerWeights(NamedTuple):
    """The weights of one layer in one direction."""

    W_ih: Array  # (G*H, inputs)
    W_hh: Array  # (G*H, H)
    b_ih: Array  # (G*H,)
    b_hh: Array  # (G*H,)


def rnn_step(a: Array, state: State, weights: LayerWeights) -> State:
    """Return the next state (h',) of the network of Elman (1990): h' = tanh(a + W_hh h + b_hh).

    Args:
        a: what the input contributes, (B, H).
        state: (h,), h of shape (B, H).
        weights: of the layer.
    """
    (h,) = state
    return (tanh(a + h @ weights.W_hh.T + weights.b_hh),)  # (B, H)


def gru_step(a: Array, state: State, weights: LayerWeights) -> State:
    """Return the next state (h',) of the GRU of Cho et al. (2014), in the reset-after form of `torch.nn.GRU`.

    r = sigmoid(a_r + u_r);  z = sigmoid(a_z + u_z);  n = tanh(a_n + r * u_n);  h' = n + z * (h - n),
    with u = W_hh h + b_hh. The paper instead resets h before the product, W_hn (r * h).

    Args:
        a: what the input contributes to r, z and n, (B, 3H).
        state: (h,), h of shape (B, H).
        weights: of the layer.
    """
    (h,) = state
    H = h.shape[-1]
    u = h @ weights.W_hh.T + weights.b_hh  # (B, 3H)
    gates = sigmoid(a[:, : 2 * H] + u[:, : 2 * H])  # (B, 2H)
    r, z = gates[:, :H], gates[:, H:]
    n = tanh(a[:, 2 * H :] + r * u[:, 2 * H :])  # (B, H)
    return (n + z * (h - n),)  # (B, H)


def lstm_step(a: Array, state: State, weights: LayerWeights) -> State:
    """Return the next state (h', c') of the LSTM of Hochreiter and Schmidhuber (1997).

    It has the forget gate of Gers et al. (2000). With s = a + W_hh h + b_hh: i, f, o = sigmoid(s_i, s_f, s_o);
    g = tanh(s_g);  c' = f * c + i * g;  h' = o * tanh(c').

    Args:
        a: what the input contributes to i, f, g and o, (B, 4H).
        state: (h, c), each (B, H).
        weights: of the layer.
    """
    h, c = state
    i, f, g, o = _lstm_gates(a, h, weights)  # (B, H) each
    c = f * c + i * g  # (B, H)
    return o * tanh(c), c  # (B, H) each


def capped_lstm_step(a: Array, state: State, weights: LayerWeights) -> State:
    """Return the next state (h', c') of the LSTM whose input gate lets in no more than the forget gate lets go.

    c' = f * c + min(i, 1 - f) * g, and all else as in `lstm_step`: Melis et al. (2018), "On the State of the Art of
    Evaluation in Neural Language Models". So c stays between -1 and 1.

    Args:
        a: what the input contributes to i, f, g and o, (B, 4H).
        state: (h, c), each (B, H).
        weights: of the layer.
    """
    h, c = state
    i, f, g, o = _lstm_gates(a, h, weights)  # (B, H) each
    c = f * c + minimum(i, 1 - f) * g  # (B, H)
    return o * tanh(c), c  # (B, H) each


def _lstm_gates(a: Array, h: Array, weights: LayerWeights) -> tuple[Array, ...]:
    """Return i, f, g and o, (B, H) each."""
    H = h.shape[-1]
    s = a + h @ weights.W_hh.T + weights.b_hh  # (B, 4H)
    gates = sigmoid(s)  # (B, 4H); g needs none, but one call takes less time than two
    return gates[:, :H], gates[:, H : 2 * H], tanh(s[:, 2 * H : 3 * H]), gates[:, 3 * H :]


class Cell(NamedTuple):
    """A kind of recurrent cell.

    Attributes:
        step: its equations, `step(a, state, weights) -> state`.
        gates: G, the number of blocks of H rows in its weights.
        states: the number of arrays in its state.
        learning_rate: the default of AdamW, for steps of 16 x 64 characters.
    """

    step: Callable[[Array, State, LayerWeights], State]
    gates: int
    states: int
    learning_rate: float


CELLS = {
    "rnn": Cell(rnn_step, gates=1, states=1, learning_rate=0.001),
    "gru": Cell(gru_step, gates=3, states=1, learning_rate=0.01),
    "lstm": Cell(lstm_step, gates=4, states=2, learning_rate=0.02),
    "capped-lstm": Cell(capped_lstm_step, gates=4, states=2, learning_rate=0.02),
}


def run_layer(cell: str, x: Array, state: State, weights: LayerWeights) -> tuple[Array, State]:
    """Run one layer over a whole sequence. Every engine has this signature and gives these values and gradients.

    Args:
        cell: a key of `CELLS`.
        x: dense input, (B, T, inputs), or integer ids, (B, T), each of which stands for a one-hot vector.
        state: the layer's state before the first step, arrays (B, H).
        weights: of the layer.

    Returns:
        The outputs, (B, T, H), and the state after the last step, a tuple like `state`.
    """
    W = weights.W_ih.T  # (inputs, G*H)
    a = (W[x] if x.ndim == 2 else x @ W) + weights.b_ih  # (B, T, G*H); one-hot times W is a row of W
    step, outputs = CELLS[cell].step, []
    for t in range(x.shape[1]):
        state = step(a[:, t], state, weights)  # (B, H) each
        outputs.append(state[0])
    library = sys.modules[type(outputs[0]).__module__]  # numpy or torch, whose `stack` are alike
    return library.stack(outputs, axis=1), state


def layer_weights(weights: Mapping[str, Array], layer: int) -> LayerWeights:
    """Return the forward weights of one layer out of a model's named weights."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return LayerWeights(*(weights[f"layers.{layer}.{name}"] for name in names))


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent of an array of either library."""
    return np.tanh(x) if isinstance(x, np.ndarray) else x.tanh()


def minimum(x: Array, y: Array) -> Array:
    """Return the smaller of each two elements of arrays of either library."""
    return np.minimum(x, y) if isinstance(x, np.ndarray) else x.minimum(y)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), written with tanh so that no x overflows."""
    return 0.5 * tanh(0.5 * x) + 0.5
