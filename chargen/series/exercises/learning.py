"""What the exercises share: the parent package's training loop, predictions, and runs on a network's own output."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from chargen.series.windows import as_tensor
from chargen.text.batches import Batching
from chargen.training.trainer import EpochRecord, Task, Trainer, TrainingSettings

Watch = Callable[[EpochRecord], None]


def learn(
    network: nn.Module,
    task: Task,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    clip: float = 1.0,
    seed: int = 0,
    watch: Watch = lambda record: None,
) -> np.ndarray:
    """Train `network` in place by Adam; return the mean loss of each epoch, (epochs,).

    Args:
        watch: called with the record of each epoch, after it.
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
            watch(record)
    return np.array(losses)


@torch.no_grad()
def predict(network: nn.Module, X: np.ndarray) -> np.ndarray:
    """Return the outputs for windows X, (N, T, inputs), each read from the zero state: (N, T, 1), or (N, 1, 1)."""
    network.eval()
    outputs, _ = network(as_tensor(X), network.begin_state(len(X)))
    return outputs.numpy()


@torch.no_grad()
def read_on(network: nn.Module, X: np.ndarray) -> np.ndarray:
    """Return the outputs for windows X, (N, T, inputs), read one after the other with the state carried: (N, T, 1)."""
    network.eval()
    outputs, state = [], network.begin_state(1)
    for window in as_tensor(X):
        output, state = network(window[None], state)  # (1, T, 1)
        outputs.append(output)
    return torch.cat(outputs).numpy()


def run_freely(network: nn.Module, windows: np.ndarray, steps: int) -> np.ndarray:
    """Return what a network predicts that follows each window, reading its own predictions as if they had happened.

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
    """Return the mean of the squares."""
    return float(np.mean(np.square(error)))
