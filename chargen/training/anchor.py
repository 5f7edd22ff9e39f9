"""Weight decay towards the weights that training began with, so that a network keeps what it knew."""

import torch
from torch import nn


class Anchor:
    """The penalty L2-SP of Li, Grandvalet and Davoine (2018), "Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks", decoupled from the gradients as AdamW does with its weight decay.

    Attributes:
        tensors: the weights at the beginning by name, none without decay.
    """

    def __init__(self, model: nn.Module, decay: float):
        """Keep the weights of `model`, unless the decay is 0."""
        named = list(model.named_parameters()) if decay else []
        self.tensors = {f"beginning.{name}": weights.detach().clone() for name, weights in named}
        self._trained, self._decay = [weights for _, weights in named], decay

    def begin(self) -> None:
        """Take the weights as they are now for those at the beginning."""
        for weights, beginning in zip(self._trained, self.tensors.values(), strict=True):
            beginning.copy_(weights.detach())

    @torch.no_grad()
    def update(self, learning_rate: float) -> None:
        """Move the weights back towards those at the beginning, after a step at this learning rate."""
        share = min(learning_rate * self._decay, 1.0)
        for weights, beginning in zip(self._trained, self.tensors.values(), strict=True):
            weights.lerp_(beginning, share)
