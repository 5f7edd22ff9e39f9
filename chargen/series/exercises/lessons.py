"""What each exercise teaches, in one sentence, from its figures."""

from collections.abc import Callable, Mapping
from typing import Any

Figures = Mapping[str, Any]
RIGHT = 0.9  # of the bits, from which on a sequence counts as repeated


def lesson(task: str, figures: Figures) -> str:
    """Return one sentence about what an exercise has shown."""
    return LESSONS[task](figures)


def _next_value(figures: Figures) -> str:
    ratio = figures["test_mse"] / figures["train_mse"]
    part = "the part of the curve that it never saw"
    if ratio < 2:
        return f"on {part} the network errs no more than on the rest: one period is enough"
    return f"on {part} the network errs {ratio:.0f} times as much: it has learned this piece of curve, not the sine"


def _sin_to_cos(figures: Figures) -> str:
    carried, reset = figures["final_mse_carried"], figures["final_mse_reset"]
    told = "only the state tells whether the sine rises or falls"
    if carried < reset / 2:
        return f"with the state carried the error is {carried:.2g}, with the state reset {reset:.2g}: {told}"
    return f"the state, carried ({carried:.2g}) or reset ({reset:.2g}), has not helped yet, although {told}"


def _batched(figures: Figures) -> str:
    error = figures["final_loss"]
    return f"50 pieces of the curve, each with a state of its own, are learned at once, to an error of {error:.2g}"


def _noisy(figures: Figures) -> str:
    near, far, floor = figures["mse_1_ahead"], figures["mse_64_ahead"], figures["noise_floor"]
    return (
        f"one step ahead the error is {near:.2g}, 64 steps ahead {far:.2g}; the noise alone, which nobody can predict,"
        f" is {floor:.2g}: predictions made from predictions add up their errors"
    )


def _free_run(figures: Figures) -> str:
    errors = {name.removesuffix("_test_mse"): error for name, error in figures.items()}
    best = min(errors, key=errors.__getitem__)
    others = "".join(f", {name} by {error:.2g}" for name, error in errors.items() if name != best)
    return f"200 points on its own output, {best} errs by {errors[best]:.2g}{others}: small errors are read in and grow"


def _recall(figures: Figures) -> str:
    reached = {}
    for name, accuracies in figures.items():
        wrong = (length for length, accuracy in enumerate(accuracies) if accuracy < RIGHT)
        reached[name.removesuffix("_accuracy")] = next(wrong, len(accuracies))
    parts = [f"{cell} repeats {f'up to {bits}' if bits else 'not even 1'} of 8 bits" for cell, bits in reached.items()]
    return f"{', '.join(parts)}: gates keep what a plain network forgets"


LESSONS: dict[str, Callable[[Figures], str]] = {
    "next-value": _next_value,
    "sin-to-cos": _sin_to_cos,
    "sin-to-cos-batched": _batched,
    "noisy-sine": _noisy,
    "free-run": _free_run,
    "recall": _recall,
}
