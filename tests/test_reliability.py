"""The installed command, stopped, killed, starved of disk and run twice: nothing is lost."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from chargen.cli.main import main
from chargen.network.checkpoint import Checkpoint
from chargen.text.batches import Batching
from chargen.text.corpus import train_length

resource = pytest.importorskip("resource", reason="POSIX signals and limits")

CHARGEN = str(Path(sys.executable).with_name("chargen"))
POEM = "tyger tyger burning bright\nin the forests of the night\n"
SMALL = ["--hidden-size", "24", "--dropout", "0.2", "--batch-size", "8", "--num-steps", "32", "--sample-every", "0"]
EPOCHS = 100_000
LONG = [*SMALL, "--epochs", str(EPOCHS), "--name", "long"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "poem.txt").write_text(POEM * 400)
    return tmp_path


def chargen(*arguments, cwd, timeout=120, **options):
    command = [CHARGEN, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False, **options)


def start(*arguments, cwd, **options):
    command = [CHARGEN, *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True, **options)


def wait_for(process, words):
    """Read what the process prints until a line has `words`; return it all. The process is killed after two minutes."""
    read, deadline = "", threading.Timer(120, process.kill)
    deadline.start()
    try:
        for line in process.stderr:
            read += line
            if words in line:
                return read
    finally:
        deadline.cancel()
    pytest.fail(f"the process ended, or two minutes passed, without a word of {words!r}")


def epoch(number):
    """Return how the line of an epoch of a `LONG` run begins."""
    return f"epoch {number:6}/{EPOCHS}  training"


def weights(path):
    return {name: array.tobytes() for name, array in Checkpoint.load(path).weights.items()}


def steps_saved(path):
    return Checkpoint.load(path).provenance.resume["position"]["step"]


def refused(result, *words, code=2):
    lines = result.stderr.strip().splitlines()
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert lines[-1].startswith("chargen: ")
    for word in words:
        assert word in lines[-1], f"{word!r} is not in {lines[-1]!r}"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_and_ends_within_5_seconds(folder, ended_by, number, code):
    process = start("train", "poem.txt", *LONG, cwd=folder)
    wait_for(process, epoch(2))
    stderr, seconds = ended_by(number, process)
    assert seconds < 5
    assert process.returncode == code
    assert "Traceback" not in stderr
    last = folder / "checkpoints" / "long" / "last.safetensors"
    assert f"stopped and saved after {steps_saved(last):,} steps, 0 % done; to go on: chargen train --res" in stderr
    assert (last.parent / "loss.png").exists()


def test_a_signal_is_heard_while_the_held_out_text_is_read(folder, ended_by):
    (folder / "poem.txt").write_text(POEM * 40_000)
    options = [*LONG, "--hidden-size", "512", "--valid-fraction", "0.995", "--save-every", "0"]
    process = start("train", "poem.txt", *options, cwd=folder)
    last_step = Batching(8, 32).batches_per_epoch(train_length(len(POEM) * 40_000, 0.995))
    wait_for(process, f"saved after {last_step} steps")
    time.sleep(0.3)
    _, seconds = ended_by(signal.SIGTERM, process)
    assert seconds < 5
    assert process.returncode == 143
    position = Checkpoint.load(folder / "checkpoints/long/last.safetensors").provenance.resume["position"]
    assert (position["epoch"], position["batch"], position["best"]) == (1, last_step, None)


def test_a_second_signal_ends_it_at_once_and_the_save_is_good(folder):
    process = start("train", "poem.txt", *LONG, "--save-every", "0", cwd=folder)
    wait_for(process, "saved after")
    os.kill(process.pid, signal.SIGSTOP)  # so that both signals are there when it goes on
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    os.kill(process.pid, signal.SIGCONT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (130, 143)
    assert "stopped and saved" not in stderr
    assert steps_saved(folder / "checkpoints/long/last.safetensors") > 0


def test_a_signal_that_is_to_be_ignored_is_ignored(folder):
    process = start(
        "train", "poem.txt", *LONG, cwd=folder, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    wait_for(process, epoch(1))
    process.send_signal(signal.SIGHUP)
    wait_for(process, epoch(8))
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 143


def kill_and_resume(chargen_here, folder, kills, seconds, options, seed=0, after=""):
    """Kill a run at random moments and resume it until it is through; return how often it was resumed.

    Args:
        seconds: shortest and longest time from when a process begins to train until it is killed.
        after: what it must say besides before that time begins.

    Asserts at each resume that nothing is missing that was announced as saved. A run that is through before the last
    kill is compared, and begun anew.
    """
    rng = random.Random(seed)
    begin = ["poem.txt", "--name", "killed", "--overwrite", *options]
    announced, resumed, arguments = 0, 0, begin
    for _ in range(kills):
        process = start("train", *arguments, "--save-every", "0", cwd=folder)
        first = wait_for(process, "")  # it has begun or gone on
        first += wait_for(process, after) if after else ""
        os.set_blocking(process.stderr.fileno(), False)
        time.sleep(rng.uniform(*seconds))
        process.kill()
        process.wait()
        stderr = first + (process.stderr.read() or "")
        process.stderr.close()
        assert "Traceback" not in stderr, stderr
        assert "chargen: " not in stderr, stderr
        if "is finished" in stderr:
            same_result(folder)
            announced, arguments = 0, begin
            continue
        if "resuming checkpoints" in stderr:
            resumed += 1
            at = int(stderr.split("resuming checkpoints")[1].split(" after ")[1].split(" steps")[0].replace(",", ""))
            assert at >= announced, f"{announced} steps were announced as saved, but it went on from {at}"
        saved = [int(part.split(" steps")[0].replace(",", "")) for part in stderr.split("saved after ")[1:]]
        announced = max([announced, *saved])
        if "saved after" in stderr:
            arguments = ["--resume", "killed"]
    result = chargen_here("train", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    same_result(folder)
    return resumed


def uninterrupted(chargen_here, folder, options):
    assert chargen_here("train", "poem.txt", "--name", "whole", *options, cwd=folder).returncode == 0


def same_result(folder):
    for name in ("best.safetensors", "last.safetensors"):
        assert weights(folder / "checkpoints/killed" / name) == weights(folder / "checkpoints/whole" / name)
    histories = [(folder / "checkpoints" / name / "history.jsonl").read_text() for name in ("killed", "whole")]
    killed, whole = ([json.loads(line) for line in history.splitlines()] for history in histories)
    assert [(line["step"], line["valid_loss"]) for line in killed] == [
        (line["step"], line["valid_loss"]) for line in whole
    ]


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(folder, chargen_here):
    (folder / "poem.txt").write_text(POEM * 100)
    options = [*SMALL, "--epochs", "40"]
    uninterrupted(chargen_here, folder, options)
    assert kill_and_resume(chargen_here, folder, kills=2, seconds=(0.0, 0.5), options=options, after="saved after") == 1


@pytest.mark.soak
def test_300_kills(folder, chargen_here):
    options = [*SMALL, "--epochs", "600", "--patience", "600"]
    uninterrupted(chargen_here, folder, options)
    restarts = kill_and_resume(chargen_here, folder, kills=300, seconds=(0.0, 3.0), options=options)
    print(f"300 kills, {restarts} of them of a run that had been resumed")


@pytest.mark.soak
def test_a_classroom_of_20_trains_at_once_in_one_folder_and_one_cache(folder):
    environment = os.environ | {"CHARGEN_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    options = [*SMALL, "--epochs", "10", "--in-memory", "1kB"]
    names = [f"pupil-{number}" for number in range(16)]
    pupils = [start("train", "poem.txt", *options, "--name", name, cwd=folder, env=environment) for name in names]
    alike = [start("train", "poem.txt", *options, cwd=folder, env=environment) for _ in range(4)]
    wait_for(pupils[0], "epoch  2/10")
    pupils[0].send_signal(signal.SIGINT)
    said = [pupil.communicate(timeout=600)[1] for pupil in pupils]
    assert [pupil.returncode for pupil in pupils] == [130, *[0] * 15], "".join(said)
    assert "to go on: chargen train --resume pupil-0\n" in said[0]
    lines = [process.communicate(timeout=600)[1].splitlines()[-1] for process in alike]
    assert sorted(process.returncode for process in alike) == [0, 2, 2, 2], lines
    for process, line in zip(alike, lines, strict=True):
        words = "saved in checkpoints/poem-lstm" if process.returncode == 0 else "--name"
        assert words in line
    assert chargen("train", "--resume", "pupil-0", cwd=folder, env=environment).returncode == 0
    assert sorted(os.listdir(folder / "checkpoints")) == sorted([*names, "poem-lstm"])
    first, *others = (weights(folder / "checkpoints" / name / "last.safetensors") for name in [*names, "poem-lstm"])
    assert all(other == first for other in others)
    assert len(list((folder / "cache" / "encoded").glob("*.ids"))) == 1


def test_resume_by_the_same_command_by_name_or_alone(folder, chargen_here):
    options = ["--hidden-size", "8", "--sample-every", "0", "--epochs", "2", "--normalize", "lower", "--seed", "3"]
    (folder / "poem.txt").write_text(POEM * 40)
    assert chargen_here("train", "poem.txt", *options, cwd=folder).returncode == 0
    for arguments in (["poem.txt", *options, "--resume"], ["--resume"]):
        result = chargen_here("train", *arguments, cwd=folder)
        assert result.returncode == 0, result.stderr
        assert "poem-lstm is finished; give --epochs 4 to train further" in result.stderr
    result = chargen_here("train", "-", "--resume", "poem-lstm", "--epochs", "3", cwd=folder, input=POEM * 40)
    assert result.returncode == 0, result.stderr
    assert "epoch 3/3  training" in result.stderr
    assert len((folder / "checkpoints/poem-lstm/history.jsonl").read_text().splitlines()) == 3


def test_time_while_it_is_stopped_does_not_use_up_its_budget(folder):
    program = "from chargen.training import clock; clock.LATE = 0.2; from chargen.cli.main import main; main()"
    (folder / "poem.txt").write_text(POEM * 10_000)
    options = ["--budget", "10m", "--hidden-size", "64", "--sample-every", "0", "--save-every", "0", "--name", "timed"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, "train", "poem.txt", *options], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    wait_for(process, " a step, ")
    began = time.monotonic()
    wait_for(process, "saved after")
    process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    assert re.search(r" % done, \d s of its budget used; to go on", process.communicate(timeout=20)[1])
    waited = time.monotonic() - began
    position = Checkpoint.load(folder / "checkpoints/timed/last.safetensors").provenance.resume["position"]
    assert 0 < position["seconds"] < position["elapsed"] < waited - 1.5


def test_a_budget_can_be_extended(folder, chargen_here):
    def stopped_soon(*arguments):
        process = start("train", *arguments, "--sample-every", "0", cwd=folder)
        wait_for(process, "epoch ")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        return Checkpoint.load(folder / "checkpoints/timed/last.safetensors").provenance

    before = stopped_soon("poem.txt", "--budget", "10m", "--hidden-size", "64", "--name", "timed")
    refused(chargen_here("train", "--resume", "timed", "--epochs", "9", cwd=folder), "a budget of 600s")
    after = stopped_soon("--resume", "timed", "--budget", "11m")
    assert after.settings["seconds"] == pytest.approx(before.settings["seconds"] + 60)
    assert after.metadata["budget"] == 660
    refused(chargen_here("train", "--resume", "timed", "--budget", "9m", cwd=folder), "give at least that much")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, chargen_here):
    """A folder with a run of 2 epochs, of which more could be trained."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "poem.txt").write_text(POEM * 40)
    (folder / "other.txt").write_text(POEM * 41)
    options = ["--hidden-size", "8", "--epochs", "2", "--sample-every", "0", "--name", "run"]
    assert chargen_here("train", "poem.txt", *options, cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "run", "--hidden-size", "9"], ["--hidden-size 9: the run has 8", "--init-from"]),
        (["--resume", "run", "--cell", "gru"], ["--cell gru: the run has", "lstm, and resuming can change only"]),
        (["--resume", "run", "--learning-rate", "0.5"], ["--learning-rate 0.5: the run has 0.02"]),
        (["--resume", "run", "--normalize", "lower"], ["--normalize lower: the run has none"]),
        (["--resume", "run", "--seed", "1"], ["--seed 1: the run has 0"]),
        (["--resume", "run", "--preset", "d2l"], ["the run has"]),
        (["--resume", "run", "--init-from", "time-machine"], ["--init-from time-machine: the run has None"]),
        (["--resume", "run", "--epochs", "1"], ["epochs 1", "planned for 2"]),
        (["--resume", "run", "--budget", "20s"], ["2 epochs"]),
        (["--resume", "run", "--overwrite"], ["--overwrite", "--resume"]),
        (["--resume", "run", "--name", "other"], ["--resume run and --name other"]),
        (["--resume", "x" * 300], ["no run 'xxxxx", "known: run"]),
        (["--resume", "ru"], ["no run 'ru'; did you mean run?"]),
        (["other.txt", "--resume", "run"], ["other", "not the text that the run learns"]),
        (["--resume", "run", "--sample-prefix", "1984"], ["--sample-prefix", "1 4 8 9"]),
        (["--resume", "nothing"], ["no run 'nothing'; known: run"]),
        (["poem.txt", "--cell", "gru", "--resume"], ["poem-gru holds no run"]),
        (["poem.txt", "--name", "run"], ["already holds a run", "--resume", "--overwrite"]),
        (["--resume", "run", "--save-every", "often"], ["--save-every", "often"]),
    ],
    ids=lambda value: " ".join(value)[:50],
)
def test_what_resuming_cannot_do_is_refused_by_name(stopped, arguments, words, monkeypatch, capsys):
    monkeypatch.chdir(stopped)
    before = weights(stopped / "checkpoints/run/last.safetensors")
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments])
    refused(subprocess.CompletedProcess(arguments, ended.value.code, "", capsys.readouterr().err), *words)
    assert weights(stopped / "checkpoints/run/last.safetensors") == before


def test_a_second_trainer_is_refused(folder, chargen_here):
    process = start("train", "poem.txt", *LONG, cwd=folder)
    wait_for(process, epoch(1))
    owner = f"process {process.pid} is training in"
    refused(chargen_here("train", "poem.txt", *LONG, "--overwrite", cwd=folder), owner)
    refused(chargen_here("train", "--resume", "long", cwd=folder), owner)
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 143


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can limit a process that runs")
def test_a_disk_that_fills_up_ends_it_with_one_line_and_the_last_save(folder):
    process = start("train", "poem.txt", *LONG, cwd=folder)
    wait_for(process, "  saved")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))
    _, stderr = process.communicate(timeout=60)
    result = subprocess.CompletedProcess(process.args, process.returncode, "", stderr)
    refused(result, "cannot write", ".safetensors", "File too large", "what was saved before is kept", code=1)
    assert steps_saved(folder / "checkpoints/long/last.safetensors") > 0
    resumed = start("train", "--resume", "long", cwd=folder)
    wait_for(resumed, "resuming checkpoints")
    wait_for(resumed, "epoch")
    resumed.terminate()
    resumed.communicate(timeout=20)
    assert resumed.returncode == 143


def test_a_text_that_is_cut_short_while_it_is_read_ends_it_with_one_line_and_a_save(folder):
    options = [*LONG, "--in-memory", "10kB", "--save-every", "1h"]
    environment = os.environ | {"CHARGEN_CACHE": "cache"}
    process = start("train", "poem.txt", *options, cwd=folder, env=environment)
    wait_for(process, "epoch ")
    time.sleep(0.3)
    (ids,) = (folder / "cache" / "encoded").glob("*.ids")
    os.truncate(ids, 100)
    _, stderr = process.communicate(timeout=20)
    result = subprocess.CompletedProcess(process.args, process.returncode, "", stderr)
    refused(result, ids.name, "was changed while it was read; what was learned is saved; go on with --resume", code=1)
    saved = steps_saved(folder / "checkpoints/long/last.safetensors")
    assert saved > Batching(8, 32).batches_per_epoch(train_length(len(POEM) * 400, 0.1))
    resumed = start("train", "--resume", "long", "--in-memory", "10kB", cwd=folder, env=environment)
    assert f"after {saved:,} steps" in wait_for(resumed, "resuming checkpoints")
    wait_for(resumed, "epoch ")
    resumed.terminate()
    resumed.communicate(timeout=20)
    assert resumed.returncode == 143


def test_a_limit_that_holds_no_save_is_refused_before_training(folder):
    result = chargen(
        "train",
        "poem.txt",
        *LONG,
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000)),
    )
    refused(result, "cannot write", "File too large", code=1)
    assert "held-out" not in result.stderr


def test_a_folder_that_may_not_be_written_is_refused_before_training(folder, chargen_here):
    runs = folder / "checkpoints"
    runs.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(runs)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        if os.geteuid() == 0:
            pytest.skip("ROOT MAY WRITE ANYWHERE AND MAY NOT MOUNT HERE: a read-only folder was not tried")
        runs.chmod(0o500)
    try:
        refused(chargen_here("train", "poem.txt", *LONG, cwd=folder), "cannot write in", "train where you may write")
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(runs)], check=True)


def test_a_learning_rate_that_bursts_it_is_told_and_the_last_save_kept(folder, chargen_here):
    options = [*LONG, "--cell", "rnn", "--learning-rate", "1e38", "--optimizer", "sgd", "--clip", "1e38"]
    result = chargen_here("train", "poem.txt", *options, cwd=folder)
    refused(result, "training diverged: ", "--learning-rate (it was 1e+38)", code=1)
    Checkpoint.load(folder / "checkpoints/long/last.safetensors")


def test_a_terminal_is_never_sent_the_control_characters_of_a_model(folder, chargen_here):
    import pty

    (folder / "red.txt").write_text("\x1b[31mred\x1b[0m\x07 " * 500)
    options = ["--hidden-size", "16", "--epochs", "1", "--sample-every", "0"]
    assert chargen_here("train", "red.txt", *options, cwd=folder).returncode == 0
    sample = ["sample", "\x1b[31m", "--temperature", "5", "--length", "300", "--seed", "1"]
    assert "\x1b" in chargen(*sample, cwd=folder).stdout
    ours, theirs = pty.openpty()
    process = subprocess.Popen([CHARGEN, *sample], cwd=folder, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 1000)
        except OSError:  # how Linux ends a terminal
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(20) == 0
    assert b"\\x1b[31m" in shown
    assert not set(shown) & {0x1B, 0x07}
