"""Time series with the same recurrent networks: classic exercises, and forecasts of your own numbers.

>>> from chargen.series import Forecaster
>>> values = [week + day for week in range(30) for day in (5, 6, 7, 6, 9, 2, 1)]
>>> forecaster = Forecaster(horizon=7, epochs=2).fit(values)
>>> len(forecaster.predict(14))
14
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers
    from chargen.series.forecast.forecaster import Forecaster as Forecaster

_EXPORTS = {"Forecaster": "forecast.forecaster"}  # imported when first used, so that the other files need no torch
__all__ = sorted(_EXPORTS)


def __getattr__(name: str):
    if name not in _EXPORTS:
        raise AttributeError(f"module 'chargen.series' has no attribute {name!r}")
    return getattr(import_module(f"chargen.series.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
