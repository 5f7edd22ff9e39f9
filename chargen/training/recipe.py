"""The recipe: settings chosen by the size of the text and the time budget, and the presets of textbooks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from chargen.network.cells import CELLS
from chargen.network.config import ONE_HOT_LIMIT, ModelConfig, network_for
from chargen.training.settings import TrainingSettings

# Zhang et al., "Dive into Deep Learning", section 9.5
D2L = {
    "cell": "lstm",
    "normalization": "letters",
    "max_chars": 10_000,
    "valid_fraction": 0.0,
    "batch_size": 32,
    "num_steps": 35,
    "hidden_size": 256,
    "num_layers": 1,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "epochs": 500,
    "optimizer": "sgd",
    "warmup_steps": 0,
    "final_learning_rate": 1.0,
    "precision": "float32",
}
PRESETS = {"d2l": D2L}

NETWORKS = ((1, 128), (1, 256), (1, 512), (1, 768), (1, 1024), (2, 1024))  # layers and units, by cost
USUAL_OPERATIONS = 4.4e12  # multiplications of a run without a time budget: two minutes on a laptop of today
IN_BFLOAT16 = 1.5  # times as many where the processor multiplies in it
USUAL_CHARACTERS = 1_000_000  # of such a run; a longer text takes longer in proportion,
LONGEST = 5  # up to this many times as long
CHARACTERS_PER_WEIGHT = 2  # a network needs time to read this many for each recurrent weight; else a smaller one wins
WEIGHTS_PER_CHARACTER = 15  # more recurrent weights than this for each character of the text overfit
MOST_EPOCHS = 16  # more of them overfit, whatever the dropout
MANY_EPOCHS = 8  # from here on recurrent dropout gains more than it costs
FINAL_LEARNING_RATE = 0.15  # of the peak; the average of the weights takes out the noise that such a rate leaves
AVERAGING = 30.0  # one over the share of the steps that the average reaches back over
LARGE_VOCABULARY_RATE = 0.3  # of the usual learning rate, where there are more characters than ONE_HOT_LIMIT
LARGE_VOCABULARY_TIME = 1.5  # times the usual operations, for more passes; most are in the output layer, which is fast
NOISE = 0.75  # of the occurrences of each of its characters, see `chargen.training.noise`
SHORT_TEXT = 16_384  # below, a network that knows texts learns in shorter batches, and in half as many an epoch
FEW_CHARACTERS = 350_000  # a network that knows such texts well reads a small one until it has read this many
FINE_TUNING_CLIP = 0.25  # with which the higher rates of fine-tuning do not make a network diverge
LSTM_RATE = 0.32  # of the usual learning rate; at a higher one the memory of a trained LSTM may grow without bounds


class Knowledge(Enum):
    """How well a network knows texts of the kind that it is to learn."""

    GOOD = "good"  # it has read many of them
    FAIR = "fair"  # it knows the language, but not this way of writing
    POOR = "poor"  # it knows some letters and words


@dataclass(frozen=True)
class FineTuning:
    """How a network learns on.

    Attributes:
        epochs: passes over the text at most; more would learn it by heart.
        rate: the learning rate, as a ratio of the cell's own.
        anchored: over the characters of the text: `TrainingSettings.anchoring`,
        most_anchoring: up to this.
    """

    epochs: int
    rate: float
    anchored: int
    most_anchoring: float


FINE_TUNING = {
    Knowledge.GOOD: FineTuning(3, 0.2, 150_000, 5.0),
    Knowledge.FAIR: FineTuning(8, 0.32, 30_000, 1.0),
    Knowledge.POOR: FineTuning(8, 0.5, 0, 0.0),  # what it knew is of little worth
}


class Batches(NamedTuple):
    """The size of a batch, as far as the text is long enough for `fewest` of them an epoch."""

    rows: int
    num_steps: int
    fewest: int


BATCHES = Batches(16, 64, fewest=64)
SMALL_BATCHES = Batches(8, 32, fewest=32)


@dataclass(frozen=True)
class Recipe:
    """The settings that depend on the text, as `ModelConfig`, `Batching` and `TrainingSettings` describe them.

    Attributes:
        most_epochs: more passes than this would overfit, however much time there is.
        rate: the learning rate, as a ratio of the cell's own.
        final_learning_rate, averaging, anchoring, noise, clip: see `TrainingSettings`.
    """

    num_layers: int
    hidden_size: int
    dropout: float
    recurrent_dropout: float
    epochs: int
    most_epochs: int
    rate: float
    final_learning_rate: float
    averaging: float | None
    anchoring: float
    noise: float
    clip: float
    batch_size: int
    num_steps: int
    patience: int


def choose(
    train_characters: int,
    vocab_size: int,
    cell: str = "lstm",
    operations: float | None = None,
    networks: Sequence[tuple[int, int]] = NETWORKS,
    epochs: int | None = None,
    precision: str = "float32",
) -> Recipe:
    """Return good settings for a text, found by the search that `benchmarks/README.md` records.

    The choice is the largest network that the text supports and that can be trained on enough characters in the time.
    The more epochs, the more dropout.

    Args:
        train_characters: the length of the training text.
        vocab_size: V.
        operations: multiplications that the time allows, see `operations_per_character`; None for the usual time,
            which is longer for a longer text.
        networks: (layers, units) to choose from, by increasing cost.
        epochs: passes over the text, if they are fixed.
        precision: of a large network's products, by which more can be done in the usual time.

    >>> choose(1_000_000, 65).hidden_size, choose(18_000, 65).hidden_size
    (512, 256)
    """
    train_characters = max(train_characters, 1)  # an empty text is refused later, with the batches
    usual = _usual_operations(train_characters, precision)
    for num_layers, hidden_size in reversed(networks):
        config = network_for(vocab_size, cell, hidden_size, num_layers)
        characters = (operations or usual) / operations_per_character(config)
        weights = recurrent_weights(config)
        if characters >= CHARACTERS_PER_WEIGHT * weights and weights <= WEIGHTS_PER_CHARACTER * train_characters:
            break
    large = vocab_size > ONE_HOT_LIMIT
    if large and not operations:
        characters *= LARGE_VOCABULARY_TIME
    epochs = epochs or max(round(min(characters / train_characters, MOST_EPOCHS)), 1)
    return Recipe(
        num_layers,
        hidden_size,
        epochs=epochs,
        most_epochs=MOST_EPOCHS,
        rate=LARGE_VOCABULARY_RATE if large else 1.0,
        dropout=_dropout(epochs),
        recurrent_dropout=_recurrent_dropout(epochs),
        final_learning_rate=FINAL_LEARNING_RATE,
        averaging=AVERAGING,
        anchoring=0.0,
        noise=NOISE if large else 0.0,
        clip=TrainingSettings.clip,
        **_batches(train_characters, epochs, BATCHES),
    )


def fine_tune(
    train_characters: int,
    config: ModelConfig,
    operations: float | None = None,
    epochs: int | None = None,
    precision: str = "float32",
    knowledge: Knowledge = Knowledge.GOOD,
) -> Recipe:
    """Return good settings for a text and a network that knows other texts: fewer passes, at a lower learning rate.

    Args:
        knowledge: of such texts. Where it is not good, the network needs more passes at a higher rate.

    The other arguments are those of `choose`.
    """
    train_characters = max(train_characters, 1)
    usual = operations or _usual_operations(train_characters, precision)
    characters = usual / operations_per_character(config)
    kind, careful = FINE_TUNING[knowledge], knowledge is Knowledge.GOOD
    if careful and not operations:
        characters = FEW_CHARACTERS
    epochs = epochs or max(round(min(characters / train_characters, kind.epochs)), 1)
    return Recipe(
        config.num_layers,
        config.hidden_size,
        epochs=epochs,
        most_epochs=kind.epochs,
        rate=min(kind.rate, LSTM_RATE) if config.cell == "lstm" else kind.rate,
        dropout=(0.2 if epochs > 1 else 0.1) if careful else _dropout(epochs),
        recurrent_dropout=0.0 if careful else _recurrent_dropout(epochs),
        final_learning_rate=TrainingSettings.final_learning_rate if careful else FINAL_LEARNING_RATE,
        averaging=None if careful else AVERAGING,  # it gains nothing in a few careful passes
        anchoring=min(kind.anchored / train_characters, kind.most_anchoring),
        noise=0.0,
        clip=TrainingSettings.clip if careful else FINE_TUNING_CLIP,
        **_batches(train_characters, epochs, SMALL_BATCHES if train_characters < SHORT_TEXT else BATCHES),
    )


def _usual_operations(train_characters: int, precision: str) -> float:
    """Return the multiplications of a run without a time budget."""
    longer = min(max(train_characters / USUAL_CHARACTERS, 1), LONGEST)
    return USUAL_OPERATIONS * longer * (IN_BFLOAT16 if precision == "bfloat16" else 1)


def _dropout(epochs: int) -> float:
    return round(min(0.1 + 0.2 * math.log(epochs), 0.5), 2)


def _recurrent_dropout(epochs: int) -> float:
    return 0.15 if epochs >= MANY_EPOCHS else 0.0


def _batches(train_characters: int, epochs: int, most: Batches) -> dict[str, int]:
    num_steps = max(min(most.num_steps, train_characters // 4), 1)
    rows = train_characters // (num_steps * most.fewest)
    return {
        "num_steps": num_steps,
        "batch_size": max(min(most.rows, rows), 1),
        "patience": max(epochs // 3, 5),  # the loss may stand still for long before the learning rate falls
    }


def operations_per_character(config: ModelConfig) -> int:
    """Return the multiplications that predicting a character takes: one for each weight of a matrix.

    The first matrix costs nothing: a one-hot vector times a matrix is a row of it.
    """
    looked_up = "embedding.weight" if config.embedding_size else "layers.0.weight_ih_l0"
    shapes = config.weight_shapes().items()
    return sum(math.prod(shape) for name, shape in shapes if len(shape) > 1 and name != looked_up)


def recurrent_weights(config: ModelConfig) -> int:
    """Return the number of weights between states: from step to step, and from layer to layer."""
    per_layer = CELLS[config.cell].gates * config.hidden_size**2
    return per_layer * (2 * config.num_layers - 1)
