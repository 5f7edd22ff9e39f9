"""A run's folder: its best model, its history, its picture."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch

from chargen import __version__, checkpoint, plots
from chargen.corpus import Corpus
from chargen.errors import InputError, SaveError
from chargen.model import CharModel
from chargen.training import EpochRecord, Progress, TrainingSettings, fit

BEST, HISTORY, PICTURE = f"best{checkpoint.SUFFIX}", "history.jsonl", "loss.png"


def train_run(
    folder: str | Path, model: CharModel, corpus: Corpus, settings: TrainingSettings, overwrite: bool = False
) -> Iterator[Progress | EpochRecord]:
    """Train `model` on `corpus`, keep the run in `folder`, and pass on the records of `fit`.

    The folder gets `best.safetensors` (the epoch with the lowest validation loss), `history.jsonl` (a line an epoch)
    and, when the run ends or is stopped, `loss.png`.

    Args:
        overwrite: whether a run that is already in `folder` may be replaced.

    Raises:
        InputError: the folder holds a run already or cannot be written, or the text does not fill one batch.
    """
    folder = Path(folder)
    settings.batching.batches_per_epoch(len(corpus.train_ids))  # refuses a short text before an old run is touched
    _prepare(folder, overwrite)
    return _records(folder, model, corpus, settings)


def _records(folder: Path, model: CharModel, corpus: Corpus, settings: TrainingSettings):
    best, history = float("inf"), []
    try:
        for record in fit(model, corpus.train_ids, corpus.valid_ids, settings):
            if isinstance(record, EpochRecord):
                history.append(asdict(record))
                _append(folder / HISTORY, json.dumps(history[-1]) + "\n")
                if record.score < best:
                    best = record.score
                    model.to_checkpoint(corpus.vocabulary, _provenance(corpus, settings, record)).save(folder / BEST)
            yield record
    finally:
        if history:
            with contextlib.suppress(OSError):  # a picture is not worth hiding what ended the run
                plots.save_losses(history, folder / PICTURE)


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror}; the best model so far is kept") from None


def refuse_existing(folder: str | Path, overwrite: bool) -> None:
    """Raise InputError if `folder` holds a run that must not be replaced."""
    if not overwrite and os.path.exists(Path(folder) / BEST):
        raise InputError(f"{folder} already holds a run; keep both with --name OTHER, or replace it with --overwrite")


def _prepare(folder: Path, overwrite: bool) -> None:
    """Make the folder ready for a new run."""
    refuse_existing(folder, overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (BEST, HISTORY, PICTURE):
            (folder / name).unlink(missing_ok=True)
        (folder / HISTORY).touch()
    except OSError as error:
        raise InputError(
            f"cannot write the run's folder {folder}: {error.strerror}; train where you may write files"
        ) from None


def _provenance(corpus: Corpus, settings: TrainingSettings, record: EpochRecord) -> dict:
    return {
        "corpus": corpus.name,
        "corpus_sha256": corpus.sha256,
        "train_characters": len(corpus.train_ids),
        "valid_characters": len(corpus.valid_ids),
        "settings": asdict(settings),
        "reached": asdict(record),
        "chargen": __version__,
        "torch": torch.__version__,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
    }
