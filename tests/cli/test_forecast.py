"""`chargen series fit` and `forecast`: real files, and real processes where a signal is sent."""

import csv
import io
import json
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chargen.cli.main import main
from chargen.series import Forecaster

CHARGEN = str(Path(sys.executable).with_name("chargen"))
QUICK = ["--horizon", "6", "--epochs", "3", "--folds", "4"]


def rhythm(count, seed=0):
    return 20 + 5 * np.sin(np.arange(count) * np.pi / 6) + np.random.default_rng(seed).normal(size=count)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = [date(2023, 1, 1) + timedelta(days=number) for number in range(200)]
    rows = [f"{day},{value:.4f},7\n" for day, value in zip(days, rhythm(200), strict=True)]
    Path("sales.csv").write_text("day,sold,seven\n" + "".join(rows))
    return tmp_path


@pytest.fixture
def chargen(folder, capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as exit:
            main(["series", *map(str, arguments)])
        out, err = capsys.readouterr()
        return exit.value.code, out, err

    return run


@pytest.fixture
def fitted(chargen):
    code, out, err = chargen("fit", "sales.csv", "--column", "sold", "--time", "day", *QUICK)
    assert code == 0, err
    return out, err


def test_fit_says_what_it_chose_and_what_it_reached(fitted):
    out, err = fitted
    assert "200 rows, a step of 1 day, a season of 12 rows, windows of 24 rows, a GRU of 32 units that gives 6" in err
    assert "saved sales.forecaster.safetensors; now try: chargen series forecast sales\n" in err
    tested = Forecaster.load("sales.forecaster.safetensors").tested
    header, *rows, verdict, composition = out.splitlines()
    assert header.split() == ["MAE", "sMAPE", "MASE"]
    for row, (name, figures) in zip(rows, tested.figures.items(), strict=True):
        assert row.startswith(name)
        assert [float(cell) for cell in row[15:].split()] == pytest.approx(list(figures.values()), rel=1e-2)
    assert verdict[1:] == tested.verdict[1:] + "."
    assert composition == f"The forecast is {tested.composition}, by their errors in the backtest."


def test_the_forecast_goes_on_in_time_on_stdout_and_in_a_file(fitted, chargen):
    options = ("--horizon", "9", "--level", "95", "--level", "80")
    code, out, err = chargen("forecast", "sales.forecaster.safetensors", *options)
    assert code == 0, err
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["day", "sold", "sold-lo-95", "sold-lo-80", "sold-hi-80", "sold-hi-95"]
    assert [row[0] for row in rows] == [str(date(2023, 7, 20) + timedelta(days=number)) for number in range(9)]
    forecaster = Forecaster.load("sales.forecaster.safetensors")
    low, high = zip(*(forecaster.interval(9, level) for level in (80, 95)), strict=True)
    columns = [each[""] for each in (forecaster.predict(9), *reversed(low), *high)]
    assert np.array(rows)[:, 1:].astype(float) == pytest.approx(np.stack(columns, 1), rel=1e-6)
    options += ("--out", "next.csv", "--plot", "next.png")
    assert chargen("forecast", "sales", *options)[:2] == (0, "")
    assert Path("next.csv").read_text() == out
    assert Path("next.png").read_bytes().startswith(b"\x89PNG")


def test_it_goes_on_from_a_newer_file_and_keeps_the_forecaster(fitted, chargen):
    model = Path("sales.forecaster.safetensors").read_bytes()
    Path("newer.csv").write_text("day,sold,seven\n2023-07-20,31,7\n2023-07-21,30,7\n")
    code, out, err = chargen("forecast", "sales.forecaster.safetensors", "--from", "newer.csv")
    assert code == 0, err
    assert [line.split(",")[0] for line in out.splitlines()] == ["day", *(f"2023-07-{day}" for day in range(22, 28))]
    assert Path("sales.forecaster.safetensors").read_bytes() == model
    Path("newer.csv").write_text("day,sold,seven\n2023-07-22,31,7\n")
    code, out, err = chargen("forecast", "sales.forecaster.safetensors", "--from", "newer.csv")
    message = "chargen: newer.csv: 2 rows missing between 2023-07-19, where the known ones end, and 2023-07-22"
    assert (code, out, err) == (2, "", f"{message}; give all newer rows\n")


def test_beyond_what_was_measured_it_says_so(fitted, chargen):
    assert (
        "errors were measured up to 6 rows ahead"
        in chargen("forecast", "sales.forecaster.safetensors")[2]
        + (chargen("forecast", "sales.forecaster.safetensors", "--horizon", "7")[2])
    )
    assert "errors were measured" not in chargen("forecast", "sales.forecaster.safetensors", "--horizon", "6")[2]


def test_json_and_the_options_that_shape_a_forecaster(chargen):
    options = [
        "--column",
        "sold",
        "--count-rows",
        "--windows",
        "10",
        "--season",
        "0",
        "--log",
        "--cell",
        "rnn",
        "--hidden-size",
        "5",
    ]
    code, out, err = chargen("fit", "sales.csv", *options, *QUICK, "--seed", "3", "--out", "m.safetensors", "--json")
    assert code == 0, err
    about = json.loads(out)
    assert (about["rows"], about["window"], about["seasons"], about["log"], about["folds"]) == (200, 10, [], True, 4)
    forecaster = Forecaster.load("m.safetensors")
    assert about["backtest"] == forecaster.tested.figures
    (row,) = about["table"]
    assert (row["series"], row["rows"], row["exception"]) == ("", 200, None)
    assert {name: row[name] for name in ("mae", "smape", "mase")} == pytest.approx(about["backtest"]["forecast"])
    assert sum(row["weights"].values()) == pytest.approx(1, abs=0.01)
    settings = forecaster.settings
    assert (settings.cell, settings.hidden_size, settings.seed, settings.epochs) == ("rnn", 5, 3, 3)
    code, out, _ = chargen("forecast", "m.safetensors")
    assert [row.split(",")[0] for row in out.splitlines()] == ["row", *map(str, range(201, 207))]
    assert chargen("fit", "sales.csv", *options, *QUICK, "--season", "7", "--out", "n.safetensors")[0] == 2
    chargen("fit", "sales.csv", "--column", "sold", *QUICK, "--no-log", "--season", "7", "--out", "n.safetensors")
    framing = Forecaster.load("n.safetensors").framing
    assert (framing.seasons, framing.log) == ((7,), False)


def test_large_values_are_forecast_in_full(chargen):
    """A trillion with changes of one: the season is found, each digit is printed, and the intervals are not empty."""
    rows = [f"{date(2010 + row // 12, row % 12 + 1, 1)},{1e12 + value:.2f}" for row, value in enumerate(rhythm(144))]
    Path("money.csv").write_text("ds,y\n" + "\n".join(rows))
    code, _, err = chargen("fit", "money.csv", "--time", "ds", *QUICK)
    assert code == 0, err
    assert "a season of 12 rows" in err
    _, *lines = csv.reader(io.StringIO(chargen("forecast", "money.forecaster.safetensors")[1]))
    for _, *cells in lines:
        point, low, high = map(float, cells)
        assert all(cell.startswith(("10000000000", "99999999999")) for cell in cells)
        assert low + 1 < point < high - 1
    assert len({cells[1] for cells in lines}) == len(lines)


def test_several_series_in_one_file(chargen):
    rows = [
        f"{name},{place},{size * value:.4f}\n"
        for name, size in (("oslo", 1), ("rome", 50))
        for place, value in enumerate(rhythm(150, size))
    ]
    Path("long.csv").write_text("unique_id,ds,y\n" + "".join(rows))
    code, _, err = chargen("fit", "long.csv", "--time", "ds", *QUICK, "--plot", "backtest.png")
    assert code == 0, err
    assert "300 rows of 2 series" in err
    assert "\nwrote backtest.png\n" in err
    assert Image.open("backtest.png").size == (1200, 1050)
    _, out, _ = chargen("forecast", "long.forecaster.safetensors", "--plot", "two.png")
    names = [line.split(",")[:2] for line in out.splitlines()]
    assert names[0] == ["unique_id", "ds"]
    assert names[1:] == [[name, str(place)] for name in ("oslo", "rome") for place in range(150, 156)]
    _, rome, _ = chargen("forecast", "long.forecaster.safetensors", "--series", "rome")
    assert rome.splitlines()[1:] == out.splitlines()[7:]
    code, _, err = chargen("forecast", "long.forecaster.safetensors", "--series", "pisa")
    assert (code, err) == (2, "chargen: --series pisa: unknown; the forecaster knows oslo, rome\n")


def test_short_and_constant_series_are_forecast_beside_others(chargen):
    rows = [f"oslo,{place},{value:.4f}\n" for place, value in enumerate(rhythm(150))]
    rows += [f"flat,{place},5\n" for place in range(150)] + ["new,0,3\n", "new,1,4\n"]
    Path("long.csv").write_text("unique_id,ds,y\n" + "".join(rows))
    code, out, err = chargen("fit", "long.csv", "--time", "ds", *QUICK)
    assert code == 0, err
    assert out.splitlines()[-2:] == ["Naive forecast: constant (flat).", "Naive forecast: fewer than 6 rows (new)."]
    lines = chargen("forecast", "long.forecaster.safetensors")[1].splitlines()
    assert len(lines) == 1 + 3 * 6
    assert lines[7].startswith("flat,150,5,")
    assert lines[-1].startswith("new,7,4,")


def test_a_fault_of_a_second_series_is_named_with_its_own_line(chargen):
    rows = [f"oslo,{place},{value:.4f}\n" for place, value in enumerate(rhythm(150))]
    rows += [f"rome,{place},-5\n" for place in range(150)]
    Path("long.csv").write_text("unique_id,ds,y\n" + "".join(rows))
    code, _, err = chargen("fit", "long.csv", "--time", "ds", "--min", "0", *QUICK)
    message = "chargen: long.csv line 152: series 'rome': the value -5 is below 0; give a lower --min\n"
    assert (code, err) == (2, message)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "nowhere.csv"], "cannot read nowhere.csv"),
        (["fit", "sales.csv"], "sales.csv has several columns of values: sold, seven; choose one with --column"),
        (["fit", "sales.csv", "--column", "price"], "no column 'price'; its columns are day, sold, seven"),
        (
            ["fit", "sales.csv", "--column", "day"],
            "line 2: day is '2023-01-01', not a number; correct it, remove the row, or choose another --column",
        ),
        (
            ["fit", "sales.csv", "--column", "seven", "--model", "network"],
            "sales.csv: 200 rows, all the same: the network can learn nothing from them; choose another --model",
        ),
        (
            ["fit", "sales.csv", "--column", "sold", "--horizon", "90", "--model", "network"],
            "sales.csv: 200 rows: too few for the network, which reads 48 and forecasts 90; give more rows, a",
        ),
        (["fit", "sales.csv", "--column", "seven", "--max", "6"], "sales.csv line 2: the value 7 is above 6; give a"),
        (["fit", "sales.csv", "--column", "sold", "--out", "sales.csv"], "sales.csv is a file that this command reads"),
        (["fit", "sales.csv", "--column", "sold", "--out", "no/m"], "there is no folder no"),
        (
            ["fit", "sales.csv", "--column", "sold", "--out", "there.safetensors"],
            "there.safetensors exists; choose another name, or replace it with --overwrite",
        ),
        (["fit", "sales.csv", "--out", "a.png", "--plot", "a.png"], "--out and --plot both name a.png"),
        (["fit", "sales.csv", "--column", "sold", "--windows", "few"], "'few' is not a whole number"),
        (["fit", "sales.csv", "--column", "sold", "--season", "0", "--season", "7"], "--season 0 means"),
        (["fit", "sales.csv", "--min", "few"], "--min 'few' is not a number"),
        (["fit", "sales.csv", "--folds", "0"], "--folds 0: must be at least 1 and at most 10,000 (see"),
        (["fit", "sales.csv", "--seed=-1"], "--seed -1: must be at least 0 (see"),
        (["forecast", "nowhere"], "no forecaster 'nowhere'; none is known"),
        (["forecast", "sales.csv"], "sales.csv is not a checkpoint"),
        (
            ["forecast", "there.safetensors", "--out", "there.safetensors"],
            "there.safetensors is a file that this command reads",
        ),
        (["forecast", "there.safetensors", "--plot", "no/p.png"], "there is no folder no"),
        (["forecast", "there.safetensors", "--out", "a.png", "--plot", "a.png"], "--out and --plot both name a.png"),
        (["fit", "sales.csv", "--horizon", "10000000000000000000"], "--horizon"),
    ],
)
def test_bad_input_gets_one_line(chargen, arguments, words):
    Path("there.safetensors").write_bytes(b"")
    code, out, err = chargen(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert words in err
    assert "Traceback" not in err


def test_a_file_is_replaced_only_when_asked_for(chargen):
    Path("m.safetensors").write_bytes(b"old")
    arguments = ["fit", "sales.csv", "--column", "sold", *QUICK, "--out", "m.safetensors"]
    assert chargen(*arguments)[0] == 2
    assert Path("m.safetensors").read_bytes() == b"old"
    assert chargen(*arguments, "--overwrite")[0] == 0
    assert Forecaster.load("m.safetensors").names == [""]


def test_a_model_of_text_is_no_forecaster(chargen):
    from chargen.network.checkpoint import find

    code, _, err = chargen("forecast", find("time-machine"))
    assert code == 2
    assert "is a model of text, for chargen sample and score; here it takes a forecaster" in err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_soon_and_nothing_is_saved(folder, ended_by, number, code):
    Path("long.csv").write_text("y\n" + "".join(f"{value}\n" for value in rhythm(3000)))
    command = [CHARGEN, "series", "fit", "long.csv", "--epochs", "10000"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert "3,000 rows" in process.stderr.readline()
    err, seconds = ended_by(number, process)
    assert seconds < 2
    assert (process.returncode, err) == (code, "stopped; nothing was saved\n")
    assert [path.name for path in folder.iterdir() if "safetensors" in path.name] == []
