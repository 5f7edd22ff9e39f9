"""What a base model knows of a text, by which training begins from it or from nothing."""

import math
from typing import NamedTuple

import torch

from chargen.network.checkpoint import Checkpoint
from chargen.network.native import library
from chargen.text.baselines import COUNTS, count_model_loss
from chargen.text.corpus import Corpus
from chargen.text.words import find_words
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.recipe import Knowledge
from chargen.training.text_task import evaluate

BASE = "english"
BEFORE_LEARNING = f"{BASE} before learning"  # the name of the figure of the base as it is
SHORTEST = 20  # characters of a text that the base can judge
PROBE = 20_000  # characters that the base reads, a second on a laptop
WELL = 0.36  # of the bits of guessing, below which the base has read many such texts
LANGUAGE = 0.85  # of a text's different words, from which on its language is the base's own
FOREIGN = 0.85  # of the bits of guessing: where the base needs more, it has too much to unlearn


class Opinion(NamedTuple):
    """What a base model makes of a text; bits are those per character of the text's held-out part.

    Attributes:
        bits: before the base has learned a word of the text.
        counts: of a count model that has learned the text.
        guessing: of guessing, with all characters as likely.
        words: the share of the text's different words that the base has read; 0 where there are none.
    """

    bits: float
    counts: float
    guessing: float
    words: float

    @property
    def knowledge(self) -> Knowledge:
        """How well the base knows such texts."""
        if self.bits < min(self.counts, WELL * self.guessing):
            return Knowledge.GOOD
        return Knowledge.FAIR if self.bits < self.counts or self.words >= LANGUAGE else Knowledge.POOR

    @property
    def helps(self) -> bool:
        """Whether training had better begin from the base: also a language that shares its letters and some words."""
        return self.bits < max(self.counts, FOREIGN * self.guessing)


def consult(
    base: Checkpoint,
    corpus: Corpus,
    device: torch.device,
    baselines: dict[str, float],
    processes: Processes = ALONE,
) -> Opinion:
    """Let a base model read the beginning of a text's held-out part, or of the text's end where none is held out.

    Args:
        corpus: of at least `SHORTEST` characters to learn.
        baselines: what `chargen.text.baselines.measure` found; empty where nothing is held out.
        processes: all of them get the judgement of the first.
    """
    model = CharModel.fine_tuning(base, corpus.vocabulary).to(device)
    model.engine = "native" if device.type == "cpu" and library.has_vectors() else "torch"
    learned, probed = corpus.train_ids, corpus.valid_ids
    if len(probed) < 2:
        cut = len(corpus.train_ids) * 9 // 10
        learned, probed = corpus.train_ids[:cut], corpus.train_ids[cut:]
    bits = evaluate(model, probed[:PROBE]) / math.log(2)
    counts = baselines.get(COUNTS) or count_model_loss(learned[-PROBE * 10 :], probed[:PROBE]) / math.log(2)
    words = find_words(learned[: PROBE * 10], corpus.vocabulary.characters)
    known = len(set(words) & set(base.words)) / max(len(words), 1)
    figures = bits, counts, math.log2(len(corpus.vocabulary)), known
    return Opinion(*map(processes.agree, figures))
