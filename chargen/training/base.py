"""The bundled base model, and whether a text is better learned from it than from nothing."""

import math
from typing import NamedTuple

import torch

from chargen.network.checkpoint import Checkpoint, find
from chargen.network.native import library
from chargen.text.baselines import COUNTS, count_model_loss
from chargen.text.corpus import Corpus
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.text_task import evaluate

BASE = "english"
SHORTEST = 20  # characters of a text that the base can judge
PROBE = 20_000  # characters that the base reads, a second on a laptop


class Base(NamedTuple):
    """The base model and what it makes of a text.

    Attributes:
        model: as it is before learning.
        bits: bits per character of the text's held-out part, before learning a word of the text.
        counts: the same of a count model that has learned the text.
    """

    model: Checkpoint
    bits: float
    counts: float

    @property
    def helps(self) -> bool:
        """Whether the base knows the text better than counting its letters teaches: then training begins from it."""
        return self.bits < self.counts


def consult_base(
    corpus: Corpus, device: torch.device, baselines: dict[str, float], processes: Processes = ALONE
) -> Base:
    """Let the bundled base model read the beginning of a text's held-out part, or of the text where none is held out.

    Args:
        corpus: of at least `SHORTEST` characters to learn.
        baselines: what `chargen.text.baselines.measure` found; empty where nothing is held out.
        processes: all of them get the judgement of the first.
    """
    base = Checkpoint.load(find(BASE))
    model = CharModel.fine_tuning(base, corpus.vocabulary).to(device)
    model.engine = "native" if device.type == "cpu" and library.path() else "torch"
    learned, probed = corpus.train_ids, corpus.valid_ids
    if len(probed) < 2:
        cut = len(corpus.train_ids) * 9 // 10
        learned, probed = corpus.train_ids[:cut], corpus.train_ids[cut:]
    bits = evaluate(model, probed[:PROBE]) / math.log(2)
    counts = baselines.get(COUNTS) or count_model_loss(learned[-PROBE * 10 :], probed[:PROBE]) / math.log(2)
    return Base(base, processes.agree(bits), processes.agree(counts))
