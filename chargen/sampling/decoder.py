"""`Decoder`: a trained network without PyTorch; `DecoderState`: the texts that it has read.

The native kernels read one text, character by character, many texts side by side, and long ones as a whole. NumPy reads
a few texts side by side, and everything where there are no kernels.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chargen.errors import InputError
from chargen.network import cells
from chargen.network.cells import CELLS, LayerWeights, State, layer_weights
from chargen.network.checkpoint import Checkpoint
from chargen.network.native import library
from chargen.network.native.packed import PackedLayer
from chargen.network.native.step import StepNetwork
from chargen.network.native.texts import TextsNetwork
from chargen.sampling.filters import AS_LEARNED, COLDEST, SamplingSettings, draw, probabilities
from chargen.sampling.held_units import hold
from chargen.sampling.known_words import KnownWords

CONTEXT = 20_000  # characters of a prefix that are read, the last ones; no state remembers what lies further back
BEGINNINGS = "\n 。"  # after the first of them that a model knows, a text begins
EMPTY_LINES = 0.01  # the probability of a second line end from which on a text is taken to have empty lines
AT_A_TIME = 16  # characters that are written at a time, too few for a person to notice
MANY = 8  # texts side by side, from which on the kernels are faster than NumPy


def _threads() -> int:
    """Return as many threads as OpenMP takes; its variable may be a list, whose first number counts."""
    wanted = re.match("[1-9][0-9]*", os.environ.get("OMP_NUM_THREADS", ""))
    if wanted:
        return int(wanted[0])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


THREADS = _threads()  # of the kernels


class Decoder:
    """A trained network that reads characters and predicts the next one.

    Attributes:
        checkpoint: the model, which can be saved.
        config: the shape of the network.
        vocabulary: the characters that the ids stand for.
        held: activations of units, counted through all layers, that `DecoderState.draw` holds after each character.
        known_words: the words that `DecoderState` keeps to; None for any, see `keep_to_known_words`.
    """

    def __init__(self, checkpoint: Checkpoint):
        """Prepare a checkpoint's weights.

        Raises:
            InputError: the network reads in both directions.
        """
        self.checkpoint, self.config, self.vocabulary = checkpoint, checkpoint.config, checkpoint.vocabulary
        if self.config.bidirectional:
            raise InputError(
                "a bidirectional network cannot generate text, because it also reads backwards from the characters that"
                " are yet to be written",
                "train a model without {bidirectional}",
            )
        self.held: dict[int, float] = {}
        self.known_words: KnownWords | None = None
        self._words = checkpoint.words
        weights = {name: np.asarray(array, np.float32) for name, array in checkpoint.weights.items()}
        self._cell = CELLS[self.config.cell].step
        self._layers = [layer_weights(weights, layer) for layer in range(self.config.num_layers)]
        self._one_hot = not self.config.embedding_size
        # A character's row: what it contributes to the gates of the first layer, (V, G*H), or its embedding.
        first = self._layers[0]
        self._rows = first.W_ih.T + first.b_ih if self._one_hot else weights["embedding.weight"]
        self._output_weight, self._output_bias = weights["output.weight"].T, weights["output.bias"]  # (L*H, V), (V,)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a copy makes anew where it needs it; the kernels' memory cannot be copied."""
        kept = vars(self).items()
        return {name: value for name, value in kept if not isinstance(vars(Decoder).get(name), cached_property)}

    def keep_to_known_words(self) -> None:
        """Write only words of the texts that the model learned from, see `KnownWords`, in every text begun from now on.

        Raises:
            InputError: the model keeps no words.
        """
        self.known_words = KnownWords(self._words, self.vocabulary.characters)

    def begin_state(self, batch_size: int = 1) -> tuple[State, ...]:
        """Return the zero state: for each layer (h,), or (h, c) of an LSTM, each (B, H)."""
        zeros = np.zeros((batch_size, self.config.hidden_size), np.float32)  # (B, H)
        return ((zeros,) * CELLS[self.config.cell].states,) * self.config.num_layers

    def step(
        self, ids: np.ndarray, state: tuple[State, ...], held: Mapping[int, float] | None = None
    ) -> tuple[np.ndarray, tuple[State, ...]]:
        """Read one character in each row.

        Args:
            ids: integer array of shape (B,).
            state: as `begin_state` makes it; it is not changed.
            held: activations of units that are held, see `chargen.sampling.held_units.hold`.

        Returns:
            The logits of the next character, (B, V), and the next state.
        """
        if len(ids) >= MANY and self._kernels and not held:
            logits, state = self.read(ids[:, None], state)  # (B, 1, V)
            return logits[:, 0], state
        if len(ids) == 1 and self._step_network and not held:
            return self._step_network.step(int(ids[0]), state)
        x, next_state = self._rows.take(ids, 0), []  # (B, G*H), or of an embedding (B, embedding_size)
        for layer, weights in enumerate(self._by_columns):
            a = x if layer == 0 and self._one_hot else x @ weights.W_ih.T + weights.b_ih  # (B, G*H)
            next_state.append(self._cell(a, state[layer], weights))  # (B, H) each
            if held:
                hold(next_state[-1], held, layer * self.config.hidden_size)
            x = next_state[-1][0]  # (B, H)
        outputs = x if len(next_state) == 1 else np.concatenate([h for h, *_ in next_state], axis=1)  # (B, L*H)
        return outputs @ self._output_weight + self._output_bias, tuple(next_state)

    def read(self, ids: np.ndarray, state: tuple[State, ...]) -> tuple[np.ndarray, tuple[State, ...]]:
        """Read several characters in each row.

        Args:
            ids: integer array of shape (B, T).
            state: as `begin_state` makes it; it is not changed.

        Returns:
            The logits of each next character, (B, T, V), and the state after the last one.
        """
        x = ids if self._one_hot else self._rows[ids]  # (B, T), or of an embedding (B, T, embedding_size)
        outputs, next_state = [], []
        for layer, weights in enumerate(self._layers):
            if self._kernels:
                x, after = self._kernels[layer].run(x, state[layer])  # (B, T, H), (B, H) each
            else:
                x, after = cells.run_layer(self.config.cell, x, state[layer], weights)
            outputs.append(x)
            next_state.append(after)
        x = np.concatenate(outputs, axis=2) if len(outputs) > 1 else x  # (B, T, L*H)
        return x @ self._output_weight + self._output_bias, tuple(next_state)

    def writer(self, settings: SamplingSettings, texts: int) -> StepNetwork | TextsNetwork | None:
        """Return what writes so many texts with these settings, many characters at a time; None where nothing does."""
        if not settings.temperature or settings.top_k or settings.top_p or self.held or self.known_words:
            return None
        return self._step_network if texts == 1 else self._texts_network if texts >= MANY else None

    @cached_property
    def _by_columns(self) -> list[LayerWeights]:
        """The layers' weights as NumPy multiplies a few rows by them fastest."""
        return [LayerWeights(*map(np.asfortranarray, weights)) for weights in self._layers]

    @cached_property
    def _step_network(self) -> StepNetwork | None:
        """The network for one text, on the native kernels, where the processor has a fast path of theirs."""
        if not library.has_vectors():
            return None
        output = self._output_weight.T, self._output_bias
        return StepNetwork(self.config.cell, self._layers, output, None if self._one_hot else self._rows)

    @cached_property
    def _texts_network(self) -> TextsNetwork | None:
        """The network for many texts, where there is one for one text."""
        one = self._step_network
        return TextsNetwork(one, self._kernels, THREADS) if one else None

    @cached_property
    def _kernels(self) -> list[PackedLayer]:
        """The layers on the native kernels; none where the processor has no fast path of theirs."""
        if not library.has_vectors():
            return []
        return [PackedLayer(self.config.cell, weights, THREADS) for weights in self._layers]


class DecoderState:
    """Texts that a decoder reads and writes side by side: its state after them, and what it expects next.

    Attributes:
        logits: of each text's next character, (B, V); None before the first character.
    """

    def __init__(self, decoder: Decoder):
        """Begin one empty text."""
        self._decoder = decoder
        self.reset()

    def reset(self) -> None:
        """Begin again with one empty text."""
        self._state = self._decoder.begin_state()
        self.logits: np.ndarray | None = None
        self._begun = [""]  # what each text has of a word that may go on, see `KnownWords`

    def read(self, ids: np.ndarray) -> None:
        """Read on in the one text, ids of shape (T,); if there is no text at all yet, begin one, see `_begin`."""
        if len(ids) > CONTEXT:
            self.reset()
        for char_id in ids[-CONTEXT:]:
            self.feed(char_id[None])
        if self.logits is None:
            self._begin()

    def _begin(self) -> None:
        """Go where a text begins: after an empty line, the end of a line or a space, whichever the model knows."""
        vocabulary = self._decoder.vocabulary
        characters = np.array(list(vocabulary.characters))  # (V,)
        before = next((character for character in BEGINNINGS if character in vocabulary.characters), None)
        if before is None:
            return  # the first character can be any
        self.feed(vocabulary.encode(before))
        assert self.logits is not None
        if before == "\n" and probabilities(self.logits, AS_LEARNED)[0, characters == "\n"] > EMPTY_LINES:
            self.feed(vocabulary.encode(before))
        blank = np.array([character.isspace() for character in characters])  # (V,)
        if not blank.all():
            self.logits = np.where(blank, -np.inf, self.logits)  # (1, V)

    def feed(self, ids: np.ndarray, held: Mapping[int, float] | None = None) -> None:
        """Read one more character of each text, (B,); see `Decoder.step` for the held units."""
        self.logits, self._state = self._decoder.step(ids, self._state, held)
        if known := self._decoder.known_words:
            self._begun = known.read(self._begun, ids)
            self.logits = self.logits + known.bars(self._begun)  # (B, V)

    def select(self, rows: np.ndarray) -> None:
        """Go on with copies of the texts of these rows, (B,)."""
        self._state = tuple(tuple(part[rows] for part in layer) for layer in self._state)  # (B, H) each
        self.logits = None if self.logits is None else self.logits[rows]  # (B, V)
        self._begun = [self._begun[row] for row in rows.tolist()]

    def mark(self) -> tuple:
        """Return what `rewind` takes to return to here."""
        return self._state, self.logits, self._begun

    def rewind(self, mark: tuple) -> None:
        """Forget what was read since `mark` was made."""
        self._state, self.logits, self._begun = mark

    def draw(self, settings: SamplingSettings, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """Draw each text's next character, (B,), each with its own generator, and read it."""
        if self.logits is None:
            ids = np.array([rng.integers(self._decoder.config.vocab_size) for rng in rngs])  # (B,)
        else:
            uniform = np.array([rng.random() for rng in rngs])  # (B,)
            ids = draw(probabilities(self.logits, settings), uniform)  # (B,)
        self.feed(ids, self._decoder.held)
        return ids

    def write(
        self, settings: SamplingSettings, rngs: Sequence[np.random.Generator], most: int = AT_A_TIME
    ) -> Iterator[list[str]]:
        """Yield the next characters of each text without end, up to `most` of them at a time."""
        while True:
            yield [self._decoder.vocabulary.decode(ids) for ids in self._write_some(settings, rngs, most)]

    def _write_some(self, settings: SamplingSettings, rngs: Sequence[np.random.Generator], most: int) -> np.ndarray:
        """Write one character of each text or, where that is fast, `most`; return the ids, (B, N)."""
        writer = self._decoder.writer(settings, len(rngs))
        if writer and self.logits is not None:
            temperature, uniform = max(settings.temperature, COLDEST), np.array([rng.random(most) for rng in rngs])
            written = writer.write(self.logits, self._state, temperature, settings.min_p, uniform)
            ids, self.logits, self._state = written
            if ids.size:
                return ids
        return self.draw(settings, rngs)[:, None]
