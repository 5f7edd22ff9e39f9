"""The file of a forecaster: safetensors with a description, verified on load."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.container import read_tensors, require_shapes, write_tensors
from chargen.files.typed import typed
from chargen.series.forecast.backtest import FORECAST, Backtest
from chargen.series.forecast.checks import LARGEST, SHAPES
from chargen.series.forecast.conformal_intervals import LEVELS
from chargen.series.forecast.fitted import Fitted
from chargen.series.forecast.framing import Framing
from chargen.series.forecast.methods import FEWEST_ROWS, MEAN, METHODS, NAIVE, NETWORK
from chargen.series.forecast.network import new_network
from chargen.series.forecast.origin import require_origin
from chargen.series.forecast.plan import require_sizes
from chargen.series.forecast.settings import ForecastSettings
from chargen.training.recurrent import Recurrent

KIND = "chargen-series"
PREFIX = "network."  # of the network's tensors
ARRAYS = ("history", "spreads", "error_quantiles", "limits")  # of `Fitted`


@dataclass(frozen=True)
class _Description:
    """What the file says about the tensors.

    Attributes:
        methods: the names of the columns of `weights`.
        backtest: `Fitted.tested`.
        about: metadata, see `chargen.series.forecast.origin`.
        (all others: as in `Fitted`)
    """

    settings: ForecastSettings
    framing: Framing
    season: int
    methods: list[str]
    reasons: dict[str, str]
    backtest: Backtest
    epochs: int
    names: list[str]
    shape: str
    about: dict[str, Any]

    def __post_init__(self):
        known = {NETWORK, *METHODS}
        named = len(set(self.names)) == len(self.names) and self.names and self.reasons.keys() <= {*self.names}
        if not named or self.shape not in SHAPES or (self.shape == SHAPES[0] and len(self.names) > 1):
            raise ValueError("its series are not named as they must be")
        if len(set(self.methods)) < len(self.methods) or not {*self.methods} <= known:
            raise ValueError(f"its methods are {', '.join(self.methods)}")
        _require_figures(self.backtest, known | {FORECAST})
        if self.framing.horizon != self.settings.horizon or self.season not in (0, *self.framing.seasons):
            raise ValueError("its windows are not those of its settings")
        require_sizes(len(self.names), self.framing.horizon, self.framing.window, self.settings.hidden_size)


def write_forecaster(path: Path, settings: ForecastSettings, fitted: Fitted, metadata: dict[str, Any]) -> None:
    """Write a forecaster to one file, atomically.

    Args:
        metadata: JSON values to keep with it.

    Raises:
        SaveError: the file cannot be written.
    """
    description = {
        "settings": asdict(settings),
        "framing": asdict(fitted.framing),
        "season": fitted.season,
        "methods": list(fitted.weights),
        "reasons": fitted.reasons,
        "backtest": asdict(fitted.tested),
        "epochs": fitted.epochs,
        "names": fitted.names,
        "shape": fitted.shape,
        "about": metadata,
    }
    network = fitted.network.state_dict() if fitted.network is not None else {}
    tensors = {f"{PREFIX}{name}": weight.numpy() for name, weight in network.items()}
    tensors |= {name: getattr(fitted, name) for name in ARRAYS}
    tensors["weights"] = np.stack(list(fitted.weights.values()), axis=1)  # (series, methods)
    write_tensors(path, KIND, description, tensors)


def read_forecaster(path: Path) -> tuple[ForecastSettings, Fitted, dict[str, Any]]:
    """Return the settings of a forecaster, what it has learned, and the metadata kept with it.

    Raises:
        CheckpointError: the file is missing, is not a forecaster, was altered, or needs a newer chargen.
    """
    description, tensors = read_tensors(path, KIND)
    if "methods" not in description:
        raise CheckpointError(
            f"{path} was written by an older chargen, whose forecasts were the network's alone; fit again"
        )
    try:
        found = typed(_Description, {name: one for name, one in description.items() if name != "format"})
        require_origin(found.about, found.names)
        network = _network(found.settings, tensors)
        _require_arrays(found, tensors)
        weights = dict(zip(found.methods, tensors["weights"].T, strict=True))
        if (NETWORK in weights) != (network is not None):
            raise ValueError("it has a network that does not count, or none that does")
        fitted = Fitted(
            names=found.names,
            shape=found.shape,
            framing=found.framing,
            season=found.season,
            tested=found.backtest,
            epochs=found.epochs,
            network=network,
            weights=weights,
            reasons=found.reasons,
            held_out=None,
            **{name: tensors[name] for name in ARRAYS},
        )
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        message = f"{path} is damaged: its description is not valid ({error})"
        raise DamagedError(message, "restore it, or fit again") from None
    return found.settings, fitted, found.about


def _require_figures(tested: Backtest, known: set[str]) -> None:
    """Raise ValueError unless a backtest says of known methods what is shown of them."""
    if not {*tested.figures, tested.subject, *tested.shares} <= known:
        raise ValueError("its backtest is one of other methods")
    for name, figures in tested.figures.items():
        if figures.keys() != {"mae", "smape", "mase"} or None in (figures["mae"], figures["smape"]):
            raise ValueError(f"its backtest lacks figures of the {name} forecast")
    if tested.folds < 1 or (tested.margins and not {*tested.margins, tested.subject} <= tested.figures.keys()):
        raise ValueError("its backtest has no figures of what it compares")


def _require_arrays(found: _Description, tensors: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless the arrays are those of such a forecaster, so that it can forecast."""
    count, rows = len(found.names), len(tensors["history"].T)
    shapes = {
        "history": (count, rows),
        "weights": (count, len(found.methods)),
        "spreads": (count,),
        "error_quantiles": (found.settings.horizon, len(LEVELS)),
        "limits": (count, 2),
    }
    arrays = {name: array for name, array in tensors.items() if not name.startswith(PREFIX)}
    require_shapes(arrays, shapes)
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise ValueError(f"{name} is of type {array.dtype}, not float64")
    history, weights, limits = arrays["history"], arrays["weights"], arrays["limits"]
    present = np.isfinite(history)  # (series, rows), only at the end of each
    sound = {
        "history": (np.isnan(history) | (np.abs(history) <= LARGEST)).all()
        and rows
        and present[:, -1].all()
        and (np.diff(present.astype(int), axis=1) >= 0).all(),
        "weights": (np.isfinite(weights) & (weights >= 0)).all() and (weights.sum(1) > 0).all(),
        "limits": ((limits[:, 0] <= limits[:, 1]) & (limits[:, 0] < np.inf) & (limits[:, 1] > -np.inf)).all(),
        **{name: ((arrays[name] >= 0) & (arrays[name] <= LARGEST)).all() for name in ("spreads", "error_quantiles")},
    }
    if wrong := next((name for name, is_sound in sound.items() if not is_sound), None):
        raise ValueError(f"{wrong} holds values that it cannot have")
    if NETWORK in found.methods and rows < found.framing.lookback:
        raise ValueError(f"the network reads {found.framing.lookback} rows, and the history has {rows}")
    if rows < FEWEST_ROWS and not {*found.methods} <= {NAIVE, MEAN}:
        raise ValueError(f"its methods need {FEWEST_ROWS} rows, and the history has {rows}")


def _network(settings: ForecastSettings, tensors: dict[str, np.ndarray]) -> Recurrent | None:
    weights = {
        name.removeprefix(PREFIX): torch.from_numpy(np.array(array))
        for name, array in tensors.items()
        if name.startswith(PREFIX)
    }
    if not weights:
        return None
    for name, weight in weights.items():
        if weight.dtype != torch.float32 or not weight.isfinite().all():
            raise ValueError(f"{PREFIX}{name} holds values that are no finite float32 numbers")
    with torch.device("meta"):  # which takes no memory, whatever size the description claims
        network = new_network(settings)
    network.load_state_dict(weights, assign=True)
    return network
