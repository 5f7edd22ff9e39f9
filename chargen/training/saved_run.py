"""The last good save of a run: read and verified once, with the folder locked."""

import contextlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.atomic import is_there, write_atomically
from chargen.files.typed import typed, value_of
from chargen.network.checkpoint import BEST, LAST, PREVIOUS, Checkpoint, runs_in
from chargen.network.native import library
from chargen.network.provenance import Provenance
from chargen.report.words import counted
from chargen.text.corpus import Corpus, Origin, read_corpus
from chargen.text.sources import require_at_hand
from chargen.training.engines import ENGINES, engine_name
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.records import EpochRecord, Position, read_history
from chargen.training.run_folder import HISTORY, Lock, locked
from chargen.training.settings import TrainingSettings
from chargen.training.trainer import Trainer


@dataclass(frozen=True)
class SavedRun:
    """What a run's folder holds to go on from.

    Attributes:
        folder: of the run; it stays locked until `lock` is closed.
        checkpoint: the network and the optimizer's state.
        provenance: that of the checkpoint.
        origin: where the text was and how it was read.
        settings: of the training, as the run was begun.
        position: where it stands.
        notes: what the user should know about the save, one sentence each.
    """

    folder: Path
    lock: Lock
    checkpoint: Checkpoint
    provenance: Provenance
    origin: Origin
    settings: TrainingSettings
    position: Position
    notes: tuple[str, ...]

    @classmethod
    def open(cls, folder: str | Path, processes: Processes = ALONE) -> "SavedRun":
        """Lock a run's folder and read its last good save.

        Args:
            processes: the first one reads and tells the others, which may have no such folder.

        Raises:
            CheckpointError: there is no save, or none that can be loaded.
            InputError: another process uses the folder.
        """
        folder = Path(folder)
        if processes.first:
            _require_save(folder)  # locking would create the folder
        lock = locked(folder, processes)
        try:
            checkpoint, notes = _last_good_save(folder, processes)
        except BaseException:
            lock.close()
            raise
        return cls(folder, lock, checkpoint, *_parsed(checkpoint, folder), notes)

    @property
    def environment(self) -> dict:
        """What else decides the last bits of the result, see `environment_of`."""
        return (self.provenance.resume or {})["environment"]

    @property
    def engine(self) -> str:
        """The engine that the run was trained on, or "torch" where that one cannot run."""
        name = str(self.environment.get("engine", "torch")).split()[0]
        return name if name in ENGINES and (name != "native" or library.path(self.settings.precision)) else "torch"

    def changed(self, options: dict) -> dict:
        """Return those of `options` that contradict how the run was begun, each with the run's value.

        Args:
            options: values by the names of `ModelConfig`, `TrainingSettings`, `Batching`, `ReadingOptions` and the
                metadata; others are ignored.
        """
        known = asdict(self.checkpoint.config) | vars(self.settings) | vars(self.settings.batching)
        known |= vars(self.origin) | self.provenance.metadata
        return {name: known[name] for name, value in options.items() if name in known and known[name] != value}

    def same_text(self, corpus: Corpus | None, in_memory: int) -> Corpus:
        """Return the text that the run was trained on: `corpus`, or what lies where it came from.

        Raises:
            InputError: it is another text, it is read differently, or it came from standard input.
        """
        provenance, origin = self.provenance, self.origin
        if corpus is None:
            if origin.source is None:
                raise InputError("the run learns a text from standard input", _again("-", self.folder))
            with _naming_the_way_out(self.folder):
                require_at_hand(origin.source)
                corpus = read_corpus(origin.source, origin, in_memory)
        elif corpus.origin.source is None:  # a later resume can read it from where it was at first
            corpus = replace(corpus, origin=origin)
        if corpus.sha256 != provenance.corpus_sha256:
            raise InputError(
                f"{corpus.name}: this is not the text that the run learns (its SHA-256 was"
                f" {provenance.corpus_sha256[:12]}..., it is {corpus.sha256[:12]}...)",
                "bring the old text back, or begin a new run with {init_from}",
            )
        lengths = provenance.train_characters, provenance.valid_characters
        same_lengths = (len(corpus.train_ids), len(corpus.valid_ids)) == lengths
        if corpus.vocabulary != self.checkpoint.vocabulary or not same_lengths:
            raise InputError(f"{corpus.name}: this is the run's text, but read differently", f"read it as {origin}")
        return corpus

    def extended(self, epochs: int | None, more_seconds: float) -> TrainingSettings:
        """Return the settings with more epochs or more seconds."""
        settings = self.settings
        if epochs is not None and epochs < settings.epochs:
            raise InputError(
                f"{epochs}: the run was planned for {settings.epochs}", "give at least as many", setting="epochs"
            )
        if more_seconds and settings.seconds is not None:
            return replace(settings, seconds=settings.seconds + more_seconds)
        return replace(settings, epochs=epochs or settings.epochs)

    def restore(self, trainer: Trainer) -> None:
        """Bring a trainer to where the run stood."""
        tensors = {name: torch.tensor(array) for name, array in self.checkpoint.resume.items()}
        try:
            trainer.restore(tensors, asdict(self.position))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(f"the last save in {self.folder} is damaged: {error}") from None

    def read_history(self) -> list[EpochRecord]:
        """Return the records of the finished epochs; drop later ones, and what a crash has torn, from the file."""
        path = self.folder / HISTORY
        records = read_history(path) if os.path.lexists(path) else []
        kept = [record for record in records if record.epoch < self.position.epoch]
        write_atomically(path, "".join(json.dumps(asdict(record)) + "\n" for record in kept).encode())
        return kept


@contextlib.contextmanager
def _naming_the_way_out(folder: Path) -> Iterator[None]:
    """Say what to do about a text that cannot be read from where it was."""
    try:
        yield
    except InputError as error:
        raise InputError(f"the run's text: {error.message}", _again("PATH", folder)) from None


def _again(source: str, folder: Path) -> str:
    return f"give it again: chargen train {source} {{resume}} {folder.name}"


def environment_of(model: CharModel, trainer: Trainer) -> dict:
    """Return what decides the last bits of a result besides the settings."""
    device = trainer.device
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "engine": engine_name(model.engine, trainer.settings.precision),
        "threads": "any" if model.engine == "native" else trainer.threads.used,  # which changes no bit of its results
        "processes": trainer.processes.size,
    }


def differences(before: dict, model: CharModel, trainer: Trainer) -> list[str]:
    """Return a note if a run goes on in another environment."""
    before, now = {"processes": 1} | before, environment_of(model, trainer)
    changed = [f"{name} was {before[name]}, is {now[name]}" for name in now if before.get(name, now[name]) != now[name]]
    return [f"the result may differ in its last bits: {'; '.join(changed)}"] if changed else []


def newest_run(folder: str | Path) -> Path:
    """Return the folder of the run in `folder` that was saved last.

    Raises:
        CheckpointError: there is no run that could be resumed.
    """
    saves = [run / name for name in (LAST, PREVIOUS) for run in runs_in(folder) if (run / name).exists()]
    if not saves:
        raise CheckpointError(f"{folder} holds no run that could be resumed", "begin one without {resume}")
    return max(saves, key=lambda path: path.stat().st_mtime).parent


def _require_save(folder: Path) -> None:
    if not any(is_there(folder / name) or os.path.exists(folder / name) for name in (LAST, PREVIOUS)):
        has_best = is_there(folder / BEST)
        advice = "begin a new run from its best model with {init_from}" if has_best else "begin one without {resume}"
        raise CheckpointError(f"{folder} holds no run that could be resumed", advice)


def _last_good_save(folder: Path, processes: Processes) -> tuple[Checkpoint, tuple[str, ...]]:
    checkpoint, notes = _first_good_save(folder) if processes.first else (None, ())
    if processes.size > 1:
        data = processes.share((folder / (PREVIOUS if notes else LAST)).read_bytes() if processes.first else b"")
        if not processes.first:
            with tempfile.TemporaryDirectory() as place:
                (Path(place) / LAST).write_bytes(data)
                checkpoint = Checkpoint.load(Path(place) / LAST)
    assert checkpoint is not None
    return checkpoint, notes


def _first_good_save(folder: Path) -> tuple[Checkpoint, tuple[str, ...]]:
    _require_save(folder)
    last, previous = folder / LAST, folder / PREVIOUS
    try:
        return _resumable(last), ()
    except CheckpointError as error:
        if not isinstance(error, DamagedError) and os.path.exists(last):
            raise  # it may be good; this chargen, or this user, cannot read it
        try:
            checkpoint = _resumable(previous)
        except CheckpointError as second:
            raise CheckpointError(f"{error}; and {second}") from None
        step = _parsed(checkpoint, previous)[3].step
        return checkpoint, (f"{error.message}; resuming from the save before it, after {counted(step, 'step')}",)


def _resumable(path: Path) -> Checkpoint:
    """Return the checkpoint at `path` if training can go on from it."""
    checkpoint = Checkpoint.load(path)
    if checkpoint.provenance.resume is None:
        raise CheckpointError(f"{path} is a finished model, without the state of its training")
    _parsed(checkpoint, path)
    return checkpoint


def _parsed(checkpoint: Checkpoint, path: Path) -> tuple[Provenance, Origin, TrainingSettings, Position]:
    provenance = checkpoint.provenance
    try:
        resume = provenance.resume or {}
        value_of(dict[str, int | str], resume.get("environment"), "environment")
        settings = typed(TrainingSettings, provenance.settings)
        position = typed(Position, resume.get("position"))
        if provenance.origin is None:
            raise ValueError("it does not say where the text was")
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DamagedError(f"{path} is damaged: its description does not make sense ({error})") from None
    return provenance, provenance.origin, settings, position
