"""The exercises: what each trains, measures and draws. Their settings are in `chargen.series.exercises.catalog`."""

from collections.abc import Callable

import numpy as np

from chargen.report.plots import Line, Panel
from chargen.series.exercises.attempt import Attempt, Outcome, losses_panel, outputs_panel
from chargen.series.exercises.learning import mean_square, predict, predict_carried, run_freely
from chargen.series.exercises.recall import GAP, LONGEST, RecallTask, accuracy_by_length
from chargen.series.exercises.waves import bundled_wave, noisy_sine
from chargen.series.windows import WindowTask, sliding
from chargen.training.records import EpochRecord

NOISE_FLOOR = 0.04  # variance of the noise of the noisy sine
AHEAD = (1, 4, 16, 64)  # steps
FRAME_EVERY = 2  # steps of training between two frames of the animation


def next_value(attempt: Attempt) -> Outcome:
    """Predict the next point of a sine from the 10 before: one period of 100 points, trained on the first 70."""
    cell = attempt.exercise.cells[0]
    t, y = np.arange(100), np.sin(np.linspace(0, 2 * np.pi, 100))
    windows = sliding(y[:, None], 11)  # (90, 11, 1)
    X, Y, train = windows[:, :10], windows[:, 10:], slice(0, 60)  # the last target is point 69
    network = attempt.network(cell, window=10)
    losses = attempt.learn(cell, network, WindowTask(X[train], Y[train], seed=attempt.seed))
    predicted = predict(network, X)[:, -1, 0]  # (90,)
    error = predicted - Y[:, 0, 0]
    figures = {"train_mse": mean_square(error[:60]), "test_mse": mean_square(error[60:])}
    curve = Panel(
        f"one period of a sine, predicted one step ahead by {cell}",
        "point",
        "value",
        [
            Line(t, y, "original", "-", "gray"),
            Line(t[10:70], predicted[:60], f"training: MSE {figures['train_mse']:.1e}", "o"),
            Line(t[70:], predicted[60:], f"test: MSE {figures['test_mse']:.1e}", "s"),
        ],
    )
    return Outcome(figures, [curve, losses_panel({cell: losses})])


def sin_to_cos(attempt: Attempt) -> Outcome:
    """Predict the cosine from half a period of a sine, 10 points a step, with the state carried, and with it reset.

    Every window begins at sin 0, rising or falling: only the state tells which.
    """
    cell, steps = attempt.exercise.cells[0], attempt.exercise.epochs
    angle = np.arange(10 * (steps + 10)).reshape(-1, 10, 1) * np.pi / 10  # (windows, 10, 1)
    X, Y = np.sin(angle), np.cos(angle)
    networks = {"carried": attempt.network(cell), "reset": attempt.network(cell)}
    frames, losses = [], {}

    def draw_frame(record: EpochRecord) -> None:
        if record.epoch % FRAME_EVERY == 1:
            title = f"after step {record.step}: loss {record.train_loss:.3f}"
            outputs = predict_carried(networks["carried"], X[:6])
            networks["carried"].train()
            frames.append(outputs_panel(title, angle[:6], Y[:6], {"network": outputs}))

    after_epoch = draw_frame if attempt.animate else lambda record: None
    task = WindowTask(X[:steps], Y[:steps], 1, carried=True)
    losses["carried"] = attempt.learn(f"{cell}, state carried", networks["carried"], task, after_epoch)
    task = ResetTask(X[:steps], Y[:steps], 1, carried=True)
    losses["reset"] = attempt.learn(f"{cell}, state reset", networks["reset"], task)
    outputs = {  # on the windows after those of training
        "carried": predict_carried(networks["carried"], X)[steps:],
        "reset": predict(networks["reset"], X[steps:]),
    }
    figures = {f"final_mse_{name}": mean_square(output - Y[steps:]) for name, output in outputs.items()}
    labels = {f"state {name}: MSE {figures[f'final_mse_{name}']:.4f}": outputs[name] for name in outputs}
    curve = outputs_panel(f"cosine from sine by {cell}, after training", angle[steps:], Y[steps:], labels)
    return Outcome(figures, [curve, losses_panel(losses, "step")], frames)


class ResetTask(WindowTask):
    """The windows of a `WindowTask` in the same order, but each from the zero state."""

    def continues(self, epoch: int, number: int) -> bool:
        """Return False."""
        return False


def sin_to_cos_batched(attempt: Attempt) -> Outcome:
    """Predict the cosine in a batch of 50 consecutive sequences of 20 points, x = index / (10 pi), 20 points a step."""
    cell, steps, B, T = attempt.exercise.cells[0], attempt.exercise.epochs, attempt.exercise.batch_size, 20
    first = (np.arange(steps)[:, None] + np.arange(B)) * T  # index of each window's first point, (steps, B)
    x = (first.reshape(-1, 1, 1) + np.arange(T)[:, None]) / (10 * np.pi)  # (steps * B, T, 1)
    X, Y = np.sin(x), np.cos(x)
    network = attempt.network(cell)
    losses = attempt.learn(cell, network, WindowTask(X, Y, B, carried=True))
    figures = {"final_loss": float(losses[-10:].mean())}
    first_row = slice(-20 * B, None, B)  # its windows in the last 20 steps; the latter half is drawn
    outputs = predict_carried(network, X[first_row])[10:]
    title = f"cosine from sine by {cell}: MSE {figures['final_loss']:.1e} at the end"
    curve = outputs_panel(title, x[first_row][10:], Y[first_row][10:], {cell: outputs})
    return Outcome(figures, [curve, losses_panel({cell: losses}, "step")])


def noisy_sine_ahead(attempt: Attempt) -> Outcome:
    """Predict sin(0.01 t) with noise from 4 values, trained on the first 600 of 1,000 points."""
    cell, T, n = attempt.exercise.cells[0], 4, 600
    y = noisy_sine(attempt.seed)
    windows = sliding(y[:, None], T + 1)  # (996, 5, 1)
    X, Y, train = windows[:, :T], windows[:, T:], slice(0, n - T)
    network = attempt.network(cell, window=T)
    task = WindowTask(X[train], Y[train], attempt.exercise.batch_size, seed=attempt.seed)
    losses = attempt.learn(cell, network, task)
    target = Y[n - T :, 0, 0]  # points 600 to 999
    figures = {
        "test_mse": mean_square(predict(network, X[n - T :])[:, -1, 0] - target),
        "noise_floor": NOISE_FLOOR,
        "linear_mse": mean_square(best_linear(X[:, :, 0], Y[:, 0, 0], n - T) - target),
        "last_value_mse": mean_square(X[n - T :, -1, 0] - target),
    }
    panels = [
        Panel(
            f"noisy sine, predicted from 4 values by {cell}",
            "t",
            "value",
            [Line(np.arange(1, 1001), y, "observed", ".", "lightgray")],
        )
    ]
    ahead = run_freely(network, sliding(y[:, None], T)[:, :, 0], max(AHEAD))  # (997, 64), row i after point i + 3
    for steps in AHEAD:
        places = np.arange(n, len(y))  # indices of the points to predict
        predicted = ahead[places - steps - T + 1, steps - 1]
        figures[f"mse_{steps}_ahead"] = mean_square(predicted - y[places])
        label = f"{steps} ahead: MSE {figures[f'mse_{steps}_ahead']:.3f}"
        panels[0].lines.append(Line(places + 1, predicted, label))
    return Outcome(figures, [*panels, losses_panel({cell: losses})])


def best_linear(X: np.ndarray, Y: np.ndarray, train: int) -> np.ndarray:
    """Return the predictions of a linear regression, fitted to the first windows, for the others: (N - train,).

    Args:
        X: windows, (N, T).
        Y: targets, (N,).
        train: the number of windows to fit to.
    """
    with_one = np.c_[X, np.ones(len(X))]
    return with_one[train:] @ np.linalg.lstsq(with_one[:train], Y[:train], rcond=None)[0]


def free_run(attempt: Attempt) -> Outcome:
    """Continue a periodic signal of 1,000 points, trained on its first 800, for 200 points on the network's output."""
    y, T, n = bundled_wave(), 20, 800
    windows = sliding(y[:n, None], T + 1)  # (780, 21, 1)
    panels = [
        Panel(
            "run freely on its own output", "point", "value", [Line(np.arange(n, 1000), y[n:], "signal", "-", "gray")]
        )
    ]
    scatter = Panel("predictions of the free run", "signal", "prediction", [Line(y[n:], y[n:], "equal", "-", "gray")])
    figures, losses = {}, {}
    for cell in attempt.exercise.cells:
        network = attempt.network(cell)
        task = WindowTask(windows[:, :T], windows[:, 1:], attempt.exercise.batch_size, seed=attempt.seed)
        losses[cell] = attempt.learn(cell, network, task)
        predicted = run_freely(network, y[None, n - T : n], len(y) - n)[0]  # (200,)
        figures[f"{cell}_test_mse"] = mean_square(predicted - y[n:])
        panels[0].lines.append(Line(np.arange(n, 1000), predicted, f"{cell}: MSE {figures[f'{cell}_test_mse']:.3f}"))
        scatter.lines.append(Line(y[n:], predicted, cell, "."))
    return Outcome(figures, [*panels, scatter, losses_panel(losses)])


def recall(attempt: Attempt) -> Outcome:
    """Repeat 1 to 8 bits after a gap of up to 10 steps: the accuracy by the length of the sequence."""
    figures, losses = {}, {}
    for cell in attempt.exercise.cells:
        network = attempt.network(cell, input_size=2)
        losses[cell] = attempt.learn(cell, network, RecallTask(attempt.exercise.batch_size, attempt.seed))
        figures[f"{cell}_accuracy"] = accuracy_by_length(network, attempt.seed)
    lengths = np.arange(1, LONGEST + 1)
    lines = [Line(lengths, np.array(accuracies), name.split("_")[0], "o-") for name, accuracies in figures.items()]
    lines.append(Line(lengths, np.full(LONGEST, 0.5), "guessing", "--", "gray"))
    panel = Panel(
        f"bits repeated after a gap of {GAP} steps", "length of the sequence (bits)", "share that is right", lines
    )
    return Outcome(figures, [panel, losses_panel(losses, unit="nats a bit")])


SOLUTIONS: dict[str, Callable[[Attempt], Outcome]] = {
    "next-value": next_value,
    "sin-to-cos": sin_to_cos,
    "sin-to-cos-batched": sin_to_cos_batched,
    "noisy-sine": noisy_sine_ahead,
    "free-run": free_run,
    "recall": recall,
}
