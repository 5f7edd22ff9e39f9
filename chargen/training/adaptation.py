"""Dynamic evaluation: the weights of a model follow the text that it predicts."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from chargen.errors import TrainingError
from chargen.network.checkpoint import Checkpoint
from chargen.network.native import library
from chargen.training.model import CharModel
from chargen.training.threads import Threads, multiplications

BLOCK = 64  # characters that are predicted, and then learned by one step
LEARNING_RATE = 1e-3  # twice as much is better for texts that are strange to the model, and worse for familiar ones
DECAY = 0.002  # of the way back to the weights at the start, after each step
MEMORY = 0.99  # of the mean squared gradients, at each step
LARGEST_GRADIENT = 1.0  # the norm to which a larger one is scaled


class Adaptation:
    """A model that reads one text in sequence, predicts it block by block, and learns each block after that.

    Krause et al. (2018), "Dynamic Evaluation of Neural Sequence Models", with the mean squared gradients of the text
    itself in place of those of the training text, which a model's file does not hold. The checkpoint is not changed.

    Attributes:
        characters: predicted so far: all that were read but the first.
        loss: their sum, in nats.
    """

    def __init__(self, checkpoint: Checkpoint):
        """Begin with the weights of a checkpoint."""
        self.characters, self.loss = 0, 0.0
        self._model = CharModel.from_checkpoint(checkpoint, "native" if library.has_vectors() else "torch").eval()
        self._state = self._model.begin_states(1)
        self._last = np.empty(0, np.int64)  # the character that comes before the next ones
        self._weights = list(self._model.parameters())
        self._start = [weight.detach().clone() for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        self._steps = 0
        self._threads = Threads(multiplications(self._model, 1))

    def read(self, ids: np.ndarray) -> Iterator[int]:
        """Read on in the text, ids of shape (T,); yield the number of characters predicted so far after each block.

        Raises:
            TrainingError: the weights are no longer numbers.
        """
        ids = np.concatenate([self._last, ids])  # (T + 1,), at the beginning (T,)
        self._last = ids[-1:]
        for first in range(0, len(ids) - 1, BLOCK):
            block = torch.from_numpy(ids[first : first + BLOCK + 1])[None]  # (1, BLOCK + 1)
            with self._threads.computing():
                loss = self._predict(block[:, :-1], block[:, 1:])
                self._learn()
            self.loss, self.characters = self.loss + loss, self.characters + block.shape[1] - 1
            yield self.characters

    def _predict(self, X: torch.Tensor, Y: torch.Tensor) -> float:
        """Return the loss of a block, (1, BLOCK) each, in nats; leave the gradients of its mean at the weights."""
        logits, state = self._model(X, self._state)  # (1, BLOCK, V)
        self._state = tuple(part.detach() for part in state)
        loss = F.cross_entropy(logits[0], Y[0])
        self._model.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._weights, LARGEST_GRADIENT)
        if not torch.isfinite(norm):
            raise TrainingError(f"the adapted weights are no longer numbers after {self.characters:,} characters")
        return loss.item() * Y.shape[1]

    @torch.no_grad()
    def _learn(self) -> None:
        """Take a step against the gradients, each divided by the root of its mean square, and one back to the start."""
        self._steps += 1
        for weight, start, square in zip(self._weights, self._start, self._squares, strict=True):
            assert weight.grad is not None, "a backward pass comes first"
            square.mul_(MEMORY).addcmul_(weight.grad, weight.grad, value=1 - MEMORY)
            rms = (square / (1 - MEMORY**self._steps)).sqrt_().add_(1e-8)
            weight.addcdiv_(weight.grad, rms, value=-LEARNING_RATE).lerp_(start, DECAY)
