"""What all commands promise: no output replaces an input, and nothing that is read controls the terminal."""

import contextlib
import itertools
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

import click
import numpy as np
import pytest

from chargen.cli.main import cli, main
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.network.provenance import Provenance
from chargen.text.vocabulary import Vocabulary

SALES = "month,sold\n" + "".join(f"{2000 + n // 12}-{n % 12 + 1:02},{50 + n % 12 * 5}\n" for n in range(60))
EPOCH = '{"epoch": 1, "step": 1, "seconds": 1, "train_loss": 1, "valid_loss": 1, "learning_rate": 1, '
EPOCH += '"characters_per_second": 1}\n'


def save_model(path, **about):
    """Write a model of random weights that knows the letters of "mixed bag"."""
    vocabulary, rng = Vocabulary.from_text("mixed bag"), np.random.default_rng(0)
    config = ModelConfig(len(vocabulary), hidden_size=4)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in config.weight_shapes().items()}
    Checkpoint(config, vocabulary, weights, Provenance(**about)).save(path)


@pytest.fixture
def chargen(monkeypatch, capsys):
    """Return a function that runs a command in this process and returns its exit code, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run, a text, a table and its forecaster."""
    folder = tmp_path_factory.mktemp("place")
    run = folder / "checkpoints" / "run"
    run.mkdir(parents=True)
    for name in ("best", "last"):
        save_model(run / f"{name}.safetensors")
    (run / "history.jsonl").write_text(EPOCH)
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("mixed bag " * 20)
    (folder / "texts" / "b.txt").write_text("mixed\nbag a big dam\n" * 20)
    (folder / "sales.csv").write_text(SALES)
    before = os.getcwd()
    os.chdir(folder)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["series", "fit", "sales.csv", "--column", "sold", "--horizon", "2", "--epochs", "1", "--folds", "3"])
        assert not ended.value.code
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "info run --plot checkpoints/run/best.safetensors",
        "info run --plot checkpoints/run/history.jsonl",
        "score texts --checkpoint run --html texts/a.txt",
        "score texts --checkpoint run --html checkpoints/run/last.safetensors",
        "score texts --checkpoint time-machine --compare run --html checkpoints/run/best.safetensors",
        "inspect texts --checkpoint run --html texts/a.txt",
        "inspect texts --checkpoint run --html checkpoints/run/best.safetensors",
        "export checkpoints/run/last.safetensors --checkpoint run",
        "series fit sales.csv --column sold --out sales.csv",
        "series fit sales.csv --column sold --plot sales.csv",
        "series forecast sales.forecaster.safetensors --out sales.forecaster.safetensors",
        "series forecast sales.forecaster.safetensors --plot sales.forecaster.safetensors",
    ],
)
def test_no_output_replaces_what_is_read(place, chargen, monkeypatch, command):
    monkeypatch.chdir(place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    code, _, err = chargen(*command.split(), "--overwrite")
    assert code == 2
    assert err.strip().splitlines()[-1].startswith("chargen: ")
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "command",
    [
        "info run --plot {there}.png",
        "score texts/a.txt --checkpoint run --html {there}",
        "inspect texts/a.txt --checkpoint run --html {there}",
        "export {there} --checkpoint run",
        "export --html {there} --checkpoint run",
        "series fit sales.csv --column sold --horizon 2 --model naive --out {there}",
        "series fit sales.csv --column sold --horizon 2 --model naive --plot {there}.png --out {new}",
        "series forecast sales.forecaster.safetensors --out {there}",
        "series forecast sales.forecaster.safetensors --plot {there}.png",
        "series run next-value --epochs 1 --out {there}.png",
        "series run sin-to-cos --epochs 1 --animate --out {there}.svg",
    ],
)
def test_no_output_replaces_a_file_unless_that_is_wanted(place, chargen, monkeypatch, tmp_path, command):
    monkeypatch.chdir(place)
    there = [tmp_path / "mine", tmp_path / "mine.png", tmp_path / "mine.gif"]
    for path in there:
        path.write_text("years of work")
    words = command.format(there=there[0], new=tmp_path / "new").split()
    code, _, err = chargen(*words)
    assert code == 2
    assert re.fullmatch(r"chargen: \S*mine\S* exists; choose another name, or replace it with --overwrite", err.strip())
    assert {path.read_text() for path in there} == {"years of work"}
    assert chargen(*words, "--overwrite")[0] == 0
    assert [path.read_bytes() for path in there].count(b"years of work") == len(there) - 1


ODD = ("0", "-1", "nan", "inf", "1e400", str(10**30), "")
WORK = {
    "train": "texts/a.txt --overwrite --hidden-size 4 --batch-size 1 --num-steps 8 --epochs 1 --from-scratch",
    "sample": "mixed --checkpoint run --length 3 --seed 1",
    "score": "texts/a.txt --checkpoint run",
    "inspect": "texts/a.txt --checkpoint run",
    "info": "run",
    "export": "small.safetensors --checkpoint run",
    "corpora check": "texts/a.txt --batch-size 1 --num-steps 8",
    "series fit": "none.csv --column sold --horizon 2 --epochs 1 --folds 3 --overwrite",
    "series forecast": "sales.forecaster.safetensors",
    "series run": "none",
}


@pytest.mark.parametrize("name", WORK)
def test_odd_values_of_options_are_told_in_one_line_or_work(place, chargen, monkeypatch, tmp_path, name):
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("chargen.training.plan._seconds_needed", lambda *_: 1.0)
    monkeypatch.setattr("chargen.training.plan.SPEED_SECONDS", 0.01)
    monkeypatch.setattr("chargen.cli.corpora._seconds", lambda *_: 1.0)
    monkeypatch.setattr("chargen.training.automatic.measure", lambda *_: {})  # what takes time, and reads no option
    monkeypatch.setattr("chargen.report.plots.save_figure", lambda *_, **__: None)
    monkeypatch.setattr("chargen.report.forecast_plot.save_figure", lambda *_, **__: None)
    monkeypatch.setattr("chargen.cli.runs.train", lambda run, *_: run._lock.close() or 0)
    command = cli
    for word in name.split():
        command = command.commands[word]
    options = [one.opts[0] for one in command.params if isinstance(one, click.Option) and not one.is_flag]
    for option, value in itertools.product(options, ODD):
        code, _, err = chargen(*name.split(), *WORK[name].split(), f"{option}={value}")
        told = [line for line in err.splitlines() if line.startswith("chargen: ")]
        assert (code, len(told)) in ((0, 0), (1, 1), (2, 1)), (option, value, err)
        assert "Warning" not in err, (option, value, err)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "sample --help",
        "series fit --help",
        "help series run",
        "sample mixed --checkpoint run --length 300 --seed 1",
        "sample mixed --checkpoint run --length 300 --seed 1 --audit texts",
        "score texts --checkpoint run --compare run",
        "score texts --checkpoint run --lines",
        "score texts/b.txt --checkpoint run",
        "inspect texts --checkpoint run",
        "info run",
        "info --machine",
        "info sales.forecaster.safetensors",
        "runs",
        "runs remove nothing-of-that-long-name",
        "corpora list",
        "corpora check texts --batch-size 2 --num-steps 4",
        "corpora check none --batch-size 0",
        "series list",
        "series run everything",
        "series forecast nothing",
        "series fit sales.csv --column sold --horizon 2 --epochs 1 --folds 3 --overwrite",
    ],
)
def test_every_line_fits_a_narrow_terminal(place, monkeypatch, command):
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "50")  # for click
    shown = []
    with terminal(50, shown) as stream, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        patched.setattr(sys, "stderr", stream)
        with pytest.raises(SystemExit):
            main(command.split())
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[\d*m", "", b"".join(shown).decode()))
    assert any(lines)
    assert [line for line in lines if len(line.rstrip()) > 50] == []


@contextlib.contextmanager
def terminal(width, shown):
    """A text stream to a terminal of this width; what it shows is added to `shown`."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

    def read():
        with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
            while part := os.read(ours, 10_000):
                shown.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    with open(theirs, "w") as stream:
        yield stream
    reader.join()
    os.close(ours)


HOSTILE = "a\x1b[31m\u202ered\x07"


@pytest.mark.skipif(sys.platform == "win32", reason="no such names of files")
@pytest.mark.parametrize(
    "command",
    [
        "info {model}",
        "info {name}",
        "sample mixed --checkpoint {model} --length 9 --audit",
        "sample mixed --checkpoint {name}",
        "score {text} --checkpoint {model} --compare {model}",
        "inspect {text} --checkpoint {model}",
        "train {name}",
        "train {text} --name {name}",
        "corpora check {text}",
        "series fit {text} --column {name}",
        "series fit {table} --epochs 1",
        "series fit {table} --column {name} --time {name}",
    ],
)
def test_nothing_that_is_read_controls_the_terminal(tmp_path, chargen, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    names = {"name": HOSTILE, "text": f"{HOSTILE}.txt", "model": f"{HOSTILE}.safetensors", "table": f"{HOSTILE}.csv"}
    Path(names["text"]).write_text("mixed bag " * 20)
    Path(names["table"]).write_text(f"{HOSTILE},y\n{HOSTILE},1\n")
    save_model(Path(names["model"]), corpus=HOSTILE, metadata={HOSTILE: {HOSTILE: HOSTILE}}, saved=HOSTILE)
    monkeypatch.setattr("chargen.report.terminal.is_terminal", lambda stream: True)
    _, out, err = chargen(*(part.format(**names) for part in command.split()))
    assert HOSTILE[0] in out + err
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out + err)


def test_a_name_that_no_folder_can_have_is_refused(tmp_path, chargen, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/b", "\N{BOOKS}", "..", ""):
        code, _, err = chargen("train", "--name", name)
        assert code == 2
        assert "cannot be the name of a folder" in err
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no folder that is in use")
def test_a_folder_that_is_gone_is_told(tmp_path):
    command = [sys.executable, "-c", "import os, chargen.cli.main as m; os.rmdir(os.getcwd()); m.main(['info'])"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stderr == "chargen: the folder that you work in is gone; change to another one\n"
