"""The networks of the exercises: chargen's recurrent layers, the same from scratch, and a multilayer perceptron."""

import torch
from torch import Tensor, nn

from chargen.training.recurrent import Recurrent, Stateful

MLP_SIZES = (32, 16)  # units of the two hidden layers


def make_network(
    cell: str,
    hidden_size: int,
    *,
    seed: int,
    input_size: int = 1,
    window: int | None = None,
    from_scratch: bool = False,
) -> nn.Module:
    """Return a network with one output and random weights, which depend on the arguments alone.

    The bias of an LSTM's forget gates is 1 (Jozefowicz et al. 2015, "An Empirical Exploration of Recurrent Network
    Architectures"): without it, one in eight seeds does not learn to carry the phase of a sine in 500 steps.

    Args:
        cell: "rnn", "gru", "lstm" or "mlp".
        window: the steps of a window, for an MLP that reads all of them and predicts one value; None for an MLP that
            reads each step alone.
        from_scratch: whether the equations of `chargen.network.cells` run the recurrent layer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if cell == "mlp":
            return WindowPerceptron(window) if window else Perceptron(input_size)
        engine = "equations" if from_scratch else "torch"
        network = Recurrent(cell, input_size, 1, hidden_size, engine=engine)
        if cell == "lstm":
            forget_gates = slice(hidden_size, 2 * hidden_size)  # of i, f, g and o
            with torch.no_grad():
                network.get_parameter("layers.0.bias_hh_l0")[forget_gates] = 1.0
    return network


class Perceptron(Stateful):
    """A multilayer perceptron that reads each step alone; called like `Recurrent`, with an empty state."""

    def __init__(self, input_size: int):
        """Make a network with random weights from PyTorch's generator."""
        super().__init__()
        first, second = MLP_SIZES
        self.layers = nn.Sequential(nn.Linear(input_size, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.output = nn.Linear(second, 1)

    def begin_states(self, batch_size: int) -> tuple[Tensor, ...]:
        """Return an empty state."""
        return ()

    def forward(self, x: Tensor, state: tuple, masks: object = None) -> tuple[Tensor, tuple]:
        """Return the outputs, (B, T, 1), for x, (B, T, input size), and the unchanged state."""
        return self.output(self.layers(x)), state


class WindowPerceptron(Perceptron):
    """A multilayer perceptron that reads a whole window of single values and predicts one value."""

    def forward(self, x: Tensor, state: tuple, masks: object = None) -> tuple[Tensor, tuple]:
        """Return the outputs, (B, 1, 1), for x, (B, T, 1), and the unchanged state."""
        return super().forward(x.transpose(1, 2), state)


Network = Recurrent | Perceptron
