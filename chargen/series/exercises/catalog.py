"""The exercises by name, with their settings."""

from dataclasses import dataclass

RECURRENT = ("rnn", "gru", "lstm")
CELLS = (*RECURRENT, "mlp")


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        description: what is learned, in one sentence.
        cells: the networks to train by default.
        hidden_size: H, units of the recurrent layer.
        epochs: passes over the windows; where the state is carried, steps of training.
        learning_rate: of Adam, at the start; it falls along a cosine to a fiftieth.
        batch_size: B, windows in a step; 0 for all of them.
        clip: the maximum norm of the gradient.
        ways: in how many ways a network of each cell is trained.
    """

    name: str
    description: str
    cells: tuple[str, ...]
    hidden_size: int
    epochs: int
    learning_rate: float
    batch_size: int = 0
    clip: float = 1.0
    ways: int = 1

    @property
    def networks(self) -> int:
        """How many networks are trained, one after the other."""
        return self.ways * len(self.cells)


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            "next-value", "predict the next value of a sine from the 10 before", ("rnn",), 50, 200, 0.01, clip=0.1
        ),
        Exercise(
            "sin-to-cos",
            "read half a period of a sine, write the cosine, with the state carried",
            ("rnn",),
            32,
            100,
            0.02,
            ways=2,
        ),
        Exercise(
            "sin-to-cos-batched",
            "the same in 50 sequences side by side, 20 points at a time",
            ("lstm",),
            20,
            501,
            0.006,
            batch_size=50,
        ),
        Exercise(
            "noisy-sine", "predict a noisy sine from 4 values, 1, 4, 16 and 64 steps ahead", ("lstm",), 20, 30, 0.01, 16
        ),
        Exercise(
            "free-run", "go on from a periodic signal on the network's own output", ("gru", "mlp"), 16, 40, 0.02, 32
        ),
        Exercise("recall", "repeat a sequence of 0 and 1 after a gap", RECURRENT, 48, 200, 0.005, 32),
    )
}
