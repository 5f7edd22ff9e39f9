"""What a base model knows of a text, by which training begins from it or from nothing."""

import math
from typing import NamedTuple

import torch

from chargen.network.checkpoint import Checkpoint
from chargen.network.native import library
from chargen.text.baselines import COUNTS, count_model_loss
from chargen.text.corpus import Corpus
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.text_task import evaluate

BASE = "english"
BEFORE_LEARNING = f"{BASE} before learning"  # the name of the figure of the base as it is
SHORTEST = 20  # characters of a text that the base can judge
PROBE = 20_000  # characters that the base reads, a second on a laptop
KNOWN = 0.85  # of the bits of guessing: where the base needs more, it has too much to unlearn


class Opinion(NamedTuple):
    """What a base model makes of a text, in bits per character of the text's held-out part.

    Attributes:
        bits: before the base has learned a word of the text.
        counts: of a count model that has learned the text.
        guessing: of guessing, with all characters as likely.
    """

    bits: float
    counts: float
    guessing: float

    @property
    def familiar(self) -> bool:
        """Whether the base knows the text better than counting its letters teaches: then it has little to learn."""
        return self.bits < self.counts

    @property
    def helps(self) -> bool:
        """Whether training had better begin from the base: also a language that shares its letters and some words."""
        return self.familiar or self.bits < KNOWN * self.guessing


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
    model.engine = "native" if device.type == "cpu" and library.path() else "torch"
    learned, probed = corpus.train_ids, corpus.valid_ids
    if len(probed) < 2:
        cut = len(corpus.train_ids) * 9 // 10
        learned, probed = corpus.train_ids[:cut], corpus.train_ids[cut:]
    bits = evaluate(model, probed[:PROBE]) / math.log(2)
    counts = baselines.get(COUNTS) or count_model_loss(learned[-PROBE * 10 :], probed[:PROBE]) / math.log(2)
    return Opinion(processes.agree(bits), processes.agree(counts), math.log2(len(corpus.vocabulary)))
