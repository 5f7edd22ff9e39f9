"""`CharModel`: one-hot characters in, recurrent layers, logits out; to a checkpoint and back."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig, embedding_size_for
from chargen.network.provenance import Provenance
from chargen.text.vocabulary import Vocabulary
from chargen.training.dropout import DropoutMasks
from chargen.training.recurrent import PublicState, Recurrent

TIED_BOUND = 0.1  # of the random weights of an embedding that the output layer shares


class CharModel(Recurrent):
    """A character-level language model.

    Attributes:
        config: the shape of the network.
        words: of the texts that it learned, see `chargen.text.words`.

    >>> model = CharModel(vocab_size=27, cell="gru", hidden_size=8, num_layers=2)
    >>> state = model.begin_state(batch_size=4)
    >>> tuple(state.shape)
    (2, 4, 8)
    >>> logits, state = model(torch.zeros(4, 5, dtype=torch.long), state)
    >>> tuple(logits.shape)
    (4, 5, 27)
    """

    def __init__(self, config: ModelConfig | int | None = None, *arguments, engine: str = "torch", **settings):
        """Make a model with random weights, which `torch.manual_seed` decides.

        Args:
            config: the shape of the network; or, in its place, the arguments of `ModelConfig`. Without an
                `embedding_size` among those, the vocabulary decides between one-hot input and a projection of it.
            engine: what runs the layers, see `chargen.training.engines`.

        Raises:
            InputError: a setting is out of its range.
        """
        if not isinstance(config, ModelConfig):
            vocab_size = settings.pop("vocab_size", None) if config is None else config
            if settings.get("embedding_size") is None and isinstance(vocab_size, int):
                settings["embedding_size"] = embedding_size_for(vocab_size)
            config = ModelConfig(vocab_size, *arguments, **settings)
        super().__init__(
            config.cell,
            config.embedding_size or config.vocab_size,
            config.vocab_size,
            config.hidden_size,
            config.num_layers,
            config.dropout,
            config.bidirectional,
            config.recurrent_dropout,
            engine,
        )
        self.config, self.words = config, list[str]()
        if config.embedding_size:
            self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        if config.tied:
            nn.init.uniform_(self.embedding.weight, -TIED_BOUND, TIED_BOUND)
            self.output.weight = self.embedding.weight

    def forward(self, x: Tensor, state: PublicState, masks: DropoutMasks | None = None) -> tuple[Tensor, PublicState]:
        """Predict each next character.

        Args:
            x: ids, (B, T).
            state: as `begin_state` makes it.
            masks: draw the dropout while the model is in training mode; None draws at random.

        Returns:
            The logits, (B, T, V), and the state after the last step, both float32.
        """
        return super().forward(self.embedding(x) if self.config.embedding_size else x, state, masks)

    def to_checkpoint(self, vocabulary: Vocabulary, provenance: Provenance | None = None) -> Checkpoint:
        """Return the model as a `Checkpoint`, its weights copied.

        Args:
            vocabulary: the characters that the ids stand for.
            provenance: where the model came from.
        """
        weights = {name: tensor.detach().float().cpu().numpy().copy() for name, tensor in self.state_dict().items()}
        return Checkpoint(self.config, vocabulary, weights, provenance or Provenance(), words=self.words)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, engine: str = "torch") -> "CharModel":
        """Return the model that a checkpoint holds; see `CharModel` for the engine."""
        model = cls(checkpoint.config, engine=engine)
        model.words = checkpoint.words
        model.load_state_dict({name: torch.tensor(array) for name, array in checkpoint.weights.items()})
        return model

    @classmethod
    def fine_tuning(cls, checkpoint: Checkpoint, vocabulary: Vocabulary, **dropout: Any) -> "CharModel":
        """Return a model for another vocabulary that begins with the weights of a checkpoint.

        What belongs to a character (its column of the input weights or its row of the embedding, its row of the output)
        goes with the character; a character that is new to the model begins as the average of those it knows, which is
        unlikely everywhere.

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
        model = cls(replace(checkpoint.config, vocab_size=len(vocabulary), **dropout))
        model.words = checkpoint.words
        for name, tensor in model.state_dict().items():
            trained = torch.tensor(checkpoint.weights[name]).float()
            axis = axis_of_characters.get(name)
            if axis is None:
                tensor.copy_(trained)
            else:
                tensor.copy_(trained.mean(axis, keepdim=True))
                tensor.index_copy_(axis, here, trained.index_select(axis, there))
        return model
