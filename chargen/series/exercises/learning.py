"""Training and prediction for the exercises, by chargen's training loop."""

from collections.abc import Callable

import numpy as np
import torch

from chargen.series.exercises.networks import Network
from chargen.series.windows import as_tensor
from chargen.text.batches import Batching
from chargen.training.records import EpochRecord
from chargen.training.recurrent import Stateful
from chargen.training.settings import TrainingSettings
from chargen.training.trainer import Task, Trainer


def learn(
    network: Stateful,
    task: Task,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    clip: float = 1.0,
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
) -> np.ndarray:
    """Train `network` in place by Adam; return the mean loss of each epoch, (epochs,).

    Args:
        on_epoch: called with the record of each epoch.
    """
    settings = TrainingSettings(
        epochs=epochs,
        batching=Batching(batch_size, num_steps=1, seed=seed),
        learning_rate=learning_rate,
        warmup_steps=0,
        weight_decay=0.0,  # without it AdamW is Adam
        clip=clip,
    )
    losses = []
    for record in Trainer(network, task, settings).records():
        if isinstance(record, EpochRecord):
            losses.append(record.train_loss)
            on_epoch(record)
    return np.array(losses)


@torch.no_grad()
def predict(network: Network, X: np.ndarray) -> np.ndarray:
    """Return the outputs for windows X, (N, T, inputs), each from the zero state: (N, T, 1), or (N, 1, 1)."""
    network.eval()
    outputs, _ = network(as_tensor(X), network.begin_states(len(X)))
    return outputs.numpy()


@torch.no_grad()
def predict_carried(network: Network, X: np.ndarray) -> np.ndarray:
    """Return the outputs for consecutive windows X, (N, T, inputs), with the state carried on: (N, T, 1)."""
    network.eval()
    outputs, state = [], network.begin_states(1)
    for window in as_tensor(X):
        output, state = network(window[None], state)  # (1, T, 1)
        outputs.append(output)
    return torch.cat(outputs).numpy()


def run_freely(network: Network, windows: np.ndarray, steps: int) -> np.ndarray:
    """Return the predictions that follow each window, each made from the ones before it.

    Each step reads the last T values from the zero state, as in training.

    Args:
        windows: (N, T).

    Returns:
        The predictions, (N, steps).
    """
    T = windows.shape[1]
    values = np.concatenate([windows, np.empty((len(windows), steps))], axis=1)  # (N, T + steps)
    for step in range(steps):
        values[:, T + step] = predict(network, values[:, step : T + step, None])[:, -1, 0]
    return values[:, T:]


def mean_square(error: np.ndarray) -> float:
    """Return the mean squared error of an array of errors."""
    return float(np.mean(np.square(error)))
