"""The networks of the exercises: the parent package's layers, the same from scratch, and one without a memory."""

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
    """Return a network of one output with random weights, which depend on the arguments alone.

    An LSTM's forget gates begin open, with a bias of 1 (Jozefowicz et al. 2015, "An Empirical Exploration of Recurrent
    Network Architectures"): without it, one in eight seeds does not learn to carry the phase of a sine in 500 steps.

    Args:
        cell: "rnn", "gru", "lstm" or "mlp".
        window: the steps of a window that is to be answered with one value, which the MLP reads at once; None has it
            read each step alone.
        from_scratch: whether the recurrent layer is that of `FromScratch`.
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
    """A multilayer perceptron that is applied to each step alone; called as `Recurrent` is, with an empty state."""

    def __init__(self, input_size: int):
        """Make a network with random weights, as `torch.manual_seed` decides."""
        super().__init__()
        first, second = MLP_SIZES
        self.layers = nn.Sequential(nn.Linear(input_size, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.output = nn.Linear(second, 1)

    def begin_state(self, batch_size: int) -> Tensor:
        """Return a state that holds nothing, (0, B, 0)."""
        return self.output.weight.new_zeros(0, batch_size, 0)

    def forward(self, x: Tensor, state: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return outputs, (B, T, 1), of x, (B, T, input size), and the state that came in."""
        return self.output(self.layers(x)), state


class WindowPerceptron(Perceptron):
    """A multilayer perceptron that reads a whole window of single values at once, and answers with one step."""

    def forward(self, x: Tensor, state: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return outputs, (B, 1, 1), of x, (B, T, 1), and the state that came in."""
        return super().forward(x.transpose(1, 2), state)
