from pathlib import Path

import numpy as np
import pytest

from chargen.cli.facts import show_forecaster
from chargen.cli.main import main
from chargen.series import Forecaster

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_model_of_the_first_format_is_shown_as_far_as_it_says(capsys):
    with pytest.raises(SystemExit):
        main(["info", str(GOLDEN / "format-1.safetensors")])
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["network"].startswith("gru 2 x 3, 213 weights")
    assert shown["characters"] == "6: \\n aeé😀"
    assert "settings" not in shown


def test_a_forecaster_is_shown_with_how_good_it_is(tmp_path, capsys):
    y = 10 + np.sin(np.arange(120) * np.pi / 6)
    Forecaster(horizon=6, epochs=1, seasons=(12,), model="naive").fit(y).save(tmp_path / "y.forecaster.safetensors")
    show_forecaster(tmp_path / "y.forecaster.safetensors")
    shown = capsys.readouterr().out
    assert "season         12 rows" in shown
    assert "horizon        6 rows" in shown
    assert "MAE" in shown
