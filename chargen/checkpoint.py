"""A model is one file: weights, configuration, vocabulary and provenance; written atomically, verified on load.

It is a safetensors file, no pickle. Its metadata holds one JSON string under the key "chargen", and a digest over that
string and the tensors. Loading trusts nothing: whatever the file holds, it costs memory in proportion to the file's
size, and ends with a checkpoint that makes sense or with one `CheckpointError`.
"""

import hashlib
import json
import os
import struct
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path

import numpy as np

from chargen.cells import ModelConfig
from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.storage import write_atomically
from chargen.vocabulary import Vocabulary

FORMAT_VERSION = 2  # 1: the digest was over the tensors alone
LARGEST_HEADER = 32_000_000  # bytes; a vocabulary of all of Unicode takes 14 million
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
        from safetensors.numpy import save

        about = json.dumps(
            {
                "format": FORMAT_VERSION,
                "config": asdict(self.config),
                "vocabulary": asdict(self.vocabulary),
                "training": self.training,
            }
        )
        tensors = self.weights | {f"{RESUME}{name}": array for name, array in self.resume.items()}
        tensors = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
        data = save(tensors, {"chargen": about, "digest": _digest(tensors, about)})
        write_atomically(Path(path), data, previous and Path(previous))

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a checkpoint and verify it.

        Raises:
            CheckpointError: the file is missing, is not a checkpoint, was altered, or needs a newer chargen.
        """
        tensors, metadata = _read_safetensors(Path(path))
        try:
            about = json.loads(metadata["chargen"])
            version = int(about["format"])
        except (KeyError, OverflowError, TypeError, ValueError, RecursionError):
            raise DamagedError(f"{path} is a safetensors file, but not one that chargen wrote") from None
        if version > FORMAT_VERSION:
            raise CheckpointError(f"{path} has format {version}, this chargen reads {FORMAT_VERSION}; upgrade chargen")
        if metadata.get("digest") != _digest(tensors, metadata["chargen"] if version > 1 else ""):
            raise DamagedError(f"{path} is damaged: what it holds does not match its digest; restore it or train again")
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


def _digest(tensors: dict[str, np.ndarray], about: str) -> str:
    """Return the SHA-256 over `about`, and the names, types, shapes and bytes of all tensors by name."""
    sha256 = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        array = tensors[name]
        sha256.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            (header,) = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))
        if header > min(LARGEST_HEADER, path.stat().st_size):
            raise DamagedError(f"{path} is not a checkpoint: it does not begin as a safetensors file does")
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from None
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{path} is not a checkpoint: {error}") from None
