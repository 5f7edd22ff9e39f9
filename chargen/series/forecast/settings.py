"""`ForecastSettings`: how a forecaster is made."""

from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np

from chargen.errors import InputError
from chargen.files.typed import value_of
from chargen.network.cells import CELLS
from chargen.series.forecast.methods import METHODS, NETWORK

AUTO = "auto"
MODELS = (AUTO, NETWORK, *METHODS)
COUNTS = ("horizon", "window", "hidden_size", "folds", "epochs")
KINDS = dict.fromkeys(COUNTS, "a whole number, at least 1") | {
    **dict.fromkeys(("cell", "model"), "a name"),
    **dict.fromkeys(("seasons", "likely_seasons"), "a list of whole numbers"),
    **dict.fromkeys(("minimum", "maximum"), "a finite number"),
    "log": "True or False",
    "seed": "a whole number, at least 0",
}


@dataclass(frozen=True)
class ForecastSettings:
    """How a forecaster is made.

    Attributes:
        horizon: rows that the network predicts at once; longer forecasts feed its predictions back.
        cell: "rnn", "gru" or "lstm".
        window: rows that the network reads; None chooses by the season and the length.
        seasons: their lengths in rows, multiples of the shortest; () for none, None detects them.
        log: whether to forecast logarithms; None does so where the seasons grow with the level.
        hidden_size: H.
        folds: horizons that the backtest holds out; None takes a fifth of the rows, 3 to 20 folds.
        epochs: the maximum; early stopping may choose fewer.
        model: "auto" weighs all methods by the backtest; or the one method to forecast with, of `MODELS`.
        minimum, maximum: no forecast lies beyond them; None for the minimum takes 0 where no value is negative.
        seed: the same seed gives the same numbers on the same machine.
        likely_seasons: of the calendar, preferred to others where seasons are detected: (24, 168) for hourly rows.
    """

    horizon: int = 24
    cell: str = "gru"
    window: int | None = None
    seasons: tuple[int, ...] | None = None
    log: bool | None = None
    hidden_size: int = 32
    folds: int | None = None
    epochs: int = 60
    model: str = AUTO
    minimum: float | None = None
    maximum: float | None = None
    seed: int = 0
    likely_seasons: tuple[int, ...] = ()

    def __post_init__(self):
        for name, hint in get_type_hints(ForecastSettings).items():
            try:
                object.__setattr__(self, name, value_of(hint, _plain(getattr(self, name)), name))
            except ValueError:
                raise InputError(f"{getattr(self, name)!r}: must be {KINDS[name]}", setting=name) from None
        if self.cell not in CELLS:
            raise InputError(f"{self.cell!r}: unknown", f"choose one of {', '.join(CELLS)}", setting="cell")
        if self.model not in MODELS:
            raise InputError(f"{self.model!r}: unknown", f"choose one of {', '.join(MODELS)}", setting="model")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InputError(f"{self.minimum:g}: above the maximum, {self.maximum:g}", "swap them", setting="minimum")
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{value!r}: must be {KINDS[name]}", setting=name)
        if self.seasons is not None:
            object.__setattr__(self, "seasons", tuple(sorted(set(self.seasons))))
            if any(season < 2 for season in self.seasons):
                raise InputError(f"{min(self.seasons)}: a season has at least 2 rows", setting="seasons")
            if any(season % self.seasons[0] for season in self.seasons):
                shortest, *longer = self.seasons
                message = f"{' and '.join(map(str, self.seasons))}: a longer season must be a multiple of the shortest"
                nearest = " and ".join(str(round(season / shortest) * shortest) for season in longer)
                raise InputError(message, f"give {shortest} and {nearest}, or leave one out", setting="seasons")

    def limits_for(self, values: np.ndarray) -> tuple[float, float]:
        """Return what no forecast of a series lies below, and what none lies above."""
        lowest = 0.0 if values.min() >= 0 else -np.inf
        return lowest if self.minimum is None else self.minimum, np.inf if self.maximum is None else self.maximum


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: a number of NumPy as Python's own, a tuple or an array as a list."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
