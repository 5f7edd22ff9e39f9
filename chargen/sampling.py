"""`Sampler`: text from a checkpoint, one character at a time, on NumPy alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np

from chargen import checkpoint as checkpoints
from chargen.cells import CELLS, State, begin_state, input_gates, layer_weights, map_state
from chargen.checkpoint import Checkpoint
from chargen.errors import InputError


@dataclass(frozen=True)
class SamplingSettings:
    """How the next character is drawn.

    Attributes:
        temperature: divides the logits; below 1 is safer, above 1 wilder, 0 always takes the likeliest character.
        top_k: draw among the k likeliest characters only; None for all.
        top_p: draw among the fewest characters whose probabilities reach p together; None for all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self):
        if not 0 <= self.temperature < float("inf"):
            raise InputError(
                f"temperature {self.temperature}: must be 0 (always the likeliest character) or a positive number"
            )
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top-k {self.top_k}: must be at least 1")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"top-p {self.top_p}: must be above 0 and at most 1")


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
        self._layers = [layer_weights(weights, layer) for layer in range(config.num_layers)]
        self._embedding = checkpoint.weights.get("embedding.weight")  # (V, embedding_size)
        self._output = weights["output.weight"].T, weights["output.bias"]  # (L*H, V), (V,)

    @classmethod
    def load(cls, name: str | Path | None = None) -> "Sampler":
        """Return a sampler for a checkpoint: a file, a run, or None for the newest run in ./checkpoints.

        Raises:
            CheckpointError: there is no such checkpoint, or it cannot be loaded.
        """
        return cls(Checkpoint.load(checkpoints.find(name)))

    def begin_state(self, batch_size: int = 1) -> State:
        """Return the zero state: an array (L, B, H), or for the LSTM a pair of them."""
        shape = (self.config.num_layers, batch_size, self.config.hidden_size)
        return begin_state(self.config.cell, lambda: np.zeros(shape, np.float32))

    def step(self, ids: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Read one character in each row.

        Args:
            ids: integer array of shape (B,).
            state: as `begin_state` makes it.

        Returns:
            The logits of the next character, (B, V), and the next state.
        """
        x = ids if self._embedding is None else self._embedding[ids]  # (B,) or (B, embedding_size)
        step = CELLS[self.config.cell].step
        outputs, states = [], []
        for layer, weights in enumerate(self._layers):
            layer_state = map_state(itemgetter(layer), state)  # (B, H)
            x, layer_state = step(input_gates(x, weights), layer_state, weights)  # (B, H)
            outputs.append(x)
            states.append(layer_state)
        weight, bias = self._output
        return np.concatenate(outputs, axis=1) @ weight + bias, map_state(lambda *parts: np.stack(parts), *states)

    def stream(
        self,
        prefix: str = "",
        length: int = 500,
        settings: SamplingSettings = SamplingSettings(),
        seed: int | tuple[int, ...] = 0,
        stop: str | None = None,
        unknown: str = "error",
    ) -> Iterator[str]:
        """Return an iterator over the text written after `prefix`, in pieces as they become certain.

        Args:
            prefix: the text to go on from, not repeated in the result; if empty, the first character is drawn evenly
                from the vocabulary.
            length: how many characters to write.
            settings: how each is drawn.
            seed: the same seed, prefix and settings give the same text.
            stop: end before this text would appear; the result does not contain it.
            unknown: what to do with characters of the prefix that the model does not know, see `Vocabulary.encode`.

        Raises:
            InputError: a setting is out of its range, or the prefix has unknown characters.
        """
        if length < 0:
            raise InputError(f"length {length}: must not be negative")
        if stop == "":
            raise InputError("the text to stop at is empty; give at least one character")
        ids = self.vocabulary.encode(prefix, unknown)
        characters = self._characters(ids, length, settings, np.random.default_rng(seed))
        return characters if stop is None else _until(stop, characters)

    def sample(self, prefix: str = "", length: int = 500, **options) -> str:
        """Return the text written after `prefix`, all at once; options as for `stream`."""
        return "".join(self.stream(prefix, length, **options))

    def _characters(self, prefix: np.ndarray, length: int, settings: SamplingSettings, rng) -> Iterator[str]:
        logits, state = None, self.begin_state()
        for char_id in prefix:
            logits, state = self.step(char_id[None], state)
        for _ in range(length):
            if logits is None:
                char_id = int(rng.integers(self.config.vocab_size))
            else:
                char_id = draw(probabilities(logits[0], settings), rng)
            yield self.vocabulary.characters[char_id]
            logits, state = self.step(np.array([char_id]), state)


def probabilities(logits: np.ndarray, settings: SamplingSettings) -> np.ndarray:
    """Return the distribution of the next character, float64 of shape (V,): softmax, then top-k, then top-p.

    Args:
        logits: float array of shape (V,).

    >>> probabilities(np.log([0.5, 0.3, 0.2]), SamplingSettings(top_k=2)).round(3).tolist()
    [0.625, 0.375, 0.0]
    """
    logits = logits.astype(np.float64)
    if settings.temperature == 0:
        return (np.arange(len(logits)) == logits.argmax()).astype(np.float64)
    p = np.exp((logits - logits.max()) / settings.temperature)
    p /= p.sum()
    if settings.top_k is None and settings.top_p is None:
        return p
    order = np.argsort(-p, kind="stable")
    keep = min(settings.top_k or len(p), len(p))
    p[order[keep:]] = 0
    p /= p.sum()
    if settings.top_p is not None:
        reached = np.cumsum(p[order])
        keep = np.searchsorted(reached, settings.top_p * (1 - 1e-12)) + 1  # tolerates the rounding of the sum
        p[order[keep:]] = 0
        p /= p.sum()
    return p


def draw(p: np.ndarray, rng: np.random.Generator) -> int:
    """Return an index drawn with probabilities `p`, (V,), from one uniform number."""
    cumulative = np.cumsum(p)
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def _until(stop: str, characters: Iterator[str]) -> Iterator[str]:
    """Pass characters on until `stop` has appeared, holding back what might be its beginning."""
    held = ""
    for character in characters:
        held += character
        if held.endswith(stop):
            yield held[: -len(stop)]
            return
        certain = len(held) - (len(stop) - 1)
        if certain > 0:
            yield held[:certain]
            held = held[certain:]
    yield held
