"""A run's folder: its best model, its last save to go on from, its history, its picture."""

import contextlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

import torch

from chargen import __version__
from chargen.errors import CheckpointError, DamagedError, InputError, SaveError
from chargen.files.atomic import append_durably, require_space, write_atomically
from chargen.files.lock import FolderLock, lock
from chargen.network.checkpoint import BEST, LAST, PREVIOUS, Checkpoint
from chargen.report import plots
from chargen.text.batches import Batching
from chargen.text.corpus import IN_MEMORY, Corpus, Origin, read_corpus
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.text_task import text_trainer
from chargen.training.trainer import EpochRecord, Position, Progress, Trainer, TrainingSettings

HISTORY, PICTURE, DAMAGED = "history.jsonl", "loss.png", "damaged.safetensors"
SAVE_EVERY = 30.0  # seconds
SAVING_SHARE = 0.02  # of the time, at most, that the saves after epochs may take


class Saved(NamedTuple):
    """All that was learned in `step` steps is on the disk; `after_epoch`: an epoch has ended, its record follows."""

    step: int
    after_epoch: bool


class Run:
    """A training and the folder that keeps it. Make one with `begin` or `resume`; only one process at a time can.

    Processes that train together count as one: each of them makes the run, and the first alone touches the folder.

    The folder gets `best.safetensors` (the epoch with the lowest validation loss), `last.safetensors` (the last save,
    to go on from) and `previous.safetensors` (the save before it), `history.jsonl` (a line an epoch) and, when the run
    ends or is stopped, `loss.png`.

    Attributes:
        history: the records of the epochs that are done.
        notes: what a person should know about how the run was resumed, one sentence each.
        model: the network, as it is now.
        corpus: the text that is learned.
        about: plain JSON values that are kept with the run; of these, `baselines` are drawn, see `plots.save_losses`.
    """

    def __init__(self, folder: Path, lock, trainer: Trainer, corpus: Corpus, about: dict, save_every: float):
        self.folder, self.corpus, self.model = folder, corpus, trainer.model
        self.history: list[EpochRecord] = []
        self.notes: list[str] = []
        self._trainer, self.about, self._save_every = trainer, about, save_every
        self._processes = trainer.processes
        self._lock = lock  # held until it is closed
        self._unsaved_best: Checkpoint | None = None
        self._unsaved_history: list[EpochRecord] = []
        self._saved_at, self._saving_seconds = time.perf_counter(), 0.0
        self._saved_position = None

    @classmethod
    def begin(
        cls,
        folder: str | Path,
        model: CharModel,
        corpus: Corpus,
        settings: TrainingSettings,
        *,
        overwrite: bool = False,
        save_every: float = SAVE_EVERY,
        about: dict | None = None,
        processes: Processes = ALONE,
    ) -> "Run":
        """Return a new run that trains `model` on `corpus`.

        Args:
            overwrite: whether a run that is already in `folder` may be replaced.
            save_every: seconds after which to save. The end of an epoch saves too, unless that took too much time.
            about: plain JSON values to be kept with the run.
            processes: those that train the model together, see `chargen.training.processes.joined`.

        Raises:
            InputError: the folder holds a run already, is in use, cannot be written, or its disk is full, or the text
                does not fill one batch.
            SaveError: the folder cannot hold a save.
        """
        folder = Path(folder)
        processes.require_same(f"{corpus.sha256} {settings} {model.config}")
        # Refuses a text that is too short, and rows that cannot be dealt to the processes.
        trainer = text_trainer(model, corpus.train_ids, corpus.valid_ids, settings, processes)
        if processes.first:
            refuse_existing(folder, overwrite)
        with _locked(folder, processes) as lock:
            if processes.first:
                refuse_existing(folder, overwrite)  # it may have come to be while the lock was not ours
                advice = "free some space, or train in another folder"
                require_space(folder, _size_on_disk(model), "the run", advice)
            run = cls(folder, lock, trainer, corpus, about or {}, save_every)
            run.save()  # what cannot be written is better known before the training, and before an old run goes
            if processes.first:
                for name in (BEST, PREVIOUS, HISTORY, PICTURE, DAMAGED):
                    (folder / name).unlink(missing_ok=True)
        return run

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        corpus: Corpus | None = None,
        *,
        epochs: int | None = None,
        more_seconds: float = 0.0,
        device: str | torch.device = "cpu",
        save_every: float = SAVE_EVERY,
        about: dict | None = None,
        in_memory: int = IN_MEMORY,
        processes: Processes = ALONE,
    ) -> "Run":
        """Return the run in `folder` as its last good save holds it.

        With the same PyTorch, processor, device and number of threads and processes it ends with the same bits as a run
        that never stopped, unless its schedule follows the clock; otherwise `notes` say that it goes on, but not
        exactly.

        Args:
            corpus: the text that the run learns; None reads it from where it was.
            epochs: as many as the run was planned for, or more, which the learning rate then follows.
            more_seconds: time to add to a run that follows the clock.
            about: values to be kept instead of those that the run was begun with.
            in_memory: see `load_corpus`, for a text that is read from where it was.
            processes: those that train the model together from now on; the first reads the save and tells the others.

        Raises:
            CheckpointError: there is no save that can be loaded.
            InputError: the folder is in use, the text is another one, or the epochs are fewer than planned.
        """
        folder = Path(folder)
        if processes.first:
            last_save(folder)  # a folder without one is not to be locked, that is made
        with _locked(folder, processes) as lock:
            saved, notes = last_save(folder, processes)
            training = saved.training
            with processes.one_before_the_others():
                corpus = _same_text(corpus, saved, in_memory)
            settings = _settings(training["settings"])
            extended = _extended(settings, epochs, more_seconds)
            model = CharModel.from_checkpoint(saved).to(device)
            trainer = text_trainer(model, corpus.train_ids, corpus.valid_ids, extended, processes)
            try:
                tensors = {name: torch.tensor(array) for name, array in saved.resume.items()}
                trainer.restore(tensors, training["resume"]["position"])
            except (KeyError, TypeError, ValueError) as error:
                raise DamagedError(
                    f"the last save in {folder} is damaged: {error}; nothing can go on from it"
                ) from None
            run = cls(folder, lock, trainer, corpus, training["about"] | (about or {}), save_every)
            run.notes = notes + _differences(training["resume"]["environment"], model, processes)
            run._saved_position = run._position()
            if extended != settings:
                trainer.at.epochs_since_best = 0
            fault = None
            if processes.first:
                run.history = _cut_history(folder / HISTORY, trainer.at.epoch)
                fault = _fault_of(folder / BEST) if trainer.at.best is not None else None
                if notes and (folder / LAST).exists():  # or else the next save would put it in place of the good one
                    (folder / LAST).replace(folder / DAMAGED)
            if fault:
                run.notes.append(f"{fault}; the next epoch takes its place")
            if processes.agree(fault is not None):
                trainer.at.best = None
        return run

    @property
    def step(self) -> int:
        """Steps done."""
        return self._trainer.at.step

    @property
    def best(self) -> float | None:
        """The score of the best model that is kept, None before the first epoch."""
        return self._trainer.at.best

    @property
    def settings(self) -> TrainingSettings:
        """How the model is trained."""
        return self._trainer.settings

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self._trainer.finished

    def records(self) -> Iterator[Progress | EpochRecord | Saved]:
        """Train; yield the records of `fit`, and a `Saved` for each save.

        Closing the generator saves, so that nothing is lost where the loop over it is left. Where one process leaves
        it, it ends in all of them.

        Raises:
            SaveError: a file cannot be written; the save before it stays as it was.
            TrainingError: the loss is no longer a number; the last save is kept.
        """
        if self._lock.closed:
            raise InputError(f"this run in {self.folder} has ended; go on with Run.resume")
        self._saved_at = time.perf_counter()
        try:
            for record in self._news():
                try:
                    yield record
                except GeneratorExit:
                    self._processes.largest(True)  # tells the others, who then save as well
                    self.save()
                    raise
                if self._processes.largest(False):
                    self.save()
                    return
        finally:
            self._lock.close()
            if self.history and self._processes.first:
                with contextlib.suppress(SaveError):  # a picture is not worth hiding what ended the run
                    history = [asdict(record) for record in self.history]
                    plots.save_losses(history, self.folder / PICTURE, self.about.get("baselines"))

    def _news(self) -> Iterator[Progress | EpochRecord | Saved]:
        for record in self._trainer.records():
            ended = isinstance(record, EpochRecord)
            if ended:
                self._keep(record)
            if self._save_is_due(ended):
                self.save()
                yield Saved(self.step, ended)
            yield record

    def save(self) -> None:
        """Bring everything to the disk: the best model, then the history, then the save that speaks of both.

        All processes must call it.

        Raises:
            SaveError: a file cannot be written; the save before stays as it was.
        """
        if self._position() == self._saved_position:
            return  # there is nothing new
        began = time.perf_counter()
        tensors, position = self._trainer.snapshot()
        if self._processes.first:
            self._write(tensors, position)
        self._unsaved_best, self._unsaved_history = None, []
        self._saved_at, self._saved_position = time.perf_counter(), self._position()
        self._saving_seconds = self._saved_at - began

    def _write(self, tensors: dict, position: dict) -> None:
        if self._unsaved_best is not None:
            self._unsaved_best.save(self.folder / BEST)
            self._unsaved_best = None
        if self._unsaved_history:
            lines = [json.dumps(asdict(record)) + "\n" for record in self._unsaved_history]
            append_durably(self.folder / HISTORY, "".join(lines))
            self._unsaved_history = []
        reached = asdict(self.history[-1]) if self.history else None
        resume = {"position": position, "environment": _environment(self.model, self._processes)}
        checkpoint = self.model.to_checkpoint(self.corpus.vocabulary, self._provenance(reached) | {"resume": resume})
        arrays = {name: tensor.numpy(force=True) for name, tensor in tensors.items()}
        replace(checkpoint, resume=arrays).save(self.folder / LAST, self.folder / PREVIOUS)

    def _position(self) -> tuple[int, int]:
        return self._trainer.at.epoch, self._trainer.at.step

    def _keep(self, record: EpochRecord) -> None:
        """Remember an epoch until the next save."""
        self.history.append(record)
        self._unsaved_history.append(record)
        if self._trainer.at.best == record.score and self._trainer.at.epochs_since_best == 0:
            self._unsaved_best = self.model.to_checkpoint(self.corpus.vocabulary, self._provenance(asdict(record)))

    def _save_is_due(self, after_epoch: bool) -> bool:
        if self._position() == self._saved_position:
            return False
        since = time.perf_counter() - self._saved_at
        seldom_enough = since * SAVING_SHARE >= self._saving_seconds
        due = since >= self._save_every or (after_epoch and (self.finished or seldom_enough))
        return bool(self._processes.agree(due))

    def _provenance(self, reached: dict | None) -> dict:
        return {
            "corpus": self.corpus.name,
            "corpus_sha256": self.corpus.sha256,
            "origin": asdict(self.corpus.origin),
            "train_characters": len(self.corpus.train_ids),
            "valid_characters": len(self.corpus.valid_ids),
            "settings": asdict(self._trainer.settings),
            "about": self.about,
            "reached": reached,
            "chargen": __version__,
            "torch": torch.__version__,
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def refuse_existing(folder: str | Path, overwrite: bool) -> None:
    """Raise InputError if `folder` holds a run that must not be replaced."""
    if not overwrite and any(os.path.exists(Path(folder) / name) for name in (BEST, LAST, PREVIOUS)):
        raise InputError(
            f"{folder} already holds a run; go on with it by --resume, keep both with --name OTHER,"
            " or replace it with --overwrite"
        )


def last_save(folder: str | Path, processes: Processes = ALONE) -> tuple[Checkpoint, list[str]]:
    """Return the last good save of the run in `folder`, and a warning where that is not the last one.

    Args:
        processes: of these, the first one reads and tells the others, who may have no such folder.

    Raises:
        CheckpointError: there is none.
    """
    saved, notes = _last_save(folder) if processes.first else (None, [])
    if processes.size == 1:
        return saved, notes
    data = processes.share((Path(folder) / (PREVIOUS if notes else LAST)).read_bytes() if processes.first else b"")
    if not processes.first:
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / LAST).write_bytes(data)
            saved = Checkpoint.load(Path(place) / LAST)
    return saved, notes


def _last_save(folder: str | Path) -> tuple[Checkpoint, list[str]]:
    last, previous = (Path(folder) / name for name in (LAST, PREVIOUS))
    if not os.path.exists(last) and not os.path.exists(previous):
        has_best = os.path.exists(Path(folder) / BEST)
        advice = (
            f"its best model can begin a new run: --init-from {folder}" if has_best else "begin one without --resume"
        )
        raise CheckpointError(f"{folder} holds no run that could be resumed; {advice}")
    try:
        return _with_resume(last), []
    except CheckpointError as error:
        if not isinstance(error, DamagedError) and os.path.exists(last):
            raise  # it may be good; this chargen, or this user, cannot read it
        try:
            saved = _with_resume(previous)
        except CheckpointError as second:
            raise CheckpointError(f"{error}; and {second}") from None
        step = saved.training["resume"]["position"]["step"]
        return saved, [f"{error}; going on from the save before it, after {step:,} steps"]


def newest_run(folder: str | Path) -> Path:
    """Return the folder of the run in `folder` that was saved last.

    Raises:
        CheckpointError: there is no run that could be resumed.
    """
    saves = [path for name in (LAST, PREVIOUS) for path in Path(folder).glob(f"*/{name}")]
    if not saves:
        raise CheckpointError(f"{folder} holds no run that could be resumed; begin one with chargen train CORPUS")
    return max(saves, key=lambda path: path.stat().st_mtime).parent


def changed_options(saved: Checkpoint, options: dict) -> dict:
    """Return those of `options` that contradict how the run of a save was begun, each with what the run has.

    Args:
        options: values by name, as `ModelConfig`, `TrainingSettings`, `Batching` and `load_corpus` call them, and
            those of `about`; others do not count.
    """
    training = saved.training
    settings = training["settings"]
    known = asdict(saved.config) | settings | settings["batching"] | training["origin"] | training["about"]
    return {name: known[name] for name, value in options.items() if name in known and known[name] != value}


def _with_resume(path: Path) -> Checkpoint:
    """Return the checkpoint at `path`, if it has all that it takes to go on from it."""
    saved = Checkpoint.load(path)
    if "resume" not in saved.training:
        raise CheckpointError(f"{path} is a model without what it takes to go on training it")
    try:
        _settings(saved.training["settings"])
        Position(**saved.training["resume"]["position"])
        for part in (saved.training["about"], saved.training["origin"], saved.training["resume"]["environment"]):
            dict(part)
        Origin(**saved.training["origin"])
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DamagedError(f"{path} is damaged: its description does not make sense ({error!r})") from None
    return saved


def _settings(values: dict) -> TrainingSettings:
    return TrainingSettings(**{**values, "batching": Batching(**values["batching"])})


def _extended(settings: TrainingSettings, epochs: int | None, more_seconds: float) -> TrainingSettings:
    if epochs is not None and epochs < settings.epochs:
        raise InputError(f"epochs {epochs}: the run was planned for {settings.epochs}; it can only get more")
    if more_seconds and settings.seconds is not None:
        return replace(settings, seconds=settings.seconds + more_seconds)
    return replace(settings, epochs=epochs or settings.epochs)


def _same_text(corpus: Corpus | None, saved: Checkpoint, in_memory: int) -> Corpus:
    """Return the text that a run was trained on: `corpus`, or what lies where it came from."""
    training, origin = saved.training, Origin(**saved.training["origin"])
    if corpus is None:
        if origin.source is None:
            raise InputError("the run learns a text from standard input; give it again: chargen train - --resume NAME")
        corpus = read_corpus(origin.source, origin, in_memory)
    elif corpus.origin.source is None:  # it can be read again from where it was first
        corpus = replace(corpus, origin=origin)
    if corpus.sha256 != training["corpus_sha256"]:
        raise InputError(
            f"{corpus.name}: this is not the text that the run learns (its SHA-256 was"
            f" {training['corpus_sha256'][:12]}..., it is {corpus.sha256[:12]}...); bring the old one back, or begin a"
            " new run with --init-from"
        )
    lengths = training["train_characters"], training["valid_characters"]
    if corpus.vocabulary != saved.vocabulary or (len(corpus.train_ids), len(corpus.valid_ids)) != lengths:
        raise InputError(f"{corpus.name}: this is the run's text, but read otherwise; read it as {training['origin']}")
    return corpus


def _environment(model: CharModel, processes: Processes) -> dict:
    """Return what decides, beside the settings, about the last bits of a result."""
    device = model.output.weight.device
    cuda = device.type == "cuda"
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if cuda else device.type,
        "processor": f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
        "processes": processes.size,
    }


def _differences(before: dict, model: CharModel, processes: Processes) -> list[str]:
    before, now = {"processes": 1} | before, _environment(model, processes)
    changed = [
        f"{name} {before.get(name)} is now {now[name]}" for name in now if before.get(name, now[name]) != now[name]
    ]
    return [f"going on, but not bit for bit as without a stop: {', '.join(changed)}"] if changed else []


def _cut_history(path: Path, epoch: int) -> list[EpochRecord]:
    """Drop the lines of the history from `epoch` on, which is yet to be done, and torn ones; return the others."""
    kept = []
    if path.exists():
        for line in path.read_text("utf-8", "replace").splitlines():
            with contextlib.suppress(TypeError, ValueError):
                record = EpochRecord(**json.loads(line))
                kept += [record] if record.epoch < epoch else []
    lines = [json.dumps(asdict(record)) + "\n" for record in kept]
    write_atomically(path, "".join(lines).encode())
    return kept


@contextlib.contextmanager
def _locked(folder: Path, processes: Processes) -> Iterator[FolderLock | TextIO]:
    """Take the lock of a folder, in the first process, and give it back if what is done with it fails."""
    words = "is training in", "wait for it, or give another {name}", "train where you may write files"
    held = lock(folder, *words) if processes.first else open(os.devnull)  # noqa: SIM115
    try:
        yield held
    except BaseException:
        held.close()
        raise


def _fault_of(path: Path) -> str | None:
    try:
        Checkpoint.load(path)
    except CheckpointError as error:
        return str(error)
    return None


def _size_on_disk(model: CharModel) -> int:
    """Return the bytes that a run takes: three saves, each with two moments a weight, and the best model twice."""
    return 4 * (3 * 3 + 2) * sum(parameter.numel() for parameter in model.parameters())
