"""What a file of series allows: rows held out, the season, and which series the network can learn from."""

from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.series.forecast.backtest import held_out_rows, origins
from chargen.series.forecast.checks import SeriesError, is_constant
from chargen.series.forecast.decomposition import FEWEST_CYCLES, is_seasonal
from chargen.series.forecast.framing import Framing, choose_framing, common_seasons
from chargen.series.forecast.methods import FEWEST_ROWS, MEAN, NAIVE, NETWORK, SEASONAL, is_intermittent
from chargen.series.forecast.network import MOST_VALUES
from chargen.series.forecast.settings import AUTO, ForecastSettings

FEWEST_WINDOWS = 8  # for training
KEPT_ROWS, KEPT_SEASONS = 1000, 6  # at the end of a long series, that the other methods read
MOST_FORECASTS = 25_000_000  # values of all series together


@dataclass(frozen=True, eq=False)
class Plan:
    """What is done with each series.

    Attributes:
        framing: how the network's windows are made.
        season: of the other methods, in rows; 0 for none.
        held: rows at the end of each series that the backtest holds out.
        cuts: rows before each origin of the backtest, (series, origins); 0 where there is none.
        learned: the numbers of the series that the network learns from; none, if it cannot be trained.
        alone: by the number of a series, the one method that it is forecast with, and why.
    """

    framing: Framing
    season: int
    held: list[int]
    cuts: np.ndarray
    learned: list[int]
    alone: dict[int, tuple[str, str]]

    @property
    def kept(self) -> int:
        """The rows at the end of each series that the methods read."""
        return kept_rows(self.framing, self.season)


def kept_rows(framing: Framing, season: int) -> int:
    """Return how many rows at the end of a long series the methods read."""
    return max(KEPT_ROWS, KEPT_SEASONS * season, framing.lookback)


def require_sizes(series: int, horizon: int, window: int = 0, hidden_size: int = 0) -> None:
    """Raise InputError if forecasts, or what the network computes for one window, would take a gigabyte or more.

    Args:
        series: their number.
    """
    if series * horizon > MOST_FORECASTS:
        message = f"{horizon:,}: for {series:,} series these are more than {MOST_FORECASTS:,} values"
        raise InputError(message, "forecast fewer rows, or fewer series", setting="horizon")
    if window * (hidden_size + horizon) > MOST_VALUES:
        message = f"{window:,}: too many rows for a network of {counted(hidden_size, 'unit')} that gives {horizon:,}"
        raise InputError(message, "give a smaller {window}, {hidden_size} or {horizon}", setting="window")


def make_plan(names: list[str], series: list[np.ndarray], settings: ForecastSettings) -> Plan:
    """Return the plan for series, chosen by the rows before those that the backtest holds out.

    Raises:
        SeriesError: a series has no rows, or no logarithm where one is wanted; or the network is wanted, and it cannot
            be trained.
        InputError: the rows have no room for the folds or the season that were asked for.
    """
    for name, values in zip(names, series, strict=True):
        require_within(name, values, settings)
    _require_room([len(values) for values in series], settings)
    held = [held_out_rows(len(values), settings.horizon, settings.folds) for values in series]
    trainings = [values[: len(values) - rows] for values, rows in zip(series, held, strict=True)]
    varied = [
        number for number, values in enumerate(trainings) if not (_why_naive(series[number]) or is_constant(values))
    ]
    framing = _framing(series, trainings, varied or list(range(len(series))), settings)
    require_sizes(len(series), framing.horizon, framing.window, settings.hidden_size)
    season = _season(framing, [len(training) for training in trainings])
    learned = _learned({number: len(trainings[number]) for number in varied}, framing)
    wanted = settings.model == NETWORK or (settings.model == AUTO and settings.window is not None and varied)
    if wanted and not learned:
        raise _too_short(names, series, framing)
    if settings.model == SEASONAL and not season:
        raise InputError("no season was found in the rows", "give one with {seasons}, or choose another {model}")
    if settings.model not in (AUTO, NETWORK):
        learned = []
    alone = {}
    for number, values in enumerate(series):
        if exception := _exception(values, framing, season, settings.model):
            alone[number] = exception
    cuts = origins([len(values) for values in series], held, settings.horizon)
    return Plan(framing, season, held, cuts, learned, alone)


def _require_room(lengths: list[int], settings: ForecastSettings) -> None:
    """Raise InputError if the longest series has no room for the folds or the season that were asked for."""
    longest = max(lengths)
    most = max(longest - FEWEST_ROWS, 0) // settings.horizon
    if settings.folds and settings.folds > most > 0:
        message = f"{settings.folds:,}: the rows have room for {counted(most, 'horizon')} of {settings.horizon:,}"
        raise InputError(message, "give fewer, or a smaller {horizon}", setting="folds")
    if settings.seasons and settings.seasons[-1] > longest:
        message = f"{settings.seasons[-1]:,}: longer than the {counted(longest, 'row')} that there are"
        raise InputError(message, "give a shorter one", setting="seasons")


def _exception(values: np.ndarray, framing: Framing, season: int, model: str) -> tuple[str, str] | None:
    """Return the one method that a series is forecast with other than `model`, and why; None if there is none."""
    if model in (NAIVE, MEAN):
        return None
    if reason := _why_naive(values):
        return NAIVE, reason
    if model == NETWORK and len(values) <= framing.lookback:
        return NAIVE, "too short for the network"
    if model == SEASONAL and len(values) < season:
        return NAIVE, "shorter than a season"
    if model == AUTO and is_intermittent(values) and not is_seasonal(values[None], season)[0]:
        return MEAN, "counts with many zeros"
    return None


def _why_naive(values: np.ndarray) -> str:
    """Return why nothing but the last value can be repeated, or ""."""
    if is_constant(values):
        return "constant" if len(values) > 1 else "one row"
    return f"fewer than {FEWEST_ROWS} rows" if len(values) < FEWEST_ROWS else ""


def require_within(name: str, values: np.ndarray, settings: ForecastSettings) -> None:
    """Raise SeriesError if a value has no logarithm where one is wanted, or lies beyond the limits."""
    lowest, highest = int(values.argmin()), int(values.argmax())
    low, high = f"the value {values[lowest]:g}", f"the value {values[highest]:g}"
    if settings.log and values[lowest] <= 0:
        raise SeriesError(name, f"{low} has no logarithm", "leave out {log}", lowest)
    if settings.minimum is not None and values[lowest] < settings.minimum:
        raise SeriesError(name, f"{low} is below {settings.minimum:g}", "give a lower {minimum}", lowest)
    if settings.maximum is not None and values[highest] > settings.maximum:
        raise SeriesError(name, f"{high} is above {settings.maximum:g}", "give a higher {maximum}", highest)


def _framing(
    series: list[np.ndarray], trainings: list[np.ndarray], varied: list[int], settings: ForecastSettings
) -> Framing:
    """Return the framing that suits the training rows of the series of these numbers."""
    log = False if any((values <= 0).any() for values in series) else settings.log
    known, whole = ([each[number] for number in varied] for each in (trainings, series))
    seasons = settings.seasons
    if seasons is None:
        seasons = _seasons(known, whole, settings.likely_seasons)
    return choose_framing(known, settings.horizon, settings.window, seasons, log)


def _seasons(trainings: list[np.ndarray], series: list[np.ndarray], likely: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seasons of the training rows, or of all rows where the former are too few for one of the calendar.

    What is held out is most of a short series, three of five years of months, and would hide its season.
    """
    found = common_seasons(trainings, likely)
    if found and FEWEST_CYCLES * max(likely, default=0) <= np.median([len(values) for values in trainings]):
        return found
    return common_seasons(series, likely) or found


def _season(framing: Framing, lengths: list[int]) -> int:
    """Return the longest season of which most series have enough cycles; the shortest, if none."""
    enough = [season for season in framing.seasons if FEWEST_CYCLES * season <= np.median(lengths)]
    return max(enough, default=min(framing.seasons, default=0))


def _learned(lengths: dict[int, int], framing: Framing) -> list[int]:
    """Return the numbers of the series that the network learns from, by their lengths; none, if those are too few."""
    needed = framing.lookback + framing.horizon  # of a window with its target
    learned = [number for number, length in lengths.items() if length >= needed]
    if not learned:
        return []
    validated = validation_rows([lengths[number] for number in learned], framing)
    windows = sum(max(lengths[number] - validated - needed + 1, 0) for number in learned)
    return learned if windows >= FEWEST_WINDOWS else []


def validation_rows(lengths: list[int], framing: Framing) -> int:
    """Return how many rows at the end of the training rows, of these lengths, are for early stopping."""
    length = int(np.median(lengths))
    return max(framing.horizon, min(max(2 * framing.horizon, round(0.15 * length)), length // 4))


def _too_short(names: list[str], series: list[np.ndarray], framing: Framing) -> SeriesError:
    longest = max(range(len(series)), key=lambda number: len(series[number]))
    if all(map(is_constant, series)):
        message = f"{counted(len(series[longest]), 'row')}, all the same: the network can learn nothing from them"
        return SeriesError(names[longest], message, "choose another {model}")
    return SeriesError(
        names[longest],
        f"{counted(len(series[longest]), 'row')}: too few for the network, which reads {framing.lookback} and forecasts"
        f" {framing.horizon}",
        "give more rows, a smaller {horizon} or {window}, or another {model}",
    )
