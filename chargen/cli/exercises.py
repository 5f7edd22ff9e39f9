"""`chargen series list` and `chargen series run`: the exercises."""

import json
import os
from dataclasses import replace

import click

from chargen.cli.options import positive, require_folder
from chargen.series.exercises.catalog import CELLS, EXERCISES


@click.command("list")
def list_exercises():
    """List the exercises, with the networks and epochs that they take by themselves."""
    width = max(map(len, EXERCISES))
    for name, exercise in EXERCISES.items():
        what = f"{', '.join(exercise.cells)}; {exercise.epochs} epochs"
        click.echo(f"{name:{width}}  {exercise.about} ({what})")


@click.command()
@click.argument("task", type=click.Choice(list(EXERCISES)))
@click.option("--cell", type=click.Choice(CELLS), help="The network to train.  [default: see `chargen series list`]")
@click.option("--epochs", type=positive, help="Passes over the windows, or steps where the state is carried.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Of the weights, the order and the noise.")
@click.option(
    "--from-scratch", is_flag=True, help="Run the equations of chargen.network.cells instead of PyTorch's layers."
)
@click.option("--out", type=click.Path(dir_okay=False), help="Where the picture goes.  [default: TASK.png]")
@click.option("--animate", is_flag=True, help="sin-to-cos: also write a GIF of the prediction as it is learned.")
@click.option("--json", "as_json", is_flag=True, help="Write settings and figures as one JSON object.")
def run(task, cell, epochs, seed, from_scratch, out, animate, as_json):
    """Do the exercise TASK: train, measure, and draw a picture."""
    from chargen.cli.progress import show_exercise
    from chargen.report.plots import save_animation, save_panels
    from chargen.series.exercises.tasks import SOLUTIONS, Attempt

    exercise = EXERCISES[task]
    if animate and task != "sin-to-cos":
        raise click.UsageError(f"--animate draws sin-to-cos alone, not {task}; leave it out")
    if from_scratch and cell == "mlp":
        raise click.UsageError("--from-scratch runs the recurrent equations, and mlp has none; leave one of them out")
    exercise = replace(exercise, cells=(cell,) if cell else exercise.cells, epochs=epochs or exercise.epochs)
    picture = out or f"{task}.png"
    if animate and picture.endswith(".gif"):
        raise click.UsageError(f"--out {picture}: that is where the animation goes; name the picture .png")
    require_folder(picture)
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
        click.echo("  ".join(f"{name} {_value(value)}" for name, value in settings.items()))
    with show_exercise(exercise.report_every) as watch:
        outcome = SOLUTIONS[task](Attempt(exercise, seed, from_scratch, watch, animate))
    if as_json:
        click.echo(json.dumps(settings | {"figures": outcome.figures}))
    else:
        for name, value in outcome.figures.items():
            click.echo(f"{name:22} {_value(value)}")
    save_panels(outcome.panels, picture)
    click.echo(f"wrote {picture}", err=True)
    if animate:
        animation = f"{os.path.splitext(picture)[0]}.gif"
        save_animation(outcome.frames, animation)
        click.echo(f"wrote {animation}", err=True)


def _value(value) -> str:
    """Return a figure or a setting as a person reads it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
