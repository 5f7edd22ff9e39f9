"""The file of a forecaster: safetensors with a description, verified on load."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chargen.errors import DamagedError, InputError
from chargen.files.container import read_tensors, write_tensors
from chargen.series.forecast.backtest import Backtest
from chargen.series.forecast.fitted import Fitted
from chargen.series.forecast.framing import Framing
from chargen.series.forecast.network import new_network
from chargen.series.forecast.settings import ForecastSettings

KIND = "chargen-series"
NETWORK = "network."  # the prefix of the network's tensors


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
        "backtest": asdict(fitted.tested),
        "epochs": fitted.epochs,
        "names": fitted.names,
        "shape": fitted.shape,
        "about": metadata,
    }
    tensors = {f"{NETWORK}{name}": weight.numpy() for name, weight in fitted.network.state_dict().items()}
    tensors |= {"history": fitted.history, "scales": fitted.scales, "widths": fitted.error_quantiles}
    write_tensors(path, KIND, description, tensors)


def read_forecaster(path: Path) -> tuple[ForecastSettings, Fitted, dict[str, Any]]:
    """Return the settings of a forecaster, what it has learned, and the metadata kept with it.

    Raises:
        CheckpointError: the file is missing, is not a forecaster, was altered, or needs a newer chargen.
    """
    description, tensors = read_tensors(path, KIND)
    try:
        settings = ForecastSettings(**description["settings"])
        network = new_network(settings)
        weights = {
            name.removeprefix(NETWORK): torch.from_numpy(np.array(array))
            for name, array in tensors.items()
            if name.startswith(NETWORK)
        }
        network.load_state_dict(weights)
        framing = Framing(**description["framing"] | {"seasons": tuple(description["framing"]["seasons"])})
        fitted = Fitted(
            names=description["names"],
            shape=description["shape"],
            framing=framing,
            tested=Backtest(**description["backtest"]),
            epochs=description["epochs"],
            network=network,
            scales=tensors["scales"],
            history=tensors["history"],
            error_quantiles=tensors["widths"],
        )
        return settings, fitted, dict(description["about"])
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        message = f"{path} is damaged: its description is not valid ({error})"
        raise DamagedError(message, "restore it, or fit again") from None
