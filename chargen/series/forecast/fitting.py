"""The training of a forecaster's network: early stopping, the backtest, and the final network."""

import math
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch

from chargen.errors import TrainingError
from chargen.series.forecast.backtest import Backtest, compare, fold_starts, rows_held_out
from chargen.series.forecast.checks import validation_rows
from chargen.series.forecast.conformal_intervals import FEWEST_ERRORS, error_quantiles
from chargen.series.forecast.fitted import Fitted
from chargen.series.forecast.framing import Framing, scale_of, training_pairs, windows_ending_at
from chargen.series.forecast.network import new_network, roll_out
from chargen.series.forecast.settings import ForecastSettings
from chargen.series.windows import WindowTask
from chargen.text.batches import Batching
from chargen.training.records import EpochRecord, Progress
from chargen.training.recurrent import Recurrent
from chargen.training.settings import TrainingSettings
from chargen.training.trainer import Trainer

MOST_WINDOWS = 2048  # in an epoch; where there are more, every n-th is taken
LEARNING_RATE, PATIENCE = 0.003, 8


class Step(NamedTuple):
    """A record of training; `stage` is "finding epochs", "backtest" or "final"."""

    stage: str
    record: Progress | EpochRecord


class BacktestResult(NamedTuple):
    """What the backtest leaves to the final network: see `Fitted`, here lists by series."""

    tested: Backtest
    epochs: int
    scales: list[float]
    error_quantiles: list[np.ndarray]


def fit_network(
    names: list[str], shape: str, series: list[np.ndarray], settings: ForecastSettings, framing: Framing
) -> Generator[Step, None, Fitted]:
    """Backtest, then train on all rows; yield the records of training, and return what was learned."""
    tested, epochs, scales, quantiles = yield from run_backtest(series, settings, framing)
    scaled = [framing.transform(values) / scale for values, scale in zip(series, scales, strict=True)]
    network, _ = yield from train_network("final", scaled, framing, settings, epochs)
    rows = min(max(framing.lookback, 4 * framing.horizon), min(map(len, series)))
    history = np.array([values[-rows:] for values in series])  # (series, rows)
    return Fitted(names, shape, framing, tested, epochs, network, np.array(scales), history, np.array(quantiles))


def run_backtest(
    series: list[np.ndarray], settings: ForecastSettings, framing: Framing
) -> Generator[Step, None, BacktestResult]:
    """Train on all rows but the last ones, and measure the errors of forecasts of those."""
    horizon, folds = settings.horizon, settings.folds_for(min(map(len, series)))
    rows = rows_held_out(horizon, folds)
    trainings = [values[:-rows] for values in series]
    scales = [scale_of(framing.transform(training), framing) for training in trainings]
    scaled = [framing.transform(values) / scale for values, scale in zip(series, scales, strict=True)]
    scaled_trainings = [z[:-rows] for z in scaled]
    _, epochs = yield from train_network("finding epochs", scaled_trainings, framing, settings)
    network, _ = yield from train_network("backtest", scaled_trainings, framing, settings, epochs)
    leads = rows - FEWEST_ERRORS + 1
    forecasts, quantiles = [], []
    for z, scale in zip(scaled, scales, strict=True):
        ends = np.arange(len(z) - rows, len(z)) - 1  # (origins,)
        points = roll_out(network, windows_ending_at(z, ends, framing.lookback), framing, leads)  # (origins, leads)
        actual = windows_ending_at(np.r_[z, np.full(leads, np.nan)], ends + leads, leads)  # (origins, leads)
        quantiles.append(error_quantiles(np.abs(actual - points)))
        folded = points[fold_starts(horizon, folds), :horizon]  # (folds, horizon)
        forecasts.append(framing.inverse_transform(folded * scale))
    mean_changes = [float(np.abs(np.diff(training)).mean()) for training in trainings]
    tested = compare(series, forecasts, mean_changes, horizon, framing.season)
    return BacktestResult(tested, epochs, scales, quantiles)


def train_network(
    stage: str, scaled: list[np.ndarray], framing: Framing, settings: ForecastSettings, epochs: int | None = None
) -> Generator[Step, None, tuple[Recurrent, int]]:
    """Train a network on scaled series, arrays (points,); yield the records of training.

    Args:
        epochs: None holds out the last rows, and stops early when they are no longer predicted better.

    Returns:
        The network, and the number of the best epoch, 0 if none was better than the untrained network.
    """
    held_out = validation_rows(min(map(len, scaled)), framing) if epochs is None else 0
    task = _make_task(scaled, framing, held_out, settings.seed)
    network = new_network(settings)
    best, best_epoch = (list(task.evaluation(network))[-1] if held_out else math.inf), 0
    if epochs == 0:
        return network, 0
    training = TrainingSettings(
        epochs=epochs or settings.epochs,
        patience=PATIENCE,
        batching=Batching(task.batch_size, framing.window, "random", settings.seed),
        learning_rate=LEARNING_RATE,
        warmup_steps=20,
        final_learning_rate=1.0 if held_out else 0.02,
    )
    try:
        for record in Trainer(network, task, training).records():
            yield Step(stage, record)
            if isinstance(record, EpochRecord) and record.valid_loss is not None and record.valid_loss < best:
                best, best_epoch = record.valid_loss, record.epoch
    except TrainingError:
        raise TrainingError(
            "the loss is no longer a finite number: the values differ too much in size",
            "correct outliers, or fit with {log}",
        ) from None
    return network.eval(), best_epoch


def _make_task(scaled: list[np.ndarray], framing: Framing, held_out: int, seed: int) -> WindowTask:
    """Return the windows of all series as a task; those with targets in the last `held_out` rows are for validation."""

    def pairs(first: int | None, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows whose targets are the rows from `first` to `last` of each series, counted from its end."""
        ends = [
            np.arange(len(z) + first if first else framing.lookback, len(z) + last - framing.horizon + 1) - 1
            for z in scaled
        ]
        step = -(-sum(map(len, ends)) // MOST_WINDOWS)
        parts = [training_pairs(z, own[::step], framing) for z, own in zip(scaled, ends, strict=True)]
        X, Y = (np.concatenate(each) for each in zip(*parts, strict=True))
        return X, Y[:, None, :]  # (N, window, FEATURES), (N, 1, horizon)

    X, Y = pairs(None, -held_out)
    validation = pairs(-held_out, 0) if held_out else None
    batch_size = 32 if len(X) >= 256 else 8
    return WindowTask(X, Y, batch_size, held_out=validation, seed=seed, loss=torch.nn.functional.l1_loss)
