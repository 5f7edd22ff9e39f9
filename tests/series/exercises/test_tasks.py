"""The exercises at their own settings: each test holds one of the figures that an exercise is there to show."""

from dataclasses import replace

import numpy as np
import pytest

from chargen.series.exercises.attempt import Attempt
from chargen.series.exercises.catalog import EXERCISES
from chargen.series.exercises.learning import run_freely
from chargen.series.exercises.networks import make_network
from chargen.series.exercises.tasks import SOLUTIONS, best_linear
from chargen.series.exercises.waves import bundled_wave, make_wave, noisy_sine


def solve(name, seed=0, from_scratch=False, animate=False, on_epoch=lambda *_: None, **changes):
    exercise = replace(EXERCISES[name], **changes)
    return SOLUTIONS[name](Attempt(exercise, seed, from_scratch, on_epoch, animate))


def test_every_exercise_has_a_solution():
    assert list(SOLUTIONS) == list(EXERCISES)


@pytest.mark.parametrize("name", EXERCISES)
def test_it_is_known_how_many_epochs_come(name):
    records = []
    solve(name, epochs=2, on_epoch=lambda *record: records.append(record))
    assert len(records) == 2 * EXERCISES[name].networks
    assert [record.epoch for _, record in records] == [1, 2] * EXERCISES[name].networks


def test_next_value():
    outcome = solve("next-value")
    assert outcome.figures["test_mse"] <= 1e-3
    assert outcome.figures["train_mse"] <= 1e-4
    original, train, test = outcome.panels[0].lines
    np.testing.assert_allclose(original.y, np.sin(2 * np.pi * original.x / 99), atol=1e-12)
    assert (train.x[0], train.x[-1], test.x[0], test.x[-1]) == (10, 69, 70, 99)
    assert np.mean((test.y - original.y[70:]) ** 2) == pytest.approx(outcome.figures["test_mse"])


def test_sin_to_cos_needs_the_state():
    figures = solve("sin-to-cos").figures
    assert figures["final_mse_carried"] <= 0.01
    assert figures["final_mse_reset"] > 10 * figures["final_mse_carried"]


def test_sin_to_cos_is_drawn_as_it_is_learned():
    plain, animated = solve("sin-to-cos", epochs=21), solve("sin-to-cos", epochs=21, animate=True)
    assert animated.figures == plain.figures  # to look changes nothing
    assert plain.frames == []
    assert len(animated.frames) == 11
    errors = [np.mean((frame.lines[1].y - frame.lines[0].y) ** 2) for frame in animated.frames]
    assert errors[-1] < errors[0]


def test_sin_to_cos_batched():
    losses = []
    figures = solve("sin-to-cos-batched", on_epoch=lambda name, record: losses.append(record.train_loss)).figures
    assert len(losses) == 501
    assert losses[0] > 0.3
    assert figures["final_loss"] == pytest.approx(np.mean(losses[-10:]))
    assert figures["final_loss"] < 0.01


def test_noisy_sine():
    figures = solve("noisy-sine").figures
    assert figures["test_mse"] == pytest.approx(figures["mse_1_ahead"], rel=1e-5)
    assert 0.9 * figures["noise_floor"] < figures["test_mse"] < 1.15 * figures["linear_mse"]
    assert figures["test_mse"] < figures["last_value_mse"]
    assert figures["mse_1_ahead"] < figures["mse_4_ahead"] < figures["mse_16_ahead"] < figures["mse_64_ahead"]


def test_noisy_sine_from_scratch_gives_the_same_figures():
    library, scratch = (solve("noisy-sine", from_scratch=scratch, epochs=3).figures for scratch in (False, True))
    assert scratch["test_mse"] == pytest.approx(library["test_mse"], rel=1e-3)


def test_the_best_linear_predictor_is_that_of_least_squares():
    X = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_allclose(best_linear(X, X @ [1, 2, 3, 4] + 5, 30), X[30:] @ [1, 2, 3, 4] + 5)


def test_the_noisy_sine_has_its_noise_and_its_seed():
    noise = noisy_sine(0, 100_000) - np.sin(0.01 * np.arange(1, 100_001))
    assert noise.var() == pytest.approx(0.04, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.002)
    assert not np.array_equal(noisy_sine(0), noisy_sine(1))


def test_free_run():
    figures = solve("free-run").figures
    assert figures["gru_test_mse"] <= figures["mlp_test_mse"] / 4


def test_the_bundled_wave_is_what_its_seed_makes():
    np.testing.assert_array_equal(bundled_wave(), make_wave())
    assert len(bundled_wave()) == 1000


def test_a_free_run_reads_its_own_output():
    network = make_network("gru", 4, seed=0)
    windows = np.random.default_rng(0).normal(size=(2, 5))
    two = run_freely(network, windows, 2)
    first = run_freely(network, windows, 1)
    np.testing.assert_allclose(two[:, :1], first)
    moved = np.concatenate([windows[:, 1:], first], axis=1)
    np.testing.assert_allclose(two[:, 1:], run_freely(network, moved, 1), rtol=1e-6)


def test_recall_needs_gates():
    figures = solve("recall", epochs=60).figures
    assert figures["gru_accuracy"][2] > 0.9  # 3 bits
    assert figures["lstm_accuracy"][2] > 0.9
    assert figures["rnn_accuracy"][2] < 0.85


def test_a_network_without_memory_can_only_guess():
    accuracies = solve("recall", epochs=10, cells=("mlp",)).figures["mlp_accuracy"]
    np.testing.assert_allclose(accuracies, 0.5, atol=0.08)
