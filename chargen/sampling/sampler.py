"""`Sampler`: text from a checkpoint, on NumPy alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chargen.network import checkpoint as checkpoints
from chargen.network.checkpoint import Checkpoint
from chargen.sampling.beam_search import beam_search
from chargen.sampling.decoder import Decoder, DecoderState
from chargen.sampling.filters import USUAL, SamplingSettings
from chargen.sampling.stop_condition import StopCondition

SIDE_BY_SIDE = 32  # texts written at a time


class Sampler(Decoder):
    """Continues a prefix with a trained model.

    >>> sampler = Sampler.load()                                        # doctest: +SKIP
    >>> sampler.sample("time traveller", length=20, seed=1)             # doctest: +SKIP
    'time traveller said nothing for a'
    """

    @classmethod
    def load(cls, name: str | Path | None = None) -> "Sampler":
        """Return a sampler for a checkpoint: a file, a run, or None for the newest run in ./checkpoints.

        Raises:
            CheckpointError: there is no such checkpoint, or it cannot be loaded.
        """
        return cls(Checkpoint.load(checkpoints.find(name)))

    def stream(
        self,
        prefix: str = "",
        length: int | None = None,
        settings: SamplingSettings = USUAL,
        seed: int | tuple[int, ...] = 0,
        stop: str | Sequence[str] = (),
        lines: int | None = None,
        sentences: int | None = None,
    ) -> Iterator[str]:
        """Return an iterator over the text that follows `prefix`, in pieces as soon as they are certain.

        Args:
            prefix: the text to continue, which the result does not repeat; if it is empty, a text begins as after an
                empty line or the end of a line. Only the last `CONTEXT` characters of a longer prefix are read.
            length: the number of characters to write; None for about 500, with the last sentence finished.
            settings: how each is drawn.
            seed: the same seed, prefix and settings give the same text.
            stop: end before this text, or any of several, would appear; the result does not contain it.
            lines: end after this number of lines, without the last line break.
            sentences: end after this number of sentences.

        Raises:
            InputError: a setting is out of its range.
            UnknownCharacterError: the prefix has characters that the model does not know; see `Vocabulary.encode`.
        """
        condition = StopCondition(length, stop, lines, sentences)
        state = DecoderState(self)
        state.read(self.vocabulary.encode(prefix))
        return condition.cut(piece for (piece,) in state.write(settings, [np.random.default_rng(seed)]))

    def sample(self, prefix: str = "", length: int | None = None, **options) -> str:
        """Return the text that follows `prefix`, all at once; options as for `stream`."""
        return "".join(self.stream(prefix, length, **options))

    def samples(
        self,
        count: int,
        prefix: str = "",
        length: int | None = None,
        settings: SamplingSettings = USUAL,
        seed: int = 0,
        **limits: Any,
    ) -> Iterator[str]:
        """Return an iterator over `count` texts, written many at a time; text n is `sample` with the seed (seed, n).

        `limits` are `stop`, `lines` and `sentences`.

        Sums may be rounded differently side by side, in the seventh digit. That changes a text about once in a million
        characters.
        """
        condition = StopCondition(length, **limits)
        ids = self.vocabulary.encode(prefix)
        for first in range(0, count, SIDE_BY_SIDE):
            rngs = [np.random.default_rng((seed, n)) for n in range(first, min(first + SIDE_BY_SIDE, count))]
            yield from self._side_by_side(ids, condition, settings, rngs)

    def _side_by_side(
        self,
        ids: np.ndarray,
        condition: StopCondition,
        settings: SamplingSettings,
        rngs: list[np.random.Generator],
    ) -> list[str]:
        """Return one continuation of a prefix, ids of shape (T,), for each of the generators."""
        state = DecoderState(self)
        state.read(ids)
        state.select(np.zeros(len(rngs), np.int64))
        texts, ends, pieces = [""] * len(rngs), [condition.end("")] * len(rngs), state.write(settings, rngs)
        while None in ends:
            for number, piece in enumerate(next(pieces)):
                if ends[number] is None:
                    texts[number], ends[number] = condition.grown(texts[number], piece)
        return [text[:end] for text, end in zip(texts, ends, strict=True)]

    def beam_search(self, prefix: str, length: int | None, width: int, **limits: Any) -> str:
        """Return the most probable text after `prefix` that a beam search of this width finds.

        Args:
            prefix: the text to continue.
            length: as for `stream`.
            width: the number of beginnings kept after each character.
            limits: `stop`, `lines` and `sentences`, as for `stream`.

        Raises:
            InputError: a setting is out of its range, or the prefix is empty and the model knows no space or line end.
            UnknownCharacterError: the prefix has characters that the model does not know.
        """
        return beam_search(self, self.vocabulary.encode(prefix), StopCondition(length, **limits), width)
