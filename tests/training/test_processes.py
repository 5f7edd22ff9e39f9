"""Real processes, started by torchrun, that train together: as one process would, stopped and killed."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from chargen.cli.main import main
from chargen.errors import InputError
from chargen.network.checkpoint import Checkpoint
from chargen.network.native import library
from chargen.report import plots
from chargen.text.batches import Batching
from chargen.text.corpus import Corpus, load_corpus
from chargen.text.vocabulary import Vocabulary
from chargen.training import clock, processes
from chargen.training import plan as planning
from chargen.training import trainer as training
from chargen.training.model import CharModel
from chargen.training.processes import ALONE, Processes, joined, own_device
from chargen.training.records import EpochRecord
from chargen.training.run import Run
from chargen.training.settings import TrainingSettings
from chargen.training.text_task import evaluate, fit

TORCHRUN = [str(Path(sys.executable).with_name("torchrun")), "--nproc-per-node", "2"]
TEXT = "tyger tyger burning bright\nin the forests of the night\n" * 100
VOCABULARY = Vocabulary.from_text(TEXT)
IDS = VOCABULARY.encode(TEXT)
HELD_OUT = np.random.default_rng(0).permutation(IDS)[:900]  # 3 rows to evaluate, which cannot be dealt evenly to 2
CASES = [(cell, partition) for cell in ("rnn", "gru", "lstm") for partition in ("sequential", "random")]
COMMAND = ["train", "poem.txt", "--name", "run", "--epochs", "8", "--precision", "float32", "--sample-every", "0"]
COMMAND += ["--hidden-size", "16", "--batch-size", "4", "--num-steps", "16", "--dropout", "0.2"]


def start(*arguments, cwd=None):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(cwd)}  # where torchrun leaves a folder
    return subprocess.Popen(
        [*TORCHRUN, *map(str, arguments)], cwd=cwd, stderr=subprocess.PIPE, text=True, env=environment
    )


def trained(cell, partition, processes):
    """Train a little with both kinds of dropout; return the loss of each step, and of each evaluation."""
    torch.manual_seed(1 + processes.rank)  # must not matter beside the first process's weights
    engine = "native" if partition == "sequential" and library.path() else "torch"  # each has its turn
    model = CharModel(len(VOCABULARY), cell, 16, 2, dropout=0.3, recurrent_dropout=0.2, engine=engine)
    batching = Batching(4, 16, partition, seed=3)
    settings = TrainingSettings(epochs=2, batching=batching, clip=0.5, learning_rate=0.02, averaging=3.0, anchoring=1.0)
    records = list(fit(model, IDS[:1000], HELD_OUT, settings, processes))
    epochs = [record for record in records if isinstance(record, EpochRecord)]
    steps = [record.loss for record in records if not isinstance(record, EpochRecord)]
    return {"steps": steps, "train": [r.train_loss for r in epochs], "valid": [r.valid_loss for r in epochs]}


def planned(processes):
    """Return what a plan by the clock has settled, and where a training by the clock has ended."""
    corpus = Corpus("poem", VOCABULARY, IDS, IDS[:0], "")
    fixed = planning.FixedSettings(batch_size=4, hidden_size=16)
    plan = planning.make_plan(corpus, torch.device("cpu"), fixed, seconds=5.0, processes=processes)
    settings = TrainingSettings(seconds=0.5, batching=Batching(4, 16))
    *_, last = fit(plan.model, IDS, HELD_OUT, settings, processes)
    return [plan.settings.seconds, plan.settings.precision, last.step, last.seconds, last.learning_rate]


def seconds_with_one_stopped(processes):
    """Return how long a training with a budget of 0.4 seconds takes while the second process is stopped for 0.8."""
    clock.LATE, late = 0.2, clock.LATE
    settings = TrainingSettings(seconds=0.4, batching=Batching(4, 16))
    records = fit(CharModel(len(VOCABULARY), hidden_size=8), IDS, IDS[:0], settings, processes)
    next(records)
    began = time.monotonic()
    if not processes.first:
        subprocess.Popen(["sh", "-c", f"sleep 0.8; kill -CONT {os.getpid()}"])
        os.kill(os.getpid(), signal.SIGSTOP)
    *_, last = records
    clock.LATE = late
    return time.monotonic() - began, last.seconds


def in_processes(folder):
    """What each of the processes does that `together` starts, until one of them is killed."""
    report_seconds, training.REPORT_SECONDS, planning.SPEED_SECONDS = training.REPORT_SECONDS, 0, 0.2
    with joined(own_device("cpu")) as processes:
        found = {"cases": [trained(*case, processes) for case in CASES], "planned": planned(processes)}
        seconds, trained_for = seconds_with_one_stopped(processes)
        found["its budget"] = seconds > 0.9 and 0.3 < trained_for < 0.5
        found["highest rank"] = processes.largest(processes.rank)
        with processes.one_before_the_others():
            if processes.first:
                time.sleep(0.3)
                (folder / "cache").write_text("fetched once")
            found["cache"] = (folder / "cache").read_text()
        processes.require_same("one text")
        with pytest.raises(InputError, match="the processes have not read the same text"):
            processes.require_same(f"the text of machine {processes.rank}")
        found["each told of another text"] = True
        (folder / f"{processes.rank}.json").write_text(json.dumps(found))
    training.REPORT_SECONDS = report_seconds
    for wrong in (["poem.txt", "--batch-size", "5"], ["-"]):
        with pytest.raises(SystemExit, match="2"):
            main(["train", *wrong])
    main([*COMMAND, "--save-every", "0" if os.environ["RANK"] == "0" else "1000000"])  # the first one's clock counts


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A folder in which two processes left what they found, by rank, and a run, of which the second one was killed.

    Returns the folder, all that was printed, and the seconds and the exit code with which the rest ended.
    """
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("only Linux lists the children of a process")
    folder = tmp_path_factory.mktemp("together")
    (folder / "poem.txt").write_text(TEXT)
    process = start(__file__, folder, cwd=folder)
    said, seconds = signalled(process, 1, signal.SIGKILL, "saved after")
    return folder, said, seconds, process.returncode


def found_by(folder):
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[" ".join(case) for case in CASES])
def test_two_processes_learn_as_one_does(together, number, monkeypatch):
    """The loss of each step, so each gradient, mask, carried state and move of the weights; and each evaluation."""
    monkeypatch.setattr(training, "REPORT_SECONDS", 0)
    alone = trained(*CASES[number], ALONE)
    assert len(set(alone["steps"])) > 20
    for found in found_by(together[0]):
        for name, losses in alone.items():
            assert found["cases"][number][name] == pytest.approx(losses, rel=1e-5)


def test_processes_agree_to_the_bit(together):
    """Also on what follows the clock: the plan, the schedule, the end."""
    first, second = found_by(together[0])
    assert first == second
    assert first["its budget"], "it went on while one of them was stopped"
    assert first["highest rank"] == 1
    assert first["each told of another text"]


@pytest.mark.parametrize("size", [2, 3, 70])
def test_processes_share_an_evaluation(size, monkeypatch):
    """Each in turn, with what the others would have told it: every target is counted by one of them."""
    torch.manual_seed(0)
    model = CharModel(len(VOCABULARY), "gru", 8)
    told = []
    monkeypatch.setattr(Processes, "sum", lambda self, *values: told.append(values) or (values[0], max(values[1], 1)))
    for rank in range(size):
        evaluate(model, HELD_OUT, processes=Processes(rank, size))
    loss, read = np.sum(told, axis=0)
    monkeypatch.undo()
    assert read == len(HELD_OUT) - 1
    assert loss / read == pytest.approx(evaluate(model, HELD_OUT), rel=1e-5)


def test_variables_of_torchrun_that_make_no_sense_are_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "abc")
    with pytest.raises(InputError, match="WORLD_SIZE=abc: not a number; unset WORLD_SIZE"):
        own_device("cpu")


def test_a_process_says_for_whom_it_waits(monkeypatch):
    monkeypatch.setattr(processes, "SILENCE", 0.01)
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "here", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    told = "process 0 of WORLD_SIZE=2 waits for the others at here:1; to train alone, unset WORLD_SIZE"
    with pytest.warns(UserWarning, match=told), processes._told_if_it_waits():
        time.sleep(0.3)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_wait_for_others():
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    waiting = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        processes._interruptible(waiting.wait)
    waiting.set()
    assert processes._interruptible(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        processes._interruptible(lambda: 1 // 0)


def test_a_rank_beyond_the_processes_is_refused(monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "here", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="RANK=2: must be below WORLD_SIZE, 2"):
        processes.started_together()


def test_rows_that_cannot_be_dealt_evenly_are_refused():
    assert [Processes(rank, 4).rows(16) for rank in (0, 3)] == [slice(0, 4), slice(12, 16)]
    with pytest.raises(InputError, match=r"batch_size 16: 3 processes cannot .* batch_size 18"):
        fit(CharModel(5), IDS, IDS[:0], TrainingSettings(), Processes(1, 3))


def test_several_processes_need_a_device_that_can_be_shared(monkeypatch):
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "0"), ("MASTER_ADDR", "here"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    assert own_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(processes, "pick_device", torch.device)
    with pytest.raises(InputError, match="device 'mps': several processes"):
        own_device("mps")


def worker(process, rank):
    """Return the process that torchrun has started for a rank."""
    for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if f"RANK={rank}" in Path(f"/proc/{number}/environ").read_text().split("\0"):
            return int(number)
    raise AssertionError(f"torchrun has started no rank {rank}")


def signalled(process, rank, number, words):
    """Send a signal to a rank once `words` are there; return all that was printed, and the seconds that it took."""
    before = []
    for line in process.stderr:
        before.append(line)
        if words in line:
            break
    began = time.monotonic()
    os.kill(worker(process, rank), number)
    after = process.communicate(timeout=60)[1]
    return "".join(before) + after, time.monotonic() - began


def test_a_killed_process_ends_all_with_one_line(together):
    folder, said, seconds, code = together
    assert seconds < 30
    assert code == 1
    assert "Warning" not in said
    lines = [line for line in said.splitlines() if line.startswith("chargen: ")]
    assert len(lines) == 3, said
    assert "--batch-size 5: 2 processes cannot share its rows evenly" in lines[0]
    assert "only one process can read standard input or a pipe" in lines[1]
    assert "rank 1 of the 2 processes is gone" in lines[2]
    assert "the last save is unchanged; go on by the same command with --resume" in lines[2]
    assert said.count("characters to learn") == 1, "the others are silent"
    announced = [int(line.split()[2]) for line in said.splitlines() if "saved after" in line]
    assert step_of(folder) >= announced[-1] > 0


def test_stopped_and_resumed_in_another_number_it_ends_as_if_alone(together, monkeypatch):
    """After two processes, of which one was killed: one; two, of which one is asked to stop; one."""
    monkeypatch.setattr(training, "REPORT_SECONDS", 0)
    monkeypatch.setattr(plots, "save_losses", lambda *_: None)  # takes longer than all the rest
    folder = together[0]
    killed_at = step_of(folder)
    left_at = alone(folder, 5).step
    assert killed_at < left_at == step_of(folder)

    process = start("-m", "chargen", *COMMAND, "--resume", "--save-every", 0, cwd=folder)
    said, seconds = signalled(process, 1, signal.SIGTERM, "saved")
    assert seconds < 30
    assert "processes was 1, is 2" in said
    assert said.count(f"stopped and saved after {step_of(folder):,} steps, ") == 1
    assert said.count("; to go on: torchrun ... -m chargen train --resume run\n") == 1
    corpus = load_corpus(folder / "poem.txt")
    assert left_at < step_of(folder) < 8 * Batching(4, 16).batches_per_epoch(len(corpus.train_ids))

    resumed = alone(folder, None)
    torch.manual_seed(0)
    model = CharModel(resumed.model.config)
    records = fit(model, corpus.train_ids, corpus.valid_ids, resumed._trainer.settings)
    whole = [record for record in records if isinstance(record, EpochRecord)]
    for name in ("step", "train_loss", "valid_loss"):
        expected = [getattr(record, name) for record in whole]
        assert [getattr(record, name) for record in resumed.history] == pytest.approx(expected, rel=1e-3)


def alone(folder, records):
    """Go on in this process for so many records."""
    run = Run.resume(folder / "checkpoints" / "run")
    assert "the result may differ in its last bits: " in run.notes[0]
    assert "processes was 2, is 1" in run.notes[0]
    list(itertools.islice(run.records(), records))
    return run


def step_of(folder):
    return Checkpoint.load(folder / "checkpoints/run/last.safetensors").provenance.resume["position"]["step"]


if __name__ == "__main__":
    in_processes(Path(sys.argv[1]))
