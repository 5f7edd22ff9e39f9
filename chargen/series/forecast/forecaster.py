"""`Forecaster`: a recurrent network that continues one or several series, with intervals from a backtest."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from chargen.errors import DamagedError, InputError, TrainingError
from chargen.files.container import read_tensors, write_tensors
from chargen.series.forecast.backtest import (
    FEWEST_ERRORS,
    LEVELS,
    Backtest,
    compare,
    fold_starts,
    half_widths,
    highest_level,
    measure_widths,
    rows_held_out,
    usual_folds,
)
from chargen.series.forecast.checks import SeriesError, is_constant, names_of, require_rows, series_of, validation_rows
from chargen.series.forecast.framing import FEATURES, Framing, choose_framing, frame, scale_of, training_pairs, upto
from chargen.series.windows import EVALUATION_ROWS, WindowTask
from chargen.text.batches import Batching
from chargen.training.recurrent import LAYERS, Recurrent
from chargen.training.trainer import EpochRecord, Progress, Trainer, TrainingSettings

KIND = "chargen-series"
MOST_WINDOWS = 2048  # in an epoch; of more, so many are taken, evenly spaced
LEARNING_RATE, PATIENCE = 0.003, 8
NETWORK = "network."  # begins the names of its tensors in a file


@dataclass(frozen=True)
class ForecastSettings:
    """How a forecaster is made.

    Attributes:
        horizon: rows that the network gives at once; longer forecasts feed them back.
        cell: "rnn", "gru" or "lstm".
        window: rows that it reads; None chooses by the season and the length.
        seasons: their lengths in rows, multiples of the shortest; () for none, None finds them.
        log: whether logarithms are forecast; None does so where the seasons grow with the level.
        hidden_size: H.
        folds: of the backtest, a horizon each; None takes a fifth of the rows, 3 to 20 folds.
        epochs: at most.
        seed: same seed, same machine, same numbers.
    """

    horizon: int = 24
    cell: str = "gru"
    window: int | None = None
    seasons: tuple[int, ...] | None = None
    log: bool | None = None
    hidden_size: int = 32
    folds: int | None = None
    epochs: int = 60
    seed: int = 0

    def __post_init__(self):
        if self.cell not in LAYERS:
            raise InputError(f"{self.cell!r}: unknown", f"choose one of {', '.join(LAYERS)}", setting="cell")
        for name in ("horizon", "window", "hidden_size", "folds", "epochs"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | np.integer) and value >= 1):
                raise InputError(f"{value!r}: must be a whole number, at least 1", setting=name)
        if self.seasons is not None:
            object.__setattr__(self, "seasons", tuple(sorted(set(self.seasons))))
            if any(season < 2 for season in self.seasons):
                raise InputError(f"{min(self.seasons)}: a season has at least 2 rows", setting="seasons")
            if any(season % self.seasons[0] for season in self.seasons):
                message = f"{' and '.join(map(str, self.seasons))}: a longer season must be a multiple of the shortest"
                raise InputError(message, "leave one out", setting="seasons")


class Step(NamedTuple):
    """Where fitting stands: `stage` is "finding epochs", "backtest" or "final"."""

    stage: str
    record: Progress | EpochRecord


class Forecaster:
    """Forecasts one series, or several with one network.

    >>> values = 10 + np.sin(np.arange(120) * np.pi / 6)
    >>> forecaster = Forecaster(horizon=6, epochs=2, folds=2).fit(values)
    >>> forecaster.predict(12).shape
    (12,)

    Attributes:
        settings: as given.
        framing: what was chosen, from the first step of fitting on.
        tested: the `Backtest`, after `fit`.
        about: plain JSON values that are kept in the file.
    """

    def __init__(self, horizon: int = 24, cell: str = "gru", **options):
        """Prepare to fit; see `ForecastSettings` for the options."""
        self.settings = ForecastSettings(horizon, cell, **options)
        self.framing: Framing | None = None
        self.tested: Backtest | None = None
        self.about: dict = {}
        self._network: Recurrent | None = None

    def fit(self, y) -> "Forecaster":
        """Backtest, then learn from all rows.

        Args:
            y: an array of shape (points,), or whatever NumPy makes one of; or a dict or a list of such series.

        Raises:
            InputError: a series is too short, constant, or holds what is no number.
            TrainingError: the loss is no longer a number.
        """
        for _ in self.fitting(y):
            pass
        return self

    def fitting(self, y) -> Iterator[Step]:
        """Do what `fit` does, and yield a fraction of a second's worth at a time."""
        self._names, self._shape = names_of(y)
        series = series_of(y, self._names)
        self._network = None
        scales, epochs, tested, widths = yield from self._backtest(series)
        framing = self.framing
        scaled = [framing.forward(values) / scale for values, scale in zip(series, scales, strict=True)]
        network, _ = yield from self._train("final", scaled, framing, epochs)
        rows = min(max(framing.reach, 4 * framing.horizon), min(map(len, series)))
        self.tested, self.epochs, self._network = tested, epochs, network
        self._scales = np.array(scales)  # (series,)
        self._history = np.array([values[-rows:] for values in series])  # (series, rows)
        self._widths = np.array(widths)  # (series, leads, 99)

    def backtest(self, y, folds: int | None = None) -> Backtest:
        """Return how well forecasters with these settings do on the last rows, which they have not seen."""
        other = Forecaster(**vars(replace(self.settings, folds=self.settings.folds if folds is None else folds)))
        other._names, _ = names_of(y)
        steps = other._backtest(series_of(y, other._names))
        while True:
            try:
                next(steps)
            except StopIteration as done:
                return done.value[2]

    def predict(self, h: int | None = None):
        """Return the next `h` values of each series, in the structure that was given to `fit`."""
        return self._in_shape(self._points(h))

    def interval(self, h: int | None = None, level: int = 90):
        """Return the lower and the upper bounds within which so many per cent of the next `h` values are expected.

        They come from the errors of the backtest, by lead; beyond the `measured` leads they widen with the root of the
        lead, as those of a random walk do.
        """
        _, low, high = self._bounded(h, level)
        return self._in_shape(low), self._in_shape(high)

    def forecasts(self, h: int | None = None, level: int = 90) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return, for each series by name, its next `h` values and their lower and upper bounds; see `interval`."""
        return dict(zip(self.names, zip(*self._bounded(h, level), strict=True), strict=True))

    @property
    def names(self) -> list[str]:
        """The names of the series."""
        self._require_fitted()
        return list(self._names)

    @property
    def measured(self) -> int:
        """The leads that the backtest has measured errors at."""
        self._require_fitted()
        return self._widths.shape[1]

    def history(self, name: str) -> np.ndarray:
        """Return the last values of a series, (rows,)."""
        return self._history[self._names.index(name)]

    def save(self, path: str | Path) -> None:
        """Write the forecaster to one file, whole or not at all.

        Raises:
            SaveError: the file cannot be written.
        """
        self._require_fitted()
        about = {
            "settings": asdict(self.settings),
            "framing": asdict(self.framing),
            "backtest": asdict(self.tested),
            "epochs": self.epochs,
            "names": self._names,
            "shape": self._shape,
            "about": self.about,
        }
        weights = {f"{NETWORK}{name}": weight.numpy() for name, weight in self._network.state_dict().items()}
        arrays = {
            "history": self._history,
            "scales": self._scales,
            "widths": self._widths,
        }
        write_tensors(Path(path), KIND, about, weights | arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Forecaster":
        """Read a forecaster, verified.

        Raises:
            CheckpointError: the file is missing, is no forecaster, was altered, or needs a newer chargen.
        """
        about, tensors = read_tensors(Path(path), KIND)
        try:
            forecaster = cls(**about["settings"])
            framing = about["framing"] | {"seasons": tuple(about["framing"]["seasons"])}
            forecaster.framing = Framing(**framing)
            forecaster.tested = Backtest(**about["backtest"])
            forecaster.epochs, forecaster._names, forecaster._shape = (
                about[key] for key in ("epochs", "names", "shape")
            )
            forecaster.about = dict(about["about"])
            forecaster._history, forecaster._scales = tensors["history"], tensors["scales"]
            forecaster._widths = tensors["widths"]
            forecaster._network = forecaster._new_network(forecaster.framing)
            weights = {
                name.removeprefix(NETWORK): torch.from_numpy(np.array(array))
                for name, array in tensors.items()
                if name.startswith(NETWORK)
            }
            forecaster._network.load_state_dict(weights)
        except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
            raise DamagedError(f"{path} is damaged: its description does not make sense ({error})") from None
        return forecaster

    def _backtest(self, series: list[np.ndarray]) -> Generator[Step, None, tuple]:
        """Train on all rows but the last ones, and forecast those.

        Returns:
            The scales, the epochs that early stopping chose, a `Backtest`, and `measure_widths` by series.
        """
        settings = self.settings
        folds = settings.folds or usual_folds(min(map(len, series)), settings.horizon)
        rows = rows_held_out(settings.horizon, folds)
        trainings = [values[:-rows] for values in series]
        self.framing = framing = self._choose_framing(series, trainings, folds)
        scales = [scale_of(framing.forward(training), framing) for training in trainings]
        scaled = [framing.forward(values) / scale for values, scale in zip(series, scales, strict=True)]
        _, epochs = yield from self._train("finding epochs", [z[:-rows] for z in scaled], framing)
        network, _ = yield from self._train("backtest", [z[:-rows] for z in scaled], framing, epochs)
        leads = rows - FEWEST_ERRORS + 1
        forecasts, widths = [], []
        for z, scale in zip(scaled, scales, strict=True):
            ends = np.arange(len(z) - rows, len(z)) - 1  # (origins,)
            points = _roll_out(network, upto(z, ends, framing.reach), framing, leads)  # (origins, leads)
            padded = np.r_[z, np.full(leads, np.nan)]
            widths.append(measure_widths(np.abs(upto(padded, ends + leads, leads) - points)))
            folded = points[fold_starts(settings.horizon, folds), : settings.horizon]  # (folds, horizon)
            forecasts.append(framing.backward(folded * scale))
        tested = compare(series, forecasts, _error_scales(trainings), settings.horizon, framing.season)
        return scales, epochs, tested, widths

    def _choose_framing(self, series: list[np.ndarray], trainings: list[np.ndarray], folds: int) -> Framing:
        settings, log = self.settings, self.settings.log
        for name, values in zip(self._names, series, strict=True):
            if values.size and values.min() <= 0:  # no logarithm in the rows held out either
                if log:
                    raise SeriesError(name, f"the value {values.min():g} has no logarithm", "leave out {log}")
                log = False
            seasons = settings.seasons or ()
            least = Framing(settings.window or 4, settings.horizon, seasons)
            require_rows(name, len(values), folds, least)
        for name, training in zip(self._names, trainings, strict=True):
            if is_constant(training):
                raise SeriesError(name, "constant before the rows that the backtest holds out", "use fewer {folds}")
        framing = choose_framing(trainings, settings.horizon, settings.window, settings.seasons, log)
        for name, values in zip(self._names, series, strict=True):
            require_rows(name, len(values), folds, framing)
        return framing

    def _train(
        self, stage: str, scaled: list[np.ndarray], framing: Framing, epochs: int | None = None
    ) -> Generator[Step, None, tuple[Recurrent, int]]:
        """Train a network for `epochs`, or, without them, until the last rows show that it is enough.

        The number of epochs that was best, 0 if none beat what the network begins with, is returned with it.
        """
        held = validation_rows(min(map(len, scaled)), framing) if epochs is None else 0
        task = _task(scaled, framing, held, self.settings.seed)
        network = self._new_network(framing)
        best, chosen = (list(task.evaluation(network))[-1] if held else None), 0
        if epochs == 0:
            return network, 0
        settings = TrainingSettings(
            epochs=epochs or self.settings.epochs,
            patience=PATIENCE,
            batching=Batching(task.batch_size, framing.window, "random", self.settings.seed),
            learning_rate=LEARNING_RATE,
            warmup_steps=20,
            final_learning_rate=1.0 if held else 0.02,
        )
        try:
            with _one_thread():
                for record in Trainer(network, task, settings).records():
                    yield Step(stage, record)
                    if held and isinstance(record, EpochRecord) and record.valid_loss < best:
                        best, chosen = record.valid_loss, record.epoch
        except TrainingError:
            raise TrainingError(
                "the loss is no longer a finite number: the values differ too much in size",
                "correct outliers, or fit with {log}",
            ) from None
        return network.eval(), chosen

    def _new_network(self, framing: Framing) -> Recurrent:
        """Return a network that adds nothing yet."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            network = Recurrent(self.settings.cell, FEATURES, framing.horizon, self.settings.hidden_size)
        torch.nn.init.zeros_(network.output.weight)
        torch.nn.init.zeros_(network.output.bias)
        return network.eval()

    def _bounded(self, h: int | None, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the forecasts of all series and their bounds, (series, h) each."""
        if level not in LEVELS:
            raise InputError(f"{level}: must be a whole number of per cent from 1 to 99", setting="level")
        points = self._points(h)  # (series, h)
        h = points.shape[1]
        if level > (highest := highest_level(self.measured, h)):
            raise InputError(
                f"{level}: the backtest has too few errors for more than {highest} % at {h} rows ahead",
                "ask for less, or fit with more {folds}",
                setting="level",
            )
        halves = np.array([half_widths(each, h, level) for each in self._widths]) * self._scales[:, None]  # (series, h)
        middle = self.framing.forward(points)
        with np.errstate(over="ignore"):
            low, high = (_finite(self.framing.backward(middle + sign * halves)) for sign in (-1, 1))
        return points, low, high

    def _points(self, h: int | None) -> np.ndarray:
        """Return the forecasts of all series, (series, h)."""
        self._require_fitted()
        h = self.settings.horizon if h is None else h
        if h < 1:
            raise InputError(f"{h}: must be at least 1", setting="horizon")
        scaled = self.framing.forward(self._history) / self._scales[:, None]
        points = _roll_out(self._network, scaled, self.framing, h)
        with np.errstate(over="ignore"):
            return _finite(self.framing.backward(points * self._scales[:, None]))

    def _require_fitted(self) -> None:
        if self._network is None:
            raise InputError("this forecaster is not fitted yet", "call fit first")

    def _in_shape(self, rows: np.ndarray):
        if self._shape == "one":
            return rows[0]
        return dict(zip(self._names, rows, strict=True)) if self._shape == "dict" else list(rows)


def _finite(values: np.ndarray) -> np.ndarray:
    """Return forecasts, (series, h), if all of them are numbers."""
    if np.isfinite(values).all():
        return values
    lead = int(np.flatnonzero(~np.isfinite(values).all(0))[0]) + 1
    raise InputError(
        f"{lead:,} rows ahead the forecast is too large for a number",
        "ask for fewer rows, or fit with {log} switched off",
    )


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread meanwhile: a network this small is no faster in two, and far slower on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _error_scales(trainings: list[np.ndarray]) -> list[float]:
    """Return the mean absolute change of each series, so that the errors of several can be added up."""
    return [float(np.abs(np.diff(training)).mean()) for training in trainings]


def _task(scaled: list[np.ndarray], framing: Framing, held: int, seed: int) -> WindowTask:
    """Return the windows of all series as a task, those that end within the last `held` rows held out."""

    def pairs(first, last):
        """Return the windows whose targets are the rows from `first` to `last` of each series, counted from its end."""
        ends = [
            np.arange(len(z) + first if first else framing.reach, len(z) + last - framing.horizon + 1) - 1
            for z in scaled
        ]
        step = -(-sum(map(len, ends)) // MOST_WINDOWS)
        parts = [training_pairs(z, own[::step], framing) for z, own in zip(scaled, ends, strict=True)]
        X, Y = (np.concatenate(each) for each in zip(*parts, strict=True))
        return X, Y[:, None, :]  # (N, window, FEATURES), (N, 1, horizon)

    X, Y = pairs(None, -held)
    batch_size = 32 if len(X) >= 256 else 8
    return WindowTask(
        X, Y, batch_size, held_out=pairs(-held, 0) if held else None, seed=seed, loss=torch.nn.functional.l1_loss
    )


@torch.no_grad()
def _roll_out(network: Recurrent, histories: np.ndarray, framing: Framing, leads: int) -> np.ndarray:
    """Return the next values after each history, (N, leads): horizon by horizon, each fed back for the next."""
    histories = histories[:, -framing.reach :]  # (N, reach)
    blocks = []
    for _ in range(-(-leads // framing.horizon)):
        windows, anchors = frame(histories, framing)
        block = anchors.copy()  # (N, horizon)
        for first in range(0, len(windows), EVALUATION_ROWS):
            rows = slice(first, first + EVALUATION_ROWS)
            X = torch.from_numpy(windows[rows].astype(np.float32))  # (B, window, FEATURES)
            outputs, _ = network(X, network.begin_state(len(X)))
            block[rows] += outputs[:, -1].numpy()
        blocks.append(block)
        histories = np.concatenate([histories, block], axis=1)[:, -framing.reach :]
    return np.concatenate(blocks, axis=1)[:, :leads]
