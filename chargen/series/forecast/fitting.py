"""The fitting of a forecaster: the network's training, the backtest of all methods, and what follows from it."""

import math
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch

from chargen.series.forecast.backtest import (
    FORECAST,
    Backtest,
    HeldOut,
    actual_values,
    backtest_forecasts,
    summarize,
)
from chargen.series.forecast.combination import combine, mean_errors, weigh
from chargen.series.forecast.conformal_intervals import spreads_and_quantiles
from chargen.series.forecast.fitted import Fitted
from chargen.series.forecast.framing import Framing, scale_of, training_pairs
from chargen.series.forecast.methods import METHODS, NAIVE, NETWORK, SEASONAL, Method, aligned
from chargen.series.forecast.metrics import naive_scale
from chargen.series.forecast.network import network_method, new_network
from chargen.series.forecast.plan import Plan, validation_rows
from chargen.series.forecast.settings import AUTO, ForecastSettings
from chargen.series.windows import WindowTask
from chargen.text.batches import Batching
from chargen.training.records import EpochRecord, Progress
from chargen.training.recurrent import Recurrent
from chargen.training.settings import TrainingSettings
from chargen.training.trainer import Trainer

MOST_WINDOWS = 2048  # in an epoch; where there are more, every n-th is taken
LEARNING_RATE, PATIENCE = 0.003, 8
COMBINED = ("smoothing", "theta", "autoregression", SEASONAL, NAIVE)  # besides the network
LEAST_SHARE = 0.02  # of the network in some series, below which it is not trained again


class Step(NamedTuple):
    """A record of training; `stage` is "finding epochs", "backtest", "comparing" (without a record) or "final"."""

    stage: str
    record: Progress | EpochRecord | None


class BacktestResult(NamedTuple):
    """What the backtest leaves: see `Fitted`."""

    tested: Backtest
    epochs: int
    weights: dict[str, np.ndarray]
    spreads: np.ndarray
    error_quantiles: np.ndarray
    limits: np.ndarray
    held_out: HeldOut


def fit_series(
    names: list[str], shape: str, series: list[np.ndarray], settings: ForecastSettings, plan: Plan
) -> Generator[Step, None, Fitted]:
    """Backtest, then learn from all rows; yield the records of training, and return what was learned."""
    result = yield from run_backtest(series, settings, plan)
    network = None
    if NETWORK in result.weights:
        scaled = [_scaled(series[number], 0, plan.framing) for number in plan.learned]
        network, _ = yield from train_network("final", scaled, plan.framing, settings, result.epochs)
    return Fitted(
        names=names,
        shape=shape,
        framing=plan.framing,
        season=plan.season,
        network=network,
        history=aligned([values[-plan.kept :] for values in series]),
        reasons={names[number]: f"{method} forecast: {reason}" for number, (method, reason) in plan.alone.items()},
        **result._asdict(),
    )


def run_backtest(
    series: list[np.ndarray], settings: ForecastSettings, plan: Plan
) -> Generator[Step, None, BacktestResult]:
    """Train on all rows but the last ones, forecast those with every method, and weigh the methods by their errors."""
    methods: dict[str, Method] = {}
    epochs = 0
    if plan.learned:
        network, epochs = yield from _network_before_backtest(series, settings, plan)
        methods[NETWORK] = network_method(network, plan.framing)
    combined = COMBINED if len(plan.alone) < len(series) else ()
    wanted = (*combined, settings.model, *(name for name, _ in plan.alone.values()))
    methods |= {name: method for name, method in METHODS.items() if name in wanted}
    forecasting = backtest_forecasts(series, plan.cuts, methods, plan.season, settings.horizon, plan.kept)
    while True:
        try:
            next(forecasting)
            yield Step("comparing", None)
        except StopIteration as done:
            return _judged(series, done.value, list(methods), epochs, settings, plan)


def _network_before_backtest(
    series: list[np.ndarray], settings: ForecastSettings, plan: Plan
) -> Generator[Step, None, tuple[Recurrent, int]]:
    """Train on the rows before the backtest: first to find the number of epochs, then on all of them."""
    scaled = [_scaled(series[number], plan.held[number], plan.framing) for number in plan.learned]
    _, epochs = yield from train_network("finding epochs", scaled, plan.framing, settings)
    network, _ = yield from train_network("backtest", scaled, plan.framing, settings, epochs)
    return network, epochs


def _scaled(values: np.ndarray, held: int, framing: Framing) -> np.ndarray:
    """Return the rows of a series but the last `held`, as the network reads them."""
    training = framing.transform(values[: len(values) - held])
    return training / scale_of(training, framing)


def _judged(
    series: list[np.ndarray],
    points: np.ndarray,
    methods: list[str],
    epochs: int,
    settings: ForecastSettings,
    plan: Plan,
) -> BacktestResult:
    """Return what follows from the forecasts of a backtest, (N, origins, methods, horizon)."""
    actual = actual_values(series, plan.cuts, settings.horizon)  # (N, origins, horizon)
    errors = mean_errors(points, actual)  # (N, origins, methods)
    weights, without_one = _weights(errors, methods, settings, plan)
    limits = np.array([settings.limits_for(values) for values in series])  # (N, 2)
    forecast = np.clip(combine(points, without_one), limits[:, :1, None], limits[:, 1:, None])  # (N, origins, horizon)
    before = np.array(
        [
            [_typical_change(values[:cut], plan.season) for cut in cuts]
            for values, cuts in zip(series, plan.cuts, strict=True)
        ]
    )
    changes = np.array([_typical_change(values, plan.season) for values in series])
    spreads, quantiles = spreads_and_quantiles(forecast - actual, plan.cuts, before, changes)
    subject = FORECAST if settings.model == AUTO else settings.model
    by_name = ({FORECAST: forecast} if subject == FORECAST else {}) | {
        name: points[:, :, place] for place, name in enumerate(methods)
    }
    usual = [number for number in range(len(series)) if number not in plan.alone] or slice(None)
    shares = dict(zip(methods, weights[usual].mean(0).tolist(), strict=True))
    trainings = [values[: len(values) - held] for values, held in zip(series, plan.held, strict=True)]
    folds = max(round(float(np.median(plan.held)) / settings.horizon), 1)
    tested = summarize(actual, by_name, trainings, plan.season, folds, subject, shares)
    counting = {
        name: weights[:, place]
        for place, name in enumerate(methods)
        if weights[:, place].max() >= (LEAST_SHARE if name == NETWORK else 1e-3)
    }
    return BacktestResult(tested, epochs, counting, spreads, quantiles, limits, HeldOut(plan.cuts, forecast))


def _weights(
    errors: np.ndarray, methods: list[str], settings: ForecastSettings, plan: Plan
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `weigh` does, but for the series that are forecast with one method, because of `plan` or `settings`.

    Args:
        errors: array (N, origins, methods).
    """
    combined = [name in (NETWORK, *COMBINED) for name in methods]
    weights, without_one = weigh(np.where(combined, errors, np.nan))
    for number in range(len(errors)):
        only = plan.alone[number][0] if number in plan.alone else settings.model
        if only != AUTO:
            weights[number] = without_one[number] = [name == only for name in methods]
    return weights, without_one


def train_network(
    stage: str, scaled: list[np.ndarray], framing: Framing, settings: ForecastSettings, epochs: int | None = None
) -> Generator[Step, None, tuple[Recurrent, int]]:
    """Train a network on scaled series, arrays (points,); yield the records of training.

    Args:
        epochs: None holds out the last rows, and stops early when they are no longer predicted better.

    Returns:
        The network, and the number of the best epoch, 0 if none was better than the untrained network.
    """
    held_out = validation_rows([len(z) for z in scaled], framing) if epochs is None else 0
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
    for record in Trainer(network, task, training).records():
        yield Step(stage, record)
        if isinstance(record, EpochRecord) and record.valid_loss is not None and record.valid_loss < best:
            best, best_epoch = record.valid_loss, record.epoch
    return network.eval(), best_epoch


def _make_task(scaled: list[np.ndarray], framing: Framing, held_out: int, seed: int) -> WindowTask:
    """Return the windows of all series as a task; those with targets in the last `held_out` rows are for validation."""

    def pairs(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows whose targets are the rows from `first` to `last` of each series, counted from its end."""
        ends = [
            np.arange(max(len(z) + first, framing.lookback), len(z) + last - framing.horizon + 1) - 1 for z in scaled
        ]
        step = -(-sum(map(len, ends)) // MOST_WINDOWS)
        rows = zip(scaled, ends, strict=True)
        parts = [training_pairs(z, own[::step], framing) for z, own in rows if len(own)]
        X, Y = (np.concatenate(each) for each in zip(*parts, strict=True))
        return X, Y[:, None, :]  # (N, window, FEATURES), (N, 1, horizon)

    X, Y = pairs(-max(map(len, scaled)), -held_out)
    validation = pairs(-held_out, 0) if held_out else None
    batch_size = 32 if len(X) >= 256 else 8
    return WindowTask(X, Y, batch_size, held_out=validation, seed=seed, loss=torch.nn.functional.l1_loss)


def _typical_change(values: np.ndarray, season: int) -> float:
    change = naive_scale(values, season if len(values) > season > 1 else 1)
    return 0.0 if np.isnan(change) else change
