"""A model is one file: weights, configuration, vocabulary and provenance; written atomically, verified on load.

It is a safetensors file, no pickle. Its metadata holds one JSON string under the key "chargen" and a digest over the
tensors.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path

import numpy as np

from chargen.cells import ModelConfig
from chargen.errors import CheckpointError, InputError, SaveError
from chargen.vocabulary import Vocabulary

FORMAT_VERSION = 1
SUFFIX = ".safetensors"
BUNDLED = f"time-machine{SUFFIX}"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model, complete: what it takes to sample from it, and where it came from.

    Attributes:
        config: the shape of the network.
        vocabulary: the characters, and the normalisation that prefixes go through.
        weights: float arrays by name; names and shapes as in `ModelConfig.weight_shapes`.
        training: provenance as plain JSON values: the corpus's name and SHA-256, the settings, the losses reached.
    """

    config: ModelConfig
    vocabulary: Vocabulary
    weights: dict[str, np.ndarray]
    training: dict = field(default_factory=dict)

    def to_float16(self) -> "Checkpoint":
        """Return the checkpoint with weights of half the size, precise to three decimal digits."""
        return replace(self, weights={name: array.astype(np.float16) for name, array in self.weights.items()})

    def save(self, path: str | Path) -> None:
        """Write the checkpoint to `path`; whoever reads there meanwhile finds the old file or the new one, whole.

        Raises:
            SaveError: the file cannot be written.
        """
        from safetensors.numpy import save

        about = {
            "format": FORMAT_VERSION,
            "config": asdict(self.config),
            "vocabulary": asdict(self.vocabulary),
            "training": self.training,
        }
        weights = {name: np.ascontiguousarray(self.weights[name]) for name in sorted(self.weights)}
        write_atomically(Path(path), save(weights, {"chargen": json.dumps(about), "digest": _digest(weights)}))

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a checkpoint and verify it.

        Raises:
            CheckpointError: the file is missing, is not a checkpoint, was altered, or needs a newer chargen.
        """
        weights, metadata = _read_safetensors(Path(path))
        try:
            about = json.loads(metadata["chargen"])
            version = about["format"]
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"{path} is a safetensors file, but not one that chargen wrote") from None
        if version != FORMAT_VERSION:
            raise CheckpointError(f"{path} has format {version}, this chargen reads {FORMAT_VERSION}; upgrade chargen")
        if metadata.get("digest") != _digest(weights):
            raise CheckpointError(
                f"{path} is damaged: its weights do not match their digest; restore it or train again"
            )
        try:
            config, vocabulary = ModelConfig(**about["config"]), Vocabulary(**about["vocabulary"])
            training = dict(about["training"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise CheckpointError(f"{path} is damaged: its description does not make sense ({error})") from None
        shapes = {name: array.shape for name, array in weights.items()}
        if shapes != config.weight_shapes() or config.vocab_size != len(vocabulary):
            raise CheckpointError(f"{path} is damaged: its weights do not fit the network that it describes")
        return cls(config, vocabulary, weights, training)


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
    runs = sorted(folder.glob(f"*/best{SUFFIX}"), key=lambda path: path.stat().st_mtime)
    bundled = Path(str(resources.files("chargen.checkpoints")))
    if name is None:
        return runs[-1] if runs else bundled / BUNDLED
    for path in (
        Path(name),
        Path(name) / f"best{SUFFIX}",
        folder / name / f"best{SUFFIX}",
        bundled / f"{name}{SUFFIX}",
    ):
        if os.path.isfile(path):  # False too for a name that no file can have
            return path
    known = ", ".join([path.parent.name for path in runs] + [Path(BUNDLED).stem])
    raise CheckpointError(f"no checkpoint {str(name)!r}; give a .safetensors file, or the name of a model: {known}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a temporary file beside it, so that no half-written file is ever seen there.

    Raises:
        SaveError: the file cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes the file private
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror}; free some space, or choose another folder") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _digest(weights: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 over the names, types, shapes and bytes of all tensors, in the order of their names."""
    sha256 = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name]
        sha256.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error}") from None
    except (SafetensorError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from None
