import os

import pytest
import torch

from chargen.cli.main import main
from chargen.files.lock import lock
from chargen.network.provenance import EpochRecord, Provenance
from chargen.text.vocabulary import Vocabulary
from chargen.training.model import CharModel


@pytest.fixture
def chargen(tmp_path, monkeypatch, capsys):
    """Run `chargen runs ...` in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["runs", *arguments])
        return ended.value.code, *capsys.readouterr()

    return call


def keep(folder, name, bits=None):
    torch.manual_seed(0)
    run = folder / "checkpoints" / name
    run.mkdir(parents=True)
    reached = bits and EpochRecord(1, 1, 1.0, 9.9, bits * 0.693147, 0.1, 1.0)
    provenance = Provenance("letters", reached=reached)
    CharModel(3, "gru", 8).to_checkpoint(Vocabulary("abc"), provenance).save(run / "best.safetensors")
    (run / "history.jsonl").write_text("{}\n" * 400)
    return run


def test_runs_are_listed_the_newest_first(chargen, tmp_path):
    for age, (name, bits) in enumerate([("letters-gru", 1.75), ("begun", None), ("broken", None)]):
        os.utime(keep(tmp_path, name, bits) / "best.safetensors", (86_400 * (age + 100), 86_400 * (age + 100)))
    (tmp_path / "checkpoints/broken/best.safetensors").write_bytes(b"x" * 700)
    os.utime(tmp_path / "checkpoints/broken/best.safetensors", (86_400 * 200, 86_400 * 200))
    code, out, _ = chargen()
    assert code == 0
    head, *rows = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [cell.strip() for cell in head if cell.strip()] == ["name", "text", "network", "bits", "saved", "size"]
    assert [row[:4] for row in cells] == [
        ["broken", "-", "damaged", "-"],
        ["begun", "letters", "gru 1 x 8", "-"],
        ["letters-gru", "letters", "gru 1 x 8", "1.750"],
    ]
    assert cells[0][4].startswith("1970-07-2")
    assert cells[0][5] == "2 kB"  # with its history


def test_only_the_name_of_a_run_removes_it(chargen, tmp_path):
    run = keep(tmp_path, "letters-gru")
    for name in ("letters-gru/", str(run)):
        code, _, err = chargen("remove", name)
        assert (code, len(err.splitlines())) == (2, 1)
        assert f"no run {name!r}" in err
    assert run.exists()


def test_without_runs_it_says_how_to_get_one(chargen):
    assert chargen() == (0, "", "there is no run here yet; train one: chargen train letters.txt\n")


def test_a_run_is_removed_and_what_else_is_in_its_folder_stays(chargen, tmp_path):
    keep(tmp_path, "letters-gru")
    (keep(tmp_path, "poem-gru") / "notes.txt").write_text("mine")
    keep(tmp_path, "kept")
    code, out, err = chargen("remove", "letters-gru", "poem-gru")
    assert (code, out) == (0, "")
    assert "poem-gru, " in err
    assert err.endswith("; kept what else is in checkpoints/poem-gru: notes.txt\n".replace("/", os.sep))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["kept", "poem-gru"]
    assert [path.name for path in (tmp_path / "checkpoints/poem-gru").iterdir()] == ["notes.txt"]


def test_an_unknown_name_removes_nothing_and_suggests_the_nearest(chargen, tmp_path):
    keep(tmp_path, "letters-gru")
    assert chargen("remove", "letters-gru", "leters") == (
        2,
        "",
        "chargen: no run 'leters'; did you mean letters-gru?\n",
    )
    assert (tmp_path / "checkpoints/letters-gru/best.safetensors").exists()


def test_what_cannot_be_removed_is_named(chargen, tmp_path):
    keep(tmp_path, "letters-gru")
    (tmp_path / "checkpoints/letters-gru/loss.png").mkdir()
    code, _, err = chargen("remove", "letters-gru")
    assert code == 2
    assert "cannot remove checkpoints/letters-gru/loss.png: " in err.replace("\\", "/")
    assert err.endswith("; remove it yourself\n")


def test_a_run_that_is_being_trained_is_not_removed(chargen, tmp_path):
    run = keep(tmp_path, "letters-gru")
    with lock(run):
        code, _, err = chargen("remove", "letters-gru")
    assert code == 2
    assert "is training in" in err
    assert (run / "best.safetensors").exists()
