"""chargen learns to write, one character at a time, in the style of any text.

>>> import chargen
>>> corpus = chargen.load_corpus(normalization="letters")
>>> model = chargen.CharModel(len(corpus.vocabulary), cell="gru", hidden_size=32)
>>> records = chargen.fit(model, corpus.train_ids, corpus.valid_ids, chargen.TrainingSettings(epochs=1))
>>> losses = [record.valid_loss for record in records if isinstance(record, chargen.EpochRecord)]
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:  # for editors and type checkers
    from chargen.analysis.copies import CopyIndex as CopyIndex
    from chargen.analysis.scoring import score as score
    from chargen.errors import ChargenError as ChargenError
    from chargen.network.checkpoint import Checkpoint as Checkpoint
    from chargen.network.config import ModelConfig as ModelConfig
    from chargen.sampling.filters import SamplingSettings as SamplingSettings
    from chargen.sampling.sampler import Sampler as Sampler
    from chargen.text.batches import Batching as Batching
    from chargen.text.corpus import Corpus as Corpus
    from chargen.text.corpus import load_corpus as load_corpus
    from chargen.text.vocabulary import Vocabulary as Vocabulary
    from chargen.training.automatic import train as train
    from chargen.training.model import CharModel as CharModel
    from chargen.training.records import EpochRecord as EpochRecord
    from chargen.training.records import Progress as Progress
    from chargen.training.run import Run as Run
    from chargen.training.run import Saved as Saved
    from chargen.training.settings import TrainingSettings as TrainingSettings
    from chargen.training.text_task import evaluate as evaluate
    from chargen.training.text_task import fit as fit

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
    "train": "training.automatic",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str):
    if name not in _EXPORTS:
        raise AttributeError(f"module 'chargen' has no attribute {name!r}")
    return getattr(import_module(f"chargen.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
