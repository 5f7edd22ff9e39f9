"""`Sampler`: text from a checkpoint, one character at a time, on NumPy alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chargen.errors import InputError
from chargen.network import checkpoint as checkpoints
from chargen.network.cells import CELLS, State, layer_weights
from chargen.network.checkpoint import Checkpoint
from chargen.sampling.filters import SamplingSettings, draw, probabilities

CONTEXT = 20_000  # characters of a longer prefix that are read; what lies further back, no state remembers
SIDE_BY_SIDE = 32  # texts written at a time
AS_LEARNED = SamplingSettings()


class Ending(NamedTuple):
    """What ends a text before its length is reached: one of several texts that would appear, or a number of lines."""

    stop: tuple[str, ...] = ()
    lines: int | None = None

    def kept(self, text: str) -> int | None:
        """Return how much of a text that ends with its last character is kept, or None if it goes on."""
        for stop in self.stop:
            if text.endswith(stop):
                return len(text) - len(stop)
        if self.lines and text.endswith("\n") and text.count("\n") >= self.lines:
            return len(text) - 1
        return None


class Sampler:
    """Writes on from a prefix with a trained model.

    >>> sampler = Sampler.load()                                        # doctest: +SKIP
    >>> sampler.sample("time traveller", length=20, seed=1)             # doctest: +SKIP
    'time traveller said nothing for a'
    """

    def __init__(self, checkpoint: Checkpoint):
        """Prepare a checkpoint's weights for sampling.

        Raises:
            InputError: the network reads in both directions.
        """
        config = checkpoint.config
        if config.bidirectional:
            raise InputError(
                "a bidirectional network cannot write: its right-to-left half needs the characters that are yet to be"
                " written; train without bidirectional"
            )
        self.config = config
        self.vocabulary = checkpoint.vocabulary
        weights = {name: array.astype(np.float32, order="F") for name, array in checkpoint.weights.items()}
        self._cell = CELLS[config.cell].step
        self._layers = [layer_weights(weights, layer) for layer in range(config.num_layers)]
        self._one_hot = not config.embedding_size
        # What a character's id selects a row of: its part of the first layer's gates, (V, G*H), or its embedding.
        first = self._layers[0]
        self._first = first.W_ih.T + first.b_ih if self._one_hot else weights["embedding.weight"]
        self._output_weight, self._output_bias = weights["output.weight"].T, weights["output.bias"]  # (L*H, V), (V,)

    @classmethod
    def load(cls, name: str | Path | None = None) -> "Sampler":
        """Return a sampler for a checkpoint: a file, a run, or None for the newest run in ./checkpoints.

        Raises:
            CheckpointError: there is no such checkpoint, or it cannot be loaded.
        """
        return cls(Checkpoint.load(checkpoints.find(name)))

    def begin_state(self, batch_size: int = 1) -> tuple[State, ...]:
        """Return the zero state: one tuple of arrays (B, H) for each layer, (h,) or for the LSTM (h, c)."""
        states = CELLS[self.config.cell].states
        zeros = np.zeros((batch_size, self.config.hidden_size), np.float32)  # (B, H)
        return tuple((zeros,) * states for _ in self._layers)

    def step(self, ids: np.ndarray, state: tuple[State, ...]) -> tuple[np.ndarray, tuple[State, ...]]:
        """Read one character in each row.

        Args:
            ids: integer array of shape (B,).
            state: as `begin_state` makes it; it is not changed.

        Returns:
            The logits of the next character, (B, V), and the next state.
        """
        x, next_state = self._first.take(ids, 0), []  # (B, G*H), or of an embedding (B, embedding_size)
        for layer, (weights, before) in enumerate(zip(self._layers, state, strict=True)):
            a = x if layer == 0 and self._one_hot else x @ weights.W_ih.T + weights.b_ih  # (B, G*H)
            after = self._cell(a, before, weights)  # (B, H) each
            next_state.append(after)
            x = after[0]  # (B, H)
        outputs = x if len(next_state) == 1 else np.concatenate([after[0] for after in next_state], axis=1)  # (B, L*H)
        return outputs @ self._output_weight + self._output_bias, tuple(next_state)

    def stream(
        self,
        prefix: str = "",
        length: int = 500,
        settings: SamplingSettings = AS_LEARNED,
        seed: int | tuple[int, ...] = 0,
        stop: str | Sequence[str] = (),
        lines: int | None = None,
        unknown: str = "error",
    ) -> Iterator[str]:
        """Return an iterator over the text written after `prefix`, in pieces as they become certain.

        Args:
            prefix: the text to go on from, not repeated in the result; if empty, the first character is drawn evenly
                from the vocabulary. Of a prefix of more than `CONTEXT` characters the end is read.
            length: how many characters to write.
            settings: how each is drawn.
            seed: the same seed, prefix and settings give the same text.
            stop: end before this text, or any of several, would appear; the result does not contain it.
            lines: end before the line end that would complete so many lines.
            unknown: what to do with characters of the prefix that the model does not know, see `Vocabulary.encode`.

        Raises:
            InputError: a setting is out of its range, or the prefix has unknown characters.
        """
        ending = make_ending(length, stop, lines)
        text = Writing(self)
        text.read(self.vocabulary.encode(prefix, unknown))
        return until(ending, text.write(length, settings, np.random.default_rng(seed)))

    def sample(self, prefix: str = "", length: int = 500, **options) -> str:
        """Return the text written after `prefix`, all at once; options as for `stream`."""
        return "".join(self.stream(prefix, length, **options))

    def samples(
        self,
        count: int,
        prefix: str = "",
        length: int = 500,
        settings: SamplingSettings = AS_LEARNED,
        seed: int = 0,
        stop: str | Sequence[str] = (),
        lines: int | None = None,
        unknown: str = "error",
    ) -> Iterator[str]:
        """Return an iterator over texts written many at a time; text n is that of `sample` with the seed (seed, n).

        Sums of many products may be rounded differently side by side, in the seventh digit; where a draw hangs on that,
        about once in a million characters, a text goes another way.
        """
        ending = make_ending(length, stop, lines)
        ids = self.vocabulary.encode(prefix, unknown)
        for first in range(0, count, SIDE_BY_SIDE):
            rngs = [np.random.default_rng((seed, n)) for n in range(first, min(first + SIDE_BY_SIDE, count))]
            yield from self._side_by_side(ids, length, settings, rngs, ending)

    def _side_by_side(self, ids, length, settings, rngs, ending) -> list[str]:
        """Return the texts that several generators write from one prefix."""
        text = Writing(self)
        text.read(ids)
        text.split(len(rngs))
        rows, kept = [""] * len(rngs), [None] * len(rngs)
        for _ in range(length):
            if None not in kept:
                break
            new = self.vocabulary.decode(text.choose(settings, rngs))
            rows = [row + character for row, character in zip(rows, new, strict=True)]
            kept = [ending.kept(row) if end is None else end for row, end in zip(rows, kept, strict=True)]
        return [row[:end] for row, end in zip(rows, kept, strict=True)]

    def likeliest(
        self,
        prefix: str,
        length: int,
        width: int,
        stop: str | Sequence[str] = (),
        lines: int | None = None,
        unknown: str = "error",
    ) -> str:
        """Return the likeliest text after `prefix` that a beam search finds.

        At each character the `width` likeliest beginnings are kept; one that reaches its end is complete. Texts of
        different lengths compare by their probability per character, or else the shortest would always win.

        Raises:
            InputError: the prefix is empty or has unknown characters, or a setting is out of its range.
        """
        ending = make_ending(length, stop, lines)
        if width < 1:
            raise InputError(f"a beam {width} wide: must be at least 1")
        text = Writing(self)
        text.read(self.vocabulary.encode(prefix, unknown))
        if text.logits is None:
            raise InputError("a beam search needs a prefix to go on from")
        rows, scores, complete = [""], np.zeros(1), []
        for _ in range(length):
            total = scores[:, None] + np.log(probabilities(text.logits, AS_LEARNED) + 1e-300)  # (B, V)
            best = np.argsort(-total, axis=None, kind="stable")[:width]
            parents, ids = np.divmod(best, self.config.vocab_size)  # (width,) each
            scores = total.ravel()[best]
            new = zip(parents, self.vocabulary.decode(ids), strict=True)
            rows = [rows[parent] + character for parent, character in new]
            for number, row in enumerate(rows):
                if (end := ending.kept(row)) is not None:
                    complete.append((scores[number] / len(row), row[:end]))
                    scores[number] = -np.inf
            if len(complete) >= width or scores.max() == -np.inf:
                break
            text.split(parents)
            text.feed(ids)
        return max([*complete, *zip(scores / max(len(rows[0]), 1), rows, strict=True)])[1]


class Writing:
    """Texts in the making, side by side: what the model has read of them, and what it expects next.

    Attributes:
        logits: of each text's next character, (B, V); None before the first character.
    """

    def __init__(self, sampler: Sampler):
        """Begin one empty text."""
        self._sampler = sampler
        self.forget()

    def forget(self) -> None:
        """Begin again with one empty text."""
        self._state = self._sampler.begin_state(1)
        self.logits = None

    def read(self, ids: np.ndarray) -> None:
        """Read what the one text goes on with, ids of shape (T,)."""
        if len(ids) > CONTEXT:
            self.forget()
        for char_id in ids[-CONTEXT:]:
            self.feed(char_id[None])

    def split(self, parents: int | np.ndarray) -> None:
        """Go on with copies of the texts: so many of the only one, or those of the given numbers, (B,)."""
        parents = np.zeros(parents, np.int64) if isinstance(parents, int) else parents
        self._state = tuple(tuple(part[parents] for part in layer) for layer in self._state)  # (B, H) each
        self.logits = None if self.logits is None else self.logits[parents]

    def feed(self, ids: np.ndarray) -> None:
        """Read one more character of each text, (B,)."""
        self.logits, self._state = self._sampler.step(ids, self._state)

    def mark(self) -> tuple:
        """Return what `rewind` takes to come back to where the texts are now."""
        return self._state, self.logits

    def rewind(self, mark: tuple) -> None:
        """Forget what was read since `mark` was made."""
        self._state, self.logits = mark

    def choose(self, settings: SamplingSettings, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """Draw each text's next character, (B,), and read it."""
        if self.logits is None:
            ids = np.array([rng.integers(self._sampler.config.vocab_size) for rng in rngs])
        else:
            ids = draw(probabilities(self.logits, settings), np.array([rng.random() for rng in rngs]))
        self.feed(ids)
        return ids

    def write(self, length: int, settings: SamplingSettings, rng: np.random.Generator) -> Iterator[str]:
        """Yield the next `length` characters of the one text."""
        characters, rngs = self._sampler.vocabulary.characters, [rng]
        for _ in range(length):
            yield characters[self.choose(settings, rngs)[0]]


def until(ending: Ending, characters: Iterator[str]) -> Iterator[str]:
    """Pass characters on until the text ends, holding back what might be the beginning of a stop text."""
    text, shown = "", 0
    for character in characters:
        text += character
        if (kept := ending.kept(text)) is not None:
            yield text[shown:kept]
            return
        certain = len(text) - _begun(text, ending.stop)
        if certain > shown:
            yield text[shown:certain]
            shown = certain
    if shown < len(text):
        yield text[shown:]


def _begun(text: str, stops: Sequence[str]) -> int:
    """Return how many of the last characters might be the beginning of a stop text."""
    return max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)


def make_ending(length: int, stop: str | Sequence[str], lines: int | None) -> Ending:
    """Return the ending that these arguments of `Sampler.stream` describe.

    Raises:
        InputError: one of them is out of its range.
    """
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if length < 0:
        raise InputError(f"length {length}: must not be negative")
    if "" in stops:
        raise InputError("the text to stop at is empty; give at least one character")
    return Ending(stops, lines)
