"""chargen learns to write, one character at a time, in the style of any text.

>>> import chargen
>>> corpus = chargen.load_corpus(normalization="letters")
>>> model = chargen.CharModel(len(corpus.vocabulary), cell="gru", hidden_size=32)
>>> records = chargen.fit(model, corpus.train_ids, corpus.valid_ids, chargen.TrainingSettings(epochs=1))
>>> losses = [record.valid_loss for record in records if isinstance(record, chargen.EpochRecord)]
"""

from importlib import import_module

__version__ = "0.1.0"

# Every public name and the module that defines it, imported when it is first used, so that sampling never loads torch.
_EXPORTS = {
    "Batching": "batches",
    "CharModel": "model",
    "ChargenError": "errors",
    "Checkpoint": "checkpoint",
    "CopyIndex": "copying",
    "Corpus": "corpus",
    "EpochRecord": "training",
    "ModelConfig": "cells",
    "Progress": "training",
    "Run": "runs",
    "Sampler": "sampling",
    "SamplingSettings": "drawing",
    "Saved": "runs",
    "TrainingSettings": "training",
    "Vocabulary": "vocabulary",
    "evaluate": "language",
    "fit": "language",
    "load_corpus": "corpus",
    "score": "scoring",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str):
    if name not in _EXPORTS:
        raise AttributeError(f"module 'chargen' has no attribute {name!r}")
    return getattr(import_module(f"chargen.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
