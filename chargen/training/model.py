"""`CharModel`: one-hot characters in, recurrent layers, a linear layer out; to a checkpoint and back."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chargen.errors import InputError
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig, embedding_size_for
from chargen.text.vocabulary import Vocabulary
from chargen.training.recurrent import PublicState, Recurrent


class CharModel(Recurrent):
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
        if embedding_size is None:
            embedding_size = embedding_size_for(vocab_size)
        config = ModelConfig(
            vocab_size, cell, hidden_size, num_layers, dropout, bidirectional, embedding_size, recurrent_dropout
        )
        super().__init__(
            cell,
            embedding_size or vocab_size,
            vocab_size,
            hidden_size,
            num_layers,
            dropout,
            bidirectional,
            recurrent_dropout,
        )
        self.config = config
        if embedding_size:
            self.embedding = nn.Embedding(vocab_size, embedding_size)
        else:
            self.register_buffer("one_hot", torch.eye(vocab_size), persistent=False)  # (V, V)

    def forward(
        self, X: Tensor, state: PublicState, generator: torch.Generator | None = None
    ) -> tuple[Tensor, PublicState]:
        """Predict each next character.

        Args:
            X: ids, (B, T).
            state: as `begin_state` makes it.
            generator: decides which units dropout silences while the model is in training mode.

        Returns:
            The logits, (B, T, V), and the state after the last step, both float32.
        """
        return super().forward(self._input(X), state, generator)

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
        """Return what the first layer reads, (B, T, V or embedding_size)."""
        return self.embedding(X) if self.config.embedding_size else F.embedding(X, self.one_hot)


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
