"""`Recurrent`: recurrent layers and a linear output layer, which text and time series have in common."""

import torch
from torch import Tensor, nn

from chargen.network.cells import CELLS, LayerWeights
from chargen.training.dropout import DropoutMasks
from chargen.training.engines import ENGINES

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # what PyTorch calls the fields of LayerWeights
PublicState = Tensor | tuple[Tensor, ...]  # a tensor for RNN and GRU, a pair for the LSTM, each (L*D, B, H)


class Stateful(nn.Module):
    """A network that the training loop can train: it is called with a state, and returns the next one."""

    def begin_states(self, batch_size: int) -> tuple[Tensor, ...]:
        """Return the zero state."""
        raise NotImplementedError


class Recurrent(Stateful):
    """Recurrent layers, each of which reads the one below, and a linear layer that reads all of them side by side.

    >>> model = Recurrent("gru", input_size=1, output_size=2, hidden_size=8)
    >>> outputs, state = model(torch.zeros(4, 5, 1), model.begin_state(4))
    >>> tuple(outputs.shape), tuple(state.shape)
    ((4, 5, 2), (1, 4, 8))
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        output_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
        recurrent_dropout: float = 0.0,
        engine: str = "torch",
    ):
        """Make a network with random weights, which `torch.manual_seed` decides.

        Args:
            engine: what runs the layers, a name of `chargen.training.engines.ENGINES`. The others: see `ModelConfig`.
        """
        super().__init__()
        self.cell, self.hidden_size, self.num_layers, self.engine = cell, hidden_size, num_layers, engine
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.num_directions = D = 2 if bidirectional else 1
        # PyTorch's layers hold and initialise the weights, one layer each; the engine runs them.
        self.layers = nn.ModuleList(
            LayerParameters(CELLS[cell].gates, D * hidden_size if layer else input_size, hidden_size, bidirectional)
            for layer in range(num_layers)
        )
        self.output = nn.Linear(num_layers * D * hidden_size, output_size)  # reads all layers, see ModelConfig

    def begin_state(self, batch_size: int) -> PublicState:
        """Return the zero state: a tensor (L*D, B, H), or for the LSTM a pair of them."""
        states = self.begin_states(batch_size)
        return states[0] if len(states) == 1 else states

    def begin_states(self, batch_size: int) -> tuple[Tensor, ...]:
        """Return the zero state as a tuple for every cell: one or two tensors (L*D, B, H)."""
        shape = (self.num_layers * self.num_directions, batch_size, self.hidden_size)
        return tuple(self.output.weight.new_zeros(shape) for _ in range(CELLS[self.cell].states))

    def forward(self, x: Tensor, state: PublicState, masks: DropoutMasks | None = None) -> tuple[Tensor, PublicState]:
        """Read a window.

        Args:
            x: dense input, (B, T, input size), or ids, (B, T), which stand for one-hot vectors.
            state: as `begin_state` or `begin_states` makes it.
            masks: draw the dropout while the model is in training mode; None draws at random.

        Returns:
            The outputs, (B, T, output size), and the state after the last step in the form that came in, both float32.
        """
        single = isinstance(state, Tensor)
        parts = (state,) if isinstance(state, Tensor) else state  # (L*D, B, H) each
        if self.training and (self.dropout or self.recurrent_dropout):
            masks = masks or _random_masks(self.output.weight.device)
        else:
            masks = None
        outputs, states = [], []
        for number, layer in enumerate(self.layers):
            x, after = self._run_layer(layer, x, [part[number * self.num_directions :] for part in parts], masks)
            if masks and self.dropout:
                x = masks.units(x, self.dropout)  # (B, T, D*H)
            outputs.append(x)
            states += after
        parts = tuple(torch.stack(part).float() for part in zip(*states, strict=True))  # (L*D, B, H) each
        x = torch.cat(outputs, -1) if len(outputs) > 1 else x  # (B, T, L*D*H)
        return self.output(x).float(), parts[0] if single else parts

    def _run_layer(self, layer: nn.Module, x: Tensor, parts: list[Tensor], masks: DropoutMasks | None):
        """Run a layer in each of its directions; return outputs (B, T, D*H) and a state for each direction.

        Args:
            parts: the layer's state, tensors whose first rows are its directions, (>= D, B, H) each.
            masks: drop recurrent weights, the same ones for the whole window.
        """
        run_layer = ENGINES[self.engine]
        outputs, states = [], []
        for direction, suffix in enumerate(("", "_reverse")[: self.num_directions]):
            weights = LayerWeights(*(getattr(layer, f"{name}_l0{suffix}") for name in WEIGHTS))
            if masks and self.recurrent_dropout:
                weights = weights._replace(W_hh=masks.weights(weights.W_hh, self.recurrent_dropout))
            own = x.flip(1) if direction else x  # the second direction reads from right to left
            output, state = run_layer(self.cell, own, tuple(part[direction] for part in parts), weights)
            outputs.append(output.flip(1) if direction else output)  # (B, T, H)
            states.append(state)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1), states


class LayerParameters(nn.Module):
    """The weights of one layer, with the names and the random values that `torch.nn.LSTM` and the like give them."""

    def __init__(self, gates: int, input_size: int, hidden_size: int, bidirectional: bool):
        """Make random weights, which `torch.manual_seed` decides."""
        super().__init__()
        rows, bound = gates * hidden_size, hidden_size**-0.5
        shapes = ((rows, input_size), (rows, hidden_size), (rows,), (rows,))  # as in LayerWeights
        for suffix in ("", "_reverse")[: 1 + bidirectional]:
            for name, shape in zip(WEIGHTS, shapes, strict=True):
                self.register_parameter(f"{name}_l0{suffix}", nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))


def _random_masks(device: torch.device) -> DropoutMasks:
    """Return masks that PyTorch's global generator seeds."""
    masks = DropoutMasks(device)
    masks.seed(int(torch.randint(2**62, ())))
    return masks
