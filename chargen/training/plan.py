"""From a corpus and what the user fixed to a model and its settings."""

import math
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import torch

from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig, network_for
from chargen.report.words import counted, duration
from chargen.text.batches import Batching
from chargen.text.corpus import Corpus
from chargen.training.clock import seconds_worked
from chargen.training.engines import ENGINES, engine_name
from chargen.training.hardware import pick_engine, require_memory
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes
from chargen.training.recipe import NETWORKS, Knowledge, choose, fine_tune, operations_per_character
from chargen.training.records import EpochRecord
from chargen.training.settings import PRECISIONS, VALID_CHARS, TrainingSettings
from chargen.training.text_task import text_trainer

USUAL_UNITS = 512  # of the network by whose precision and speed the time is judged
SPEED_SECONDS = 2.0  # spent on measuring how fast this machine trains, on which the settings depend
ESTIMATE_SECONDS = 0.2  # the same, where only what the user is told depends on it
READING_SPEED = 3  # reading held-out text is this many times as fast as training
LEAST_SHARE = 0.5  # of a time budget, for training itself, although all of it then takes longer
FINISHING_SECONDS = 1.0  # of a time budget, kept for the plot and the summary
EVALUATION_SHARE = 0.1  # of a time budget that one evaluation may take
OF_ADAMW = ("averaging", "anchoring", "noise", "final_learning_rate", "clip")  # what the recipe chooses for AdamW alone
FEWEST_VALID_CHARS = 100_000  # evaluated on if there are as many, however slow the machine


@dataclass(frozen=True)
class FixedSettings:
    """What the user fixed, by the names of `ModelConfig`, `Batching`, `TrainingSettings`; None leaves it open."""

    cell: str | None = None
    hidden_size: int | None = None
    num_layers: int | None = None
    dropout: float | None = None
    recurrent_dropout: float | None = None
    batch_size: int | None = None
    num_steps: int | None = None
    partition: str | None = None
    epochs: int | None = None
    patience: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    warmup_steps: int | None = None
    final_learning_rate: float | None = None
    weight_decay: float | None = None
    clip: float | None = None
    valid_chars: int | None = None
    precision: str | None = None
    engine: str | None = None

    def given(self) -> dict:
        """Return the values that are fixed, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Plan:
    """A model to be trained with `settings` in about `seconds`; `why` says in three lines what was chosen."""

    model: CharModel
    settings: TrainingSettings
    why: str
    seconds: float


def make_plan(
    corpus: Corpus,
    device: torch.device,
    fixed: FixedSettings = FixedSettings(),
    *,
    seed: int = 0,
    seconds: float | None = None,
    base: Checkpoint | None = None,
    knowledge: Knowledge = Knowledge.GOOD,
    processes: Processes = ALONE,
) -> Plan:
    """Return a plan for learning `corpus`, the same one in all processes.

    Args:
        fixed: settings that are not to be chosen.
        seconds: a time budget, from now on; None takes the usual time.
        base: a model to begin with; its network is kept, but where its knowledge is poor, an LSTM becomes a
            capped one, if an engine runs that fast: its memory stays bounded at the learning rate that it needs.
        knowledge: of `base`, of texts of this kind.

    Raises:
        InputError: a value is out of its range or contradicts `base`.
    """
    clock = None if seconds is None else _Budget(seconds, processes)
    processes.require_same(f"{corpus.sha256} {len(corpus.train_ids)} {len(corpus.valid_ids)} {corpus.vocabulary}")
    if base is not None:
        if knowledge is Knowledge.POOR and base.config.cell == "lstm" and not fixed.cell:
            base = replace(base, config=replace(base.config, cell=_agreed_cell(device, fixed, processes)))
        fixed = _with_network_of(base, fixed)
    cell, speed, operations = fixed.cell or _agreed_cell(device, fixed, processes), None, None
    if clock is not None:
        speed = operations_per_second(corpus, cell, device, fixed, processes)
        operations = speed * clock.left()
    V, length = len(corpus.vocabulary), len(corpus.train_ids)
    if base is None:
        _, precision = _agreed_engine(device, network_for(V, cell, USUAL_UNITS, 1), fixed, processes)
        recipe = choose(length, V, cell, operations, _networks(fixed), fixed.epochs, precision)
    else:
        config = replace(base.config, vocab_size=V)
        _, precision = _agreed_engine(device, config, fixed, processes)
        recipe = fine_tune(length, config, operations, fixed.epochs, precision, knowledge)
    if fixed.batch_size is None:  # the rows of a batch are shared among the processes
        recipe = replace(recipe, batch_size=max(recipe.batch_size // processes.size, 1) * processes.size)
    values = asdict(recipe) | fixed.given()
    if base is None and device.type == "cpu":
        require_memory(
            network_for(V, **_take(values | {"cell": cell}, ModelConfig)), values["batch_size"] * values["num_steps"]
        )
    model = _make_model(corpus, cell, values, base, seed).to(device)
    values |= _optimizer_defaults(fixed, CELLS[cell].learning_rate * recipe.rate)
    model.engine, values["precision"] = _agreed_engine(device, model.config, fixed, processes)
    if clock is not None and speed is not None:
        enough = recipe.most_epochs * length * operations_per_character(model.config) / speed  # more would only overfit
        values |= _within_budget(model.config, speed, min(clock.left(), enough)) | fixed.given()
    batching = Batching(seed=seed, **_take(values, Batching))
    settings = TrainingSettings(batching=batching, **_take(values, TrainingSettings))
    needed = settings.seconds or _seconds_needed(corpus, model, settings, processes)
    return Plan(model, settings, _why(corpus, model, settings, needed), needed)


def operations_per_second(
    corpus: Corpus,
    cell: str,
    device: torch.device,
    fixed: FixedSettings = FixedSettings(),
    processes: Processes = ALONE,
) -> float:
    """Return how many multiplications, as `operations_per_character` counts them, training does in a second here.

    Here is this machine or, where several processes train together, all of theirs.
    """
    model = CharModel(len(corpus.vocabulary), cell, hidden_size=USUAL_UNITS).to(device)
    batch_size = -(-16 // processes.size) * processes.size
    model.engine, precision = _agreed_engine(device, model.config, fixed, processes)
    settings = TrainingSettings(batching=Batching(batch_size, 64), seconds=SPEED_SECONDS, precision=precision)
    return _characters_per_second(corpus, model, settings, processes) * operations_per_character(model.config)


def _characters_per_second(corpus: Corpus, model: CharModel, settings: TrainingSettings, processes: Processes) -> float:
    """Return the speed of training, measured for the seconds of `settings`; the model is changed."""
    enough = max(100_000, settings.batching.batch_size * settings.batching.num_steps + 1)
    ids = corpus.train_ids[np.arange(enough) % len(corpus.train_ids)]  # however short the text is
    trainer = text_trainer(model, ids, ids[:0], settings, processes)
    trainer.task.guessing = math.inf  # a model of other texts may know this one worse than guessing does
    *_, last = trainer.records()
    assert isinstance(last, EpochRecord)
    return last.characters_per_second


def _seconds_needed(corpus: Corpus, model: CharModel, settings: TrainingSettings, processes: Processes) -> float:
    """Return about how long the epochs of `settings` take here, by a few steps of a copy of the model."""
    settings.batching.batches_per_epoch(len(corpus.train_ids))  # refuses a text that is too short
    scratch = deepcopy(model)
    settings_of_a_try = replace(settings, learning_rate=1e-9)  # a high one might diverge
    speed, threads = 0.0, torch.get_num_threads()
    for count in sorted({1, threads}):  # on a busy machine one thread is the faster one, and trains
        torch.set_num_threads(count)
        for seconds in (0.01, ESTIMATE_SECONDS):  # the first time prepares
            settings_of_a_try = replace(settings_of_a_try, seconds=seconds)
            speed = max(speed, _characters_per_second(corpus, scratch, settings_of_a_try, processes))
    torch.set_num_threads(threads)
    read = min(len(corpus.valid_ids), settings.valid_chars)
    return settings.epochs * (len(corpus.train_ids) + read / READING_SPEED) / speed


def _agreed_engine(
    device: torch.device, config: ModelConfig, fixed: FixedSettings, processes: Processes
) -> tuple[str, str]:
    """Return the engine and the precision that the first process picks."""
    engine, precision = pick_engine(device, config, fixed.engine, fixed.precision, fixed.batch_size or 1)
    names = list(ENGINES)
    engine = names[int(processes.agree(names.index(engine)))]
    return engine, PRECISIONS[int(processes.agree(PRECISIONS.index(precision)))]


def _agreed_cell(device: torch.device, fixed: FixedSettings, processes: Processes) -> str:
    """Return the cell that learns best of those that an engine has: PyTorch has no layer of a capped LSTM."""
    usual = ModelConfig(1, "capped-lstm", USUAL_UNITS)
    engine, _ = _agreed_engine(device, usual, fixed, processes)
    return usual.cell if engine == "native" else "lstm"


class _Budget:
    """What is left of a time budget: at least half of it, however long it takes on a busy machine to make a plan."""

    def __init__(self, seconds: float, processes: Processes):
        self._ends, self._least = seconds_worked() + seconds - FINISHING_SECONDS, seconds * LEAST_SHARE
        self._processes = processes

    def left(self) -> float:
        """Return the seconds that training may take."""
        return self._processes.agree(max(self._ends - seconds_worked(), self._least))


def _networks(fixed: FixedSettings) -> list[tuple[int, int]]:
    """Return the networks to choose from, layers and units, by increasing cost."""
    if fixed.hidden_size:
        return [(fixed.num_layers or 1, fixed.hidden_size)]
    choice = {(fixed.num_layers or layers, units) for layers, units in NETWORKS}
    return sorted(choice, key=lambda network: network[0] * network[1] ** 2)


def _with_network_of(base: Checkpoint, fixed: FixedSettings) -> FixedSettings:
    network = {name: getattr(base.config, name) for name in ("cell", "hidden_size", "num_layers")}
    for name, there in network.items():
        if getattr(fixed, name) not in (None, there):
            raise InputError(
                f"{getattr(fixed, name)}: the model to begin with has {there}", f"leave out {{{name}}}", setting=name
            )
    return replace(fixed, **network)


def _make_model(corpus: Corpus, cell: str, values: dict, base: Checkpoint | None, seed: int) -> CharModel:
    torch.manual_seed(seed)
    if base is not None:
        dropout = {name: values[name] for name in ("dropout", "recurrent_dropout")}
        return CharModel.fine_tuning(base, corpus.vocabulary, **dropout)
    return CharModel(network_for(len(corpus.vocabulary), **_take(values | {"cell": cell}, ModelConfig)))


def _optimizer_defaults(fixed: FixedSettings, learning_rate: float) -> dict:
    if fixed.optimizer == "sgd":
        plain = {name: getattr(TrainingSettings, name) for name in OF_ADAMW}
        return {"learning_rate": 1.0, "weight_decay": 0.0} | plain | fixed.given()
    return {"learning_rate": learning_rate} | fixed.given()


def _within_budget(config: ModelConfig, speed: float, seconds: float) -> dict:
    """Return the settings that follow from a time budget.

    Args:
        speed: multiplications a second.
        seconds: that training and evaluation may take.
    """
    readable = EVALUATION_SHARE * seconds * READING_SPEED * speed / operations_per_character(config)
    return {"seconds": seconds, "valid_chars": round(min(max(readable, FEWEST_VALID_CHARS), VALID_CHARS))}


def _take(values: dict, settings: type) -> dict:
    """Return those of the values that are attributes of a dataclass."""
    return {field.name: values[field.name] for field in fields(settings) if field.name in values}


def _why(corpus: Corpus, model: CharModel, settings: TrainingSettings, seconds: float) -> str:
    config, batching = model.config, settings.batching
    parameters = sum(parameter.numel() for parameter in model.parameters())
    epochs = f"{counted(settings.epochs, 'epoch')}, " if settings.seconds is None else ""
    engine = engine_name(model.engine, settings.precision)
    runs_on = engine if model.engine == "native" else f"{engine} on {next(model.parameters()).device}"
    return (
        f"{counted(len(corpus.train_ids), 'character')} to learn, {config.vocab_size} different;"
        f" {len(corpus.valid_ids):,} held out\n"
        f"{config.cell} {config.num_layers} x {config.hidden_size}, {parameters:,} weights;"
        f" {epochs}about {duration(seconds)}\n"
        f"{settings.optimizer} {settings.learning_rate:g}, {batching.batch_size} x {batching.num_steps} a step,"
        f" dropout {config.dropout:g} / {config.recurrent_dropout:g},"
        f" {settings.precision}, {runs_on}"
    )
