"""From the model's logits to the next character: temperature, filters, and the draw."""

from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError


@dataclass(frozen=True)
class SamplingSettings:
    """How the next character is drawn. The filters apply one after the other, in this order.

    Attributes:
        temperature: divides the logits; below 1 is safer, above 1 wilder, 0 always takes the likeliest character.
        top_k: draw among the k likeliest characters only; None for all.
        top_p: draw among the fewest characters whose probabilities reach p together (Holtzman et al. 2020); None for
            all.
        min_p: draw among the characters that have at least this share of the likeliest one's probability (Nguyen et
            al. 2024); None for all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self):
        if not 0 <= self.temperature < float("inf"):
            raise InputError(
                f"temperature {self.temperature}: must be 0 (always the likeliest character) or a positive number"
            )
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top-k {self.top_k}: must be at least 1")
        for name, value in (("top-p", self.top_p), ("min-p", self.min_p)):
            if value is not None and not 0 < value <= 1:
                raise InputError(f"{name} {value}: must be above 0 and at most 1")


def probabilities(logits: np.ndarray, settings: SamplingSettings) -> np.ndarray:
    """Return the distribution of the next character, float64 of the shape of `logits`: softmax, then the filters.

    Args:
        logits: float array of shape (..., V).

    >>> probabilities(np.log([0.5, 0.3, 0.2]), SamplingSettings(top_k=2)).round(3).tolist()
    [0.625, 0.375, 0.0]
    """
    logits = logits.astype(np.float64)
    if settings.temperature == 0:
        return (np.arange(logits.shape[-1]) == logits.argmax(-1, keepdims=True)).astype(np.float64)
    logits -= np.maximum.reduce(logits, -1, keepdims=True)  # called so, both reductions take half the time
    with np.errstate(over="ignore"):  # a temperature of next to nothing leaves the likeliest alone, as it should
        logits /= settings.temperature
    p = np.exp(logits, out=logits)
    p /= np.add.reduce(p, -1, keepdims=True)
    if settings.top_k is None and settings.top_p is None and settings.min_p is None:
        return p
    order = np.argsort(-p, axis=-1, kind="stable")
    falling = np.take_along_axis(p, order, -1)
    if settings.top_k is not None:
        falling[..., settings.top_k :] = 0
        falling /= falling.sum(-1, keepdims=True)
    if settings.top_p is not None:
        before = np.cumsum(falling, -1) - falling
        falling[before >= settings.top_p * (1 - 1e-12)] = 0  # tolerates the rounding of the sum
    if settings.min_p is not None:
        falling[falling < settings.min_p * falling[..., :1]] = 0
    falling /= falling.sum(-1, keepdims=True)
    np.put_along_axis(p, order, falling, -1)
    return p


def draw(p: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return indices drawn with probabilities `p`, (B, V), from numbers between 0 and 1, (B,): int64 of shape (B,)."""
    cumulative = np.add.accumulate(p, -1)  # (B, V)
    if len(p) == 1:  # a search takes half the time of a comparison
        return cumulative[0].searchsorted(uniform * cumulative[0, -1], side="right")
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(-1)  # (B,)
