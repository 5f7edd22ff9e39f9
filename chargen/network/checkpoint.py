"""A model in one file: weights, configuration, vocabulary and provenance; written atomically, verified on load.

Loading trusts nothing: it returns a checkpoint that makes sense or raises a `CheckpointError`.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path

import numpy as np

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.atomic import is_there, unreadable
from chargen.files.container import read_tensors, require_shapes, write_tensors
from chargen.files.typed import typed
from chargen.network.config import ModelConfig
from chargen.network.provenance import Provenance
from chargen.network.storage import pack, unpack
from chargen.report.words import suggestion
from chargen.text.vocabulary import Vocabulary

KIND = "chargen"
SHARED = "output.weight"  # of tied weights, which a file holds once, as the embedding
RESUME = "resume."  # prefix of the tensors that only resuming needs
WORDS = "words"  # the tensor that holds the words, in lines of UTF-8
SUFFIX = ".safetensors"
BEST, LAST, PREVIOUS = (f"{name}{SUFFIX}" for name in ("best", "last", "previous"))  # a run's files
MODELS = BEST, LAST, PREVIOUS  # by preference: while a run is saved, only the last of them may be there
BUNDLED = f"time-machine{SUFFIX}"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model: all that sampling needs, and where it came from.

    Attributes:
        config: the shape of the network.
        vocabulary: the characters, and the normalization of prefixes.
        weights: float arrays by name; names and shapes as in `ModelConfig.weight_shapes`.
        provenance: where the model came from.
        resume: arrays by name that only resuming needs, such as the optimizer's; empty in a finished model.
        bits: in which a file stores an element of a matrix: 32, 16 or 8.
        words: of the texts that the model learned, see `chargen.text.words`; older models have none.
    """

    config: ModelConfig
    vocabulary: Vocabulary
    weights: dict[str, np.ndarray]
    provenance: Provenance = field(default_factory=Provenance)
    resume: dict[str, np.ndarray] = field(default_factory=dict)
    bits: int = 32
    words: list[str] = field(default_factory=list)

    def in_16_bits(self) -> "Checkpoint":
        """Return the checkpoint as a file is to hold it in half the space; with 32 bits where a weight is too large."""
        largest = max(np.abs(array).max(initial=0) for array in self.weights.values())
        return replace(self, bits=16) if largest <= np.finfo(np.float16).max else self

    def save(self, path: str | Path, previous: str | Path | None = None, instead_of: Sequence[str | Path] = ()) -> None:
        """Write the checkpoint to `path` atomically: a reader finds the old file or the new one.

        Args:
            previous: the file that is at `path` now is kept under this name. Between the two renames it is there alone.
            instead_of: files of the same folder that are removed before the checkpoint takes its place.

        Raises:
            SaveError: the file cannot be written.
            InputError: a weight is too large for 16 bits.
        """
        about = {
            "config": asdict(self.config),
            "vocabulary": asdict(self.vocabulary),
            "training": self.provenance.to_json(),
        }
        resume = {f"{RESUME}{name}": array for name, array in self.resume.items()}
        words = {WORDS: np.frombuffer("\n".join(self.words).encode(), np.uint8)} if self.words else {}
        tensors = pack(self.weights, self.bits) | resume | words
        if self.config.tied:
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(SHARED)}
        old = list(map(Path, instead_of))
        write_tensors(Path(path), KIND, about, tensors, Path(previous) if previous else None, old)

    @property
    def digest(self) -> str:
        """The SHA-256 of the network, its characters and its weights: the same for models that predict the same.

        It leaves out what differs from run to run, such as the time of a save; so do not compare the files themselves.
        """
        of = hashlib.sha256(json.dumps([asdict(self.config), asdict(self.vocabulary)]).encode())
        for name, array in sorted(self.weights.items()):
            of.update(name.encode())
            of.update(np.ascontiguousarray(array, "<f4").tobytes())
        return of.hexdigest()

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a checkpoint and verify it.

        Raises:
            CheckpointError: the file is missing, is not a checkpoint, was altered, or needs a newer chargen.
        """
        about, tensors = read_tensors(Path(path), KIND)
        try:
            config, vocabulary = typed(ModelConfig, about["config"]), typed(Vocabulary, about["vocabulary"])
            provenance = Provenance.from_json(about["training"], about["format"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise DamagedError(f"{path} is damaged: its description does not make sense ({error})") from None
        resume = {name.removeprefix(RESUME): tensors.pop(name) for name in list(tensors) if name.startswith(RESUME)}
        try:
            words = tensors.pop(WORDS).tobytes().decode().split("\n") if WORDS in tensors else []
            weights, bits = unpack(tensors)
            if config.tied and "embedding.weight" in weights:
                weights[SHARED] = weights["embedding.weight"]
            _check(config, vocabulary, weights)
        except ValueError as fault:
            raise DamagedError(f"{path} is damaged: {fault}") from None
        return cls(config, vocabulary, weights, provenance, resume, bits, words)


def find(name: str | Path | None = None, folder: str | Path = "checkpoints") -> Path:
    """Return the path of a checkpoint.

    Args:
        name: a file, a run's folder, the name of a run in `folder` or of a bundled model; None for the newest run in
            `folder` or, without one, the bundled model.
        folder: holds the runs.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    folder, bundled = Path(folder), bundled_model()
    if name is None:
        runs = runs_in(folder)
        return model_of(runs[-1]) if runs else bundled
    for path in (Path(name), model_of(Path(name)), model_of(folder / name), bundled.parent / f"{name}{SUFFIX}"):
        if is_there(path):
            return path
    known = [*(run.name for run in reversed(runs_in(folder))), *bundled_models()]
    advice = suggestion(str(name), known, map(str, filter(is_there, Path().glob(f"*{SUFFIX}"))))
    raise CheckpointError(f"no model {str(name)!r}", advice)


def runs_in(folder: str | Path = "checkpoints") -> list[Path]:
    """Return the folders of the runs in `folder`, the newest last.

    Raises:
        InputError: the folder cannot be read.
    """
    is_there(Path(folder) / BEST)  # which tells whether it may be searched; glob does not
    try:
        os.listdir(folder)
    except PermissionError as error:
        raise unreadable(folder, error) from None
    except OSError:
        return []
    return sorted({path.parent for file in MODELS for path in Path(folder).glob(f"*/{file}")}, key=_age)


def bundled_model() -> Path:
    """Return the path of the model that writes where no other is named."""
    return Path(str(resources.files("chargen.checkpoints"))) / BUNDLED


def bundled_models() -> list[str]:
    """Return the names of the models that are installed with chargen."""
    return sorted(path.stem for path in bundled_model().parent.glob(f"*{SUFFIX}"))


def model_name(path: Path) -> str:
    """Return a short name for the model in a file; a run's other models are told apart from its best one.

    >>> [model_name(Path("runs/poem") / f"{name}.safetensors") for name in ("best", "last", "other")]
    ['poem', 'poem/last', 'other']
    """
    run = path.resolve().parent.name
    return run if path.name == BEST else f"{run}/{path.stem}" if path.name in (LAST, PREVIOUS) else path.stem


def model_of(run: Path) -> Path:
    """Return the path of a run's best model; while there is none, of its last save, or the one before."""
    return next((run / name for name in MODELS if is_there(run / name)), run / BEST)


def _age(run: Path) -> float:
    with contextlib.suppress(OSError, InputError):  # it may be gone by now
        return os.path.getmtime(model_of(run))
    return 0.0


def _check(config: ModelConfig, vocabulary: Vocabulary, weights: dict[str, np.ndarray]) -> None:
    """Raise ValueError if these weights cannot belong to this network."""
    if config.num_layers > len(weights):  # or listing the shapes might never end
        raise ValueError(f"it has too few weights for {config.num_layers:,} layers")
    if config.vocab_size != len(vocabulary):
        raise ValueError(f"it has {len(vocabulary):,} characters, and a network for {config.vocab_size:,}")
    require_shapes(weights, config.weight_shapes())
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
