"""Noise in a text: rare characters in the place of others, so that a network expects what it has hardly met."""

import numpy as np
import torch
from torch import Tensor

from chargen.text.stored_ids import TextIds

RARE = 1  # occurrences at most of the characters that are put in the place of others
CHUNK = 2**22  # ids that are counted at a time


class RareCharacters:
    """Absolute discounting by noise: Xie et al. (2017), "Data Noising as Smoothing in Neural Network Language Models".

    Of the occurrences of each character about `discount` are replaced, by characters that stand at most once in the
    text. Without it a network learns to exclude what it never meets, however likely it is in the next text.

    Attributes:
        rates: the chance of each character to be replaced, (V,).
        rare: the ids that are put in the place of others, (rare characters,).
    """

    def __init__(self, ids: TextIds, vocab_size: int, discount: float):
        """Count the characters of a text, ids (characters,)."""
        counts = np.zeros(vocab_size, np.int64)
        for begin in range(0, len(ids), CHUNK):
            counts += np.bincount(np.asarray(ids[begin : begin + CHUNK], np.int64), minlength=vocab_size)
        self.rates = torch.tensor(np.minimum(discount / np.maximum(counts, 1), 1), dtype=torch.float32)  # (V,)
        self.rare = torch.tensor(np.flatnonzero(counts <= RARE))

    def __call__(self, ids: Tensor, seed: int) -> Tensor:
        """Return ids of any shape, some of them replaced; which ones depends on the seed alone."""
        if not len(self.rare):
            return ids
        generator = torch.Generator().manual_seed(seed)
        replaced = torch.rand(ids.shape, generator=generator) < self.rates[ids.cpu()]
        others = self.rare[torch.randint(len(self.rare), ids.shape, generator=generator)]
        return torch.where(replaced.to(ids.device), others.to(ids.device), ids)
