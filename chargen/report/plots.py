"""Plots and animated GIFs from plain numbers."""

import io
import math
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chargen.errors import InputError
from chargen.files.atomic import write_atomically

FRAMES_PER_SECOND = 8
FORMATS = ("png", "svg", "pdf", "jpg", "jpeg", "webp")


def save_losses(history: Sequence[dict], path: str | Path, baselines: Mapping[str, float] | None = None) -> None:
    """Plot training and validation perplexity by epoch; as a PNG it has 1200 by 750 pixels.

    Args:
        history: a dict for each epoch with `epoch`, `train_loss` and `valid_loss` (nats per character, or None).
        baselines: by name, what simpler models reach on the held-out text, in bits per character.

    Raises:
        SaveError: the file cannot be written.
    """
    epochs = [record["epoch"] for record in history]
    figure, (axes,) = new_figure(1)
    marker = "o" if len(epochs) <= 30 else None
    training = [_perplexity(record["train_loss"]) for record in history]
    axes.plot(epochs, training, marker=marker, ms=4, label="training (while learning, with any dropout)")
    validated = [
        (record["epoch"], _perplexity(record["valid_loss"])) for record in history if record["valid_loss"] is not None
    ]
    if validated:
        axes.plot(*zip(*validated, strict=True), marker=marker, ms=4, label="held-out")
        best_epoch, best = min(validated, key=lambda point: point[1])
        axes.plot(best_epoch, best, "*", ms=16, color="black", label=f"best: {best:.2f} after epoch {best_epoch}")
    for (name, bits), style in zip((baselines or {}).items(), ("--", ":"), strict=False):
        value = 2 ** min(max(bits, -100.0), 100.0)
        axes.axhline(value, color="gray", ls=style, label=f"{name}: {value:.2f}")
    axes.set_title("Perplexity after each epoch (lower is better)")
    axes.set_xlabel("epoch")
    axes.set_ylabel("perplexity (choices per character)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save_figure(figure, path)


def _perplexity(loss: float) -> float:
    """Return exp(loss) as far as it can be drawn."""
    return math.exp(min(max(loss, -100.0), 100.0))


class Line(NamedTuple):
    """Points (x, y) with a label; `style` is Matplotlib's, such as "-" or "o"."""

    x: np.ndarray
    y: np.ndarray
    label: str
    style: str = "-"
    color: str | None = None


class Panel(NamedTuple):
    """One plot of a figure; `log`: the y axis is logarithmic."""

    title: str
    x_label: str
    y_label: str
    lines: list[Line]
    log: bool = False


def save_panels(panels: Sequence[Panel], path: str | Path) -> None:
    """Plot panels one below the other; a PNG has 1200 by 525 pixels for each.

    Raises:
        SaveError: the file cannot be written.
    """
    figure, all_axes = new_figure(len(panels))
    for panel, axes in zip(panels, all_axes, strict=True):
        draw(panel, axes)
    save_figure(figure, path)


def save_animation(frames: Sequence[Panel], path: str | Path) -> None:
    """Plot one panel after the other, as an animated GIF of `FRAMES_PER_SECOND`.

    Raises:
        SaveError: the file cannot be written.
    """
    from matplotlib.animation import PillowWriter

    figure, (axes,) = new_figure(1, dpi=75)
    values = np.concatenate([line.y for frame in frames for line in frame.lines])
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "animation.gif"
        with writer.saving(figure, str(made), dpi=75):
            for frame in frames:
                axes.clear()
                draw(frame, axes)
                axes.set_ylim(values.min(), values.max())  # the same in all frames
                writer.grab_frame()
        write_atomically(Path(path), made.read_bytes(), advice="choose another place")


def draw(panel: Panel, axes) -> None:
    """Draw a panel on Matplotlib's axes."""
    for line in panel.lines:
        axes.plot(line.x, line.y, line.style, color=line.color, label=line.label, ms=4, lw=1.5)
    axes.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    if panel.log:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)  # beside the plot, so that it hides nothing


def new_figure(panels: int, dpi: int = 150):
    """Return a figure with this number of plots, one below the other, and a list of their axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5 if panels == 1 else 3.5 * panels), dpi=dpi, layout="constrained")
    return figure, list(figure.subplots(panels, squeeze=False)[:, 0])


def save_figure(figure, path: str | Path) -> None:
    """Write a figure in the format that the file's name asks for, see `picture_format`.

    Raises:
        InputError: pictures cannot be drawn in that format.
        SaveError: the file cannot be written.
    """
    data = io.BytesIO()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        _take_names_as_they_are(figure)
        figure.savefig(data, format=picture_format(path))
    if any("missing from font" in str(warning.message) for warning in warned):
        warnings.warn("the font of the picture lacks some characters; it shows boxes in their place", stacklevel=2)
    write_atomically(Path(path), data.getvalue(), advice="choose another place")


def _take_names_as_they_are(figure) -> None:
    """Let a $ in a name begin no formula; only Matplotlib's own labels of logarithmic axes are formulas."""
    from matplotlib.text import Text

    for axes in figure.axes:
        logarithmic = [axis for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() == "log"]
        formulas = {label for axis in logarithmic for label in axis.get_ticklabels(which="both")}
        for text in axes.findobj(Text):
            text.set_parse_math(text in formulas)
            text.set_text(text.get_text().encode("utf-8", "replace").decode())  # a font has no half characters


def picture_format(path: str | Path) -> str:
    """Return the format of a picture by its file's name, such as "svg"; "png" where the name says nothing.

    Raises:
        InputError: pictures cannot be drawn in that format.
    """
    kind = Path(path).suffix[1:].lower() or "png"
    if kind not in FORMATS:
        raise InputError(f"{path}: pictures cannot be drawn as .{kind}", f"name it {', '.join(FORMATS)}")
    return kind
