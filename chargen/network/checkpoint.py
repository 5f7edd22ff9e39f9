"""A model is one file: weights, configuration, vocabulary and provenance; written atomically, verified on load.

Loading trusts nothing: it ends with a checkpoint that makes sense or with one `CheckpointError`.
"""

import os
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path

import numpy as np

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.container import read_tensors, write_tensors
from chargen.network.config import ModelConfig
from chargen.text.vocabulary import Vocabulary

KIND = "chargen"
RESUME = "resume."  # begins the names of tensors that only going on with the training needs
SUFFIX = ".safetensors"
BEST, LAST, PREVIOUS = (f"{name}{SUFFIX}" for name in ("best", "last", "previous"))  # a run's files
BUNDLED = f"time-machine{SUFFIX}"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model, complete: what it takes to sample from it, and where it came from.

    Attributes:
        config: the shape of the network.
        vocabulary: the characters, and the normalisation that prefixes go through.
        weights: float arrays by name; names and shapes as in `ModelConfig.weight_shapes`.
        training: provenance as plain JSON values: the corpus's name and SHA-256, the settings, the losses reached.
        resume: arrays by name that only going on with the training needs, such as the optimizer's; empty in a model
            that is done.
    """

    config: ModelConfig
    vocabulary: Vocabulary
    weights: dict[str, np.ndarray]
    training: dict = field(default_factory=dict)
    resume: dict[str, np.ndarray] = field(default_factory=dict)

    def to_float16(self) -> "Checkpoint":
        """Return the checkpoint with weights of half the size, precise to three decimal digits."""
        return replace(self, weights={name: array.astype(np.float16) for name, array in self.weights.items()})

    def save(self, path: str | Path, previous: str | Path | None = None) -> None:
        """Write the checkpoint to `path`; whoever reads there meanwhile finds the old file or the new one, whole.

        Args:
            previous: a second name, under which the file that lies at `path` until now is kept. Whoever reads between
                the two renamings finds it there alone.

        Raises:
            SaveError: the file cannot be written.
        """
        about = {
            "config": asdict(self.config),
            "vocabulary": asdict(self.vocabulary),
            "training": self.training,
        }
        tensors = self.weights | {f"{RESUME}{name}": array for name, array in self.resume.items()}
        write_tensors(Path(path), KIND, about, tensors, previous and Path(previous))

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a checkpoint and verify it.

        Raises:
            CheckpointError: the file is missing, is not a checkpoint, was altered, or needs a newer chargen.
        """
        about, tensors = read_tensors(Path(path), KIND)
        try:
            config, vocabulary = ModelConfig(**about["config"]), Vocabulary(**about["vocabulary"])
            training = dict(about["training"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise DamagedError(f"{path} is damaged: its description does not make sense ({error})") from None
        weights = {name: array for name, array in tensors.items() if not name.startswith(RESUME)}
        resume = {name.removeprefix(RESUME): array for name, array in tensors.items() if name not in weights}
        if fault := _fault(config, vocabulary, weights):
            raise DamagedError(f"{path} is damaged: {fault}")
        return cls(config, vocabulary, weights, training, resume)


def find(name: str | Path | None = None, folder: str | Path = "checkpoints") -> Path:
    """Return the path of a checkpoint.

    Args:
        name: a file, a run's folder, the name of a run in `folder` or of a bundled model, or None for the newest run
            in `folder`, or, where there is none, the bundled model.
        folder: where runs land.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    folder = Path(folder)
    runs = {path.parent for file in (BEST, LAST) for path in folder.glob(f"*/{file}")}
    runs = sorted(runs, key=lambda run: os.path.getmtime(_model_of(run)))
    bundled = Path(str(resources.files("chargen.checkpoints")))
    if name is None:
        return _model_of(runs[-1]) if runs else bundled / BUNDLED
    for path in (Path(name), _model_of(Path(name)), _model_of(folder / name), bundled / f"{name}{SUFFIX}"):
        if os.path.isfile(path):  # False too for a name that no file can have
            return path
    known = ", ".join([run.name for run in runs] + [Path(BUNDLED).stem])
    raise CheckpointError(f"no checkpoint {str(name)!r}; give a .safetensors file, or the name of a model: {known}")


def model_name(path: Path) -> str:
    """Return a short name for the model in a file; a run's models are told apart from those of other runs.

    >>> model_name(Path("checkpoints/poem-lstm/best.safetensors")), model_name(Path("models/poem.safetensors"))
    ('poem-lstm/best', 'poem')
    """
    return f"{path.resolve().parent.name}/{path.stem}" if path.name in (BEST, LAST, PREVIOUS) else path.stem


def _model_of(run: Path) -> Path:
    """Return the path of a run's best model, or of its last one while there is no best."""
    best, last = run / BEST, run / LAST
    return last if os.path.isfile(last) and not os.path.isfile(best) else best


def _fault(config: ModelConfig, vocabulary: Vocabulary, weights: dict[str, np.ndarray]) -> str | None:
    """Return why these weights cannot be this network's, or None if they can."""
    shapes = {name: array.shape for name, array in weights.items()}
    fits = config.num_layers <= len(weights)  # or else to list the shapes might take for ever
    if not fits or shapes != config.weight_shapes() or config.vocab_size != len(vocabulary):
        return "its weights do not fit the network that it describes"
    for name, array in weights.items():
        if array.dtype not in (np.float16, np.float32):
            return f"{name} is of type {array.dtype}, not float16 or float32"
        if not np.isfinite(array).all():
            return f"{name} holds values that are no numbers"
    return None
