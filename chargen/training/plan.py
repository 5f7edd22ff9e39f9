"""From a corpus and what a person has settled to a model and its settings; the rest is chosen here, and said why."""

import time
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import torch

from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.checkpoint import Checkpoint
from chargen.text.batches import Batching
from chargen.text.corpus import Corpus
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.recipe import MOST_EPOCHS, NETWORKS, choose, operations_per_character
from chargen.training.text_task import text_trainer
from chargen.training.trainer import PRECISIONS, VALID_CHARS, TrainingSettings, pick_precision

SPEED_SECONDS = 2.0  # spent on measuring how fast this machine trains
FINISHING_SECONDS = 1.0  # kept from a time budget for the picture and the last words
EVALUATION_SHARE = 0.1  # of a time budget, at most, that reading the held-out text once may take
FEWEST_VALID_CHARS = 100_000  # of it that are read, if there are so many, however slow the machine
FINE_TUNING_RATE = 0.3  # of the usual learning rate


@dataclass(frozen=True)
class Plan:
    """A model that is ready to be trained with `settings`; `why` says in one line what was chosen."""

    model: CharModel
    settings: TrainingSettings
    why: str


def make_plan(
    corpus: Corpus,
    device: torch.device,
    seed: int = 0,
    seconds: float | None = None,
    base: Checkpoint | None = None,
    processes: Processes = ALONE,
    **settled,
) -> Plan:
    """Return a plan for learning `corpus`, the same one in all processes.

    Args:
        seconds: the time that there is from now on; None takes the usual time.
        base: a model to begin with, whose network is kept.
        settled: values of `ModelConfig`, `Batching` and `TrainingSettings` that are not to be chosen.

    Raises:
        InputError: a value is out of its range, or it contradicts `base`.
    """
    began = time.perf_counter()
    processes.require_same(f"{corpus.sha256} {len(corpus.train_ids)} {len(corpus.valid_ids)} {corpus.vocabulary}")
    if base is not None:
        settled = _with_network_of(base, settled)
    V, cell = len(corpus.vocabulary), settled.setdefault("cell", "lstm")
    if "precision" not in settled:
        settled["precision"] = PRECISIONS[int(processes.agree(PRECISIONS.index(pick_precision(device))))]
    operations = None
    if seconds is not None:
        speed = operations_per_second(corpus, cell, device, settled["precision"], processes)
        seconds = processes.agree(seconds - (time.perf_counter() - began) - FINISHING_SECONDS)
        if seconds <= 0:
            raise InputError("the budget is over before training could begin; give more, or read less with --max-chars")
        operations = speed * seconds
    recipe = choose(len(corpus.train_ids), V, cell, operations, _networks(settled), settled.get("epochs"))
    if "batch_size" not in settled:  # its rows are dealt to the processes
        recipe = replace(recipe, batch_size=max(recipe.batch_size // processes.size, 1) * processes.size)
    values = asdict(recipe) | _optimizer_defaults(settled.get("optimizer", "adamw"), cell, base is not None) | settled
    torch.manual_seed(seed)
    if base is not None:
        model = CharModel.fine_tuning(base, corpus.vocabulary, **_take(values, "dropout", "recurrent_dropout"))
    else:
        model = CharModel(V, **_take(values, "cell", "hidden_size", "num_layers", "dropout", "recurrent_dropout"))
    if seconds is not None:  # more than enough would only teach the text by heart
        enough = MOST_EPOCHS * len(corpus.train_ids) * operations_per_character(model.config) / speed
        seconds = min(seconds, enough)
        reading = EVALUATION_SHARE * seconds * 3 * speed / operations_per_character(model.config)  # thrice as fast
        values.setdefault("valid_chars", round(min(max(reading, FEWEST_VALID_CHARS), VALID_CHARS)))
    settings = TrainingSettings(
        batching=Batching(seed=seed, **_take(values, "batch_size", "num_steps", "partition")),
        seconds=seconds,
        **_take(
            values, *(field.name for field in fields(TrainingSettings) if field.name not in ("batching", "seconds"))
        ),
    )
    return Plan(model.to(device), settings, _why(corpus, model, settings, device))


def operations_per_second(
    corpus: Corpus, cell: str, device: torch.device, precision: str, processes: Processes = ALONE
) -> float:
    """Return how many multiplications, as `operations_per_character` counts them, are trained in a second here.

    Here is this machine or, where several processes train together, all of theirs.
    """
    model = CharModel(len(corpus.vocabulary), cell, hidden_size=256, num_layers=2).to(device)
    batch_size = -(-16 // processes.size) * processes.size
    settings = TrainingSettings(batching=Batching(batch_size, 64), seconds=SPEED_SECONDS, precision=precision)
    ids = corpus.train_ids[np.arange(100_000) % len(corpus.train_ids)]  # enough, however short the text is
    *_, last = text_trainer(model, ids, ids[:0], settings, processes).records()
    return last.characters_per_second * operations_per_character(model.config)


def _networks(settled: dict) -> list[tuple[int, int]]:
    """Return the networks that may be chosen, layers and units, by increasing cost."""
    if "hidden_size" in settled:
        return [(settled.get("num_layers", 1), settled["hidden_size"])]
    choice = {(settled.get("num_layers", layers), units) for layers, units in NETWORKS}
    return sorted(choice, key=lambda network: network[0] * network[1] ** 2)


def _with_network_of(base: Checkpoint, settled: dict) -> dict:
    for name in ("cell", "hidden_size", "num_layers"):
        there = getattr(base.config, name)
        if settled.get(name, there) != there:
            raise InputError(f"{name} {settled[name]}: the model to begin with has {there}; leave the option out")
    return settled | {name: getattr(base.config, name) for name in ("cell", "hidden_size", "num_layers")}


def _optimizer_defaults(optimizer: str, cell: str, fine_tuning: bool) -> dict:
    if optimizer == "sgd":
        return {"learning_rate": 1.0, "weight_decay": 0.0}
    return {"learning_rate": CELLS[cell].learning_rate * (FINE_TUNING_RATE if fine_tuning else 1)}


def _take(values: dict, *names: str) -> dict:
    return {name: values[name] for name in names if name in values}


def _why(corpus: Corpus, model: CharModel, settings: TrainingSettings, device: torch.device) -> str:
    config, batching = model.config, settings.batching
    length = f"{settings.epochs} epochs" if settings.seconds is None else f"for {settings.seconds:.0f} s"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return "; ".join(
        [
            f"{len(corpus.train_ids):,} characters to learn, {len(corpus.valid_ids):,} held out,"
            f" {config.vocab_size} different",
            f"{config.cell} {config.num_layers} x {config.hidden_size} ({parameters:,} weights), {length},"
            f" dropout {config.dropout:g}, of recurrent weights {config.recurrent_dropout:g}",
            f"{settings.optimizer} at {settings.learning_rate:g}, {batching.batch_size} x {batching.num_steps}"
            f" characters a step, {settings.precision} on {device}",
        ]
    )
