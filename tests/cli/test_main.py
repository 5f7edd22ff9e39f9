"""The installed command, driven as a person drives it: real processes, files, pipes and signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
import safetensors

from chargen.cli.main import cli, main
from chargen.network import cells
from chargen.network.checkpoint import Checkpoint
from chargen.sampling import filters
from chargen.sampling.sampler import Sampler
from chargen.sampling.selection import mean_losses
from chargen.text import batches, normalization, vocabulary
from chargen.training import recipe, settings

CHARGEN = str(Path(sys.executable).with_name("chargen"))
POEM = "tyger tyger burning bright\nin the forests of the night\n" * 40
SMALL = ["--hidden-size", "16", "--batch-size", "4", "--num-steps", "16", "--epochs", "2", "--sample-every", "60"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and pipes")


def chargen(*arguments, cwd, **options):
    command = [CHARGEN, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False, **options)


def refused(result, *words, code=2):
    """Assert that a command failed with one clear line."""
    lines = result.stderr.strip().splitlines()
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert lines[-1].startswith("chargen: ")
    assert len([line for line in lines if line.startswith("chargen:")]) == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[-1], f"{word!r} is not in {lines[-1]!r}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, chargen_here):
    """A folder with a poem and a run named poem-lstm, and what training it printed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "poem.txt").write_text(POEM)
    result = chargen_here("train", "poem.txt", *SMALL, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_train_reports_each_epoch_and_keeps_the_run(trained):
    folder, result = trained
    assert result.stdout == ""
    epochs = re.findall(
        r"^epoch (\d)/2  training +[\d.]+  held-out +[\d.]+  [\d.]+ bits +[\d.]+k chars/s  [* ]",
        result.stderr,
        re.MULTILINE,
    )
    assert epochs == ["1", "2"]
    assert result.stderr.count("\n    | ") >= 1, "a sample was to be shown at the end"
    assert {path.name for path in (folder / "checkpoints" / "poem-lstm").iterdir()} == {
        ".lock",
        "best.safetensors",
        "history.jsonl",
        "last.safetensors",
        "loss.png",
        "previous.safetensors",
    }
    *_, reached, verdict, last = result.stderr.replace("\\", "/").splitlines()
    assert re.fullmatch(
        r"best: held-out perplexity [\d.]+, [\d.]+ bits per character, after epoch 2 of 2, \d+ s of training", reached
    )
    assert re.fullmatch(
        r"not yet better than counts of up to 5 characters \([\d.]+ bits\), xz -9 \([\d.]+ bits\):"
        r" give it more time \(--budget 5m\)",
        verdict,
    )
    assert last == "saved in checkpoints/poem-lstm; now type: chargen sample"
    assert "only 220 characters held out" in result.stderr


def test_an_existing_run_is_refused_by_name(trained, chargen_here):
    refused(chargen_here("train", "poem.txt", *SMALL, cwd=trained[0]), "poem-lstm", "--overwrite", "--name")


def test_train_from_standard_input_and_by_module(tmp_path):
    command = [sys.executable, "-m", "chargen", "train", "-", *SMALL, "--cell", "gru", "--name", "from-stdin"]
    result = subprocess.run(command, cwd=tmp_path, input=POEM, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "checkpoints" / "from-stdin" / "best.safetensors").exists()


def test_sample_writes_prefix_and_text_to_stdout_alone(trained):
    result = chargen("sample", "tyger", "--length", "30", "--seed", "1", cwd=trained[0])
    assert result.returncode == 0
    assert result.stdout.startswith("tyger")
    assert len(result.stdout) == 5 + 30 + 1
    assert result.stderr == "model: poem-lstm\n"
    assert chargen("sample", "tyger", "--length", "30", "--quiet", cwd=trained[0]).stderr == ""
    again = chargen("sample", "tyger", "--length", "30", "--seed", "1", "--checkpoint", "poem-lstm", cwd=trained[0])
    assert again.stdout == result.stdout
    assert again.stderr == ""


def test_sampling_options_reach_the_sampler(trained):
    def sample(*options):
        result = chargen("sample", "in the", "--length", "40", "--seed", "3", *options, cwd=trained[0])
        assert result.returncode == 0, result.stderr
        return result.stdout

    greedy = sample("--greedy")
    assert (
        greedy
        == sample("--temperature", "0")
        == sample("--min-p", "1")
        == sample("--top-k", "1")
        == sample("--top-p", "0.0001")
    )
    assert greedy != sample("--temperature", "2")
    stopped = sample("--greedy", "--stop", greedy[10:12])
    assert stopped == greedy[: greedy.index(greedy[10:12], 6)] + "\n"


def test_json_samples_are_one_object_a_line_and_each_differs(trained):
    result = chargen("sample", "the", "--length", "20", "--num-samples", "3", "--json", cwd=trained[0])
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert [set(o) for o in objects] == [{"prefix", "text", "seed", "number"}] * 3
    assert {len(o["text"]) for o in objects} == {20}
    assert len({o["text"] for o in objects}) == 3
    plain = chargen(
        "sample", "the", "--length", "20", "--num-samples", "3", "--seed", objects[0]["seed"], cwd=trained[0]
    )
    assert plain.stdout == "---\n".join(f"the{o['text']}\n" for o in objects)


def test_a_prefix_from_a_file_or_standard_input(trained, tmp_path):
    (tmp_path / "prefix.txt").write_text("in the ")
    options = ["--length", "30", "--seed", "1", "--checkpoint", "poem-lstm"]
    typed = chargen("sample", "in the ", *options, cwd=trained[0])
    for arguments, given in ((["--prefix-file", tmp_path / "prefix.txt"], None), (["-"], "in the ")):
        assert chargen("sample", *arguments, *options, cwd=trained[0], input=given).stdout == typed.stdout


def test_a_prefix_of_10_mb_works_and_one_of_1_gb_is_refused_with_the_limit(trained, tmp_path):
    (tmp_path / "long.txt").write_text(POEM[:55] * 190_000)
    options = ["--length", "30", "--seed", "1", "--checkpoint", "poem-lstm"]
    result = chargen("sample", "--prefix-file", tmp_path / "long.txt", *options, cwd=trained[0])
    assert result.returncode == 0, result.stderr
    assert len(result.stdout) == 55 * 190_000 + 31
    with open(tmp_path / "huge.txt", "wb") as file:
        file.truncate(2**30)
    refused(chargen("sample", "--prefix-file", tmp_path / "huge.txt", *options, cwd=trained[0]), "huge.txt", "100 MB")


def test_lines_stop_and_samples_together(trained):
    options = ["--seed", "2", "--length", "400", "--temperature", "0.5"]
    two = chargen("sample", "tyger", "--lines", "2", *options, cwd=trained[0])
    assert two.stdout.count("\n") == 2
    stops = ["--stop", "night", "--stop", "bright", "--num-samples", "4"]
    several = chargen("sample", "tyger", *stops, *options, cwd=trained[0])
    assert len(several.stdout.split("---\n")) == 4
    assert "night" not in several.stdout
    assert "bright" not in several.stdout


def test_a_ladder_of_temperatures_and_the_best_of_several(trained):
    ladder = ["sample", "tyger", "--temperatures", "0,0.5", "--length", "20", "--seed", "1", "--num-samples", "2"]
    texts = [json.loads(line) for line in chargen(*ladder, "--json", cwd=trained[0]).stdout.splitlines()]
    assert [(text["temperature"], text["number"]) for text in texts] == [(0, 0), (0, 1), (0.5, 0), (0.5, 1)]
    assert texts[0]["text"] == texts[1]["text"] != texts[2]["text"]
    assert chargen(*ladder, cwd=trained[0]).stdout.startswith("--- temperature 0\ntyger")
    best = ["sample", "tyger", "--length", "20", "--seed", "1", "--best-of", "8", "--json"]
    (text,) = [json.loads(line)["text"] for line in chargen(*best, cwd=trained[0]).stdout.splitlines()]
    several = [*best[:-3], "--num-samples", "8", "--json"]
    written = [json.loads(line)["text"] for line in chargen(*several, cwd=trained[0]).stdout.splitlines()]
    sampler = Sampler.load(trained[0] / "checkpoints" / "poem-lstm")
    assert text == written[np.argmin(mean_losses(sampler, "tyger", written))]


def test_only_new_lines_are_shown_and_an_audit_counts_whole_lines(trained):
    (trained[0] / "lines.txt").write_text("burning\nbright\n" * 2)
    line = POEM.splitlines()[0]
    new = chargen("sample", "--only-new", "--lines", "1", "--num-samples", "5", cwd=trained[0])
    shown = new.stdout.splitlines()
    assert len(shown) == len(set(shown)) == 5
    assert not set(shown) & set(POEM.splitlines())
    (trained[0] / "other.txt").write_text(line + "\n")
    audit = ["sample", line[:-1], "--greedy", "--lines", "1", "--json", "--audit", "other.txt"]
    copied = json.loads(chargen(*audit, cwd=trained[0]).stdout)["copied"]
    assert copied["lines"] == 1
    assert copied["whole_lines"] in ([line], [])


def test_a_beam_writes_what_is_likeliest(trained):
    beam = chargen("sample", "tyger ty", "--beam", "4", "--length", "18", cwd=trained[0])
    assert beam.returncode == 0, beam.stderr
    assert len(beam.stdout) == 8 + 18 + 1
    assert beam.stdout == chargen("sample", "tyger ty", "--beam", "4", "--length", "18", cwd=trained[0]).stdout


def test_an_audit_finds_what_was_copied(trained):
    greedy = ["--greedy", "--length", "60", "--checkpoint", "poem-lstm"]
    (trained[0] / "copied.txt").write_text(chargen("sample", "tyger", *greedy, cwd=trained[0]).stdout)
    told = chargen("sample", "tyger", *greedy, "--audit", "copied.txt", cwd=trained[0])
    assert "100 % copied (passages of 20+ characters); the longest: " in told.stderr
    assert told.stdout == (trained[0] / "copied.txt").read_text(), "a pipe gets no colours"
    remembered = chargen("sample", "tyger", "--seed", "1", "--json", *greedy[1:], "--audit", cwd=trained[0])
    copied = json.loads(remembered.stdout)["copied"]
    assert copied["longest"] in POEM
    assert copied["share"] == 0
    refused(chargen("sample", "x", "--checkpoint", "time-machine", "--audit", cwd=trained[0]), "--audit CORPUS")


@posix
@pytest.mark.parametrize(
    ("environment", "coloured"), [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)]
)
def test_a_terminal_shows_copies_in_reverse_unless_it_cannot_or_must_not(trained, environment, coloured):
    import pty

    options = ["--greedy", "--length", "60", "--checkpoint", "poem-lstm"]
    (trained[0] / "copied.txt").write_text(chargen("sample", "tyger", *options, cwd=trained[0]).stdout)
    ours, theirs = pty.openpty()
    command = [CHARGEN, "sample", "tyger", *options, "--audit", "copied.txt"]
    settings = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    result = subprocess.run(
        command, cwd=trained[0], stdout=theirs, stderr=subprocess.PIPE, env=settings | {"TERM": "xterm"} | environment
    )
    os.close(theirs)
    shown = os.read(ours, 10_000)
    os.close(ours)
    assert result.returncode == 0, result.stderr
    assert (b"\x1b[7m" in shown) == coloured


def test_an_empty_prefix_is_allowed_and_seeded(trained):
    first, second = (chargen("sample", "--length", "9", "--seed", "5", cwd=trained[0]) for _ in range(2))
    assert first.returncode == 0
    assert len(first.stdout) == 10
    assert first.stdout == second.stdout


def test_info_shows_what_a_checkpoint_holds(trained):
    about = json.loads(chargen("info", "--json", cwd=trained[0]).stdout)
    assert about["cell"].removeprefix("capped-") == "lstm"
    assert about["hidden_size"] == 16
    assert about["input"] == "one-hot"
    assert about["corpus"] == "poem"
    assert about["characters"] == "".join(sorted(set(POEM)))
    V = len(set(POEM))
    assert about["parameters"] == 4 * 16 * (V + 16 + 2) + V * (16 + 1)
    text = chargen("info", "poem-lstm", cwd=trained[0]).stdout
    best = Checkpoint.load(trained[0] / "checkpoints/poem-lstm/best.safetensors")
    assert chargen("info", "--digest", cwd=trained[0]).stdout == f"{best.digest}\n"
    assert re.search(
        rf"^network +{about['cell']} 1 x 16, {about['parameters']:,} weights in 16 bits, one-hot input$", text, re.M
    )
    assert re.search(
        r"^reached +epoch 2, \d+ s: training perplexity [\d.]+, held-out [\d.]+, \d\.\d{3} bits per", text, re.M
    )
    assert "{" not in text
    assert not re.search(r"\d\.\d{5}", text), "no fifteen digits"


def test_info_draws_the_losses_beside_the_baselines(trained, tmp_path, chargen_here):
    picture = tmp_path / "losses.png"
    result = chargen_here("info", "poem-lstm", "--plot", picture, cwd=trained[0])
    assert (result.returncode, result.stdout) == (0, "")
    assert picture.read_bytes() == (trained[0] / "checkpoints" / "poem-lstm" / "loss.png").read_bytes()
    baselines = json.loads(chargen("info", "--json", cwd=trained[0]).stdout)["metadata"]["baselines"]
    assert list(baselines) == ["counts of up to 5 characters", "xz -9"]
    refused(chargen("info", "time-machine", "--plot", tmp_path / "x.png", cwd=trained[0]), "history.jsonl")
    refused(chargen("info", "poem-lstm", "--plot", tmp_path / "no" / "x.png", cwd=trained[0]), "there is no folder")


def test_the_textbook_preset_and_what_a_person_types_wins(tmp_path, chargen_here):
    (tmp_path / "poem.txt").write_text(POEM)
    options = ["--preset", "d2l", "--epochs", "1", "--cell", "rnn", "--batch-size", "8", "--seed", "7"]
    assert chargen_here("train", "poem.txt", *options, cwd=tmp_path).returncode == 0
    about = json.loads(chargen("info", "--json", cwd=tmp_path).stdout)
    assert about["normalization"] == "letters"
    assert about["hidden_size"] == 256
    assert (about["dropout"], about["recurrent_dropout"]) == (0, 0)
    assert about["valid_characters"] == 0
    assert about["settings"] == {
        "epochs": 1,
        "seconds": None,
        "patience": 5,
        "precision": "float32",
        "batching": {"batch_size": 8, "num_steps": 35, "partition": "sequential", "seed": 7},
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "warmup_steps": 0,
        "final_learning_rate": 1.0,
        "weight_decay": 0.0,
        "averaging": None,
        "anchoring": 0.0,
        "noise": 0.0,
        "clip": 1.0,
        "valid_chars": 1_000_000,
    }


def test_every_training_option_reaches_the_run(tmp_path, chargen_here):
    (tmp_path / "poem.txt").write_text(POEM)
    options = "--normalize lower --max-chars 1500 --valid-fraction 0.2 --cell gru --hidden-size 6 --num-layers 2"
    options += " --dropout 0.1 --partition random --epochs 1 --optimizer sgd --warmup-steps 1 --final-learning-rate 0.5"
    options += " --clip 2 --batch-size 3 --num-steps 9 --seed 4 --device cpu --sample-every 0 --name mine"
    options += " --patience 7 --precision bfloat16 --learning-rate 0.5 --weight-decay 0.25"
    options += " --recurrent-dropout 0.2 --valid-chars 250"
    result = chargen_here("train", "poem.txt", *options.split(), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "    | " not in result.stderr
    assert "the first 250 held-out characters are read after each epoch" in result.stderr
    about = json.loads(chargen("info", "mine", "--json", cwd=tmp_path).stdout)
    assert (about["cell"], about["hidden_size"], about["num_layers"]) == ("gru", 6, 2)
    assert (about["dropout"], about["recurrent_dropout"]) == (0.1, 0.2)
    assert (about["normalization"], about["train_characters"], about["valid_characters"]) == ("lower", 1200, 300)
    assert about["settings"] == {
        "epochs": 1,
        "seconds": None,
        "patience": 7,
        "precision": "bfloat16",
        "batching": {"batch_size": 3, "num_steps": 9, "partition": "random", "seed": 4},
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "warmup_steps": 1,
        "final_learning_rate": 0.5,
        "weight_decay": 0.25,
        "averaging": None,
        "anchoring": 0.0,
        "noise": 0.0,
        "clip": 2.0,
        "valid_chars": 250,
    }


def test_a_budget_is_kept(tmp_path):
    began = time.monotonic()
    result = chargen("train", "--budget", "12s", "--hidden-size", "256", "--name", "story", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    seconds = time.monotonic() - began
    rate = json.loads(chargen("info", "--json", cwd=tmp_path).stdout)["settings"]["learning_rate"]
    history = (tmp_path / "checkpoints" / "story" / "history.jsonl").read_text().splitlines()
    assert 10 < seconds < 40, "with the start of the process, on a machine that runs other tests"
    assert json.loads(history[-1])["learning_rate"] < 0.25 * rate, "the schedule ends with the budget"


def test_fine_tuning_begins_where_the_other_model_ended(trained, tmp_path, chargen_here):
    (tmp_path / "shout.txt").write_text(POEM.replace("tyger", "TYGER"))
    best = trained[0] / "checkpoints" / "poem-lstm" / "best.safetensors"
    options = ["--init-from", best, "--epochs", "1", "--learning-rate", "1e-9", "--name", "tuned"]
    result = chargen_here("train", "shout.txt", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "best.safetensors: 'EGRTY'" in result.stderr
    with (
        safetensors.safe_open(best, "numpy") as before,
        safetensors.safe_open(tmp_path / "checkpoints" / "tuned" / "best.safetensors", "numpy") as after,
    ):
        name = "layers.0.weight_hh_l0"
        np.testing.assert_allclose(after.get_tensor(name), before.get_tensor(name), atol=1e-5)


def test_help_of_a_command_and_quiet_training(tmp_path, chargen_here):
    shown = chargen("help", "train", cwd=tmp_path).stdout
    assert shown == chargen("train", "--help", cwd=tmp_path).stdout
    assert [line for line in shown.splitlines() if re.match(r"\w+:$", line)] == [
        *("Everyday:", "Text:", "Network:", "Optimization:", "Output:", "Other:")
    ]
    assert "--hidden-size N " in shown
    refused(chargen("help", "tran", cwd=tmp_path), "no command 'tran'; did you mean train?")
    near = "no option --temp; did you mean --temperature or --temperatures?"
    refused(chargen("sample", "--temp", "1", cwd=tmp_path), near)
    (tmp_path / "poem.txt").write_text(POEM)
    result = chargen_here("train", "poem.txt", *SMALL, "--quiet", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_without_a_run_the_bundled_model_writes(tmp_path):
    result = chargen("sample", "time", "traveller", "--length", "400", "--seed", "1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "model: time-machine (bundled)\n"
    assert result.stdout.startswith("time traveller")
    words = re.findall(r"[a-z]+", result.stdout.lower())
    assert sum(word in {"the", "and", "of", "to", "a", "i", "in", "was", "that", "it", "my"} for word in words) > 10


def test_the_choices_of_the_command_are_those_of_the_library():
    def choices(command, option):
        (parameter,) = [p for p in cli.commands[command].params if p.name == option]
        assert isinstance(parameter.type, click.Choice)
        return tuple(parameter.type.choices)

    assert choices("train", "cell") == tuple(cells.CELLS)
    assert choices("train", "normalization") == normalization.NORMALIZATIONS
    assert choices("train", "partition") == batches.PARTITIONS
    assert choices("train", "optimizer") == settings.OPTIMIZERS
    assert choices("train", "precision") == ("auto", *settings.PRECISIONS)
    assert choices("train", "preset") == tuple(recipe.PRESETS)
    assert choices("sample", "unknown") == vocabulary.UNKNOWN_POLICIES
    (temperature,) = [p for p in cli.commands["sample"].params if p.name == "temperature"]
    assert temperature.default == filters.USUAL.temperature


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "no-such.txt"], ["'no-such.txt'", "known: lamp-at-low-water"]),
        (["train", "time-machin"], ["did you mean time-machine"]),
        (["train", "."], ["latin.txt", "0xe9", "offset 3"]),
        (["train", "poem.txt", "--in-memory", "much"], ["'much'", "256MB"]),
        (["train", "ftp://host/x.txt"], ["only http"]),
        (["train", "empty.txt"], ["empty.txt"[:5], "is empty"]),
        (["train", "short.txt", "--batch-size", "32"], ["at least 65", "--batch-size"]),
        (["train", "poem.txt", "--budget", "soon"], ["'soon'", "90s"]),
        (["train", "poem.txt", "--budget", "2s"], ["'2s'", "from 10s to a year"]),
        (["train", "poem.txt", "--budget", "20s", "--epochs", "3"], ["--budget", "--epochs"]),
        (["train", "poem.txt", "--init-from", "nothing"], ["'nothing'"]),
        (["train", "poem.txt", "--init-from", "time-machine", "--cell", "rnn"], ["cell rnn", "lstm"]),
        (["train", "binary.dat"], ["looks binary"]),
        (["train", "latin.txt"], ["0xe9", "offset 3", "--encoding, for example latin-1"]),
        (["train", "poem.txt", "--encoding", "klingon"], ["klingon", "utf-8"]),
        (["train", "poem.txt", "--hidden-size", "0"], ["--hidden-size", "0"]),
        (["train", "poem.txt", "--epochs", "-3"], ["--epochs", "-3"]),
        (["train", "poem.txt", "--learning-rate", "nan"], ["--learning-rate", "'nan' is not a number"]),
        (["train", "poem.txt", "--device", "abacus"], ["abacus", "cpu"]),
        (["train", "poem.txt", "--sample-prefix", "1984"], ["--sample-prefix", "1 4 8 9"]),
        (["sample", "x", "--checkpoint", "poem.txt"], ["poem.txt is not a checkpoint"]),
        (["sample", "x", "--checkpoint", "nothing"], ["'nothing'"]),
        (["sample", "x", "--length", "-1"], ["--length", "-1"]),
        (["sample", "x", "--stop", ""], ["--stop '': must have at least one"]),
        (["sample", "x", "--min-p", "2"], ["--min-p", "2"]),
        (["sample", "x", "--prefix-file", "poem.txt"], ["PREFIX", "--prefix-file"]),
        (["sample", "--prefix-file", "none.txt"], ["cannot read none.txt"]),
        (["sample", "--prefix-file", "latin.txt"], ["0xe9"]),
        (["sample", "x", "--beam", "3", "--seed", "1"], ["--beam is not random, so it takes no --seed"]),
        (["sample", "x", "--interactive"], ["--interactive cannot be combined with PREFIX"]),
        (["sample", "--interactive", "--sentences", "1"], ["--interactive cannot be combined with --sentences"]),
        (["tran"], ["train"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_bad_input_gets_one_clear_line(tmp_path, monkeypatch, capsys, arguments, words):
    (tmp_path / "poem.txt").write_text(POEM)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("too short")
    (tmp_path / "binary.dat").write_bytes(b"ELF\0\1\2\3" * 1000)
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1") * 1000)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit:  # in this process, since each of its own takes seconds to load PyTorch
        main(arguments)
    refused(subprocess.CompletedProcess(arguments, exit.value.code, *capsys.readouterr()), *words)
    assert not (tmp_path / "checkpoints").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path, chargen_here):
    (tmp_path / "poem.txt").write_text(POEM)
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    refused(chargen_here("train", "poem.txt", *SMALL, cwd=tmp_path), "cannot write", "checkpoints")


def test_unknown_characters_of_a_prefix(trained):
    strict = chargen("sample", "Tyger!", "--unknown", "error", "--checkpoint", "poem-lstm", cwd=trained[0])
    refused(strict, "'!' 'T'", "--unknown")
    refused(chargen("sample", "漢", "--checkpoint", "poem-lstm", cwd=trained[0]), "'漢'")
    skipped = chargen("sample", "Tyger!", "--unknown", "skip", "--length", "0", cwd=trained[0])
    assert skipped.stdout == "yger\n"
    replaced = chargen("sample", "Tyger!", "--length", "0", cwd=trained[0])
    assert replaced.stdout == "tyger \n"
    assert "new to the model: T read as t, ! read as a space" in replaced.stderr


@posix
def test_a_closed_pipe_ends_it_quietly(trained):
    sampling = subprocess.Popen(
        [CHARGEN, "sample", "tyger", "--length", "200000"],
        cwd=trained[0],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert sampling.stdout.read(1) == "t"
    sampling.stdout.close()
    assert sampling.wait(20) == 1
    assert sampling.stderr.read().count("\n") == 2, "only the lines that name the checkpoint and the seed"


@posix
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_talk_that_cannot_be_written_stops_no_work(trained, tmp_path, stderr):
    sample = f"{CHARGEN} sample tyger --length 20 --seed 1"
    told = subprocess.run(["sh", "-c", sample], cwd=trained[0], capture_output=True, timeout=60, check=True)
    untold = subprocess.run(["sh", "-c", f"{sample} {stderr}"], cwd=trained[0], capture_output=True, timeout=60)
    assert (untold.returncode, untold.stdout) == (0, told.stdout)
    (tmp_path / "poem.txt").write_text(POEM)
    train = " ".join([CHARGEN, "train", "poem.txt", *SMALL, "--from-scratch", stderr])
    assert subprocess.run(["sh", "-c", train], cwd=tmp_path, timeout=60).returncode == 0
    assert (tmp_path / "checkpoints" / "poem-lstm" / "loss.png").exists()


@posix
@pytest.mark.parametrize("stdout", [">&-", ">/dev/full"])
def test_a_text_that_cannot_be_written_is_a_failure(trained, stdout):
    command = ["sh", "-c", f"{CHARGEN} sample tyger --length 20 --seed 1 {stdout}"]
    result = subprocess.run(command, cwd=trained[0], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("chargen: cannot write to standard output: ")


def test_ctrl_c_while_the_command_line_loads_is_one_line_too(tmp_path):
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")  # as if it came while click is imported
    command = [sys.executable, "-m", "chargen", "sample"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (130, "chargen: stopped\n")


@posix
def test_ctrl_c_ends_it_with_one_line(trained):
    command = [CHARGEN, "sample", "tyger", "--length", "2000000"]
    sampling = subprocess.Popen(command, cwd=trained[0], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert sampling.stdout.read(1) == b"t"
    sampling.send_signal(signal.SIGINT)
    _, err = sampling.communicate(timeout=20)
    assert (sampling.returncode, err.split(b"\n")[2:]) == (130, [b"", b"chargen: stopped", b""])  # after the ^C


@pytest.mark.parametrize("arguments", [["--help"], ["sample", "tyger", "--length", "1"]])
def test_help_and_sampling_never_load_torch(trained, arguments):
    program = (
        "import sys\nfrom chargen.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as stop: assert not stop.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=trained[0], capture_output=True).returncode == 0


def test_a_folder_too_large_for_memory_is_learned_resumed_and_audited(tmp_path, chargen_here):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "a.txt").write_text(POEM)
    (tmp_path / "books" / "b.txt").write_text(POEM.upper())

    def run(*arguments):
        result = chargen_here(*arguments, cwd=tmp_path, CHARGEN_CACHE=tmp_path / "cache")
        assert result.returncode == 0, result.stderr
        return result

    run("train", "books", "--in-memory", "1kB", "--separator", r"\n\\--\t", *SMALL)
    assert len(list((tmp_path / "cache" / "encoded").glob("*.ids"))) == 1
    learned = Checkpoint.load(tmp_path / "checkpoints" / "books-lstm" / "best.safetensors").provenance
    assert learned.train_characters + learned.valid_characters == 2 * len(POEM) + 5
    assert learned.origin.separator == "\n\\--\t"
    assert "resuming" in run("train", "--resume", "books-lstm", "--epochs", "3", "--in-memory", "1kB").stderr
    audited = run("sample", POEM[:30], "--audit", "--json", "--length", "5", "--seed", "1")
    assert "longest" in json.loads(audited.stdout)["copied"]
