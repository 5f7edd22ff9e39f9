"""How well models predict a text: the loss and the likeliest characters at each place.

Memory does not grow with the text, and the results do not depend on how the text is split into pieces.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chargen.errors import InputError
from chargen.network.cells import State
from chargen.sampling.sampler import Sampler
from chargen.text.evaluation_rows import MOST_ROWS, WARMUP, EvaluationRows
from chargen.text.normalization import NORMALIZATIONS, normalized
from chargen.text.vocabulary import Vocabulary

BLOCK = MOST_ROWS * 4096  # characters scored at a time, which bounds the memory


@dataclass(frozen=True)
class Score:
    """How well a model predicts a text.

    Attributes:
        characters: the number of characters predicted: all but the first.
        loss: their mean, in nats per character.
    """

    characters: int
    loss: float

    @property
    def bits(self) -> float:
        """Bits per character."""
        return self.loss / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp(loss): the number of equally likely characters that would be as hard to predict."""
        return math.exp(min(self.loss, 700.0))


class Predictions(NamedTuple):
    """What one model predicted for n characters; the first character of a text is not predicted, its loss is NaN.

    Attributes:
        losses: in nats, (n,).
        guesses: the likeliest characters as ids of the model's own vocabulary, best first, (n, top).
        probabilities: of the guesses, (n, top).
    """

    losses: np.ndarray
    guesses: np.ndarray
    probabilities: np.ndarray


class Piece(NamedTuple):
    """A piece of the text as the models read it, and the predictions of each model."""

    text: str
    predictions: tuple[Predictions, ...]


def score(sampler: Sampler, text: str, unknown: str = "error") -> Score:
    """Return how well a model predicts `text`, which is normalized like the model's training text.

    Args:
        unknown: what to do with characters that the model does not know, see `Vocabulary.encode`.

    Raises:
        InputError: fewer than two characters are left, or some are unknown and `unknown` is "error".

    >>> sampler = Sampler.load("time-machine")
    >>> score(sampler, "the time traveller").bits < score(sampler, "reallevart emit eht").bits
    True
    """
    scoring = Scoring([sampler], unknown)
    for _ in scoring.read([text]):
        pass
    return scoring.scores[0]


class Scoring:
    """Reads one text with one or more models.

    All models read the same characters: the text is normalized with the strictest of their normalizations, and only
    characters that all models know count. Each model predicts over its own vocabulary.
    """

    def __init__(self, samplers: Sequence[Sampler], unknown: str = "error", top: int = 0):
        """Prepare to read.

        Args:
            unknown: what to do with characters that some model does not know, see `Vocabulary.encode`.
            top: the number of likeliest characters to return at each place.

        Raises:
            InputError: the models have no character in common.
        """
        self.vocabulary = shared_vocabulary([sampler.vocabulary for sampler in samplers])
        self.unknown_characters = 0  # left out or replaced so far
        self._samplers, self._unknown, self._top = samplers, unknown, top
        self._predicted, self._losses = 0, np.zeros(len(samplers))

    @property
    def scores(self) -> list[Score]:
        """The score of each model on what has been read so far."""
        return [Score(self._predicted, float(loss) / max(self._predicted, 1)) for loss in self._losses]

    def read(self, text: Iterable[str]) -> Iterator[Piece]:
        """Yield a text, given in pieces of any length, with the predictions for each of its characters.

        The pieces that come back have `BLOCK` characters, the first one more, the last one fewer.

        Raises:
            InputError: fewer than two characters are left, or some are unknown and the policy is "error".
        """
        tables = [
            np.array([sampler.vocabulary.characters.index(character) for character in self.vocabulary.characters])
            for sampler in self._samplers
        ]  # (shared characters,) each: from an id of the shared vocabulary to the model's
        for ids, start in _blocks(self._encode(text)):
            models = zip(self._samplers, tables, strict=True)
            predictions = tuple(_predict(sampler, table[ids], start, self._top) for sampler, table in models)
            targets = len(ids) - 1 - start
            self._predicted += targets
            self._losses += [prediction.losses[-targets:].sum() for prediction in predictions]
            yield Piece(self.vocabulary.decode(ids[start + (start > 0) :]), predictions)

    def _encode(self, text: Iterable[str]) -> Iterator[np.ndarray]:
        for piece in normalized(text, self.vocabulary.normalization):
            ids = self.vocabulary.encode(piece, self._unknown)
            if self._unknown != "error":
                piece = self.vocabulary.prepare(piece)
                self.unknown_characters += len(piece) - len(self.vocabulary.encode(piece, "skip"))
            yield ids


def shared_vocabulary(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """Return the characters that all vocabularies have, with the strictest of their normalizations.

    Raises:
        InputError: there are none.

    >>> shared_vocabulary([Vocabulary("ABab"), Vocabulary("abc", "lower")])
    Vocabulary(characters='ab', normalization='lower')
    """
    characters = set.intersection(*(set(vocabulary.characters) for vocabulary in vocabularies))
    if not characters:
        raise InputError("the models have no character in common", "compare models of texts in the same script")
    normalizations = [vocabulary.normalization for vocabulary in vocabularies]
    return Vocabulary("".join(sorted(characters)), max(normalizations, key=NORMALIZATIONS.index))


def _blocks(pieces: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Cut a stream of ids into blocks; each begins with the characters that warm up the state.

    Yields:
        The ids of a block, and the place of the first one that predicts its successor: 0, or after the warm-up.
    """
    held, start = np.empty(0, np.int64), 0
    for piece in pieces:
        held = np.concatenate([held, piece])
        while len(held) > start + BLOCK:
            yield held[: start + BLOCK + 1], start
            held, start = held[start + BLOCK - WARMUP :], WARMUP
    if len(held) > start + 1:
        yield held, start
    elif start == 0:
        left = "is empty" if len(held) == 0 else "has only one character"
        raise InputError(f"the text {left}", "give at least two characters, since the first is not predicted")


def _predict(sampler: Sampler, ids: np.ndarray, start: int, top: int) -> Predictions:
    """Return the predictions of a block, read in the rows of `EvaluationRows`."""
    targets = len(ids) - 1 - start
    rows = EvaluationRows(targets, start)
    top = min(top, len(sampler.vocabulary))
    losses = np.empty((rows.count, rows.length))  # (B, T)
    guesses = np.empty((rows.count, rows.length, top), np.int32)  # (B, T, top)
    probabilities = np.empty(guesses.shape, np.float32)  # (B, T, top)
    starts = rows.starts()  # (B,)
    state = _warmed_up(sampler, ids, rows)
    chunk = rows.chunk(len(sampler.vocabulary))
    for first in range(0, rows.length, chunk):
        steps = slice(first, min(first + chunk, rows.length))
        places = np.minimum(starts[:, None] + np.arange(steps.start, steps.stop), len(ids) - 2)  # (B, T)
        logits, state = sampler.read(ids[places], state)  # (B, T, V)
        log_p = _log_softmax(logits)  # (B, T, V)
        losses[:, steps] = -np.take_along_axis(log_p, ids[places + 1][..., None], axis=2)[..., 0]
        if top:
            guesses[:, steps] = _likeliest(log_p, top)
            probabilities[:, steps] = np.exp(np.take_along_axis(log_p, guesses[:, steps], axis=2))
    arrays = (losses, guesses, probabilities)
    flat = (array.reshape(rows.count * rows.length, *array.shape[2:])[:targets] for array in arrays)
    predictions = Predictions(*flat)
    return predictions if start else _after_the_first(predictions)


def _warmed_up(sampler: Sampler, ids: np.ndarray, rows: EvaluationRows) -> tuple[State, ...]:
    """Return the state of each row after the characters before it."""
    starts = rows.starts()  # (B,)
    _, state = sampler.read(ids[rows.warmup_places(starts)], sampler.begin_state(rows.count))
    follows = (starts > 0)[:, None]  # (B, 1); nothing comes before the text
    return tuple(tuple(part * follows for part in layer) for layer in state)  # (B, H) each


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)  # (..., V)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def _likeliest(log_p: np.ndarray, top: int) -> np.ndarray:
    """Return the ids of the `top` likeliest characters, best first, (..., top)."""
    ids = np.argpartition(-log_p, top - 1, axis=-1)[..., :top]
    order = np.argsort(-np.take_along_axis(log_p, ids, axis=-1), axis=-1, kind="stable")
    return np.take_along_axis(ids, order, axis=-1)


def _after_the_first(predictions: Predictions) -> Predictions:
    """Return the predictions with an empty one in front, for the first character of the text."""
    losses, guesses, probabilities = predictions
    return Predictions(
        np.concatenate([[np.nan], losses]),
        np.concatenate([np.zeros_like(guesses[:1]), guesses]),
        np.concatenate([np.zeros_like(probabilities[:1]), probabilities]),
    )
