"""The file of a forecaster: safetensors with a description, verified on load."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.container import read_tensors, write_tensors
from chargen.files.typed import typed
from chargen.series.forecast.backtest import Backtest
from chargen.series.forecast.fitted import Fitted
from chargen.series.forecast.framing import Framing
from chargen.series.forecast.network import new_network
from chargen.series.forecast.origin import require_origin
from chargen.series.forecast.settings import ForecastSettings
from chargen.training.recurrent import Recurrent

KIND = "chargen-series"
PREFIX = "network."  # of the network's tensors
ARRAYS = ("history", "spreads", "error_quantiles", "limits")  # of `Fitted`


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
        settings = typed(ForecastSettings, description["settings"])
        framing = typed(Framing, description["framing"])
        tested = description["backtest"]
        fitted = Fitted(
            names=description["names"],
            shape=description["shape"],
            framing=framing,
            season=description["season"],
            tested=Backtest(**tested | {"margins": {name: tuple(pair) for name, pair in tested["margins"].items()}}),
            epochs=description["epochs"],
            network=_network(settings, tensors),
            weights=dict(zip(description["methods"], tensors["weights"].T, strict=True)),
            reasons=description["reasons"],
            held_out=None,
            **{name: tensors[name] for name in ARRAYS},
        )
        require_origin(description["about"])
        return settings, fitted, dict(description["about"])
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        message = f"{path} is damaged: its description is not valid ({error})"
        raise DamagedError(message, "restore it, or fit again") from None


def _network(settings: ForecastSettings, tensors: dict[str, np.ndarray]) -> Recurrent | None:
    weights = {
        name.removeprefix(PREFIX): torch.from_numpy(np.array(array))
        for name, array in tensors.items()
        if name.startswith(PREFIX)
    }
    if not weights:
        return None
    with torch.device("meta"):  # which takes no memory, whatever size the description claims
        network = new_network(settings)
    network.load_state_dict(weights, assign=True)
    return network
