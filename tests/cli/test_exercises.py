import json
import struct

import pytest

from chargen.cli.main import main
from chargen.series.exercises.catalog import EXERCISES


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `chargen series ...` in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["series", *arguments])
        return ended.value.code, *capsys.readouterr()

    return call


def size_of_png(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_list_names_every_exercise_with_its_settings(run):
    code, out, _ = run("list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(EXERCISES)
    assert "(lstm; 501 epochs)" in out


def test_run_prints_settings_and_figures_and_writes_a_picture(run, tmp_path):
    code, out, err = run("run", "next-value", "--epochs", "5", "--seed", "2")
    assert code == 0
    first, *figures, lesson = out.splitlines()
    assert lesson.startswith("lesson: on the part of the curve that it never saw")
    assert first == "next-value: rnn of 50 units, 5 epochs, learning rate 0.01, seed 2"
    assert [line.split()[0] for line in figures] == ["train_mse", "test_mse"]
    assert err.splitlines()[-1] == "wrote next-value.png"
    assert size_of_png(tmp_path / "next-value.png") == (1200, 1050)


def test_json_holds_what_was_asked_for(run, tmp_path):
    code, out, _ = run("run", "sin-to-cos", "--json", "--epochs", "3", "--cell", "gru", "--out", "picture.png")
    result = json.loads(out)
    assert code == 0
    assert (result["task"], result["cells"], result["epochs"], result["seed"]) == ("sin-to-cos", ["gru"], 3, 0)
    assert set(result["figures"]) == {"final_mse_carried", "final_mse_reset"}
    assert (tmp_path / "picture.png").exists()
    assert not (tmp_path / "sin-to-cos.png").exists()


def figures_of(run, *arguments):
    return json.loads(run("run", *arguments, "--json")[1])["figures"]


def test_the_same_seed_gives_the_same_figures_and_another_one_others(run):
    first, again, other = (figures_of(run, "next-value", "--epochs", "2", "--seed", seed) for seed in "001")
    assert first == again
    assert first != other


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mlp"])
@pytest.mark.parametrize("task", EXERCISES)
def test_every_exercise_takes_every_cell(task, cell, run):
    figures = figures_of(run, task, "--cell", cell, "--epochs", "1")
    assert all(value == value for value in figures.values())


def test_from_scratch_takes_the_equations_of_cells_and_gives_the_same(run, monkeypatch):
    from chargen.training.engines import ENGINES

    steps, run_layer = [], ENGINES["equations"]
    monkeypatch.setitem(ENGINES, "equations", lambda *arguments: steps.append(1) or run_layer(*arguments))
    library, scratch = (figures_of(run, "noisy-sine", "--epochs", "1", *option) for option in ([], ["--from-scratch"]))
    assert steps
    assert scratch["test_mse"] == pytest.approx(library["test_mse"], rel=1e-3)


def test_animate_writes_a_gif(run, tmp_path):
    code, _, err = run("run", "sin-to-cos", "--epochs", "5", "--animate", "--out", "learned.png")
    assert code == 0
    assert err.splitlines()[-1] == "wrote learned.gif"
    data = (tmp_path / "learned.gif").read_bytes()
    assert data[:6] == b"GIF89a"
    assert data.count(b"\x21\xf9\x04") == 3  # frames, after the steps 1, 3 and 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "sinus"], "TASK 'sinus': unknown; choose one of next-value, sin-to-cos"),
        (["run", "recall", "--animate"], "--animate works for sin-to-cos only, not for recall"),
        (["run", "recall", "--cell", "mlp", "--from-scratch"], "--from-scratch is for recurrent cells"),
        (["run", "recall", "--epochs", "0"], "--epochs"),
        (["run", "sin-to-cos", "--animate", "--out", "a.gif"], "--out a.gif: the animation is written there"),
        (["run", "recall", "--out", "none/picture.png"], "there is no folder none for picture.png"),
    ],
)
def test_bad_usage_is_one_line(arguments, words, run, tmp_path):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_one_line(run, tmp_path):
    (tmp_path / "full.png").symlink_to("/dev/full")
    code, _, err = run("run", "next-value", "--epochs", "1", "--out", "full.png", "--overwrite")
    assert code == 1
    assert err.splitlines()[-1].startswith("chargen: cannot write full.png: it is not a file")
