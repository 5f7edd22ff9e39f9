"""How a model is trained: the settings, and the learning rate of each step."""

import math
from dataclasses import dataclass, field

from chargen.errors import InputError
from chargen.text.batches import Batching

OPTIMIZERS = ("adamw", "sgd")
PRECISIONS = ("float32", "tf32", "bfloat16")
LONGEST = 1e9  # seconds, some thirty years
VALID_CHARS = 1_000_000  # enough to tell losses apart that differ by half a hundredth of a nat


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Attributes:
        epochs: passes over the training text.
        seconds: a time budget; the learning rate follows the clock and `epochs` is ignored. None trains by epochs.
        patience: stop after this many epochs in a row without a better validation loss; None never stops early.
        batching: batch size, steps, partition and seed.
        optimizer: "adamw" or "sgd", see `chargen.training.optimizers`.
        learning_rate: the peak.
        warmup_steps: steps over which the learning rate rises to its peak.
        final_learning_rate: the final learning rate as a ratio of the peak, reached along a cosine; 1 keeps it
            constant.
        averaging: evaluate and keep an average of the weights, over about the last 1 / `averaging` of the steps; None
            keeps those of the last step.
        anchoring: weight decay towards the weights that training begins with, of all parameters, decoupled; 0 is none.
        weight_decay: of the weight matrices, not the biases: decoupled in AdamW, an L2 penalty in SGD.
        noise: about so many occurrences of each character are replaced by rare ones, see `RareCharacters`; 0 replaces
            none.
        clip: gradients are scaled down to this global norm.
        valid_chars: characters of the held-out text to evaluate on after each epoch, at most.
        precision: of the matrix products: "float32", "bfloat16" or, on NVIDIA's GPUs, "tf32". Weights, state and loss
            stay float32.
    """

    epochs: int = 10
    seconds: float | None = None
    patience: int | None = None
    batching: Batching = field(default_factory=Batching)
    optimizer: str = "adamw"
    learning_rate: float = 0.016
    warmup_steps: int = 50
    final_learning_rate: float = 0.02
    averaging: float | None = None
    anchoring: float = 0.0
    weight_decay: float = 0.03
    noise: float = 0.0
    clip: float = 1.0
    valid_chars: int = VALID_CHARS
    precision: str = "float32"

    def __post_init__(self):
        for name, choices in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise InputError(f"{getattr(self, name)!r}: choose one of {', '.join(choices)}", setting=name)
        for name in ("epochs", "seconds", "patience", "learning_rate", "averaging", "clip", "valid_chars"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"{getattr(self, name)}: must be positive", setting=name)
        if self.seconds is not None and self.seconds > LONGEST:
            raise InputError(f"{self.seconds:g}: must be at most {LONGEST:g}", setting="seconds")
        if self.learning_rate > 1e38:
            raise InputError(f"{self.learning_rate:g}: too large for a float32", setting="learning_rate")
        for name in ("warmup_steps", "final_learning_rate", "anchoring", "weight_decay", "noise"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{getattr(self, name)}: must not be negative", setting=name)


def learning_rate_at(step: int, progress: float, settings: TrainingSettings) -> float:
    """Return the learning rate of a step: a linear warm-up times a cosine decay.

    Args:
        step: counted from 0.
        progress: how much of the training is done, from 0 to 1.

    >>> settings = TrainingSettings(learning_rate=1.0, warmup_steps=2, final_learning_rate=0.2)
    >>> [round(learning_rate_at(step, step / 6, settings), 3) for step in range(7)]
    [0.5, 0.946, 0.8, 0.6, 0.4, 0.254, 0.2]
    """
    warmup = min((step + 1) / settings.warmup_steps, 1.0) if settings.warmup_steps else 1.0
    final = settings.final_learning_rate
    return settings.learning_rate * warmup * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress)))
