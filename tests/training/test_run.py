import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from chargen.errors import CheckpointError, InputError, SaveError, TrainingError
from chargen.files import atomic
from chargen.network.checkpoint import Checkpoint
from chargen.network.native import library
from chargen.report import plots
from chargen.text.batches import Batching
from chargen.text.corpus import Corpus, Origin, load_corpus
from chargen.text.vocabulary import Vocabulary
from chargen.training import trainer
from chargen.training.model import CharModel
from chargen.training.records import EpochRecord, Progress
from chargen.training.run import Run, Saved
from chargen.training.saved_run import SavedRun, newest_run
from chargen.training.settings import TrainingSettings
from chargen.training.text_task import evaluate

TEXT = "abcde" * 200
VOCABULARY = Vocabulary.from_text(TEXT)
IDS = VOCABULARY.encode(TEXT)
CORPUS = Corpus("letters", VOCABULARY, IDS[:900], IDS[900:], "0" * 64)
KEYS = ["epoch", "step", "seconds", "train_loss", "valid_loss", "learning_rate", "characters_per_second"]


def make(seed=0):
    torch.manual_seed(seed)
    return CharModel(len(VOCABULARY), cell="gru", hidden_size=8)


def begin(folder, corpus=CORPUS, model=None, overwrite=False, save_every=30.0, **options):
    settings = TrainingSettings(**{"batching": Batching(4, 10), "epochs": 3, "warmup_steps": 2, **options})
    return Run.begin(folder, model or make(), corpus, settings, overwrite=overwrite, save_every=save_every)


def run(folder, *arguments, **options):
    records = begin(folder, *arguments, **options).records()
    return [record for record in records if isinstance(record, EpochRecord)]


def last_save(folder):
    saved = SavedRun.open(folder)
    saved.lock.close()
    return saved


def tensors(path):
    """Return all that a checkpoint file holds but times: what must be equal bit by bit."""
    loaded = Checkpoint.load(path)
    arrays = {name: array.tobytes() for name, array in (loaded.weights | loaded.resume).items()}
    position = (loaded.provenance.resume or {}).get("position", {})
    numbers = {name: value for name, value in position.items() if not name.endswith("seconds") and name != "elapsed"}
    return arrays, numbers


def files(folder):
    return {path.name for path in Path(folder).iterdir()} - {".lock", ".owner"}


def test_the_history_has_an_object_an_epoch(tmp_path):
    records = run(tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [line["valid_loss"] for line in lines] == [record.valid_loss for record in records]


def test_the_words_of_the_text_and_of_the_model_it_began_from_are_kept(tmp_path):
    vocabulary = Vocabulary.from_text("ab cd")
    ids = np.tile(vocabulary.encode("ab cd "), 20)
    corpus = Corpus("words", vocabulary, ids[:114], np.resize(vocabulary.encode("dc "), 30), "0" * 64)
    base = replace(make().to_checkpoint(VOCABULARY), words=["beads"])
    run(tmp_path / "run", corpus, CharModel.fine_tuning(base, vocabulary), epochs=1)
    list(Run.resume(tmp_path / "run", corpus, epochs=2).records())
    for file in ("best", "last", "previous"):
        assert Checkpoint.load(tmp_path / f"run/{file}.safetensors").words == ["ab", "beads", "cd"]


@pytest.mark.parametrize("averaging", [None, 2.0])
def test_best_is_the_epoch_with_the_lowest_validation_loss(tmp_path, averaging):
    """A learning rate that is far too high makes later epochs worse than earlier ones."""
    records = run(tmp_path / "run", epochs=8, learning_rate=0.3, clip=100.0, averaging=averaging)
    best = Checkpoint.load(tmp_path / "run" / "best.safetensors")
    lowest = min(records, key=lambda record: record.valid_loss)
    assert lowest is not records[-1], "the test needs a run whose last epoch is not its best"
    assert best.provenance.reached.epoch == lowest.epoch
    model = CharModel.from_checkpoint(best)
    assert evaluate(model, torch.as_tensor(CORPUS.valid_ids)) == pytest.approx(lowest.valid_loss, rel=0.01)


def test_without_validation_best_is_the_lowest_training_loss(tmp_path):
    corpus = Corpus("letters", VOCABULARY, IDS, IDS[:0], "0" * 64)
    records = run(tmp_path / "run", corpus)
    lowest = min(records, key=lambda record: record.train_loss)
    assert Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance.reached.epoch == lowest.epoch
    assert json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])["valid_loss"] is None


def test_the_checkpoint_knows_where_it_came_from(tmp_path):
    run(tmp_path / "run")
    provenance = Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance
    assert provenance.corpus == "letters"
    assert provenance.corpus_sha256 == "0" * 64
    assert (provenance.train_characters, provenance.valid_characters) == (900, 100)
    assert provenance.settings["batching"]["num_steps"] == 10


def test_a_run_is_not_overwritten_unless_asked(tmp_path):
    run(tmp_path / "run")
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    with pytest.raises(InputError, match="replace it with overwrite"):
        run(tmp_path / "run")
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before
    run(tmp_path / "run", overwrite=True, epochs=1, model=make(seed=1))
    assert (tmp_path / "run" / "best.safetensors").read_bytes() != before
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 1


def test_a_text_that_is_too_short_does_not_cost_the_old_run(tmp_path):
    run(tmp_path / "run")
    short = Corpus("short", VOCABULARY, IDS[:20], IDS[:0], "0" * 64)
    with pytest.raises(InputError, match="20 characters"):
        run(tmp_path / "run", short, overwrite=True)
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_a_loop_that_is_left_loses_nothing(tmp_path):
    records = begin(tmp_path / "run", epochs=50).records()
    for record in records:
        if isinstance(record, EpochRecord) and record.epoch == 2:
            records.close()
            break
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2
    assert Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance.reached.epoch <= 2
    assert (tmp_path / "run" / "loss.png").exists()
    assert last_save(tmp_path / "run").position.epoch == 3


CASES = [
    (cell, partition, precision)
    for cell in ("rnn", "gru", "lstm")
    for partition in ("sequential", "random")
    for precision in ("float32", "bfloat16")
]


@pytest.mark.parametrize(("cell", "partition", "precision"), CASES)
def test_resumed_at_any_step_a_run_ends_with_the_same_bits(
    tmp_path, monkeypatch, require_precision, cell, partition, precision
):
    """Stop at every record, those of the evaluation included, and go on."""
    require_precision(cell, precision)
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0)  # a record a step
    monkeypatch.setattr(plots, "save_losses", lambda *_: None)  # takes longer than all the rest
    corpus = Corpus("letters", VOCABULARY, IDS[:165], IDS[:60], "0" * 64, origin=Origin())
    options = {"batching": Batching(4, 10, partition, seed=3), "precision": precision, "epochs": 2}
    options |= {"averaging": 3.0} if partition == "sequential" else {"anchoring": 2.0}

    def model():
        torch.manual_seed(1)
        return CharModel(len(VOCABULARY), cell, 6, 2, dropout=0.3, recurrent_dropout=0.2)

    whole = begin(tmp_path / "whole", corpus, model(), **options)
    count = sum(isinstance(record, Progress | EpochRecord) for record in whole.records())
    assert count > 2 * 3
    expected = [tensors(tmp_path / "whole" / name) for name in ("best.safetensors", "last.safetensors")]
    for stop_at in range(1, count + 1):
        folder = tmp_path / str(stop_at)
        records = begin(folder, corpus, model(), **options).records()
        list(itertools.islice(records, stop_at))
        records.close()
        torch.manual_seed(99)  # must not matter
        resumed = Run.resume(folder, corpus)
        assert resumed.notes == []
        list(resumed.records())
        assert [tensors(folder / name) for name in ("best.safetensors", "last.safetensors")] == expected
        losses = [(record.step, record.train_loss, record.valid_loss) for record in resumed.history]
        assert losses == [(record.step, record.train_loss, record.valid_loss) for record in whole.history]


def test_sgd_resumes_too(tmp_path):
    options = {"optimizer": "sgd", "learning_rate": 1.0, "epochs": 4}
    list(begin(tmp_path / "whole", **options).records())
    list(itertools.islice(begin(tmp_path / "parts", **options).records(), 3))
    list(Run.resume(tmp_path / "parts", CORPUS).records())
    assert tensors(tmp_path / "parts" / "last.safetensors") == tensors(tmp_path / "whole" / "last.safetensors")


def test_a_run_finds_its_text_again(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    corpus = load_corpus(tmp_path / "text.txt", max_chars=900, valid_fraction=0.2)
    list(itertools.islice(begin(tmp_path / "run", corpus).records(), 2))
    resumed = Run.resume(tmp_path / "run")
    assert resumed.corpus.origin == corpus.origin
    np.testing.assert_array_equal(resumed.corpus.valid_ids, corpus.valid_ids)
    (tmp_path / "text.txt").write_text(TEXT + "!")
    del resumed
    with pytest.raises(InputError, match=r"not the text that the run learns .*init_from"):
        Run.resume(tmp_path / "run")


def test_a_text_from_standard_input_must_be_given_again(tmp_path):
    list(itertools.islice(begin(tmp_path / "run", replace(CORPUS, origin=Origin())).records(), 2))
    with pytest.raises(InputError, match="standard input; give it again: chargen train - resume run"):
        Run.resume(tmp_path / "run")


def test_epochs_can_be_extended_and_not_taken_back(tmp_path):
    run(tmp_path / "run", epochs=2)
    with pytest.raises(InputError, match="epochs 1: the run was planned for 2"):
        Run.resume(tmp_path / "run", CORPUS, epochs=1)
    extended = Run.resume(tmp_path / "run", CORPUS, epochs=5)
    assert not extended.finished
    records = [record for record in extended.records() if isinstance(record, EpochRecord)]
    assert [record.epoch for record in records] == [3, 4, 5]
    assert [record.epoch for record in extended.history] == [1, 2, 3, 4, 5]
    assert records[0].learning_rate > extended.history[1].learning_rate, "the schedule is the longer one's"
    assert Run.resume(tmp_path / "run", CORPUS).finished


def test_a_run_out_of_patience_is_over_unless_it_gets_more_epochs(tmp_path):
    backwards = replace(CORPUS, valid_ids=IDS[900:][::-1].copy())
    records = run(tmp_path / "run", backwards, epochs=40, patience=2, learning_rate=0.02)
    assert len(records) < 40
    assert Run.resume(tmp_path / "run", backwards).finished
    assert not Run.resume(tmp_path / "run", backwards, epochs=41).finished


def test_time_can_be_extended(tmp_path):
    run(tmp_path / "run", seconds=0.5)
    list(Run.resume(tmp_path / "run", CORPUS, more_seconds=1.0).records())
    assert last_save(tmp_path / "run").position.elapsed == pytest.approx(1.5, rel=0.2)


def test_another_environment_goes_on_but_says_so(tmp_path, monkeypatch):
    list(itertools.islice(begin(tmp_path / "run").records(), 2))
    threads, version = torch.get_num_threads(), torch.__version__
    torch.set_num_threads(threads + 1)
    try:
        assert Run.resume(tmp_path / "run", CORPUS).notes == [], "a small network takes one thread anyway"
        monkeypatch.setattr("chargen.training.threads.SMALL", 0)
        (note,) = Run.resume(tmp_path / "run", CORPUS).notes
        assert note == f"the result may differ in its last bits: threads was 1, is {threads + 1}"
        monkeypatch.setattr(torch, "__version__", "99")
        (note,) = Run.resume(tmp_path / "run", CORPUS).notes
        assert f"torch was {version}, is 99" in note
    finally:
        torch.set_num_threads(threads)


@pytest.mark.skipif(len(library.usable_paths()) < 2, reason="NO SECOND PATH OF THE NATIVE KERNELS")
def test_another_path_of_the_kernels_goes_on_but_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("CHARGEN_NATIVE", raising=False)
    fastest = library.path()
    model = CharModel(len(VOCABULARY), "gru", 16, engine="native")
    list(itertools.islice(begin(tmp_path / "run", model=model).records(), 2))
    monkeypatch.setenv("CHARGEN_NATIVE", "portable")
    resumed = Run.resume(tmp_path / "run", CORPUS)
    assert f"engine was native ({fastest}), is native (portable)" in resumed.notes[0]
    list(resumed.records())
    assert resumed.finished


def test_a_save_every_so_often_and_after_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0)
    constantly = [r for r in begin(tmp_path / "all", save_every=0.0, epochs=1).records() if isinstance(r, Saved)]
    steps = Batching(4, 10).batches_per_epoch(900)
    assert [record.step for record in constantly][:steps] == list(range(1, steps + 1))
    assert constantly[-1] == Saved(steps, after_epoch=True)
    seldom = [r for r in begin(tmp_path / "few", epochs=1).records() if isinstance(r, Saved)]
    assert seldom == [Saved(steps, after_epoch=True)]


def test_saves_after_epochs_take_a_small_share_of_the_time(tmp_path):
    """After a save that took an hour, only the last epoch's is made."""
    slow = begin(tmp_path / "run", epochs=5)
    slow._saving_seconds = 3600.0
    saves = [record for record in slow.records() if isinstance(record, Saved)]
    assert [record.step for record in saves] == [5 * Batching(4, 10).batches_per_epoch(900)]


def damage(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def test_a_damaged_save_falls_back_to_the_one_before(tmp_path):
    list(begin(tmp_path / "whole").records())
    list(begin(tmp_path / "run").records())
    last = tmp_path / "run" / "last.safetensors"
    damage(last)
    resumed = Run.resume(tmp_path / "run", CORPUS)
    (note,) = resumed.notes
    assert "last.safetensors is damaged" in note
    assert "resuming from the save before it, after" in note
    assert resumed.step < 3 * Batching(4, 10).batches_per_epoch(900)
    list(itertools.islice(resumed.records(), 1))  # leaves at once, and saves
    assert (tmp_path / "run" / "damaged-last.safetensors").exists()
    assert last_save(tmp_path / "run").notes == ()
    Checkpoint.load(tmp_path / "run" / "previous.safetensors")  # the good one, not the damaged one
    list(Run.resume(tmp_path / "run", CORPUS).records())
    assert tensors(last) == tensors(tmp_path / "whole" / "last.safetensors")


def test_two_damaged_saves_are_both_named(tmp_path):
    run(tmp_path / "run")
    for name in ("last.safetensors", "previous.safetensors"):
        damage(tmp_path / "run" / name)
    with pytest.raises(CheckpointError, match=r"last.safetensors is damaged.*previous.safetensors is damaged"):
        Run.resume(tmp_path / "run", CORPUS)


def test_a_damaged_best_model_is_told_and_replaced(tmp_path):
    list(itertools.islice(begin(tmp_path / "run", epochs=9, save_every=0).records(), 20))
    damage(tmp_path / "run" / "best.safetensors")
    resumed = Run.resume(tmp_path / "run", CORPUS)
    assert "best.safetensors is damaged" in resumed.notes[0]
    list(resumed.records())
    Checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert (tmp_path / "run" / "damaged-best.safetensors").exists()


@pytest.mark.parametrize("fault", ["newer", "unreadable"])
def test_a_best_model_that_cannot_be_read_is_not_replaced(tmp_path, monkeypatch, fault):
    run(tmp_path / "run")
    best = tmp_path / "run" / "best.safetensors"
    if fault == "newer":
        monkeypatch.setattr("chargen.files.container.FORMAT_VERSION", 99)
        Checkpoint.load(best).save(best)
        monkeypatch.undo()
    else:  # for this user, who may be root
        best.unlink()
        best.mkdir()
    with pytest.raises(CheckpointError, match="upgrade chargen" if fault == "newer" else "make it readable"):
        Run.resume(tmp_path / "run", CORPUS)
    assert best.exists()
    best.rename(tmp_path / "elsewhere")
    (note,) = Run.resume(tmp_path / "run", CORPUS).notes
    assert "the next epoch takes its place" in note


def test_what_a_save_lacks_is_damage(tmp_path):
    run(tmp_path / "run")
    path = tmp_path / "run" / "last.safetensors"
    saved = Checkpoint.load(path)
    resume = saved.provenance.resume
    (tmp_path / "run" / "previous.safetensors").unlink()
    for wrong in (
        {"resume": {**resume, "position": {"step": 3, "speed": 4}}},
        {"resume": {**resume, "position": {"step": "3"}}},
        {"resume": {**resume, "position": {"epoch": -1}}},
        {"resume": {**resume, "position": {"batch": 2.5}}},
        {"resume": {**resume, "environment": None}},
        {"settings": {"learning_rate": "high"}},
        {"settings": {"learning_rate": -1.0, "batching": {}}},
    ):
        replace(saved, provenance=replace(saved.provenance, **wrong)).save(path)
        with pytest.raises(CheckpointError, match="is damaged"):
            Run.resume(tmp_path / "run", CORPUS)
    one = np.zeros((1, 1, 1), np.float32)
    for arrays, words in (
        ({"state.0": one}, r"mean\.[\w.]+ is missing"),
        (saved.resume | {"state.0": one}, r"state\.0 has the shape \(1, 1, 1\), not"),
        (saved.resume | {"mean.output.bias": one}, r"mean\.output\.bias has the shape \(1, 1, 1\), not \(\d+,\)"),
    ):
        replace(saved, resume=arrays).save(path)
        with pytest.raises(CheckpointError, match=f"is damaged: {words}"):
            Run.resume(tmp_path / "run", CORPUS)


def test_a_history_that_goes_too_far_or_is_torn_is_cut_back(tmp_path):
    list(itertools.islice(begin(tmp_path / "run", save_every=0).records(), 20))
    history = tmp_path / "run" / "history.jsonl"
    lines = history.read_text().splitlines()
    late = json.dumps({**json.loads(lines[0]), "epoch": 99, "step": 10_000})
    history.write_text("\n".join([*lines, late, '{"epoch": 100, "st']))
    resumed = Run.resume(tmp_path / "run", CORPUS)
    assert len(resumed.history) == len(lines)
    assert history.read_text().splitlines() == lines


def test_no_epoch_is_recorded_twice(tmp_path):
    """A save after an epoch's last step is older than the record of the epoch, which has the same step."""
    run(tmp_path / "run", epochs=2, save_every=0.0)
    damage(tmp_path / "run" / "last.safetensors")
    resumed = Run.resume(tmp_path / "run", CORPUS)
    list(resumed.records())
    assert [record.epoch for record in resumed.history] == [1, 2]


def test_the_same_text_read_otherwise_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    list(itertools.islice(begin(tmp_path / "run", load_corpus(tmp_path / "text.txt", max_chars=900)).records(), 2))
    for other in ({}, {"max_chars": 900, "valid_fraction": 0}):
        with pytest.raises(InputError, match="but read differently"):
            Run.resume(tmp_path / "run", load_corpus(tmp_path / "text.txt", **other))


def test_an_old_run_is_there_until_the_new_one_is_known_to_be_writable(tmp_path, monkeypatch):
    run(tmp_path / "run")
    before = Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance
    monkeypatch.setattr(Run, "save", lambda self: atomic.append_durably(tmp_path / "none" / "x", ""))
    with pytest.raises(SaveError):
        begin(tmp_path / "run", overwrite=True)
    assert Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance == before


def test_a_run_that_cannot_be_replaced_as_a_whole_is_kept(tmp_path):
    run(tmp_path / "run")
    before = Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance
    (tmp_path / "run" / "history.jsonl").unlink()
    (tmp_path / "run" / "history.jsonl").mkdir()  # what cannot be deleted as a file is
    with pytest.raises(SaveError, match=r"cannot remove .*history.jsonl"):
        begin(tmp_path / "run", overwrite=True)
    assert Checkpoint.load(tmp_path / "run" / "best.safetensors").provenance == before
    assert last_save(tmp_path / "run").position.step > 0
    (tmp_path / "run" / "history.jsonl").rmdir()
    begin(tmp_path / "run", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".lock", ".owner", "last.safetensors"]


@pytest.mark.parametrize("change", ["moved", "lock removed"])
def test_a_run_whose_folder_another_could_lock_ends_and_leaves_it_alone(tmp_path, change):
    folder = tmp_path / "run"
    records = begin(folder, epochs=50, save_every=0).records()
    list(itertools.islice(records, 4))
    if change == "moved":
        folder.rename(tmp_path / "moved")
    else:
        (folder / ".lock").unlink()
    other = begin(folder, overwrite=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SaveError, match="while it was in use"):
        list(records)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert other.step == 0


def test_a_newer_save_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    run(tmp_path / "run")
    last = tmp_path / "run" / "last.safetensors"
    monkeypatch.setattr("chargen.files.container.FORMAT_VERSION", 99)
    Checkpoint.load(last).save(last)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="upgrade chargen"):
        Run.resume(tmp_path / "run", CORPUS)
    assert last.exists()


def test_a_refused_resume_gives_the_lock_back(tmp_path):
    run(tmp_path / "run")
    with pytest.raises(InputError, match="not the text") as kept:
        Run.resume(tmp_path / "run", replace(CORPUS, sha256="1" * 64))
    assert Run.resume(tmp_path / "run", CORPUS).finished
    assert kept.value is not None


def test_a_run_that_has_ended_cannot_go_on_unlocked(tmp_path):
    ended = begin(tmp_path / "run")
    list(ended.records())
    with pytest.raises(InputError, match=r"go on with Run\.resume"):
        next(ended.records())


def test_a_finished_run_with_a_time_is_known_to_be_finished(tmp_path):
    run(tmp_path / "run", seconds=0.3)
    assert Run.resume(tmp_path / "run", CORPUS).finished


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    """One step of an enormous rate an epoch: the loss before it is fine, the weights after it are not."""
    options = {"epochs": 1, "learning_rate": 1e38, "clip": 1e38, "warmup_steps": 0, "batching": Batching(4, 200)}
    with pytest.raises(TrainingError, match="no longer a number"):
        run(tmp_path / "run", optimizer="sgd", weight_decay=0.0, **options)
    assert last_save(tmp_path / "run").position.step == 0


def test_two_runs_do_not_share_a_folder(tmp_path):
    first = begin(tmp_path / "run", epochs=50).records()
    next(first)
    with pytest.raises(InputError, match=r"is training in .*another name"):
        begin(tmp_path / "run", overwrite=True)
    with pytest.raises(InputError, match="is training in"):
        Run.resume(tmp_path / "run", CORPUS)
    first.close()
    list(itertools.islice(Run.resume(tmp_path / "run", CORPUS).records(), 1))


def test_a_loss_that_is_no_number_keeps_the_last_save(tmp_path):
    model = make()
    records = begin(tmp_path / "run", model=model, epochs=50, save_every=0).records()
    list(itertools.islice(records, 4))
    before = tensors(tmp_path / "run" / "last.safetensors")
    with torch.no_grad():
        model.output.bias[0] = float("nan")
    with pytest.raises(TrainingError, match="no longer a number"):
        list(records)
    assert tensors(tmp_path / "run" / "last.safetensors") == before


def test_a_disk_without_room_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"needs 0 MB, but its disk has 0 MB free"):
        begin(tmp_path / "run")


def test_changed_options_are_found(tmp_path):
    run(tmp_path / "run")
    options = {"hidden_size": 9, "cell": "gru", "batch_size": 5, "clip": 2.0, "name": "other"}
    assert last_save(tmp_path / "run").changed(options) == {"hidden_size": 8, "batch_size": 4, "clip": 1.0}


def test_the_newest_run_is_the_one_saved_last(tmp_path):
    with pytest.raises(CheckpointError, match="no run that could be resumed"):
        newest_run(tmp_path)
    for name in ("a", "c", "b"):
        run(tmp_path / name, epochs=1)
    assert newest_run(tmp_path).name == "b"


def test_a_folder_without_a_save_is_named_and_not_made(tmp_path):
    with pytest.raises(CheckpointError, match="none holds no run"):
        Run.resume(tmp_path / "none", CORPUS)
    assert not (tmp_path / "none").exists()
    run(tmp_path / "run")
    for name in ("last.safetensors", "previous.safetensors"):
        (tmp_path / "run" / name).unlink()
    with pytest.raises(CheckpointError, match="init_from"):
        Run.resume(tmp_path / "run", CORPUS)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_saves_of_every_format_can_be_resumed_for_ever(tmp_path, version):
    """Written by the version of chargen that introduced the format; never to be written again."""
    golden = Path(__file__).parents[1] / "golden" / f"format-{version}-run.safetensors"
    shutil.copy(golden, tmp_path / "last.safetensors")
    resumed = Run.resume(tmp_path, CORPUS)
    assert resumed.step == 28
    *_, last = resumed.records()
    assert (last.epoch, last.step) == (3, 66)
    assert last.train_loss == pytest.approx(1.05254, abs=1e-4)
    assert last.valid_loss == pytest.approx(0.99723, abs=1e-4)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"cannot write in .*run: .*checkpoints is no folder; move it away, or train"):
        run(tmp_path / "checkpoints" / "run")


def test_the_picture_is_a_png_of_1200_by_750(tmp_path):
    run(tmp_path / "run")
    data = (tmp_path / "run" / "loss.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert np.frombuffer(data[16:24], ">u4").tolist() == [1200, 750]
