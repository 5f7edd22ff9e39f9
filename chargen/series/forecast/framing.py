"""How a network sees a series: short windows without the seasons, relative to their level; no torch.

What recurs is not learned but measured anew for every window, from its last few seasons, and taken out of the window
and of what comes after it; the network learns the rest. So a network that has learned nothing gives the seasonal mean,
or the last value where there is no season.
"""

from dataclasses import dataclass, replace

import numpy as np

from chargen.series.forecast.metrics import find_seasons, naive_scale

MOST_CYCLES = 4  # seasons that the recurring part is the mean of
LONGEST_WINDOW = 64  # rows, when it is chosen here
TRIED = 512  # windows that the level is chosen by, of each series
FEATURES = 2  # of each row of a window
CHUNK = 2**24  # values of history that are looked at in one go


@dataclass(frozen=True)
class Framing:
    """How windows are cut.

    Attributes:
        window: rows that the network reads.
        horizon: rows that it gives at once.
        seasons: lengths in rows, the longest last; () where nothing recurs.
        cycles: how many of the longest season the recurring part is measured on.
        level: the rows at the end of a window whose mean is its level.
        log: whether logarithms are forecast, for what recurs grows with the level.
    """

    window: int
    horizon: int
    seasons: tuple[int, ...] = ()
    cycles: int = 1
    level: int = 1
    log: bool = False

    @property
    def season(self) -> int:
        """The longest season, or 0."""
        return max(self.seasons, default=0)

    @property
    def reach(self) -> int:
        """The rows of history that one forecast looks at."""
        return max(self.window, self.level, self.cycles * self.season)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Return the values as they are forecast."""
        return np.log(values) if self.log else np.asarray(values, float)

    def backward(self, values: np.ndarray) -> np.ndarray:
        """Undo `forward`."""
        return np.exp(values) if self.log else values


def choose_framing(
    training: list[np.ndarray],
    horizon: int,
    window: int | None = None,
    seasons: tuple[int, ...] | None = None,
    log: bool | None = None,
) -> Framing:
    """Return the framing that suits series, by their training parts; what is given stays.

    Args:
        training: arrays (points,).
    """
    length = min(map(len, training))
    if seasons is None:
        found = [find_seasons(values) for values in training[:20]]
        seasons = max(found, key=lambda each: (found.count(each), each))
    longest = max(seasons, default=0)
    cycles = min(max(length // (2 * longest), 1), MOST_CYCLES) if longest else 1
    if window is None:
        wished = 2 * min(seasons) if seasons else 2 * horizon
        window = max(min(wished, LONGEST_WINDOW, length // 4), 4)
    if log is None:
        log = bool(longest) and all(_grows_with_its_level(values, longest) for values in training)
    framing = Framing(window, horizon, tuple(sorted(seasons)), cycles, log=log)
    levels = [replace(framing, level=level) for level in sorted({1, *(seasons or [window])})]
    return min(levels, key=lambda each: _anchor_error(training, each))


def scale_of(training: np.ndarray, framing: Framing) -> float:
    """Return the size of what the network has to add: the mean absolute error of repeating the last season, or value.

    Args:
        training: array (points,), as `Framing.forward` gives it, not constant.
    """
    scale = naive_scale(training, framing.season or framing.horizon)
    return scale if scale > 1e-9 * np.ptp(training) else naive_scale(training)  # nothing varies but the season


def frame(histories: np.ndarray, framing: Framing) -> tuple[np.ndarray, np.ndarray]:
    """Return windows without what recurs, relative to their level, and the forecasts of who adds nothing.

    Args:
        histories: array (N, rows), at least `framing.reach` rows.

    Returns:
        The windows (N, window, 2), whose second feature is how far the level lies from the mean of all that is looked
        at, and the anchors (N, horizon), which are forecasts.
    """
    season, rows = framing.season, max(framing.window, framing.level)
    recent, ahead = histories[:, -rows:], 0.0  # (N, rows)
    if season:
        recurring = _recurring(histories[:, -framing.cycles * season :], framing)  # (N, season)
        recent = recent - recurring[:, np.arange(-rows, 0) % season]
        ahead = recurring[:, np.arange(framing.horizon) % season]  # (N, horizon)
    level = recent[:, -framing.level :].mean(1, keepdims=True)  # (N, 1)
    windows = recent[:, -framing.window :] - level  # (N, window)
    offset = level - histories[:, -framing.reach :].mean(1, keepdims=True)  # (N, 1)
    windows = np.stack([windows, np.broadcast_to(offset, windows.shape)], axis=2)  # (N, window, FEATURES)
    return windows, ahead + np.repeat(level, framing.horizon, axis=1)


def training_pairs(values: np.ndarray, ends: np.ndarray, framing: Framing) -> tuple[np.ndarray, np.ndarray]:
    """Return windows and what is to be added to their anchors, float32 arrays (N, window, 2) and (N, horizon).

    Args:
        values: array (points,).
        ends: the index of each window's last value, int64 array (N,).
    """
    size = max(CHUNK // framing.reach, 1)
    X = np.empty((len(ends), framing.window, FEATURES), np.float32)
    Y = np.empty((len(ends), framing.horizon), np.float32)
    for first in range(0, len(ends), size):
        rows = slice(first, first + size)
        X[rows], anchors = frame(upto(values, ends[rows], framing.reach), framing)
        with np.errstate(over="ignore"):  # what float32 cannot hold ends the training with its own words
            Y[rows] = upto(values, ends[rows] + framing.horizon, framing.horizon) - anchors
    return X, Y


def upto(values: np.ndarray, ends: np.ndarray, length: int) -> np.ndarray:
    """Return the `length` values up to each end, (N, length)."""
    return np.lib.stride_tricks.sliding_window_view(values, length)[ends - length + 1]


def _anchor_error(training: list[np.ndarray], framing: Framing) -> float:
    """Return the mean absolute error of the anchors over some windows, in units of each series' scale."""
    errors = []
    for values in map(framing.forward, training):
        values = values / scale_of(values, framing)
        ends = np.arange(framing.reach, len(values) - framing.horizon + 1) - 1
        if len(ends):
            _, rest = training_pairs(values, ends[:: -(-len(ends) // TRIED)], framing)
            errors.append(np.abs(rest).mean())
    return float(np.mean(errors)) if errors else 0.0


def _recurring(history: np.ndarray, framing: Framing) -> np.ndarray:
    """Return the mean season of each history, (N, cycles * season): an array (N, season) whose mean is 0.

    The trend, a line from the first season to the last one, is taken out before.
    """
    count, season = framing.cycles, framing.season
    means = history.reshape(len(history), count, season).mean(2)  # (N, cycles)
    slope = (means[:, -1] - means[:, 0]) / max((count - 1) * season, 1)  # (N,)
    history = history - slope[:, None] * np.arange(history.shape[1])
    mean = history.reshape(len(history), count, season).mean(1)  # (N, season)
    return mean - mean.mean(1, keepdims=True)


def _grows_with_its_level(values: np.ndarray, season: int) -> bool:
    """Return whether seasons swing in proportion to their level, so that logarithms make them alike.

    That is the choice of Guerrero (1993), "Time-series analysis supported by power transformations", between two
    powers: the one under which the spread within seasons varies less.
    """
    if values.min() <= 0:
        return False
    cycles = values[len(values) % season :].reshape(-1, season)  # (cycles, season)
    spread, level = cycles.std(1), cycles.mean(1)

    def varies(spread):
        return spread.std() / max(spread.mean(), 1e-300)

    return len(cycles) > 2 and varies(spread / level) < 0.8 * varies(spread)
