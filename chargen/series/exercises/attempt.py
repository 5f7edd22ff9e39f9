"""One attempt at an exercise: its networks, their training, what came of it, and the panels that exercises share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from chargen.report.plots import Line, Panel
from chargen.series.exercises.catalog import Exercise
from chargen.series.exercises.learning import learn
from chargen.series.exercises.networks import make_network
from chargen.training.trainer import EpochRecord


@dataclass(frozen=True)
class Attempt:
    """An exercise with the options of one run.

    Attributes:
        exercise: its settings, with those that the user changed.
        on_epoch: called after each epoch with the name of the network and the record.
        animate: whether to draw frames.
    """

    exercise: Exercise
    seed: int = 0
    from_scratch: bool = False
    on_epoch: Callable[[str, EpochRecord], None] = lambda name, record: None
    animate: bool = False

    def network(self, cell: str, **sizes):
        """Return an untrained network."""
        from_scratch = self.from_scratch and cell != "mlp"
        return make_network(cell, self.exercise.hidden_size, seed=self.seed, from_scratch=from_scratch, **sizes)

    def learn(self, name: str, network, task, after_epoch=lambda record: None) -> np.ndarray:
        """Train a network with the exercise's settings; return the loss of each epoch, (epochs,)."""
        exercise = self.exercise

        def on_epoch(record: EpochRecord) -> None:
            after_epoch(record)
            self.on_epoch(name, record)

        return learn(
            network,
            task,
            epochs=exercise.epochs,
            learning_rate=exercise.learning_rate,
            batch_size=task.batch_size,
            clip=exercise.clip,
            seed=self.seed,
            on_epoch=on_epoch,
        )


@dataclass(frozen=True)
class Outcome:
    """The result of an attempt: figures by name, the panels of its picture, and the frames of its animation."""

    figures: Mapping[str, float | list[float]]
    panels: list[Panel]
    frames: list[Panel] = field(default_factory=list)


def outputs_panel(title: str, x: np.ndarray, truth: np.ndarray, outputs: dict[str, np.ndarray]) -> Panel:
    """Return a panel of outputs over the true curve, all of shape (windows, T, 1)."""
    lines = [Line(x.ravel(), output.ravel(), name, ".-") for name, output in outputs.items()]
    lines.append(Line(x.ravel(), truth.ravel(), "cosine", "--", "black"))  # over the others, or they would hide it
    return Panel(title, "x (radians)", "value", lines)


def losses_panel(losses: dict[str, np.ndarray], epoch: str = "epoch", unit: str = "mean squared error") -> Panel:
    """Return a panel of the training loss by epoch, for each network."""
    lines = [Line(np.arange(1, len(values) + 1), values, name) for name, values in losses.items()]
    return Panel("training loss", epoch, unit, lines, log=True)
