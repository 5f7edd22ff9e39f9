"""The networks of the exercises: chargen's recurrent layers, the same from scratch, and a multilayer perceptron."""

import torch
from torch import Tensor, nn

from chargen.network.cells import LayerWeights, State, run_layer
from chargen.training.recurrent import Recurrent

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
        from_scratch: whether the recurrent layer is `FromScratch`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if cell == "mlp":
            return WindowPerceptron(window) if window else Perceptron(input_size)
        network = (FromScratch if from_scratch else Recurrent)(cell, input_size, 1, hidden_size)
        if cell == "lstm":
            with torch.no_grad():
                network.layers[0].bias_hh_l0[hidden_size : 2 * hidden_size] = (
                    1.0  # of the gates i, f, g and o, that of f
                )
    return network


class FromScratch(Recurrent):
    """A `Recurrent` whose layers run the equations of `chargen.network.cells`, step by step under autograd.

    The weights are the same, by name and shape; so are the outputs and the gradients, but for rounding.
    """

    def _run_layer(self, layer: nn.RNNBase, x: Tensor, state: State, generator: torch.Generator | None):
        weights = LayerWeights(layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
        outputs, state = run_layer(self.cell, x, tuple(part[0] for part in state), weights)  # (B, T, H), (B, H) each
        return outputs, tuple(part[None] for part in state)  # (B, T, H), (1, B, H) each


class Perceptron(nn.Module):
    """A multilayer perceptron that reads each step alone; called like `Recurrent`, with an empty state."""

    def __init__(self, input_size: int):
        """Make a network with random weights from PyTorch's generator."""
        super().__init__()
        first, second = MLP_SIZES
        self.layers = nn.Sequential(nn.Linear(input_size, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.output = nn.Linear(second, 1)

    def begin_state(self, batch_size: int) -> Tensor:
        """Return an empty state, (0, B, 0)."""
        return self.output.weight.new_zeros(0, batch_size, 0)

    def forward(self, x: Tensor, state: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs, (B, T, 1), for x, (B, T, input size), and the unchanged state."""
        return self.output(self.layers(x)), state


class WindowPerceptron(Perceptron):
    """A multilayer perceptron that reads a whole window of single values and predicts one value."""

    def forward(self, x: Tensor, state: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs, (B, 1, 1), for x, (B, T, 1), and the unchanged state."""
        return super().forward(x.transpose(1, 2), state)


Network = Recurrent | Perceptron
