"""An average of the weights over the last part of training, which predicts better than the weights of any one step."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from chargen.training.recurrent import Stateful


class WeightAverage:
    """The polynomial-decay average of Shamir and Zhang (2013), "Stochastic Gradient Descent for Non-smooth
    Optimization: Convergence Results and Optimal Averaging Schemes".

    After t steps it reaches back over about t / eta of them. So its span grows with the training, whose length need not
    be known, and the weights at the beginning are soon forgotten.

    Attributes:
        model: a model with the averaged weights; without averaging the one that is trained.
        tensors: the averaged weights by name, none without averaging.
    """

    def __init__(self, model: Stateful, eta: float | None):
        """Begin with the weights of `model`; None does not average."""
        self.model: Any = model
        self.tensors: dict[str, Tensor] = {}
        self._eta, self._trained = eta or 0.0, list[Tensor]()
        if eta is not None:
            self.model, self._trained = deepcopy(model), list(model.parameters())
            self.tensors = {f"average.{name}": weights.detach() for name, weights in self.model.named_parameters()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step.

        Args:
            step: counted from 0.
        """
        share = (self._eta + 1) / (self._eta + step + 1)
        for average, weights in zip(self.tensors.values(), self._trained, strict=True):
            average.lerp_(weights, share)
