"""`Run`: a training and the folder that keeps it: best model, last save, history, plot."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import torch

from chargen import __version__
from chargen.errors import InputError, SaveError, TrainingError
from chargen.files.atomic import append_durably, require_space
from chargen.network.checkpoint import BEST, LAST, PREVIOUS, Checkpoint
from chargen.network.provenance import Provenance
from chargen.report import plots
from chargen.text.corpus import IN_MEMORY, Corpus
from chargen.text.words import find_words
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.records import EpochRecord, Progress
from chargen.training.run_folder import (
    ALL,
    HISTORY,
    PLOT,
    Lock,
    closed_on_error,
    locked,
    put_aside,
    put_aside_if_damaged,
    refuse_existing,
    size_on_disk,
)
from chargen.training.saved_run import SavedRun, differences, environment_of
from chargen.training.settings import TrainingSettings
from chargen.training.text_task import text_trainer
from chargen.training.trainer import Trainer

SAVE_EVERY = 30.0  # seconds
SAVING_SHARE = 0.02  # of the time that the saves after epochs may take


class Saved(NamedTuple):
    """All that was learned in `step` steps is on the disk; `after_epoch`: an epoch has ended, its record follows."""

    step: int
    after_epoch: bool


class Run:
    """A training and the folder that keeps it. Make one with `begin` or `resume`; one process at a time can.

    Processes that train together count as one: each makes the run, and only the first touches the folder.

    The folder holds `best.safetensors` (the epoch with the lowest validation loss), `last.safetensors` (the last save,
    to resume from) and `previous.safetensors` (the save before it), `history.jsonl` (a line for each epoch) and, once
    the run has ended or was stopped, `loss.png`.

    Attributes:
        history: the records of the finished epochs.
        notes: what the user should know about how the run was resumed, one sentence each.
        model: the network, as it is now.
        averaged: the average of its weights that is evaluated, or `model` itself where there is none.
        corpus: the text that is learned.
        metadata: plain JSON values that are kept with the run; its `baselines` are drawn, see `plots.save_losses`.
    """

    def __init__(
        self,
        folder: Path,
        lock: Lock,
        model: CharModel,
        trainer: Trainer,
        corpus: Corpus,
        metadata: dict,
        save_every: float,
    ):
        self.folder, self.model, self.corpus, self.metadata = folder, model, corpus, metadata
        self.averaged: CharModel = trainer.average.model
        self.averaged.words = model.words
        self.history: list[EpochRecord] = []
        self.notes: list[str] = []
        self._trainer, self._processes, self._save_every = trainer, trainer.processes, save_every
        self._lock, self._ended = lock, False
        self._replaces: tuple[Path, ...] = ()  # files of another run, which go when the first save takes their place
        self._unsaved_best: Checkpoint | None = None
        self._unsaved_history: list[EpochRecord] = []
        self._saved_at, self._saving_seconds = time.perf_counter(), 0.0
        self._saved_position: tuple[int, int] | None = None

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
        metadata: dict | None = None,
        processes: Processes = ALONE,
    ) -> "Run":
        """Return a new run that trains `model` on `corpus`.

        Args:
            overwrite: whether a run in `folder` may be replaced.
            save_every: seconds between saves. The end of an epoch saves too, unless saving takes too much time.
            metadata: plain JSON values to keep with the run.
            processes: those that train the model together, see `chargen.training.processes.joined`.

        Raises:
            InputError: the folder holds a run, is in use, cannot be written, or its disk is full; or the text does not
                fill one batch.
            SaveError: the folder cannot hold a save.
        """
        folder = Path(folder)
        processes.require_same(f"{corpus.sha256} {settings} {model.config}")
        # Refuses a text that is too short, and a batch that cannot be shared evenly.
        trainer = text_trainer(model, corpus.train_ids, corpus.valid_ids, settings, processes)
        if processes.first:
            refuse_existing(folder, overwrite)
        lock = locked(folder, processes)
        with closed_on_error(lock):
            if processes.first:
                refuse_existing(folder, overwrite)  # another process may have begun one meanwhile
                advice = "free some space, or train in another folder"
                require_space(folder, size_on_disk(model), "the run", advice)
                model.words = sorted({*model.words, *find_words(corpus.train_ids, corpus.vocabulary.characters)})
            run = cls(folder, lock, model, trainer, corpus, metadata or {}, save_every)
            run._replaces = tuple(folder / name for name in ALL if name != LAST)
            run.save()  # fails before the training and before an old run is removed, if it fails
        return run

    @classmethod
    def resume(
        cls,
        saved: str | Path | SavedRun,
        corpus: Corpus | None = None,
        *,
        epochs: int | None = None,
        more_seconds: float = 0.0,
        device: str | torch.device = "cpu",
        save_every: float = SAVE_EVERY,
        metadata: dict | None = None,
        in_memory: int = IN_MEMORY,
        processes: Processes = ALONE,
    ) -> "Run":
        """Return a run as its last good save holds it.

        With the same PyTorch, processor, device and number of threads and processes it ends with the same bits as a run
        that was never stopped, unless it has a time budget. `notes` say where the last bits may differ.

        Args:
            saved: the folder of the run, or its opened `SavedRun`.
            corpus: the text that the run learns; None reads it from where it was.
            epochs: the new total, at least the planned one; the learning rate follows it.
            more_seconds: time to add to a run with a time budget.
            metadata: values that replace those the run was begun with.
            in_memory: see `load_corpus`, for a text that is read from where it was.
            processes: those that train the model from now on; the first reads the save and tells the others.

        Raises:
            CheckpointError: there is no save that can be loaded.
            InputError: the folder is in use, the text is another one, or the epochs are fewer than planned.
        """
        saved = saved if isinstance(saved, SavedRun) else SavedRun.open(saved, processes)
        with closed_on_error(saved.lock):
            with processes.one_before_the_others():
                corpus = saved.same_text(corpus, in_memory)
            settings = saved.extended(epochs, more_seconds)
            model = CharModel.from_checkpoint(saved.checkpoint, saved.engine).to(device)
            trainer = text_trainer(model, corpus.train_ids, corpus.valid_ids, settings, processes)
            saved.restore(trainer)
            kept = saved.provenance.metadata | (metadata or {})
            run = cls(saved.folder, saved.lock, model, trainer, corpus, kept, save_every)
            run.notes = [*saved.notes, *differences(saved.environment, model, trainer)]
            run._saved_position = run._position()
            if settings != saved.settings:
                trainer.position.epochs_since_best = 0
            run._take_over_files(saved)
        return run

    def _take_over_files(self, saved: SavedRun) -> None:
        """Read the history, put a damaged save aside, and see whether the best model is still good."""
        position, fault = self._trainer.position, None
        if self._processes.first:
            self.history = saved.read_history()
            if position.best is not None:
                fault = put_aside_if_damaged(self.folder / BEST)
            if saved.notes and (self.folder / LAST).exists():  # the next save would keep it as the previous one
                put_aside(self.folder / LAST)
        if fault:
            self.notes.append(f"{fault}; the next epoch takes its place")
        if self._processes.agree(fault is not None):
            position.best = None

    @property
    def step(self) -> int:
        """Steps done."""
        return self._trainer.position.step

    @property
    def best(self) -> float | None:
        """The score of the best model that is kept, None before the first epoch."""
        return self._trainer.position.best

    @property
    def settings(self) -> TrainingSettings:
        """How the model is trained."""
        return self._trainer.settings

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return self._trainer.progress

    @property
    def seconds(self) -> float:
        """Seconds of training, everything included; those of its budget that are used."""
        return self._trainer.now

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self._trainer.finished

    def records(self) -> Iterator[Progress | EpochRecord | Saved]:
        """Train; yield the records of `fit`, and a `Saved` for each save.

        Closing the generator saves, so that leaving a loop over it loses nothing. If one process leaves the loop, it
        ends in all of them.

        Raises:
            SaveError: a file cannot be written; the save before it is unchanged.
            TrainingError: training diverged; the last save is kept. Or the text can no longer be read; what was learned
                from it is saved.
        """
        if self._ended:
            raise InputError(f"this run in {self.folder} has ended", "go on with Run.resume")
        self._saved_at, drawn = time.perf_counter(), len(self.history)
        try:
            for record in self._news():
                try:
                    yield record
                except GeneratorExit:
                    self._processes.largest(True)  # tells the others, which then save as well
                    self.save()
                    raise
                if self._processes.largest(False):
                    self.save()
                    return
        except InputError as error:
            if self._processes.size > 1:  # the others may have read on
                raise
            self.save()
            raise TrainingError(f"{error.message}; what was learned is saved", "go on with {resume}") from None
        finally:
            self._ended = True
            if len(self.history) > drawn and self._processes.first:
                with contextlib.suppress(SaveError):  # a missing plot must not hide what ended the run
                    self._lock.require()
                    history = [asdict(record) for record in self.history]
                    plots.save_losses(history, self.folder / PLOT, self.metadata.get("baselines"))
            self._lock.close()

    def _news(self) -> Iterator[Progress | EpochRecord | Saved]:
        for record in self._trainer.records():
            ended = isinstance(record, EpochRecord)
            if isinstance(record, EpochRecord):
                self._keep(record)
            if self._save_is_due(ended):
                self.save()
                yield Saved(self.step, ended)
            yield record

    def save(self) -> None:
        """Bring everything to the disk: the best model, then the history, then the save that refers to both.

        All processes must call it.

        Raises:
            SaveError: a file cannot be written; the save before is unchanged.
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

    def _write(self, tensors: dict[str, torch.Tensor], position: dict) -> None:
        self._lock.require()
        if self._unsaved_best is not None:
            self._unsaved_best.save(self.folder / BEST)
            self._unsaved_best = None
        if self._unsaved_history:
            lines = [json.dumps(asdict(record)) + "\n" for record in self._unsaved_history]
            append_durably(self.folder / HISTORY, "".join(lines))
            self._unsaved_history = []
        resume = {"position": position, "environment": environment_of(self.model, self._trainer)}
        provenance = replace(self._provenance(self.history[-1] if self.history else None), resume=resume)
        arrays = {name: tensor.numpy(force=True) for name, tensor in tensors.items()}
        checkpoint = self.model.to_checkpoint(self.corpus.vocabulary, provenance)
        previous = None if self._replaces else self.folder / PREVIOUS
        replace(checkpoint, resume=arrays).save(self.folder / LAST, previous, self._replaces)
        self._replaces = ()

    def _position(self) -> tuple[int, int]:
        return self._trainer.position.epoch, self._trainer.position.step

    def _keep(self, record: EpochRecord) -> None:
        """Remember an epoch until the next save."""
        self.history.append(record)
        self._unsaved_history.append(record)
        position = self._trainer.position
        if position.best == record.score and position.epochs_since_best == 0:
            best = self.averaged.to_checkpoint(self.corpus.vocabulary, self._provenance(record))
            self._unsaved_best = best.in_16_bits()  # half of what one text waits for at each character

    def _save_is_due(self, after_epoch: bool) -> bool:
        if self._position() == self._saved_position:
            return False
        since = time.perf_counter() - self._saved_at
        seldom_enough = since * SAVING_SHARE >= self._saving_seconds
        due = since >= self._save_every or (after_epoch and (self.finished or seldom_enough))
        return bool(self._processes.agree(due))

    def _provenance(self, reached: EpochRecord | None) -> Provenance:
        return Provenance(
            corpus=self.corpus.name,
            corpus_sha256=self.corpus.sha256,
            origin=self.corpus.origin,
            train_characters=len(self.corpus.train_ids),
            valid_characters=len(self.corpus.valid_ids),
            settings=asdict(self.settings),
            metadata=self.metadata,
            reached=reached,
            chargen=__version__,
            torch=torch.__version__,
            saved=datetime.now(UTC).isoformat(timespec="seconds"),
        )
