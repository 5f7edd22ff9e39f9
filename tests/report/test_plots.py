import numpy as np
import pytest
from PIL import Image

from chargen.errors import InputError, SaveError
from chargen.report import forecast_plot, plots
from chargen.report.plots import Line, Panel, save_animation, save_losses, save_panels

TRAINING = "training (while learning, with any dropout)"
HISTORY = [
    {"epoch": 1, "train_loss": 2.0, "valid_loss": 2.2},
    {"epoch": 2, "train_loss": 1.5, "valid_loss": 1.9},
    {"epoch": 3, "train_loss": 1.2, "valid_loss": 2.0},
]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, with Matplotlib's objects in them."""
    figures = []
    save = plots.save_figure

    def keep(figure, path):
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr(plots, "save_figure", keep)
    monkeypatch.setattr(forecast_plot, "save_figure", keep)
    return figures


def test_losses_are_drawn_as_perplexities_with_the_best_epoch_and_the_baselines(tmp_path, drawn):
    save_losses(HISTORY, tmp_path / "loss.png", {"xz": 3.0})
    lines = {line.get_label(): line.get_xydata().tolist() for line in drawn[0].axes[0].get_lines()}
    assert lines[TRAINING] == [[epoch, pytest.approx(np.exp(loss))] for epoch, loss in ((1, 2.0), (2, 1.5), (3, 1.2))]
    assert lines["held-out"][2] == [3, pytest.approx(np.exp(2.0))]
    assert lines[f"best: {np.exp(1.9):.2f} after epoch 2"] == [[2, pytest.approx(np.exp(1.9))]]
    assert [y for _, y in lines["xz: 8.00"]] == [8, 8]
    assert Image.open(tmp_path / "loss.png").size == (1200, 750)


def test_losses_without_validation_are_drawn(tmp_path, drawn):
    save_losses([HISTORY[0] | {"valid_loss": None}], tmp_path / "loss.png")
    assert [line.get_label() for line in drawn[0].axes[0].get_lines()] == [TRAINING]


def test_the_name_of_a_picture_chooses_its_format(tmp_path):
    save_losses(HISTORY, tmp_path / "loss.svg")
    assert "<svg" in (tmp_path / "loss.svg").read_text()
    with pytest.raises(InputError, match=r"cannot be drawn as \.mp3; name it png, svg"):
        save_losses(HISTORY, tmp_path / "loss.mp3")


def test_names_are_drawn_as_they_are(tmp_path, drawn):
    name = r"$x^$ and $\frac{$" + "\ud800"
    save_losses(HISTORY, tmp_path / "loss.svg", {name: 3.0})
    piece = forecast_plot.Piece(1, np.array([4.0]), {})
    panel = forecast_plot.Panel("", np.array([1.0]), ["$a", "$b"], [piece], name)
    forecast_plot.save_forecast([panel], tmp_path / "forecast.svg", name, "$")
    save_panels(
        [Panel("x", "x", name, [Line(np.arange(1, 9), np.logspace(0, 4, 8), "y")], log=True)], tmp_path / "p.svg"
    )
    labels = [text for text in drawn[2].axes[0].get_yticklabels() if text.get_parse_math()]
    assert r"$\mathdefault{10^{2}}$" in [label.get_text() for label in labels]
    with pytest.warns(UserWarning, match="^the font of the picture lacks some characters; it shows boxes"):
        save_losses(HISTORY, tmp_path / "loss.png", {"\ue000": 3.0})


def test_panels_and_frames_are_drawn(tmp_path):
    panels = [Panel(str(n), "x", "y", [Line(np.arange(3), np.arange(3) * n, "line")]) for n in (1, 2)]
    save_panels(panels, tmp_path / "two.png")
    assert Image.open(tmp_path / "two.png").size == (1200, 1050)
    save_animation(panels, tmp_path / "two.gif")
    assert Image.open(tmp_path / "two.gif").n_frames == 2
    for save in (save_panels, save_animation):
        with pytest.raises(SaveError, match=r"cannot write .*; choose another place"):
            save(panels, tmp_path / "none" / "picture")


def test_a_forecast_is_drawn_after_its_history(tmp_path, drawn):
    points = np.array([4.0, 5.0])
    bounds = {80: (points - 1, points + 1), 95: (points - 2, points + 2)}
    piece = forecast_plot.Piece(3, points, bounds)
    panel = forecast_plot.Panel("", np.array([1.0, 2.0, 3.0]), list("abcde"), [piece])
    forecast_plot.save_forecast([panel], tmp_path / "forecast.png", "sold", "day")
    axes = drawn[0].axes[0]
    history, forecast = (line.get_xydata().tolist() for line in axes.get_lines()[:2])
    assert history == [[0, 1], [1, 2], [2, 3]]
    assert forecast == [[2, 3], [3, 4], [4, 5]]
    assert [label.get_text() for label in axes.get_xticklabels()] == list("abcde")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("day", "sold")
    bands = {area.get_label(): area.get_paths()[0].get_extents().get_points()[:, 1] for area in axes.collections}
    assert {label: edges.tolist() for label, edges in bands.items()} == {
        "95 % interval": [2, 7],
        "80 % interval": [3, 6],
    }
    with pytest.raises(InputError, match="13 series"):
        forecast_plot.save_forecast([panel] * 13, tmp_path / "forecast.png", "sold", "day")


def test_forecasts_of_known_values_are_each_joined_to_the_value_before(tmp_path, drawn):
    pieces = [
        forecast_plot.Piece(known, np.array([9.0]), {90: (np.array([8.0]), np.array([10.0]))}) for known in (1, 2)
    ]
    panel = forecast_plot.Panel("", np.array([1.0, 2.0, 3.0]), list("abc"), pieces, "a backtest")
    forecast_plot.save_forecast([panel], tmp_path / "backtest.png", "sold", "day")
    axes = drawn[0].axes[0]
    values, *lines = (line.get_xydata().tolist() for line in axes.get_lines())
    assert values == [[0, 1], [1, 2], [2, 3]]
    assert [lines[0], lines[2]] == [[[0, 1], [1, 9]], [[1, 2], [2, 9]]]  # a line marks where each of them begins
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["values", "forecast", "90 % interval"]
    assert axes.get_title(loc="left") == "a backtest"
