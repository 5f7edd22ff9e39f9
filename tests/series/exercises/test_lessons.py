import pytest

from chargen.series.exercises.catalog import EXERCISES
from chargen.series.exercises.lessons import LESSONS, lesson

REPEATED = {"rnn_accuracy": [1, 0.95, 0.6, 0.95], "gru_accuracy": [1, 1, 1, 1], "mlp_accuracy": [0.5, 0.5, 0.5, 0.5]}


def test_every_exercise_has_one():
    assert set(LESSONS) == set(EXERCISES)


@pytest.mark.parametrize(
    ("task", "figures", "words"),
    [
        (
            "recall",
            REPEATED,
            "rnn repeats up to 2 of 8 bits, gru repeats up to 4 of 8 bits, mlp repeats not even 1 of 8",
        ),
        ("next-value", {"train_mse": 1e-5, "test_mse": 3e-4}, "errs 30 times as much"),
        ("next-value", {"train_mse": 1e-5, "test_mse": 1e-5}, "errs no more"),
        ("sin-to-cos", {"final_mse_carried": 0.01, "final_mse_reset": 0.5}, "carried the error is 0.01, with"),
        ("sin-to-cos", {"final_mse_carried": 0.5, "final_mse_reset": 0.5}, "has not helped yet"),
        ("free-run", {"gru_test_mse": 0.2, "mlp_test_mse": 0.1}, "mlp errs by 0.1, gru by 0.2"),
    ],
)
def test_it_says_what_the_figures_show(task, figures, words):
    assert words in lesson(task, figures)
