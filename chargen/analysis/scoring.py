"""How well models predict a given text: nats, bits and guesses for each of its characters, on NumPy alone.

Whatever the length of the text, no more than a block of it is held; where its pieces begin and end changes nothing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chargen.errors import InputError
from chargen.sampling.sampler import Sampler
from chargen.text.normalization import NORMALIZATIONS, normalized
from chargen.text.vocabulary import Vocabulary

ROWS = 64  # rows of text read side by side, as in validation
WARMUP = 256  # characters that a row reads before its own, as in validation
BLOCK = ROWS * 4096  # characters scored in one go, which bounds the memory


@dataclass(frozen=True)
class Score:
    """How well a model predicts a text.

    Attributes:
        characters: how many were predicted: all but the first, which nothing comes before.
        loss: the mean over them, in nats per character.
    """

    characters: int
    loss: float

    @property
    def bits(self) -> float:
        """Bits per character."""
        return self.loss / math.log(2)

    @property
    def perplexity(self) -> float:
        """How many characters the model is, on average, torn between."""
        return math.exp(min(self.loss, 700.0))


class Predictions(NamedTuple):
    """What one model made of n characters; of a text's first character, which is not predicted, the loss is NaN.

    Attributes:
        losses: in nats, (n,).
        guesses: ids in the model's own vocabulary of the likeliest characters, best first, (n, top).
        probabilities: of the guesses, (n, top).
    """

    losses: np.ndarray
    guesses: np.ndarray
    probabilities: np.ndarray


class Piece(NamedTuple):
    """A stretch of the text as the models read it, and what each of them made of it."""

    text: str
    predictions: tuple[Predictions, ...]


class Passage(NamedTuple):
    """A short stretch of the text: the place of its first character, and the bits that one model saves on it."""

    start: int
    text: str
    bits: float


def score(sampler: Sampler, text: str, unknown: str = "error") -> Score:
    """Return how well a model predicts `text`, which is normalised as the model's vocabulary says.

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

    All of them read the same characters: normalised as the strictest of them asks, and of these only what all of them
    know. Each spreads its probability over its own vocabulary.
    """

    def __init__(self, samplers: Sequence[Sampler], unknown: str = "error", top: int = 0):
        """Prepare to read.

        Args:
            unknown: what to do with characters that one of the models does not know, see `Vocabulary.encode`.
            top: how many guesses to note for each character.

        Raises:
            InputError: the models have no character in common.
        """
        self.vocabulary = shared_vocabulary([sampler.vocabulary for sampler in samplers])
        self.unknown_characters = 0  # met so far, and left out or replaced
        self._samplers, self._unknown, self._top = samplers, unknown, top
        self._predicted, self._losses = 0, np.zeros(len(samplers))

    @property
    def scores(self) -> list[Score]:
        """The score of each model on what has been read so far."""
        return [Score(self._predicted, float(loss) / max(self._predicted, 1)) for loss in self._losses]

    def read(self, text: Iterable[str]) -> Iterator[Piece]:
        """Yield a text, given in pieces of any length, with the predictions of each of its characters.

        Unless the text ends there, a piece of the result has `BLOCK` characters, the first one more.

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
                self.unknown_characters += len(piece) - len(self.vocabulary.encode(piece, "skip"))
            yield ids


def shared_vocabulary(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """Return the characters that all vocabularies have, with the strictest of their normalisations.

    Raises:
        InputError: there are none.

    >>> shared_vocabulary([Vocabulary("ABab"), Vocabulary("abc", "lower")])
    Vocabulary(characters='ab', normalization='lower')
    """
    characters = set.intersection(*(set(vocabulary.characters) for vocabulary in vocabularies))
    if not characters:
        raise InputError("the models have no character in common; compare models of texts in the same script")
    normalizations = [vocabulary.normalization for vocabulary in vocabularies]
    return Vocabulary("".join(sorted(characters)), max(normalizations, key=NORMALIZATIONS.index))


class Comparison:
    """Where, in a text that two models read, each of them does better than the other.

    Attributes:
        first: the passages on which the first model saves most, best first.
        other: the same of the second model.
    """

    def __init__(self, count: int = 5):
        """Prepare to keep `count` passages of each model."""
        self.first: list[Passage] = []
        self.other: list[Passage] = []
        self._count, self._read = count, 0

    def add(self, piece: Piece) -> None:
        """Take the next piece of the text into account; a passage that would go on in the next one is not seen."""
        first, other = (np.nan_to_num(prediction.losses) / math.log(2) for prediction in piece.predictions)
        self.first = self._best(self.first, other - first, piece.text)
        self.other = self._best(self.other, first - other, piece.text)
        self._read += len(piece.text)

    def _best(self, known: list[Passage], gains: np.ndarray, text: str) -> list[Passage]:
        found = best_passages(gains, text, self._count)
        moved = [passage._replace(start=passage.start + self._read) for passage in found]
        return sorted(known + moved, key=lambda passage: -passage.bits)[: self._count]


def best_passages(gains: np.ndarray, text: str, count: int, length: int = 40) -> list[Passage]:
    """Return the passages with the largest gains, largest first; no two of them overlap.

    Args:
        gains: the bits that a model saves on each character of `text`, (characters,).

    >>> best_passages(np.array([0, 3, 3, 0, 1, 0]), "abcdef", count=2, length=2)
    [Passage(start=1, text='bc', bits=6.0), Passage(start=3, text='de', bits=1.0)]
    """
    length = min(length, len(text))
    sums = np.convolve(gains.astype(np.float64), np.ones(length), "valid")  # (characters - length + 1,)
    passages = []
    for _ in range(count):
        start = int(sums.argmax())
        if sums[start] <= 0:
            break
        passages.append(Passage(start, text[start : start + length], float(sums[start])))
        sums[max(start - length + 1, 0) : start + length] = -np.inf
    return passages


def _blocks(pieces: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Cut a stream of ids into blocks that overlap by what warms up the next one.

    Yields:
        The block's ids, and the place of the first one that is read to predict the next: 0, or after the warm-up.
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
        raise InputError(f"the text {left}; it takes two characters to predict one from the other")


def _predict(sampler: Sampler, ids: np.ndarray, start: int, top: int) -> Predictions:
    """Read a block in rows side by side, each warmed up on what lies before it, in the rows of `language.evaluate`."""
    targets = len(ids) - 1 - start
    rows = min(max(targets // WARMUP, 1), ROWS)  # B
    length = math.ceil(targets / rows)  # T
    starts = start + np.arange(rows) * length  # (B,)
    state = sampler.begin_state(rows)
    for warm in range(-WARMUP, 0):
        _, state = sampler.step(ids[np.clip(starts + warm, 0, len(ids) - 1)], state)
    follows = (starts > 0)[:, None]  # (B, 1); nothing lies before the text
    state = tuple(tuple(part * follows for part in layer) for layer in state)  # (B, H) each
    top = min(top, len(sampler.vocabulary))
    losses = np.empty((rows, length))  # (B, T)
    guesses, probabilities = np.empty((rows, length, top), np.int32), np.empty((rows, length, top), np.float32)
    for t in range(length):
        places = np.minimum(starts + t, len(ids) - 2)  # (B,)
        logits, state = sampler.step(ids[places], state)  # (B, V)
        log_p = _log_softmax(logits)  # (B, V)
        losses[:, t] = -log_p[np.arange(rows), ids[places + 1]]
        if top:
            guesses[:, t] = _likeliest(log_p, top)
            probabilities[:, t] = np.exp(np.take_along_axis(log_p, guesses[:, t], axis=1))
    in_order = (array.reshape(rows * length, *array.shape[2:])[:targets] for array in (losses, guesses, probabilities))
    predictions = Predictions(*in_order)
    return predictions if start else _after_the_first(predictions)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)  # (B, V)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _likeliest(log_p: np.ndarray, top: int) -> np.ndarray:
    """Return the ids of the `top` likeliest characters, best first, (B, top)."""
    ids = np.argpartition(-log_p, top - 1, axis=1)[:, :top]
    order = np.argsort(-np.take_along_axis(log_p, ids, axis=1), axis=1, kind="stable")
    return np.take_along_axis(ids, order, axis=1)


def _after_the_first(predictions: Predictions) -> Predictions:
    """Put before the predictions of a text those of its first character, which are none."""
    losses, guesses, probabilities = predictions
    return Predictions(
        np.concatenate([[np.nan], losses]),
        np.concatenate([np.zeros_like(guesses[:1]), guesses]),
        np.concatenate([np.zeros_like(probabilities[:1]), probabilities]),
    )
