"""The network of a forecaster: before training, rolled out beyond its horizon, and as a method beside the others."""

import numpy as np
import torch

from chargen.series.forecast.framing import FEATURES, Framing, frame, scale_of
from chargen.series.forecast.methods import Method
from chargen.series.forecast.settings import ForecastSettings
from chargen.series.windows import EVALUATION_ROWS
from chargen.training.recurrent import Recurrent

MOST_VALUES = 20_000_000  # that are computed at once, states and outputs for each row of a window


def new_network(settings: ForecastSettings) -> Recurrent:
    """Return an untrained network, whose outputs are 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = Recurrent(settings.cell, FEATURES, settings.horizon, settings.hidden_size)
    torch.nn.init.zeros_(network.output.weight)
    torch.nn.init.zeros_(network.output.bias)
    return network.eval()


@torch.no_grad()
def roll_out(network: Recurrent, histories: np.ndarray, framing: Framing, leads: int) -> np.ndarray:
    """Return the next values after each history, (N, leads); each horizon's predictions are fed back.

    Args:
        histories: array (N, rows), as `Framing.transform` returns them and divided by their scales.
    """
    histories = histories[:, -framing.lookback :]  # (N, lookback)
    size = max(min(EVALUATION_ROWS, MOST_VALUES // (framing.window * (network.hidden_size + framing.horizon))), 1)
    blocks = []
    for _ in range(-(-leads // framing.horizon)):
        windows, base = frame(histories, framing)
        block = base.copy()  # (N, horizon)
        for first in range(0, len(windows), size):
            rows = slice(first, first + size)
            X = torch.from_numpy(windows[rows].astype(np.float32))  # (B, window, FEATURES)
            outputs, _ = network(X, network.begin_states(len(X)))
            block[rows] += outputs[:, -1].numpy()
        blocks.append(block)
        histories = np.concatenate([histories, block], axis=1)[:, -framing.lookback :]
    return np.concatenate(blocks, axis=1)[:, :leads]


def network_method(network: Recurrent, framing: Framing) -> Method:
    """Return a network as a method; series that are too short or have no logarithm get NaN."""

    def method(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
        points = np.full((len(histories), horizon), np.nan)
        if histories.shape[1] < framing.lookback:
            return points
        able = np.isfinite(histories[:, -framing.lookback :]).all(1)
        if framing.log:
            able &= np.nanmin(histories, axis=1) > 0
        scaled, scales = [], []
        for row in histories[able]:
            values = framing.transform(row[np.isfinite(row)])
            scales.append(scale_of(values, framing))
            scaled.append(values[-framing.lookback :] / scales[-1])
        if scaled:
            rolled = roll_out(network, np.array(scaled), framing, horizon)
            points[able] = framing.inverse_transform(rolled * np.array(scales)[:, None])
        return points

    return method
