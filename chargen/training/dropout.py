"""Dropout masks as a function of a seed, the same for one process and for several that share a batch."""

import math

import torch
from torch import Tensor


class DropoutMasks:
    """Draws the masks of one training step.

    Several processes that share a batch each draw the masks of all its rows, so that their number changes nothing.
    """

    def __init__(self, device: torch.device | str = "cpu", part: int = 0, parts: int = 1):
        """Prepare to draw.

        Args:
            device: of the network.
            part, parts: this process has part number `part`, counted from 0, of `parts` equal parts of each batch.
        """
        self._generator, self._part, self._parts = torch.Generator(device), part, parts

    def seed(self, seed: int) -> None:
        """Begin the masks of another step."""
        self._generator.manual_seed(seed)

    def units(self, x: Tensor, rate: float) -> Tensor:
        """Return x, (B, T, H), with units dropped, the same ones at every step of a row (Gal and Ghahramani 2016)."""
        B, _, width = x.shape
        mask = self._keep(x, (self._parts * B, 1, width), rate)  # (parts * B, 1, H)
        return x * mask[self._part * B : (self._part + 1) * B]

    def weights(self, weight: Tensor, rate: float) -> Tensor:
        """Return a weight matrix with elements dropped: DropConnect of the recurrent weights (Merity et al. 2017)."""
        return weight * self._keep(weight, weight.shape, rate)

    def _keep(self, like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
        """Return a tensor of 0, in the proportion `rate`, and 1 / (1 - rate), of the type and device of `like`.

        The rate is rounded to 1/256, so that one 64-bit draw serves eight elements: recurrent weights have a million.
        """
        count = math.prod(shape)
        draws = torch.empty(-(-count // 8), dtype=torch.int64, device=like.device)
        draws.random_(-(2**63), None, generator=self._generator)
        dropped = min(round(256 * rate), 255)
        return (draws.view(torch.uint8)[:count].view(shape) >= dropped).to(like.dtype).mul_(256 / (256 - dropped))
