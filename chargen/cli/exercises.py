"""`chargen series list` and `chargen series run`: the exercises."""

import json
import os
import sys
from dataclasses import replace

import click

from chargen.cli.commands import Whole, positive
from chargen.cli.options import overwrite_option, quiet_option, require_output, say, tell
from chargen.report.terminal import table, width_of
from chargen.report.words import counted
from chargen.series.exercises.catalog import CELLS, EXERCISES


@click.command("list")
def list_exercises():
    """List the exercises, with their default networks and epochs."""
    rows = [
        (name, f"{exercise.description} ({', '.join(exercise.cells)}; {exercise.epochs} epochs)")
        for name, exercise in EXERCISES.items()
    ]
    click.echo("\n".join(table(rows, width_of(sys.stdout))))


@click.command()
@click.argument("task", metavar="TASK", type=click.Choice(list(EXERCISES)))
@click.option("--cell", type=click.Choice(CELLS), help="The network to train.  [default: see `chargen series list`]")
@click.option("--epochs", type=positive, help="Passes over the windows, or steps where the state is carried.")
@click.option("--seed", type=Whole(0, 2**31 - 1), default=0, help="Seed of weights, order and noise.")
@click.option(
    "--from-scratch", is_flag=True, help="Run the equations of chargen.network.cells instead of PyTorch's layers."
)
@click.option(
    "--out", type=click.Path(dir_okay=False), help="File of the picture.  [default: TASK.png, which is replaced]"
)
@click.option("--animate", is_flag=True, help="sin-to-cos only: also write a GIF of the prediction during training.")
@click.option("--json", "as_json", is_flag=True, help="Print settings and figures as one JSON object.")
@overwrite_option
@quiet_option
def run(task, cell, epochs, seed, from_scratch, out, animate, as_json, overwrite):
    """Do the exercise TASK: train, measure, and draw a picture."""
    from chargen.cli.progress import show_exercise
    from chargen.report.plots import picture_format
    from chargen.series.exercises.attempt import Attempt
    from chargen.series.exercises.lessons import lesson
    from chargen.series.exercises.tasks import SOLUTIONS

    exercise = EXERCISES[task]
    if animate and task != "sin-to-cos":
        raise click.UsageError(f"--animate works for sin-to-cos only, not for {task}; leave it out")
    if from_scratch and cell == "mlp":
        raise click.UsageError("--from-scratch is for recurrent cells, and mlp is not one; leave one of them out")
    exercise = replace(exercise, cells=(cell,) if cell else exercise.cells, epochs=epochs or exercise.epochs)
    picture = out or f"{task}.png"
    if animate and picture.endswith(".gif"):
        raise click.UsageError(f"--out {picture}: the animation is written there; name the picture .png")
    for target in (picture, _animation(picture) if animate else None):
        require_output(target, overwrite or out is None)
    picture_format(picture)
    settings = {
        "task": task,
        "cells": exercise.cells,
        "hidden_size": exercise.hidden_size,
        "epochs": exercise.epochs,
        "learning_rate": exercise.learning_rate,
        "seed": seed,
        "from_scratch": from_scratch,
    }
    if not as_json:
        tell(
            f"{task}: {', '.join(exercise.cells)} of {exercise.hidden_size} units, {counted(exercise.epochs, 'epoch')},"
            f" learning rate {exercise.learning_rate}, seed {seed}{', from scratch' * from_scratch}"
        )
    with show_exercise(exercise.networks, exercise.epochs) as on_epoch:
        outcome = SOLUTIONS[task](Attempt(exercise, seed, from_scratch, on_epoch, animate))
    if as_json:
        click.echo(json.dumps(settings | {"figures": outcome.figures}))
    else:
        width = max(map(len, outcome.figures))
        for name, value in outcome.figures.items():
            tell(f"{name:{width}}  {_text(value)}", width + 2)
        tell(f"lesson: {lesson(task, outcome.figures)}")
    _save(outcome, picture)


def _save(outcome, picture: str) -> None:
    """Write the picture and, where there are frames, the animation beside it."""
    from chargen.report.plots import save_animation, save_panels

    save_panels(outcome.panels, picture)
    say(f"wrote {picture}")
    if outcome.frames:
        animation = _animation(picture)
        save_animation(outcome.frames, animation)
        say(f"wrote {animation}")


def _animation(picture: str) -> str:
    """Return the path of the animation that belongs to a picture."""
    return f"{os.path.splitext(picture)[0]}.gif"


def _text(value) -> str:
    """Return a figure, or several, as text."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
