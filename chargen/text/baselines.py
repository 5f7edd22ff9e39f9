"""Baselines without a network for the held-out text: a count-based model, and a file compressor."""

import lzma
import math

import numpy as np

from chargen.text.corpus import Corpus
from chargen.text.stored_ids import TextIds

ORDER = 5
COUNTS = f"counts of up to {ORDER} characters"  # the name of the count model's figure
XZ_WINDOW = (4096, 2**26)  # bytes; the most is that of xz -9
LONGEST = 2_000_000  # characters: baselines learn from the last ones, and are scored on a tenth as many


def measure(corpus: Corpus) -> dict[str, float]:
    """Return the bits per character of each baseline, by its name; empty if nothing is held out."""
    if not len(corpus.valid_ids):
        return {}
    train_ids, valid_ids = corpus.train_ids[-LONGEST:], corpus.valid_ids[: LONGEST // 10]
    train, valid = (corpus.vocabulary.decode(ids) for ids in (train_ids, valid_ids))
    return {
        COUNTS: count_model_loss(train_ids, valid_ids, ORDER) / math.log(2),
        "xz -9": xz_bits_per_character(train, valid),
    }


def count_model_loss(train_ids: TextIds, valid_ids: TextIds, order: int = ORDER) -> float:
    """Return the loss of a count-based model with back-off on the held-out text, in nats per character.

    The model mixes the frequencies of what followed the last 0, 1, ... `order` characters in the training text, as
    Witten and Bell (1991) do. With n the number of characters that followed a context and t that of distinct ones,
    P_k(x) = (count(x) + t * P_{k-1}(x)) / (n + t), down to the uniform distribution over the vocabulary.

    Args:
        train_ids: integer array (training characters,).
        valid_ids: integer array (held-out characters,), which follow the training text.
        order: the longest context in characters.
    """
    ids = np.concatenate([train_ids, valid_ids]).astype(np.int64)  # (N,)
    is_train = np.arange(len(ids)) < len(train_ids)
    V = int(ids.max()) + 1
    probability = np.full(len(valid_ids), 1 / V)
    context = np.zeros(len(ids), dtype=np.int64)  # a number for each distinct context of k characters, (N,)
    for k in range(order + 1):
        if k:  # prepend the character k places back; V stands for those before the text
            further = np.concatenate([np.full(k, V), ids])[: len(ids)]
            context = _numbered(context * (V + 1) + further)
        event = _numbered(context * V + ids)  # a number for each distinct pair of context and next character
        event_count = np.bincount(event[is_train], minlength=event.max() + 1)
        total = np.bincount(context[is_train], minlength=context.max() + 1)  # n
        _, first = np.unique(event[is_train], return_index=True)
        different = np.bincount(context[is_train][first], minlength=len(total))  # t
        n, t = total[context[~is_train]], different[context[~is_train]]
        seen = n > 0
        mixed = (event_count[event[~is_train]] + t * probability)[seen] / (n + t)[seen]
        probability[seen] = mixed
    return max(float(-np.log(probability).mean()), 0.0)  # sums of probabilities may exceed 1 in their last bits


def xz_bits_per_character(train_text: str, valid_text: str) -> float:
    """Return the additional size of `xz -9` for the held-out text after the training text, in bits per character."""

    def size(text: str) -> int:
        data = text.encode("utf-8")
        window = min(max(len(data), XZ_WINDOW[0]), XZ_WINDOW[1])  # by itself it takes 600 MB for the shortest text
        xz = {"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": window}
        return len(lzma.compress(data, filters=[xz]))

    return 8 * (size(train_text + valid_text) - size(train_text)) / len(valid_text)


def _numbered(values: np.ndarray) -> np.ndarray:
    """Return `values` with each distinct one replaced by its rank, so that numbers stay small."""
    return np.unique(values, return_inverse=True)[1]
