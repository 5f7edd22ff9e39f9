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
    "Batching": "text.batches",
    "CharModel": "training.model",
    "ChargenError": "errors",
    "Checkpoint": "network.checkpoint",
    "CopyIndex": "analysis.copies",
    "Corpus": "text.corpus",
    "EpochRecord": "training.records",
    "ModelConfig": "network.config",
    "Progress": "training.records",
    "Run": "training.run",
    "Sampler": "sampling.sampler",
    "SamplingSettings": "sampling.filters",
    "Saved": "training.run",
    "TrainingSettings": "training.settings",
    "Vocabulary": "text.vocabulary",
    "evaluate": "training.text_task",
    "fit": "training.text_task",
    "load_corpus": "text.corpus",
    "score": "analysis.scoring",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str):
    if name not in _EXPORTS:
        raise AttributeError(f"module 'chargen' has no attribute {name!r}")
    return getattr(import_module(f"chargen.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
