"""`CharModel`: one-hot characters in, recurrent layers, a linear layer out; to a checkpoint and back."""

import math
from operator import itemgetter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chargen.cells import ModelConfig, State, begin_state, embedding_size_for, map_state
from chargen.checkpoint import Checkpoint
from chargen.errors import InputError
from chargen.vocabulary import Vocabulary

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
FUNCTIONS = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}  # what LAYERS call with their weights


class CharModel(nn.Module):
    """A character-level language model.

    >>> model = CharModel(vocab_size=27, cell="gru", hidden_size=8, num_layers=2)
    >>> state = model.begin_state(batch_size=4)
    >>> tuple(state.shape)
    (2, 4, 8)
    >>> logits, state = model(torch.zeros(4, 5, dtype=torch.long), state)
    >>> tuple(logits.shape)
    (4, 5, 27)
    """

    def __init__(
        self,
        vocab_size: int,
        cell: str = "lstm",
        hidden_size: int = 512,
        num_layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
        embedding_size: int | None = None,
        recurrent_dropout: float = 0.0,
    ):
        """Make a model with random weights, as `torch.manual_seed` decides.

        Args:
            embedding_size: 0 feeds the one-hot vectors themselves, a positive number a learned projection of them of
                that size; None decides by the size of the vocabulary. The others: see `ModelConfig`.

        Raises:
            InputError: a size is below 1, dropout is outside [0, 1), or the cell is unknown.
        """
        super().__init__()
        if embedding_size is None:
            embedding_size = embedding_size_for(vocab_size)
        self.config = ModelConfig(
            vocab_size, cell, hidden_size, num_layers, dropout, bidirectional, embedding_size, recurrent_dropout
        )
        D, H = self.config.num_directions, hidden_size
        if embedding_size:
            self.embedding = nn.Embedding(vocab_size, embedding_size)
        else:
            self.register_buffer("one_hot", torch.eye(vocab_size), persistent=False)  # (V, V)
        # One library layer each, so that dropout stays outside and is ours to seed.
        self.layers = nn.ModuleList(
            LAYERS[cell](
                D * H if layer else embedding_size or vocab_size, H, batch_first=True, bidirectional=bidirectional
            )
            for layer in range(num_layers)
        )
        self.output = nn.Linear(num_layers * D * H, vocab_size)  # reads all layers, see ModelConfig

    def begin_state(self, batch_size: int) -> State:
        """Return the zero state: a tensor (L*D, B, H), or for the LSTM a pair of them."""
        config = self.config
        shape = (config.num_layers * config.num_directions, batch_size, config.hidden_size)
        return begin_state(config.cell, lambda: self.output.weight.new_zeros(shape))

    def forward(self, X: Tensor, state: State, generator: torch.Generator | None = None) -> tuple[Tensor, State]:
        """Predict each next character.

        Args:
            X: ids, (B, T).
            state: as `begin_state` makes it.
            generator: decides which units dropout silences while the model is in training mode.

        Returns:
            The logits, (B, T, V), and the state after the last step, both float32.
        """
        D = self.config.num_directions
        x = self._input(X)  # (B, T, V or embedding_size)
        outputs, states = [], []
        for index, layer in enumerate(self.layers):
            own_part = itemgetter(slice(index * D, (index + 1) * D))
            x, layer_state = self._run_layer(layer, x, map_state(own_part, state), generator)  # (B, T, D*H), (D, B, H)
            x = self._dropout(x, generator)
            outputs.append(x)
            states.append(layer_state)
        state = map_state(lambda *parts: torch.cat(parts).float(), *states)  # (L*D, B, H)
        return self.output(torch.cat(outputs, -1)).float(), state

    def to_checkpoint(self, vocabulary: Vocabulary, training: dict | None = None) -> Checkpoint:
        """Return the model as a `Checkpoint`, its weights copied.

        Args:
            vocabulary: the characters that the ids stand for.
            training: what is to be remembered of its origin, as plain JSON values.
        """
        weights = {name: tensor.detach().float().cpu().numpy().copy() for name, tensor in self.state_dict().items()}
        return Checkpoint(self.config, vocabulary, weights, training or {})

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "CharModel":
        """Return the model that a checkpoint holds."""
        model = cls(**vars(checkpoint.config))
        model.load_state_dict({name: torch.tensor(array) for name, array in checkpoint.weights.items()})
        return model

    @classmethod
    def fine_tuning(cls, checkpoint: Checkpoint, vocabulary: Vocabulary, **dropout: float) -> "CharModel":
        """Return a model for another vocabulary that begins with the weights of a checkpoint.

        What belongs to a character (its column of the input weights or its row of the embedding, its row of the output)
        goes with the character; a character that is new to the model begins with random weights.

        Args:
            dropout: `dropout` and `recurrent_dropout`, where they are to differ from the checkpoint's.
        """
        before = set(checkpoint.vocabulary.characters)
        known = [c for c in vocabulary.characters if c in before]
        here = torch.tensor([vocabulary.characters.index(c) for c in known], dtype=torch.long)
        there = torch.tensor([checkpoint.vocabulary.characters.index(c) for c in known], dtype=torch.long)
        axis_of_characters = {"output.weight": 0, "output.bias": 0, "embedding.weight": 0}
        if not checkpoint.config.embedding_size:
            axis_of_characters |= {"layers.0.weight_ih_l0": 1, "layers.0.weight_ih_l0_reverse": 1}
        model = cls(**{**vars(checkpoint.config), "vocab_size": len(vocabulary), **dropout})
        for name, tensor in model.state_dict().items():
            trained = torch.tensor(checkpoint.weights[name]).float()
            axis = axis_of_characters.get(name)
            if axis is None:
                tensor.copy_(trained)
            else:
                tensor.index_copy_(axis, here, trained.index_select(axis, there))
        return model

    def _input(self, X: Tensor) -> Tensor:
        return self.embedding(X) if self.config.embedding_size else F.embedding(X, self.one_hot)

    def _run_layer(self, layer: nn.RNNBase, x: Tensor, state: State, generator: torch.Generator | None):
        """Run a layer; in training, with a share of its recurrent weights silenced for the whole window.

        That is the DropConnect of Merity et al. (2017), "Regularizing and Optimizing LSTM Language Models".
        """
        config = self.config
        if not (self.training and config.recurrent_dropout):
            return layer(x, state)
        weights = [
            weight * keep_mask(weight, weight.shape, config.recurrent_dropout, generator)
            if name.startswith("weight_hh")
            else weight
            for name, weight in layer.named_parameters()
        ]
        x, *parts = FUNCTIONS[config.cell](
            x, state, weights, True, 1, 0.0, True, config.bidirectional, True
        )  # biases, one layer, no dropout of its own, training, directions, batch first
        return x, parts[0] if len(parts) == 1 else tuple(parts)

    def _dropout(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Silence units of x, (B, T, D*H), the same ones at every step of a row, as Gal and Ghahramani (2016) do."""
        if not (self.training and self.config.dropout):
            return x
        return x * keep_mask(x, (x.shape[0], 1, x.shape[2]), self.config.dropout, generator)  # (B, 1, D*H)


def keep_mask(like: Tensor, shape: tuple[int, ...], dropout: float, generator: torch.Generator | None) -> Tensor:
    """Return a tensor of 0, for the share `dropout`, and 1 / (1 - dropout), of the type and on the device of `like`.

    The share is rounded to 1/256, so that one 64-bit draw serves eight elements: recurrent weights have a million.
    """
    count = math.prod(shape)
    draws = torch.empty(-(-count // 8), dtype=torch.int64, device=like.device)
    draws.random_(-(2**63), None, generator=generator)
    dropped = min(round(256 * dropout), 255)
    return (draws.view(torch.uint8)[:count].view(shape) >= dropped).to(like.dtype).mul_(256 / (256 - dropped))


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; "auto" prefers CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: this machine, or this build of PyTorch, has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, usable in available.items() if usable)
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):  # how PyTorch refuses a name, and a device that it was not built for
        usable = ", ".join(device for device, usable in available.items() if usable)
        raise InputError(f"device {name!r} is not available to this PyTorch; usable here: auto, {usable}") from None
