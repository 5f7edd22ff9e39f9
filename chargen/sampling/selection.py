"""Choosing among texts: those that the model finds likeliest."""

from collections.abc import Iterable

import numpy as np

from chargen.sampling.decoder import Decoder, DecoderState
from chargen.sampling.filters import AS_LEARNED, probabilities


def likeliest(decoder: Decoder, prefix: str, texts: Iterable[str], count: int) -> list[str]:
    """Return the `count` texts of the highest probability per character after a prefix, the likeliest first."""
    texts = list(texts)
    return [text for _, text in sorted(zip(mean_losses(decoder, prefix, texts), texts, strict=True))[:count]]


def mean_losses(decoder: Decoder, prefix: str, texts: Iterable[str]) -> list[float]:
    """Return the mean loss of each text after a prefix, in nats per character; 0 for an empty one.

    Raises:
        UnknownCharacterError: the model does not know a character.
    """
    state, means = DecoderState(decoder), []
    state.read(decoder.vocabulary.encode(prefix))
    begun = state.mark()
    for text in texts:
        state.rewind(begun)
        losses = []
        for char_id in decoder.vocabulary.encode(text):
            if state.logits is not None:
                losses.append(-np.log(probabilities(state.logits, AS_LEARNED)[0, char_id] + 1e-300))
            state.feed(char_id[None])
        means.append(float(np.mean(losses)) if losses else 0.0)
    return means
