"""`Recurrent`: dense vectors in, recurrent layers, a linear layer out; what text and time series have in common."""

import math

import torch
from torch import Tensor, nn

from chargen.network.cells import CELLS, State

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
FUNCTIONS = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}  # what LAYERS call with their weights

PublicState = Tensor | tuple[Tensor, Tensor]  # as `torch.nn` has it: h, or for the LSTM (h, c); each (L*D, B, H)


class MaskGenerator(torch.Generator):
    """Decides which units dropout silences where the rows at hand are some of a batch: it draws for all rows.

    Attributes:
        part, parts: the rows at hand are part number `part`, counted from 0, of `parts` equal ones.
    """

    part, parts = 0, 1


class Recurrent(nn.Module):
    """Recurrent layers, each of which reads the one below, and a linear layer that reads them all side by side.

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
    ):
        """Make a network with random weights, as `torch.manual_seed` decides; see `ModelConfig`."""
        super().__init__()
        self.cell, self.hidden_size, self.num_layers = cell, hidden_size, num_layers
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.num_directions = D = 2 if bidirectional else 1
        # One library layer each, so that dropout stays outside and is ours to seed.
        self.layers = nn.ModuleList(
            LAYERS[cell](
                D * hidden_size if layer else input_size, hidden_size, batch_first=True, bidirectional=bidirectional
            )
            for layer in range(num_layers)
        )
        self.output = nn.Linear(num_layers * D * hidden_size, output_size)  # reads all layers, see ModelConfig

    def begin_state(self, batch_size: int) -> PublicState:
        """Return the zero state: a tensor (L*D, B, H), or for the LSTM a pair of them."""
        shape = (self.num_layers * self.num_directions, batch_size, self.hidden_size)
        return to_public(tuple(self.output.weight.new_zeros(shape) for _ in range(CELLS[self.cell].states)))

    def forward(
        self, x: Tensor, state: PublicState, generator: torch.Generator | None = None
    ) -> tuple[Tensor, PublicState]:
        """Read a window.

        Args:
            x: dense input, (B, T, input size).
            state: as `begin_state` makes it.
            generator: decides which units dropout silences while the model is in training mode; a `MaskGenerator`
                where these rows are some of a batch.

        Returns:
            The outputs, (B, T, output size), and the state after the last step, both float32.
        """
        D = self.num_directions
        outputs, states = [], []
        for index, layer in enumerate(self.layers):
            own = tuple(part[index * D : (index + 1) * D] for part in from_public(state))  # (D, B, H) each
            x, layer_state = self._run_layer(layer, x, own, generator)  # (B, T, D*H), (D, B, H) each
            x = self._dropout(x, generator)
            outputs.append(x)
            states.append(layer_state)
        state = tuple(torch.cat(parts).float() for parts in zip(*states, strict=True))  # (L*D, B, H) each
        return self.output(torch.cat(outputs, -1)).float(), to_public(state)

    def _run_layer(
        self, layer: nn.RNNBase, x: Tensor, state: State, generator: torch.Generator | None
    ) -> tuple[Tensor, State]:
        """Run a layer; in training, with a share of its recurrent weights silenced for the whole window.

        That is the DropConnect of Merity et al. (2017), "Regularizing and Optimizing LSTM Language Models".
        """
        if not (self.training and self.recurrent_dropout):
            x, state = layer(x, to_public(state))
            return x, from_public(state)
        weights = [
            weight * keep_mask(weight, weight.shape, self.recurrent_dropout, generator)
            if name.startswith("weight_hh")
            else weight
            for name, weight in layer.named_parameters()
        ]
        x, *parts = FUNCTIONS[self.cell](
            x, to_public(state), weights, True, 1, 0.0, True, self.num_directions == 2, True
        )  # biases, one layer, no dropout of its own, training, directions, batch first
        return x, tuple(parts)

    def _dropout(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Silence units of x, (B, T, D*H), the same ones at every step of a row, as Gal and Ghahramani (2016) do."""
        if not (self.training and self.dropout):
            return x
        B, _, width = x.shape
        part, parts = (generator.part, generator.parts) if isinstance(generator, MaskGenerator) else (0, 1)
        mask = keep_mask(x, (parts * B, 1, width), self.dropout, generator)  # (parts * B, 1, D*H)
        return x * mask[part * B : (part + 1) * B]


def keep_mask(like: Tensor, shape: tuple[int, ...], dropout: float, generator: torch.Generator | None) -> Tensor:
    """Return a tensor of 0, for the share `dropout`, and 1 / (1 - dropout), of the type and on the device of `like`.

    The share is rounded to 1/256, so that one 64-bit draw serves eight elements: recurrent weights have a million.
    """
    count = math.prod(shape)
    draws = torch.empty(-(-count // 8), dtype=torch.int64, device=like.device)
    draws.random_(-(2**63), None, generator=generator)
    dropped = min(round(256 * dropout), 255)
    return (draws.view(torch.uint8)[:count].view(shape) >= dropped).to(like.dtype).mul_(256 / (256 - dropped))


def from_public(state: PublicState) -> State:
    """Return the tuple of arrays that a public state holds."""
    return state if isinstance(state, tuple) else (state,)


def to_public(state: State) -> PublicState:
    """Return a tuple of one or two arrays as `torch.nn` has it."""
    return state[0] if len(state) == 1 else (state[0], state[1])
