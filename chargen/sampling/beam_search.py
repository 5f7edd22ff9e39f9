"""Beam search for the text of the highest probability."""

import numpy as np

from chargen.errors import InputError
from chargen.sampling.decoder import Decoder, DecoderState
from chargen.sampling.filters import AS_LEARNED, probabilities
from chargen.sampling.stop_condition import StopCondition


def beam_search(decoder: Decoder, ids: np.ndarray, condition: StopCondition, width: int) -> str:
    """Return the most probable continuation that a beam search finds.

    After each character the `width` most probable beginnings are kept; one that ends is complete. Texts of different
    lengths compare by their mean log-probability per character, because otherwise the shortest would always win.

    Args:
        decoder: the model.
        ids: the prefix, (T,).
        condition: where a text ends.
        width: the number of beginnings kept.

    Raises:
        InputError: the width is below 1, or the prefix is empty and the model knows nothing to begin after.
    """
    if width < 1:
        raise InputError(f"{width}: must be at least 1", setting="width")
    state = DecoderState(decoder)
    state.read(ids)
    if state.logits is None:
        raise InputError("beam search needs a prefix", "give a text of at least one character to continue")
    if condition.length == 0:
        return ""
    texts, scores, complete = [""], np.zeros(1), []
    while True:
        total = scores[:, None] + np.log(probabilities(state.logits, AS_LEARNED) + 1e-300)  # (B, V)
        best = np.argsort(-total, axis=None, kind="stable")[:width]  # (width,)
        rows, new = np.divmod(best, decoder.config.vocab_size)  # (width,) each
        scores = total.ravel()[best]  # (width,)
        characters = decoder.vocabulary.decode(new)
        texts = [texts[row] + character for row, character in zip(rows, characters, strict=True)]
        for number, text in enumerate(texts):
            if scores[number] > -np.inf and (end := condition.end(text)) is not None:
                complete.append((scores[number] / len(text), text[:end]))
                scores[number] = -np.inf
        best_complete, best_other = max(complete, default=(-np.inf, "")), scores.max() / len(texts[0])
        if best_other == -np.inf or (len(complete) >= width and best_complete[0] >= best_other):
            return best_complete[1]
        state.select(rows)
        state.feed(new)
