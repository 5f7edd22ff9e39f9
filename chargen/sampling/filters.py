"""From logits to the next character: temperature, filters, and the draw."""

from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError


@dataclass(frozen=True)
class SamplingSettings:
    """How the next character is drawn: the temperature, then the filters in this order.

    Attributes:
        temperature: divides the logits; below 1 is safer than what was learned, above 1 wilder, 0 always takes the most
            probable character.
        top_k: keep the k most probable characters; None for all.
        top_p: nucleus sampling, keep the smallest set whose probabilities sum to p (Holtzman et al. 2020, "The Curious
            Case of Neural Text Degeneration"); None for all.
        min_p: keep the characters at least this fraction as probable as the most probable one (Nguyen et al. 2024,
            "Turning Up the Heat"); 0 for all.

    Raises:
        InputError: a value is out of its range.
    """

    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    min_p: float = 0.05  # with temperature 0.8, half the invented words of no filter, see benchmarks/README.md

    def __post_init__(self):
        if not 0 <= self.temperature < float("inf"):
            raise InputError(
                f"{self.temperature}: must be 0 (always the most probable character) or positive", setting="temperature"
            )
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"{self.top_k}: must be at least 1", setting="top_k")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"{self.top_p}: must be above 0 and at most 1", setting="top_p")
        if not 0 <= self.min_p <= 1:
            raise InputError(f"{self.min_p}: must be from 0 (all characters) to 1", setting="min_p")


COLDEST = 1e-100  # the least temperature to divide by; it leaves the most probable character alone, as all below would
USUAL = SamplingSettings()
AS_LEARNED = SamplingSettings(temperature=1, min_p=0)  # the probabilities as the model gives them


def probabilities(logits: np.ndarray, settings: SamplingSettings) -> np.ndarray:
    """Return the distribution of the next character, float64 of the shape of `logits`: softmax, then the filters.

    Args:
        logits: float array of shape (..., V).
        settings: the temperature and the filters.

    >>> probabilities(np.log([0.5, 0.3, 0.2]), SamplingSettings(1, top_k=2, min_p=0)).round(3).tolist()
    [0.625, 0.375, 0.0]
    """
    logits = logits.astype(np.float64)  # (..., V)
    if settings.temperature == 0:
        return (np.arange(logits.shape[-1]) == logits.argmax(-1, keepdims=True)).astype(np.float64)  # (..., V)
    logits -= np.maximum.reduce(logits, -1, keepdims=True)  # twice as fast as logits.max, like np.add.reduce below
    logits /= max(settings.temperature, COLDEST)
    p = np.exp(logits, out=logits)  # (..., V)
    p /= np.add.reduce(p, -1, keepdims=True)
    if settings.top_k is not None or settings.top_p is not None:
        order = np.argsort(-p, axis=-1, kind="stable")  # (..., V)
        falling = np.take_along_axis(p, order, -1)  # (..., V)
        _keep_likeliest(falling, settings.top_k, settings.top_p)
        np.put_along_axis(p, order, falling, -1)
    if settings.min_p:
        p[p < settings.min_p * np.maximum.reduce(p, -1, keepdims=True)] = 0
        p /= np.add.reduce(p, -1, keepdims=True)
    return p


def _keep_likeliest(falling: np.ndarray, k: int | None, share: float | None) -> None:
    """Apply top-k, then top-p, which is a share of what is left, to probabilities in falling order, (..., V)."""
    if k is not None:
        falling[..., k:] = 0
        falling /= falling.sum(-1, keepdims=True)
    if share is not None:
        before = np.cumsum(falling, -1) - falling  # (..., V)
        falling[before >= share * (1 - 1e-12)] = 0  # tolerates the rounding of the sum
        falling /= falling.sum(-1, keepdims=True)


def draw(p: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return ids drawn with probabilities `p`, (B, V), by numbers between 0 and 1, (B,): int64 of shape (B,)."""
    cumulative = np.add.accumulate(p, -1)  # (B, V)
    if len(p) == 1:  # a search takes half the time of a comparison
        return cumulative[0].searchsorted(uniform * cumulative[0, -1], side="right")  # (B,)
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(-1)  # (B,)
