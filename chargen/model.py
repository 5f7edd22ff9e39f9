"""`CharModel`: one-hot characters in, recurrent layers, a linear layer out; to a checkpoint and back."""

from operator import itemgetter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chargen.cells import ModelConfig, State, begin_state, map_state
from chargen.checkpoint import Checkpoint
from chargen.errors import InputError
from chargen.vocabulary import Vocabulary

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
ONE_HOT_LIMIT = 512  # the largest vocabulary that is fed to the layers as dense one-hot vectors
EMBEDDING_SIZE = 256  # the projection of the one-hot vector beyond that


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
            embedding_size = 0 if vocab_size <= ONE_HOT_LIMIT else EMBEDDING_SIZE
        self.config = ModelConfig(vocab_size, cell, hidden_size, num_layers, dropout, bidirectional, embedding_size)
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
        self.output = nn.Linear(D * H, vocab_size)

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
        states = []
        for index, layer in enumerate(self.layers):
            own_part = itemgetter(slice(index * D, (index + 1) * D))
            x, layer_state = layer(x, map_state(own_part, state))  # (B, T, D*H), and (D, B, H)
            x = self._dropout(x, generator)
            states.append(layer_state)
        state = map_state(lambda *parts: torch.cat(parts).float(), *states)  # (L*D, B, H)
        return self.output(x).float(), state

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

    def _input(self, X: Tensor) -> Tensor:
        return self.embedding(X) if self.config.embedding_size else F.embedding(X, self.one_hot)

    def _dropout(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        p = self.config.dropout
        if not (self.training and p):
            return x
        keep = torch.empty_like(x).bernoulli_(1 - p, generator=generator)
        return x * keep.div_(1 - p)


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; "auto" prefers CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: this machine, or this build of PyTorch, has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, usable in available.items() if usable)
    if not available.get(name.split(":")[0]):
        usable = ", ".join(device for device, usable in available.items() if usable)
        raise InputError(f"device {name!r} is not available to this PyTorch; usable here: auto, {usable}")
    return torch.device(name)
