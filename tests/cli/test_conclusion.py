import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from chargen.cli.conclusion import conclusion
from chargen.training.base import BEFORE_LEARNING
from chargen.training.records import EpochRecord
from chargen.training.settings import TrainingSettings

BASELINES = {"counts": 2.1, "xz": 2.4}


def run(*losses, baselines=BASELINES, **settings):
    """What is asked of a run whose epochs had these losses of training and held-out text, in bits, a minute each."""
    history = [
        EpochRecord(epoch, epoch, 60.0 * epoch, train * math.log(2), valid and valid * math.log(2), 0.1, 1.0)
        for epoch, (train, valid) in enumerate(losses, 1)
    ]
    best = min(record.score for record in history)
    settings = TrainingSettings(**settings)
    folder = Path("checkpoints/poem")
    return SimpleNamespace(
        history=history, best=best, settings=settings, metadata={"baselines": baselines}, folder=folder
    )


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (run((2.5, 2.6), (2, 2.05)), ["better than counts (2.100 bits), xz (2.400 bits)"]),
        (run((2, 2.0999)), ["not yet better than counts (2.100 bits): give it more time (--budget 5m)"]),
        (run((2, 2.2)), ["not yet better than counts (2.100 bits): give it more time (--budget 5m)"]),
        (run((2, 2.2), seconds=600.0), ["not yet better than counts (2.100 bits): give it more time (--budget 30m)"]),
        (run(*[(2, 2.2)] * 16), ["not yet better than counts (2.100 bits): give it more text"]),
        (
            run((2, 2.05), baselines={BEFORE_LEARNING: 2.04} | BASELINES),
            ["not yet better than english before learning (2.040 bits): give it more text"],
        ),
        (run((0.1, 0.0004)), ["it predicts all of the held-out text: there is nothing left to learn"]),
        (run((1.0, None)), ["nothing was held out, so nobody knows whether it has learned the text by heart"]),
    ],
)
def test_the_verdict(run, verdict):
    _, *told, saved = conclusion(run)
    assert told == verdict
    assert saved == f"saved in {run.folder}; now type: chargen sample"


def test_a_text_that_is_learned_by_heart_is_called_that():
    *_, told, _ = conclusion(run((2, 2), (0.5, 2.05)))
    assert told.startswith("the training perplexity of 1.41 is far below the held-out 4.14: it has begun to learn")


def test_the_best_epoch_is_named():
    assert conclusion(run((2, 2), (1.9, 2.05)))[0] == (
        "best: held-out perplexity 4.00, 2.000 bits per character, after epoch 1 of 2, 2 min of training"
    )
