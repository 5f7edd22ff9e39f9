"""Where a model came from: the text, the settings and the losses that a checkpoint records."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from chargen.files.typed import typed, value_of
from chargen.text.corpus import Origin

# What is known about the metadata; from Python, a run may keep more.
METADATA: dict[str, Any] = {"budget": float | None, "init_from": str | None, "baselines": dict[str, float] | None}


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch, the line that goes to history.jsonl.

    Attributes:
        epoch: counted from 1.
        step: steps done since the beginning.
        seconds: spent in training steps since the beginning, without evaluation.
        train_loss: mean over the epoch, in nats per character, measured while the weights changed, with dropout.
        valid_loss: on the held-out text after the epoch, in nats per character; None if nothing is held out.
        learning_rate: of the epoch's last step.
        characters_per_second: training speed in this epoch.
    """

    epoch: int
    step: int
    seconds: float
    train_loss: float
    valid_loss: float | None
    learning_rate: float
    characters_per_second: float

    @property
    def score(self) -> float:
        """The loss that decides which epoch is best: validation, or training where nothing is held out."""
        return self.train_loss if self.valid_loss is None else self.valid_loss


@dataclass(frozen=True)
class Provenance:
    """Where a model came from.

    Attributes:
        corpus: the name of the text, "" of a model that was not trained by a run.
        corpus_sha256: see `Corpus.sha256`.
        origin: where the text was and how it was read; None in files that do not say.
        train_characters, valid_characters: lengths of the two parts of the text.
        settings: the `TrainingSettings`.
        metadata: what the run keeps besides: `budget` (seconds), `init_from`, `baselines` (bits per character by name).
        reached: the epoch after which it was saved; None before the first.
        chargen, torch: their versions.
        saved: when, in ISO form.
        resume: in the save of a run, its `position` and `environment`; None in a finished model.
    """

    corpus: str = ""
    corpus_sha256: str = ""
    origin: Origin | None = None
    train_characters: int = 0
    valid_characters: int = 0
    settings: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    reached: EpochRecord | None = None
    chargen: str = ""
    torch: str = ""
    saved: str = ""
    resume: dict | None = None

    def to_json(self) -> dict:
        """Return the fields that are set, for a checkpoint's description."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, {})}

    @classmethod
    def from_json(cls, values: dict, version: int) -> "Provenance":
        """Return the provenance that a checkpoint of a format version describes.

        Raises:
            KeyError, TypeError, ValueError, InputError: the values make no sense.
        """
        values = value_of(dict[str, Any], values, "training")
        for before in range(version, max(UPGRADES) + 1):
            values = UPGRADES[before](dict(values))
        found = typed(cls, {name: value for name, value in values.items() if value is not None})
        for name, kind in METADATA.items():
            value_of(kind, found.metadata.get(name), name)
        return found


def _with_metadata(values: dict) -> dict:
    """Formats 1 and 2 called the metadata "about"."""
    return {("metadata" if name == "about" else name): value for name, value in values.items()}


def _unchanged(values: dict) -> dict:
    """Format 1 differs from 2 in its digest alone, format 3 from 4 in that 4 may store weights in 8 bits."""
    return values


# By the version of the file: what makes its provenance one of the next version.
UPGRADES: dict[int, Callable[[dict], dict]] = {1: _unchanged, 2: _with_metadata, 3: _unchanged}
