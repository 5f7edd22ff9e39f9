"""`ModelConfig`: the shape of a network."""

from dataclasses import dataclass

from chargen.errors import InputError
from chargen.network.cells import CELLS

ONE_HOT_LIMIT = 512  # the largest vocabulary that is fed to the first layer as one-hot vectors by default
EMBEDDING_SIZE = 256  # the default size of the embedding of a larger one
RANGES = {  # beyond them a network, or the names of its weights, would take all memory before anything is checked
    "vocab_size": (1, 0x110000),
    "hidden_size": (1, 100_000),
    "num_layers": (1, 1000),
    "embedding_size": (0, 100_000_000),
}


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a network: everything that must be known to allocate its weights.

    Each layer reads the outputs of the layer below; the output layer reads those of all layers side by side, the skip
    connections of Graves (2013), "Generating Sequences With Recurrent Neural Networks".

    Attributes:
        vocab_size: V, the number of characters.
        cell: "rnn", "gru", "lstm" or "capped-lstm", keys of `chargen.network.cells.CELLS`.
        hidden_size: H, units in a layer.
        num_layers: L.
        dropout: the dropout rate of each layer's outputs, which the next layer and the output layer read.
        bidirectional: whether a second set of layers reads from right to left (D = 2).
        embedding_size: the size of a learned embedding of the characters, or 0 for one-hot input.
        recurrent_dropout: the dropout rate of the recurrent weights, drawn anew for every window.
        tied: whether the embedding is also the matrix of the output layer, as in Press and Wolf (2017), "Using the
            Output Embedding to Improve Language Models"; it must be as large as the outputs of all layers.

    Raises:
        InputError: a value is out of its range.
    """

    vocab_size: int
    cell: str = "lstm"
    hidden_size: int = 512
    num_layers: int = 1
    dropout: float = 0.0
    bidirectional: bool = False
    embedding_size: int = 0
    recurrent_dropout: float = 0.0
    tied: bool = False

    def __post_init__(self):
        if self.cell not in CELLS:
            raise InputError(f"{self.cell!r}: unknown", f"choose one of {', '.join(CELLS)}", setting="cell")
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if type(value) is not int:
                raise InputError(f"{value!r}: must be a whole number", setting=name)
            if value < least:
                raise InputError(f"{value}: must be at least {least}", setting=name)
            if value > most:
                raise InputError(f"{value:,}: must be at most {most:,}", setting=name)
        for name in ("dropout", "recurrent_dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise InputError(f"{value}: must be at least 0 and below 1", setting=name)
        outputs = self.num_layers * self.num_directions * self.hidden_size
        if self.tied and self.embedding_size != outputs:
            raise InputError(f"{self.embedding_size}: must be {outputs} to be tied", setting="embedding_size")

    @property
    def num_directions(self) -> int:
        """D, 1 or 2."""
        return 2 if self.bidirectional else 1

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its name, the names that `torch.nn` gives them."""
        G, H, D = CELLS[self.cell].gates, self.hidden_size, self.num_directions
        shapes: dict[str, tuple[int, ...]] = {}
        if self.embedding_size:
            shapes["embedding.weight"] = (self.vocab_size, self.embedding_size)
        for layer in range(self.num_layers):
            inputs = D * H if layer else self.embedding_size or self.vocab_size
            for suffix in ("", "_reverse")[:D]:
                shapes |= {
                    f"layers.{layer}.weight_ih_l0{suffix}": (G * H, inputs),
                    f"layers.{layer}.weight_hh_l0{suffix}": (G * H, H),
                    f"layers.{layer}.bias_ih_l0{suffix}": (G * H,),
                    f"layers.{layer}.bias_hh_l0{suffix}": (G * H,),
                }
        return shapes | {"output.weight": (self.vocab_size, self.num_layers * D * H), "output.bias": (self.vocab_size,)}


def embedding_size_for(vocab_size: int) -> int:
    """Return the default `embedding_size` for a vocabulary: 0, one-hot input, unless it is large."""
    return 0 if vocab_size <= ONE_HOT_LIMIT else EMBEDDING_SIZE


def network_for(
    vocab_size: int,
    cell: str,
    hidden_size: int,
    num_layers: int,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
) -> ModelConfig:
    """Return the network to train; the embedding of a large vocabulary is tied where there is one layer."""
    tied = vocab_size > ONE_HOT_LIMIT and num_layers == 1
    embedding_size = hidden_size if tied else embedding_size_for(vocab_size)
    return ModelConfig(
        vocab_size,
        cell,
        hidden_size,
        num_layers,
        dropout,
        embedding_size=embedding_size,
        recurrent_dropout=recurrent_dropout,
        tied=tied,
    )
